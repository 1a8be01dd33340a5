"""What was used: by whom, of what, when. Reads what is in the store: ask ingest to flush first."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from itertools import islice

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import periods
from keyturn.domain.periods import DAY_S, Span
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.quantiles import Quantiles, quantiles
from keyturn.services.usage_plans import MOST_STEPS, Plan, UsageQuery, planned
from keyturn.store import key_sums, owner_sums, usage_reports
from keyturn.store.engine import Store
from keyturn.store.key_rows import KeyRows
from keyturn.store.key_sums import FIGURES, Figures, KeySums
from keyturn.store.owner_sums import OwnerSums
from keyturn.store.step_rows import StepRows
from keyturn.store.usage_rows import Dimension, Rank, Step, UsageFilter, UsageRow, minutes_apart, put_together

MOST_ROWS = 50_000
"""In a report; an export has no limit."""
DEFAULT_GROUPS, DEFAULT_GROUPS_OVER_TIME = 1_000, 20
STEPS_AT_ONCE = 24
"""Steps of an export that are summed up with one query: a day by the hour."""


class Line(msgspec.Struct, frozen=True):
    """One row of a report."""

    since_s: int
    """When its step begins."""
    name: str
    """Of the key, project, account or user; the address of a user."""
    usage: UsageRow
    took_us: Quantiles
    """What half of the requests, and 95 % of them, took at most; within 4 %."""
    first_byte_us: Quantiles


class Top(msgspec.Struct, frozen=True):
    """One of the first groups of a ranking."""

    group: str
    name: str
    """Of the key, project, account or user; empty for what is its own name."""
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    errors: int


class UsageReport(msgspec.Struct, frozen=True):
    """Usage, grouped."""

    lines: list[Line]
    """In order of time, then by rank."""
    total: Line
    """Of everything, groups left out included."""
    left_out: int
    """Groups that did not fit."""


class UsageReports:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key_sums = KeySums(store.recent)
        self._key_rows = KeyRows(store.recent)
        self._owner_sums = OwnerSums(store.recent)
        self._step_rows = StepRows()

    async def plan(self, query: UsageQuery, *, by: Principal, most_steps: int = MOST_STEPS) -> Plan | Refused:
        """Make a question answerable: find what it names, and cut the time into what is kept."""
        async with self._store.reading() as connection:
            return await planned(connection, query, by, most_steps)

    async def report(self, plan: Plan) -> UsageReport | Refused:
        """Answer a question."""
        steps, by, only = list(plan.steps()), plan.by, None
        left_out = 0
        whole = periods.cover(plan.since_s, plan.until_s)
        async with self._store.reading() as connection:
            ranked: list[str] = []
            if by is not None:
                most = _most_groups(plan, len(steps))
                if isinstance(most, Refused):
                    return most
                found = await self._ranking(connection, whole, by, plan)
                ranked = _first(found, plan.rank, most)
                left_out = max(0, len(found) - most)
                if left_out or by is Dimension.KEY:
                    only = ranked
            rows = await self._rows(connection, steps, plan, only)
            totals = rows
            if by is not None or plan.interval is not None:
                step = Step(plan.since_s, plan.until_s, whole)
                totals = await usage_reports.report(connection, [step], None, plan.wanted)
            names = {} if by is None else await usage_reports.names(connection, by, ranked)
        places = {group: place for place, group in enumerate(ranked)}
        rows.sort(key=lambda row: (row.step, places.get(row.group, 0)))
        # In a thread: many histograms take a while, and the loop has others to serve.
        lines = await asyncio.to_thread(_lines, rows, steps, names)
        total = _line(totals[0] if totals else UsageRow(), plan.since_s, "")
        return UsageReport(lines, total, left_out)

    async def course(self, plan: Plan, groups: Sequence[str]) -> list[Line]:
        """Return the lines of these groups alone, in order of time, then as they are named here."""
        if plan.by is None or not groups:
            return []
        steps = list(plan.steps())
        async with self._store.reading() as connection:
            rows = await self._rows(connection, steps, plan, groups)
            names = await usage_reports.names(connection, plan.by, groups)
        places = {group: place for place, group in enumerate(groups)}
        rows.sort(key=lambda row: (row.step, places[row.group]))
        return await asyncio.to_thread(_lines, rows, steps, names)

    async def _ranking(
        self, connection: AsyncConnection, whole: Sequence[Span], by: Dimension, plan: Plan
    ) -> Mapping[str, Figures]:
        """Return what to rank groups by, of all that there are."""
        rows = await self._owned(connection, [Step(plan.since_s, plan.until_s, whole)], plan)
        if rows is None:
            return await usage_reports.ranking(connection, whole, by, plan.wanted, self._key_sums)
        return {row.group: tuple(getattr(row, name) for name in FIGURES) for row in rows}

    async def _rows(
        self, connection: AsyncConnection, steps: Sequence[Step], plan: Plan, only: Sequence[str] | None
    ) -> list[UsageRow]:
        """Return the rows of all groups, or of some."""
        if (
            plan.by is Dimension.KEY
            and plan.wanted == UsageFilter()
            and only
            and self._key_rows.takes(steps, only)
        ):
            return await self._key_rows.rows(connection, steps, only)
        rows = await self._owned(connection, steps, plan)
        if rows is None:
            return await self._step_rows.rows(connection, steps, plan.by, plan.wanted, only)
        some = None if only is None else set(only)
        return rows if some is None else [row for row in rows if row.group in some]

    async def _owned(
        self, connection: AsyncConnection, steps: Sequence[Step], plan: Plan
    ) -> list[UsageRow] | None:
        """Return the rows of all owners of keys, if they are remembered or can be."""
        if plan.by not in owner_sums.DIMENSIONS or plan.wanted != UsageFilter():
            return None
        hours, *minutes = minutes_apart(steps)
        if minutes and len(steps) > 1:
            return None
        rows = await self._owner_sums.rows(connection, hours, plan.by)
        if rows is None or not minutes:
            return rows
        return put_together(
            [*rows, *await usage_reports.report(connection, minutes[0], plan.by, plan.wanted)]
        )

    async def top(self, plan: Plan, most: int) -> list[Top]:
        """Return the first groups of a plan that has a dimension, by its rank; how long they took is not looked for."""
        if plan.by is None:
            return []
        whole = periods.cover(plan.since_s, plan.until_s)
        async with self._store.reading() as connection:
            found = await self._ranking(connection, whole, plan.by, plan)
            first = _first(found, plan.rank, most)
            names = await usage_reports.names(connection, plan.by, first)
        return [Top(group, names.get(group, ""), *found[group]) for group in first]

    async def days_of_keys(self, key_ids: Sequence[str], *, days: int) -> dict[str, list[int]]:
        """Return how many requests each key made on each of the last days (UTC), today included, oldest first.

        Args:
            key_ids: Keys that the caller reaches.
            days: How many.
        """
        today = int(system.now()) // DAY_S * DAY_S
        wanted = [today - DAY_S * ago for ago in range(days - 1, -1, -1)]
        async with self._store.reading() as connection:
            return await key_sums.days_of(connection, key_ids, wanted)

    async def export(self, plan: Plan) -> AsyncIterator[list[Line]]:
        """Yield all rows, a piece at a time: in order of time, then by group. Nothing is left out.

        Each piece is read by itself, so that a slow reader holds up nobody.
        """
        steps = iter(plan.steps())
        while chunk := list(islice(steps, STEPS_AT_ONCE)):
            async with self._store.reading() as connection:
                rows = await usage_reports.report(connection, chunk, plan.by, plan.wanted)
                names = {}
                if plan.by is not None:
                    names = await usage_reports.names(connection, plan.by, {row.group for row in rows})
            rows.sort(key=lambda row: (row.step, row.group))
            if rows:
                yield await asyncio.to_thread(_lines, rows, chunk, names)


def _lines(rows: Sequence[UsageRow], steps: Sequence[Step], names: dict[str, str]) -> list[Line]:
    return [_line(row, steps[row.step].since_s, names.get(row.group, "")) for row in rows]


def _line(usage: UsageRow, since_s: int, name: str) -> Line:
    return Line(since_s, name, usage, quantiles(usage.durations), quantiles(usage.first_bytes))


def _first(found: Mapping[str, Figures], rank: Rank, most: int) -> list[str]:
    """Return the first by a rank, then by their requests, then by name."""
    compared = list(map(rank.figure, found.values()))
    least = nlargest(most, compared)[-1] if len(compared) > most else -1
    # Only those that may be among them are put in order: of 10,000, that takes a fifth of the time.
    above, level = [], []
    for own, (name, figures) in zip(compared, found.items(), strict=True):
        if own > least:
            above.append((-own, -figures[0], name))
        elif own == least:
            level.append((-figures[0], name))
    above.sort()
    rest = nsmallest(most - len(above), level) if level else []
    return [*(name for _, _, name in above), *(name for _, name in rest)]


def _most_groups(plan: Plan, steps: int) -> int | Refused:
    if plan.groups is None:
        wanted = DEFAULT_GROUPS if plan.interval is None else DEFAULT_GROUPS_OVER_TIME
        return max(1, min(wanted, MOST_ROWS // steps))
    if plan.groups * steps > MOST_ROWS:
        message = f"That could be more than {MOST_ROWS:,} rows; export them, or ask for fewer groups"
        return Refused(Reason.INVALID_MEMBER, message, "groups")
    return plan.groups
