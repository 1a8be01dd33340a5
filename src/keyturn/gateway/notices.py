"""What a worker tells the control process of: each thing once in a while, however often it happens."""

from collections.abc import Callable

from keyturn import bus
from keyturn.domain.events import EventKind, Notice

AGAIN_AFTER_S = 3_600.0
REMEMBERED = 10_000
WAITING = 1_000
"""Notices kept while the control process is away; more are dropped, the oldest first to be kept."""

FIRST_USE_AGAIN_S = 1.0

Send = Callable[[bus.FromWorker], bool]


class Notices:
    """Collects notices and sends them when the bus is there."""

    def __init__(self, send: Send) -> None:
        """Take in how to send a message; it returns ``False`` when it can't be sent."""
        self._send = send
        self._told: dict[tuple[str, str], float] = {}
        self._waiting: list[Notice] = []
        self._first_uses: dict[str, float] = {}

    def add(
        self, kind: EventKind, now: float, *, key_id: str, address: str, request_id: str, **details: str
    ) -> None:
        """Tell of something, unless the same was told of this key (or address) within the hour.

        Args:
            kind: What.
            now: Seconds since 1970 UTC.
            key_id: Empty where no key is concerned.
            address: The client's.
            request_id: The request that showed it.
            details: Never a credential.
        """
        about = kind.value, key_id or address
        if now - self._told.get(about, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return
        self._told.pop(about, None)
        if len(self._told) >= REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[about] = now
        if len(self._waiting) < WAITING:
            self._waiting.append(Notice(kind, now, key_id, address, request_id, details))

    def first_use(self, secret_id: str, now: float) -> None:
        """Tell that a pending secret was used; once a second, until the answer is that the key be forgotten."""
        if now - self._first_uses.get(secret_id, -FIRST_USE_AGAIN_S) >= FIRST_USE_AGAIN_S and self._send(
            bus.FirstUse(secret_id)
        ):
            self._first_uses = {**_young(self._first_uses, now), secret_id: now}

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting and self._send(bus.Noticed(self._waiting)):
            self._waiting = []


def _young(told: dict[str, float], now: float) -> dict[str, float]:
    return {secret_id: at for secret_id, at in told.items() if now - at < FIRST_USE_AGAIN_S}
