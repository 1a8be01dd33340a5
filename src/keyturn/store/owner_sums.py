"""What projects, accounts and users used, remembered by the hour and the day: few of them may own very many keys."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import latency
from keyturn.domain.periods import PERIODS, Span
from keyturn.store import usage_reports
from keyturn.store.recent_usage import RecentUsage, State, state_of
from keyturn.store.series import RollupRow
from keyturn.store.tables import accounts, projects, users
from keyturn.store.usage_rows import COUNTS, Dimension, Step, UsageFilter, UsageRow, shortened

_TABLES = {Dimension.PROJECT: projects, Dimension.ACCOUNT: accounts, Dimension.USER: users}
DIMENSIONS = frozenset(_TABLES)
MOST_ROWS = 20_000
"""Rows that are remembered, each of 2 KiB at most. A question that could take more of them is not for this: of very many owners
those that are shown are read alone."""
FEW = 20
"""Histograms that are added up at once; more of them in a thread, since limits are decided in this process meanwhile."""
_LENGTHS = dict(PERIODS)

Rows = Mapping[str, UsageRow]
"""By group; no histogram is long."""


class OwnerSums:
    """Sums up by the owners of keys, and remembers each day and hour, and what those that were asked for come to.

    To read a month of a hundred owners and to add up how long their requests took lasts a third of a second, and most of that month
    does not change any more. What is remembered is used as long as the sums over all keys are the same for that day or hour, and brought
    up to date with what ingest has added meanwhile; only the owners whose keys those were are added up anew.
    """

    def __init__(self, recent: RecentUsage) -> None:
        """Take in what tells of changes: that of the store."""
        self._recent = recent
        self._known: dict[tuple[Dimension, Span], tuple[State, Rows]] = {}
        self._sums: dict[tuple[Dimension, tuple[Span, ...]], tuple[Sequence[Rows], Rows]] = {}

    async def rows(
        self, connection: AsyncConnection, steps: Sequence[Step], by: Dimension
    ) -> list[UsageRow] | None:
        """Return what ``usage_reports.report`` does of all requests; ``None``: ask that instead.

        Args:
            connection: To the store.
            steps: Of which time.
            by: One of ``DIMENSIONS``.
        """
        now_s = system.now()
        parts = [tuple(chain.from_iterable(_parts(span, now_s) for span in step.spans)) for step in steps]
        wanted = list(dict.fromkeys(chain.from_iterable(parts)))
        if any(part.period == "minute" for part in wanted):
            return None
        now = await state_of(connection, wanted)
        busy = [part for part in wanted if now.spans[part]]
        found, changed = self._still(by, busy, now)
        if changed:
            found |= await _brought_up(connection, by, changed)
        missing = [part for part in busy if part not in found]
        if missing:
            if await _owners(connection, by) * len(busy) > MOST_ROWS:
                return None
            found |= zip(missing, await _read(connection, missing, by), strict=True)
        for part, rows in found.items():
            self._known.pop((by, part), None)
            # As what was asked for last, and nothing of what else was asked for with it.
            self._known[by, part] = State(now.requests, {part: now.spans[part]}), rows
        self._forget()
        return [
            msgspec.structs.replace(row, step=number)
            for number, each in enumerate(parts)
            for row in (await self._sum(by, each, [found[part] for part in each if part in found])).values()
        ]

    def _still(
        self, by: Dimension, parts: Iterable[Span], now: State
    ) -> tuple[dict[Span, Rows], dict[Span, tuple[Rows, Sequence[RollupRow]]]]:
        """Return what is remembered and right, and, with what has been added to it, what was."""
        found: dict[Span, Rows] = {}
        changed: dict[Span, tuple[Rows, Sequence[RollupRow]]] = {}
        for part in parts:
            then, rows = self._known.get((by, part), (None, {}))
            if then is None:
                continue
            if then.spans[part] == now.spans[part]:
                found[part] = rows
            elif (added := self._recent.between(then, now, [part])) is not None:
                changed[part] = rows, added
        return found, changed

    async def _sum(self, by: Dimension, parts: tuple[Span, ...], each: Sequence[Rows]) -> Rows:
        """Add up some parts: those before the last, in which it is now, do not change with each request."""
        if len(each) > 2:
            *before, last = each
            each = [await self._same(by, parts[:-1], before), last]
        return await self._same(by, parts, each)

    async def _same(self, by: Dimension, parts: tuple[Span, ...], each: Sequence[Rows]) -> Rows:
        """Add up some parts; where it was done before, only the groups that have changed since."""
        if len(each) < 2:
            return each[0] if each else {}
        known, sums = self._sums.get((by, parts), ([], {}))
        if len(known) != len(each):
            sums = await asyncio.to_thread(_added, each)
        elif groups := _changed(known, each):
            some = [{group: rows[group] for group in groups if group in rows} for rows in each]
            few = len(groups) * len(each) <= FEW
            again = _added(some) if few else await asyncio.to_thread(_added, some)
            sums = {**{group: row for group, row in sums.items() if group not in groups}, **again}
        self._sums.pop((by, parts), None)
        self._sums[by, parts] = each, sums  # as what was asked for last
        return sums

    def _forget(self) -> None:
        while sum(len(rows) for _, rows in self._known.values()) > MOST_ROWS:
            del self._known[next(iter(self._known))]
        while sum(len(rows) for _, rows in self._sums.values()) > MOST_ROWS:
            del self._sums[next(iter(self._sums))]


def _parts(span: Span, now_s: float) -> Iterator[Span]:
    """Yield the days and hours of a stretch; the day that it is, by the hour: most of it does not change any more either."""
    length_s = _LENGTHS[span.period]
    for since_s in range(span.since_s, span.until_s, length_s):
        part = Span(span.period, since_s, since_s + length_s)
        if span.period == "day" and part.since_s <= now_s < part.until_s:
            yield from _parts(Span("hour", part.since_s, part.until_s), now_s)
        else:
            yield part


async def _owners(connection: AsyncConnection, by: Dimension) -> int:
    """Return how many groups there can be: all owners, deleted ones too, and nobody."""
    return int(await connection.scalar(select(func.count()).select_from(_TABLES[by])) or 0) + 1


async def _read(connection: AsyncConnection, parts: Sequence[Span], by: Dimension) -> Sequence[Rows]:
    steps = [Step(part.since_s, part.until_s, [part]) for part in parts]
    rows = await usage_reports.report(connection, steps, by, UsageFilter())
    return await asyncio.to_thread(_grouped, rows, len(parts))


def _grouped(rows: Iterable[UsageRow], steps: int) -> Sequence[Rows]:
    found: list[dict[str, UsageRow]] = [{} for _ in range(steps)]
    for row in rows:
        found[row.step][row.group] = shortened(row)
        # A month of many owners takes a while, and limits are decided in this process meanwhile.
        time.sleep(0)
    return found


async def _brought_up(
    connection: AsyncConnection, by: Dimension, changed: Mapping[Span, tuple[Rows, Sequence[RollupRow]]]
) -> dict[Span, Rows]:
    """Return the groups of each part with what has been added to them."""
    keys = {row[1][0] for _, added in changed.values() for row in added}
    owners = await usage_reports.owners(connection, by, keys)
    few = sum(len(added) for _, added in changed.values()) <= FEW
    return _all_added(changed, owners) if few else await asyncio.to_thread(_all_added, changed, owners)


def _all_added(
    changed: Mapping[Span, tuple[Rows, Sequence[RollupRow]]], owners: Mapping[str, str]
) -> dict[Span, Rows]:
    found: dict[Span, Rows] = {}
    for part, (known, added) in changed.items():
        more = [_as_usage(row, owners.get(row[1][0], "")) for row in added]
        groups = {row.group for row in more}
        touched = {group: known[group] for group in groups if group in known}
        found[part] = {**known, **_added([touched, *({row.group: row} for row in more)])}
    return found


def _changed(known: Sequence[Rows], each: Sequence[Rows]) -> set[str]:
    """Return the groups whose row is another in one of the parts, or is not there in one of both."""
    return {
        group
        for old, new in zip(known, each, strict=True)
        if old is not new
        for group in {**old, **new}
        if new.get(group) is not old.get(group)
    }


def _as_usage(row: RollupRow, group: str) -> UsageRow:
    return UsageRow(0, group, *row[2:])


def _added(parts: Iterable[Rows]) -> Rows:
    found: dict[str, list[UsageRow]] = {}
    for part in parts:
        for group, row in part.items():
            found.setdefault(group, []).append(row)
    return {group: rows[0] if len(rows) == 1 else _sum_of(group, rows) for group, rows in found.items()}


def _sum_of(group: str, rows: Sequence[UsageRow]) -> UsageRow:
    return UsageRow(
        group=group,
        **{name: sum(getattr(row, name) for row in rows) for name in COUNTS},
        durations=latency.combine(*(row.durations for row in rows)),
        first_bytes=latency.combine(*(row.first_bytes for row in rows)),
    )
