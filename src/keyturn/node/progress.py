"""What the supervisor tells whoever started it."""

from typing import Protocol

import msgspec

from keyturn.domain.secret import Secret
from keyturn.node.child import Ready


class Started(msgspec.Struct, frozen=True):
    """What is known once every process is ready."""

    port: int
    """Where the workers listen."""
    first_key: Secret | None
    """The key that was made at the first start of this data directory; shown once."""
    seconds: float
    """From the supervisor's start."""
    setup_token: Secret | None = None
    """The secret part of the link that makes the node's owner; ``None``: it has one."""


def started(said: Ready, port: int, seconds: float) -> Started:
    """Put together what is known: ``said`` by the control process."""
    key, token = said.first_key, said.setup_token
    return Started(port, Secret(key) if key else None, seconds, Secret(token) if token else None)


class Watcher(Protocol):
    """Who is told how it goes."""

    def starting(self, processes: list[str]) -> None:
        """These are being started."""

    def ready(self, process: str, seconds: float) -> None:
        """One of them is ready, so long after the start."""

    def started(self, node: Started) -> None:
        """All are."""

    def stopping(self) -> None:
        """The drain begins."""
