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
from keyturn.store import key_sums, usage_reports
from keyturn.store.tables import accounts, projects, users
from keyturn.store.usage_rows import COUNTS, Dimension, Step, UsageFilter, UsageRow

_TABLES = {Dimension.PROJECT: projects, Dimension.ACCOUNT: accounts, Dimension.USER: users}
DIMENSIONS = frozenset(_TABLES)
MOST_ROWS = 20_000
"""Rows that are remembered, each of 2 KiB at most. A question that could take more of them is not for this: of very many owners
each has few keys, and those that are shown are looked for one by one."""
_LENGTHS = dict(PERIODS)

Rows = Mapping[str, UsageRow]
"""By group; histograms have one entry a bucket."""


class OwnerSums:
    """Sums up by the owners of keys, and remembers each day and hour, and what those before the last one come to.

    To read what 10,000 keys did in a month, and how long it took, lasts a second or two each time, and most of that month does not
    change any more. What is remembered is used as long as the sums over all keys are the same for that day or hour.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Dimension, tuple[Span, ...]], tuple[object, Rows]] = {}

    async def rows(
        self, connection: AsyncConnection, steps: Sequence[Step], by: Dimension
    ) -> list[UsageRow] | None:
        """Return what ``usage_reports.report`` does of all requests; ``None``: ask that instead.

        Args:
            connection: To the store.
            steps: Of which time.
            by: One of ``DIMENSIONS``.
        """
        parts = [
            list(chain.from_iterable(_parts(span, system.now()) for span in step.spans)) for step in steps
        ]
        wanted = list(chain.from_iterable(parts))
        if any(part.period == "minute" for part in wanted):
            return None
        stamps = await _stamps(connection, wanted)
        found = {part: known[1] for part in wanted if (known := self._still(by, part, stamps)) is not None}
        missing = [part for part in wanted if part in stamps and part not in found]
        if missing:
            if await _owners(connection, by) * len(stamps) > MOST_ROWS:
                return None
            read = await _read(connection, missing, by)
            for part, rows in zip(missing, read, strict=True):
                found[part] = self._remember((by, (part,)), stamps[part], rows)
        return [
            msgspec.structs.replace(row, step=number)
            for number, each in enumerate(parts)
            for row in (await self._sum(by, {part: found[part] for part in each if part in found})).values()
        ]

    def _still(self, by: Dimension, part: Span, stamps: Mapping[Span, object]) -> tuple[object, Rows] | None:
        known = self._known.get((by, (part,)))
        return known if known is not None and known[0] == stamps.get(part) else None

    async def _sum(self, by: Dimension, parts: Mapping[Span, Rows]) -> Rows:
        """Add up what is known of some parts: all but the last, in which it is now, have mostly been added up before."""
        if not parts:
            return {}
        *before, last = parts
        if not before:
            return parts[last]
        by_period = ([part for part in before if part.period == period] for period in _LENGTHS)
        each = [*[await self._same(by, some, parts) for some in by_period if some], parts[last]]
        # A page asks for it twice: to rank by, and to show.
        key = by, tuple(parts)
        known = self._known.get(key)
        return self._remember(key, each, known[1] if known is not None and known[0] == each else _added(each))

    async def _same(self, by: Dimension, some: Sequence[Span], parts: Mapping[Span, Rows]) -> Rows:
        each = [parts[part] for part in some]
        if len(each) < 2:
            return each[0]
        key = by, tuple(some)
        known = self._known.get(key)
        if known is None or known[0] != each:
            known = each, await asyncio.to_thread(_added, each)
        return self._remember(key, *known)

    def _remember(self, key: tuple[Dimension, tuple[Span, ...]], stamp: object, rows: Rows) -> Rows:
        self._known.pop(key, None)
        self._known[key] = stamp, rows  # as what was asked for last
        while sum(len(each) for _, each in self._known.values()) > MOST_ROWS:
            del self._known[next(iter(self._known))]
        return rows


def _parts(span: Span, now_s: float) -> Iterator[Span]:
    """Yield the days and hours of a stretch; the day that it is, by the hour: most of it does not change any more either."""
    length_s = _LENGTHS[span.period]
    for since_s in range(span.since_s, span.until_s, length_s):
        part = Span(span.period, since_s, since_s + length_s)
        if span.period == "day" and part.since_s <= now_s < part.until_s:
            yield from _parts(Span("hour", part.since_s, part.until_s), now_s)
        else:
            yield part


async def _stamps(connection: AsyncConnection, parts: Sequence[Span]) -> dict[Span, object]:
    """Return what each day and hour comes to over all keys; there is none where nothing happened."""
    found: dict[Span, object] = {}
    wanted = set(parts)
    for period in {part.period for part in parts}:
        own = [part for part in parts if part.period == period]
        whole = Span(period, min(part.since_s for part in own), max(part.until_s for part in own))
        for row in await key_sums.totals_of(connection, whole):
            part = Span(period, row.start, row.start + _LENGTHS[period])
            if part in wanted:
                found[part] = row
    return found


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
        found[row.step][row.group] = _with_histograms(row, [row])
        # A first look at ten million requests takes seconds, and limits are decided in this process meanwhile.
        time.sleep(0)
    return found


def _added(parts: Iterable[Rows]) -> Rows:
    found: dict[str, list[UsageRow]] = {}
    for part in parts:
        for group, row in part.items():
            found.setdefault(group, []).append(row)
    return {group: rows[0] if len(rows) == 1 else _sum_of(group, rows) for group, rows in found.items()}


def _sum_of(group: str, rows: Sequence[UsageRow]) -> UsageRow:
    counts = {name: sum(getattr(row, name) for row in rows) for name in COUNTS}
    return _with_histograms(UsageRow(group=group, **counts), rows)


def _with_histograms(row: UsageRow, rows: Sequence[UsageRow]) -> UsageRow:
    return msgspec.structs.replace(
        row,
        durations=latency.combine(*(one.durations for one in rows)),
        first_bytes=latency.combine(*(one.first_bytes for one in rows)),
    )
