"""Whether a flow is held back, and what it costs the gateway."""

import os
from collections.abc import Callable
from pathlib import Path

from support.node import Node, until

SMALL = 4_096
"""A receive buffer that makes a client slow."""
_SEEN = 15
"""Looks without a change after which a flow is taken to be at rest."""


def comes_to_rest(count: Callable[[], int]) -> int:
    """Wait until what is counted has begun and does not grow any more; return it."""
    seen: list[int] = []

    def rests() -> bool:
        seen.append(count())
        return seen[-1] > 0 and len(seen) > _SEEN and len(set(seen[-_SEEN:])) == 1

    until(rests, what="the flow's coming to rest")
    return seen[-1]


def resident_mib(node: Node) -> float:
    """Return what the only worker of a node holds in memory."""
    (pid,) = node.worker_pids()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
