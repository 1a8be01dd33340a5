"""What this process notices of keys that are used where they must not be: each thing once an hour, however often."""

from collections.abc import Awaitable, Callable

import msgspec

from keyturn.domain.anomalies import dead_key_used
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Refused

AGAIN_AFTER_S = 3_600.0
REMEMBERED = 10_000


class Sighting(msgspec.Struct, frozen=True):
    """Where a key was seen."""

    address: str
    request_id: str
    place: str
    """In words for the operator."""


class Alarms:
    """Tells of things, unless the same was told of the same key within the hour."""

    def __init__(self, noticed: Callable[[list[Notice]], Awaitable[None]]) -> None:
        """Take in who is told."""
        self._noticed = noticed
        self._told: dict[tuple[EventKind, str], float] = {}

    async def raise_for(self, key: KeyRecord, refused: Refused | None, now: float, seen: Sighting) -> None:
        """Tell of a decoy, or of a key that is used after its end; of anything else nothing is said.

        Args:
            key: What was presented.
            refused: What it was refused for.
            now: Seconds since 1970 UTC.
            seen: Where.
        """
        kind = _kind_of(key, refused)
        if kind is None or now - self._told.get((kind, key.id), -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return
        self._told.pop((kind, key.id), None)
        if len(self._told) >= REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[kind, key.id] = now
        told = Notice(kind, now, key.id, seen.address, seen.request_id, {"place": seen.place})
        await self._noticed([told])


def _kind_of(key: KeyRecord, refused: Refused | None) -> EventKind | None:
    if key.decoy:
        return EventKind.DECOY_USED
    return EventKind.DEAD_KEY_USED if refused is not None and dead_key_used(refused.reason) else None
