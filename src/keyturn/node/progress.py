"""What the supervisor tells whoever started it."""

from typing import Protocol

import msgspec

from keyturn.domain.secret import Secret


class Started(msgspec.Struct, frozen=True):
    """What is known once every process is ready."""

    port: int
    """Where the workers listen."""
    first_key: Secret | None
    """The key that was made at the first start of this data directory; shown once."""
    seconds: float
    """From the supervisor's start."""


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
