"""Tells of limits that are nearly used up: once for each threshold, period and size of the limit."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, thresholds
from keyturn.domain.events import EventKind
from keyturn.domain.keys import rfc3339
from keyturn.domain.limits import Crossing
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import audit, events
from keyturn.store import alerts
from keyturn.store.alerts import Whose
from keyturn.store.engine import Store
from keyturn.store.events import StoredEvent

REMEMBERED = 10_000


class OwnerThresholds(msgspec.Struct, frozen=True):
    """Which shares of an owner's limits are told."""

    owner_id: str
    """Empty: the node's settings."""
    thresholds: tuple[int, ...]
    own: bool
    """The owner's own, not those of the node."""


class Thresholds:
    """The use cases. ``load`` first."""

    def __init__(self, store: Store, usual: Sequence[int] = thresholds.USUAL) -> None:
        """Take in what is told where an owner says nothing, in percent."""
        self._store = store
        self._usual = tuple(sorted(usual))
        self._own: dict[str, tuple[int, ...]] = {}
        self._told: dict[tuple[str, int, str], float] = {}
        """What was looked up not long ago: a rate that is hit all the time must not cost a transaction each time."""

    async def load(self) -> None:
        """Learn what owners have said."""
        async with self._store.reading() as connection:
            self._own = await alerts.every_rule(connection)

    def of(self, owner_id: str) -> tuple[int, ...]:
        """Return the percentages of an owner's limits at which ``crossed`` wants to be called, the lowest first."""
        return self._own.get(owner_id, self._usual)

    async def crossed(self, crossings: Sequence[Crossing]) -> None:
        """Tell of limits of which a share has been used, unless that was told before.

        What was told is kept in the transaction of the event, so that it holds through a restart. Each limit comes once:
        a limit that jumps from 40 to 100 % is told at 100.
        """
        reached = [(one, thresholds.reached(one, self.of(one.bound.owner_id))) for one in crossings]
        found = [(one, passed) for one, passed in reached if passed and not self._is_old(one, passed[-1])]
        if not found:
            return
        async with self._store.writing() as connection:
            for crossing, passed in found:
                if await _is_news(connection, crossing, passed):
                    whose = await alerts.whose(connection, crossing.bound.owner_id)
                    if whose is not None:
                        await events.keep_stored(connection, [_event(crossing, passed[-1], whose)])
        for crossing, passed in found:
            self._remember(crossing, passed[-1])

    def _is_old(self, crossing: Crossing, percent: int) -> bool:
        """Say whether this was told within the hour."""
        told_at = self._told.get(_fact(crossing, percent), -thresholds.HOUR_S)
        return crossing.at - told_at < thresholds.HOUR_S

    def _remember(self, crossing: Crossing, percent: int) -> None:
        """Keep in mind that this is told and stored; before that, it might never be."""
        fact = _fact(crossing, percent)
        self._told.pop(fact, None)
        if len(self._told) >= REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[fact] = crossing.at

    async def show(self, owner_id: str, *, by: Principal) -> OwnerThresholds | Refused:
        """Return what is told of the limits of a key, project or account; of the node where none is named."""
        if not owner_id:
            return OwnerThresholds("", self._usual, own=False)
        async with self._store.reading() as connection:
            refused = await _refused_by_reach(connection, owner_id, by)
        return refused or self._shown(owner_id)

    async def put(
        self, owner_id: str, wanted: Sequence[int] | None, *, by: Principal
    ) -> OwnerThresholds | Refused:
        """Set what is told of an owner's limits; ``None``: what the node's settings say, an empty list: nothing."""
        problem = None if wanted is None else thresholds.problem_with(wanted)
        if problem is not None:
            return Refused(Reason.INVALID_MEMBER, problem, "thresholds")
        if not owner_id:
            message = (
                "Name a key, project or account by its id; the node's own are the setting alerts.thresholds"
            )
            return Refused(Reason.INVALID_MEMBER, message, "owner")
        async with self._store.writing() as connection:
            refused = await _refused_by_reach(connection, owner_id, by)
            if refused is not None:
                return refused
            before = self._shown(owner_id)
            if wanted is None:
                await alerts.drop_rule(connection, owner_id)
            else:
                await alerts.set_rule(connection, owner_id, sorted(wanted))
            told: audit.Facts = {"thresholds": None if wanted is None else sorted(wanted)}
            was: audit.Facts = {"thresholds": list(before.thresholds) if before.own else None}
            await audit.note(connection, by, "alerts.thresholds", owner_id, before=was, after=told)
        await self.load()
        return self._shown(owner_id)

    def _shown(self, owner_id: str) -> OwnerThresholds:
        own = self._own.get(owner_id)
        return OwnerThresholds(owner_id, self._usual if own is None else own, own=own is not None)


def _fact(crossing: Crossing, percent: int) -> tuple[str, int, str]:
    return crossing.bound.counter, percent, thresholds.period(crossing)


async def _is_news(connection: AsyncConnection, crossing: Crossing, passed: Sequence[int]) -> bool:
    """Note every threshold that was passed; say whether the highest had not been told."""
    period = thresholds.period(crossing)
    again_after_ms = None if period else thresholds.HOUR_S * 1000
    now_ms = int(crossing.at * 1000)
    news = False
    for one in passed:
        subject = f"limit {crossing.bound.counter} {one} {period}"
        news = await alerts.say(
            connection, crossing.bound.owner_id, subject, now_ms, again_after_ms=again_after_ms
        )
    return news


def _event(crossing: Crossing, percent: int, whose: Whose) -> StoredEvent:
    bound = crossing.bound
    shadow = bound.limit.shadow
    details = {
        "limit": bound.name,
        "owner": bound.owner_id,
        "percent": str(percent),
        "used": thresholds.amount(crossing, crossing.used),
        "max": thresholds.amount(crossing, crossing.allowed),
    }
    if crossing.resets_at is not None and not bound.is_rate:
        details["resets_at"] = rfc3339(crossing.resets_at)
    if shadow:
        details["shadow"] = "nothing was refused; without shadow it would have been"
    return StoredEvent(
        id=system.new_id(ids.EVENT),
        at=int(crossing.at * 1000),
        kind=EventKind.LIMIT_REACHED.value,
        severity=thresholds.severity(percent, shadow=shadow, rate=bound.is_rate).value,
        account_id=whose.account_id,
        project_id=whose.project_id,
        key_id=whose.key_id,
        address="",
        request_id="",
        details=msgspec.json.encode(details).decode(),
    )


async def _refused_by_reach(connection: AsyncConnection, owner_id: str, by: Principal) -> Refused | None:
    whose = await alerts.whose(connection, owner_id)
    if whose is None or by.holder_id or not by.reaches(whose.account_id, whose.project_id):
        return Refused(Reason.RESOURCE_NOT_FOUND, "There is no such key, project or account")
    return None
