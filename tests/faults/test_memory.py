"""Memory stays flat, however many requests go by."""

import itertools
from pathlib import Path

from fakes.load import Load, mixed, plain
from keyturn.system import resident_bytes
from support.node import Node, running, until

WARM_UP, REQUESTS = 6_000, 20_000
CLIENTS = 16
ALLOWED_GROWTH = (1 << 20, 4 << 20)
"""Of the worker and of the control process, whose database keeps pages it has read."""


def test_twenty_thousand_requests_leave_nothing_behind_in_worker_and_control_process(tmp_path: Path) -> None:
    """A node runs for months; what a request leaves behind is what ends it one day."""
    # Small journals, so that several are written, read and deleted, and none counts as memory for long.
    with running(Node(tmp_path, workers=1, journal__segment_bytes="262144")) as node:
        asks = itertools.chain(mixed(800), itertools.repeat(plain(max_tokens=4), WARM_UP + REQUESTS))
        pids = [*node.worker_pids(), node.children()["control"]]
        with Load(node.port, node.key, asks, clients=CLIENTS) as load:
            until(lambda: len(load.outcomes) >= WARM_UP, within_s=60)
            before = [resident_bytes(pid) for pid in pids]
            load.join()
            after = [resident_bytes(pid) for pid in pids]

        assert load.tally() == {"200": 800 + WARM_UP + REQUESTS}
        worker, control = (late - early for early, late in zip(before, after, strict=True))
        assert worker < ALLOWED_GROWTH[0]
        assert control < ALLOWED_GROWTH[1]
