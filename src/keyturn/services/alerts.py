"""Alerts: events that wait for somebody to see to them, and who tells of limits."""

from collections.abc import Sequence

import msgspec

from keyturn import system
from keyturn.domain.anomalies import ALERTS
from keyturn.domain.limits import Crossing
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import audit
from keyturn.services.events import Events
from keyturn.services.thresholds import OwnerThresholds, Thresholds
from keyturn.store import alerts, events
from keyturn.store.engine import Store
from keyturn.store.events import EventFilter, StoredEvent

DAY_MS = 86_400_000
MOST_COUNTED = 100
_KINDS = tuple(sorted(ALERTS))


class Alerts:
    """The use cases."""

    def __init__(self, store: Store, told: Events, thresholds: Thresholds) -> None:
        self._store = store
        self._events = told
        self._thresholds = thresholds

    async def crossed(self, crossings: Sequence[Crossing]) -> None:
        """Tell of limits of which a share has been used; see ``Thresholds.crossed``."""
        await self._thresholds.crossed(crossings)

    async def page(
        self, wanted: EventFilter, *, reach: Principal, cursor: str | None, limit: int
    ) -> tuple[list[StoredEvent], str | None]:
        """Return alerts within reach, newest first; see ``Events.page``."""
        only = msgspec.structs.replace(wanted, kinds=_KINDS)
        return await self._events.page(only, reach=reach, cursor=cursor, limit=limit)

    async def open_count(self, reach: Principal, *, most: int = MOST_COUNTED) -> int:
        """Return how many alerts within reach wait for somebody; beyond ``most`` it is not counted on."""
        async with self._store.reading() as connection:
            return await events.count_open(
                connection, _KINDS, account_id=reach.account_id, project_id=reach.project_id, most=most
            )

    async def show(self, alert_id: str, *, by: Principal) -> StoredEvent | Refused:
        """Return an alert."""
        async with self._store.reading() as connection:
            found = await alerts.get(connection, alert_id)
        return _within_reach(found, by)

    async def acknowledge(self, alert_id: str, *, by: Principal) -> StoredEvent | Refused:
        """Note that somebody has seen to an alert; again changes nothing."""
        async with self._store.writing() as connection:
            found = _within_reach(await alerts.get(connection, alert_id), by)
            if isinstance(found, Refused) or found.acknowledged_at is not None:
                return found
            now_ms = system.now_ms()
            await alerts.acknowledge(connection, alert_id, by.name, now_ms)
            await audit.note(connection, by, "alert.acknowledge", alert_id, after={"kind": found.kind})
        return msgspec.structs.replace(found, acknowledged_at=now_ms, acknowledged_by=by.name)

    async def show_rules(self, owner_id: str, *, by: Principal) -> OwnerThresholds | Refused:
        """Return what is told of the limits of an owner; see ``Thresholds.show``."""
        return await self._thresholds.show(owner_id, by=by)

    async def put_rules(
        self, owner_id: str, wanted: Sequence[int] | None, *, by: Principal
    ) -> OwnerThresholds | Refused:
        """Set what is told of the limits of an owner; see ``Thresholds.put``."""
        return await self._thresholds.put(owner_id, wanted, by=by)

    async def forget_old(self, kept_days: int, now_ms: int) -> None:
        """Delete events, alerts or not, that have been kept long enough."""
        async with self._store.writing() as connection:
            await events.prune(connection, before_ms=now_ms - kept_days * DAY_MS)


def _within_reach(found: StoredEvent | None, by: Principal) -> StoredEvent | Refused:
    reached = found is not None and by.reaches(found.account_id, found.project_id) and not by.holder_id
    if found is None or found.kind not in ALERTS or not reached:
        return Refused(Reason.RESOURCE_NOT_FOUND, "There is no such alert")
    return found
