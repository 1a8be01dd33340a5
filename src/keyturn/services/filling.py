"""Limits near their end: those that are being counted, and those that nobody has asked for lately.

A counter lives from when somebody asks for it until nobody has for ten minutes, and none does right after a start. So
all quotas are compared every few minutes with what the store has summed up by key, which takes a few queries however many
keys there are. Only what such sums can't tell, because it is about some models or about credit, is counted one by one.
"""

import asyncio
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.limits import CREDIT, Bound, Limit, Scope, Window, read_limits
from keyturn.domain.periods import DAY_S, MINUTE_S, cover
from keyturn.domain.principal import Principal
from keyturn.domain.windows import period
from keyturn.store import attention, credit, limits, usage_reports
from keyturn.store.attention import LimitOwner
from keyturn.store.counters import AMOUNTS
from keyturn.store.engine import Store
from keyturn.store.key_sums import Figures, KeySums
from keyturn.store.limits import Written
from keyturn.store.recent_usage import RecentUsage
from keyturn.store.usage_rows import Dimension, UsageFilter

ALARMING_PERCENT = 80
LOOK_EVERY_S = 300.0
"""Shorter than a counter lives that nobody asks for: what is forgotten there has been found here."""
MOST_REMEMBERED, MOST_COUNTED = 1_000, 200
_SHOWN, _LOOKED_AT, _AT_ONCE = 6, 200, 20
_BREATH = 1_000
"""Limits between two turns of the loop: it answers workers too."""
_QUOTAS = {Window.DAY, Window.MONTH, Window.LIFETIME}
_GROUPED = {
    Scope.KEY: Dimension.KEY,
    Scope.PROJECT: Dimension.PROJECT,
    Scope.ACCOUNT: Dimension.ACCOUNT,
    Scope.PLAN: Dimension.ACCOUNT,
}
_NOTHING: Figures = (0, 0, 0, 0, 0)


class Filling(msgspec.Struct, frozen=True):
    """A limit that is nearly used up."""

    bound: Bound
    owner_name: str
    used: int
    """Money in nano-dollars, like ``allowed``."""
    allowed: int


class Counted(Protocol):
    """Knows what has been counted."""

    def filling(self, percent: int) -> list[tuple[Bound, int, int]]:
        """Return the limits of which at least so much is used: each with how much, and what is allowed."""
        ...

    def used(self, counter: str) -> int | None:
        """Return what is used of a limit by the name of its counter; ``None``: nobody has asked for it lately."""
        ...

    async def stands(self, bounds: Sequence[Bound]) -> list[tuple[int, int]]:
        """Return what is used of each of these, and what is allowed."""
        ...


class _Found(msgspec.Struct, frozen=True):
    """A limit, how much is used of it and how much there may be."""

    bound: Bound
    used: int
    allowed: int

    @property
    def share(self) -> float:
        return self.used / max(1, self.allowed)

    @property
    def alarming(self) -> bool:
        return self.used * 100 >= self.allowed * ALARMING_PERCENT


class FillingLimits:
    """The use cases."""

    def __init__(self, store: Store, counted: Counted) -> None:
        self._store = store
        self._counted = counted
        self._remembered: list[tuple[_Found, float]] = []
        """Each with when its period ends."""
        self._owners: dict[str, LimitOwner] = {}
        """Whose these are."""

    async def each(self, *, by: Principal) -> list[Filling]:
        """Return limits within the caller's reach of which four fifths are used, the fullest first."""
        now = system.now()
        found = {
            bound.counter: _Found(bound, *rest) for bound, *rest in self._counted.filling(ALARMING_PERCENT)
        }
        for one, ends in self._remembered:
            counter = one.bound.counter
            if counter not in found and now < ends:
                used = self._counted.used(counter)
                found[counter] = one if used is None else msgspec.structs.replace(one, used=used)
        fullest = sorted(
            (one for one in found.values() if self._may_reach(by, one.bound)),
            key=lambda one: one.share,
            reverse=True,
        )
        shown: list[Filling] = []
        async with self._store.reading() as connection:
            for start in range(0, min(len(fullest), _LOOKED_AT), _AT_ONCE):
                some = fullest[start : start + _AT_ONCE]
                owners = await attention.owners(connection, sorted({one.bound.owner_id for one in some}))
                shown += _shown(some, owners, by, now)
                if len(shown) >= _SHOWN:
                    break
        return shown[:_SHOWN]

    def _may_reach(self, by: Principal, bound: Bound) -> bool:
        """Say whether it is worth asking whose a limit is: what others fill must not hide what the caller does."""
        owner = self._owners.get(bound.owner_id)
        return owner is None or _reaches(by, bound.scope, owner)

    async def look(self) -> None:
        """Remember which limits are nearly used up, whether anybody has asked for them or not; to be called now and then.

        All usage so far must be in the store.
        """
        now = system.now()
        async with self._store.reading() as connection:
            near, unsure = await _compare(connection, await limits.written(connection), now)
            unsure += [
                _Found(Bound(account_id, Scope.ACCOUNT, CREDIT), granted - left, granted)
                for account_id, granted, left in await credit.granted(connection, int(now * 1000))
            ]
        unsure = heapq.nlargest(
            MOST_COUNTED, (one for one in unsure if one.alarming), key=lambda one: one.share
        )
        stands = await self._counted.stands([one.bound for one in unsure])
        near += [_Found(one.bound, *stand) for one, stand in zip(unsure, stands, strict=True)]
        fullest = heapq.nlargest(
            MOST_REMEMBERED, (one for one in near if one.alarming), key=lambda one: one.share
        )
        ids = sorted({one.bound.owner_id for one in fullest})
        async with self._store.reading() as connection:
            self._owners = await attention.owners(connection, ids)
        self._remembered = [(one, period(one.bound.limit.window, one.bound.zone, now)[1]) for one in fullest]


async def _compare(
    connection: AsyncConnection, written: Iterable[Written], now: float
) -> tuple[list[_Found], list[_Found]]:
    """Return quotas of which enough is used to be told, and those of some models of which as much may be."""
    sums = _Sums(connection, now)
    near: list[_Found] = []
    unsure: list[_Found] = []
    for number, (one, limit) in enumerate(_quotas(written)):
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        requests, read, made, cost, _ = await sums.of(one, limit.window)
        used = AMOUNTS[limit.metric](requests, read, made, cost)
        if used and used * 100 >= limit.max_at(now) * ALARMING_PERCENT:
            found = _Found(Bound(one.owner_id, one.scope, limit, one.zone), used, limit.max_at(now))
            (unsure if limit.model else near).append(found)
    return near, unsure


def _quotas(written: Iterable[Written]) -> Iterator[tuple[Written, Limit]]:
    """Yield what is counted over days, months and lifetimes; most keys have the limits of many others."""
    known: dict[str, list[Limit]] = {}
    for one in written:
        quotas = known.get(one.limits)
        if quotas is None:
            quotas = known[one.limits] = [each for each in read_limits(one.limits) if each.window in _QUOTAS]
        for limit in quotas:
            yield one, limit


class _Sums:
    """What keys, projects and accounts have used in the periods that it is asked for: summed up once for each."""

    def __init__(self, connection: AsyncConnection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._until_s = (int(now) // DAY_S + 1) * DAY_S
        self._begins: dict[tuple[Window, str], int] = {}
        self._known: dict[tuple[int, Dimension], Mapping[str, Figures]] = {}
        self._by_key = KeySums(RecentUsage())

    async def of(self, owner: Written, window: Window) -> Figures:
        """Return what an owner has used in the period that it is now."""
        begins = self._begins.get((window, owner.zone))
        if begins is None:
            since = period(window, owner.zone, self._now)[0]
            begins = self._begins[window, owner.zone] = int(since) // MINUTE_S * MINUTE_S
        place = begins, _GROUPED[owner.scope]
        known = self._known.get(place)
        if known is None:
            spans = cover(begins, self._until_s)
            known = self._known[place] = await usage_reports.ranking(
                self._connection, spans, place[1], UsageFilter(), self._by_key
            )
        return known.get(owner.owner_id, _NOTHING)


def _shown(
    fullest: Iterable[_Found], owners: Mapping[str, LimitOwner], by: Principal, now: float
) -> list[Filling]:
    shown = []
    for one in fullest:
        owner = owners.get(one.bound.owner_id)
        if owner is None or not _reaches(by, one.bound.scope, owner):
            continue
        current = _as_written(one, owner, now)
        if current is not None and current.alarming:
            shown.append(current)
    shown.sort(key=lambda one: one.share, reverse=True)
    return [Filling(one.bound, owners[one.bound.owner_id].name, one.used, one.allowed) for one in shown]


def _as_written(found: _Found, owner: LimitOwner, now: float) -> _Found | None:
    """Return a limit as it is written down now, since its size may be another; ``None``: it is gone."""
    limit = found.bound.limit
    if limit.window is Window.CREDIT:
        return found if owner.prepaid else None
    text = owner.plan_limits if found.bound.scope is Scope.PLAN else owner.limits
    current = next((one for one in read_limits(text) if one.subject == limit.subject), None)
    return None if current is None else msgspec.structs.replace(found, allowed=current.max_at(now))


def _reaches(by: Principal, scope: Scope, owner: LimitOwner) -> bool:
    """Say whether somebody may know of a limit: of an account's or a project's, only who reaches all of it."""
    if scope is Scope.KEY:
        return by.reaches_key(owner.account_id, owner.project_id, owner.user_id or None)
    if by.holder_id or (by.project_id and scope is not Scope.PROJECT):
        return False
    return by.reaches(owner.account_id, owner.project_id)
