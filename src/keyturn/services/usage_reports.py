"""What was used: by whom, of what, when. Reads what is in the store: ask ingest to flush first."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from heapq import nsmallest
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, latency, periods
from keyturn.domain.periods import DAY_S, MINUTE_S, Interval
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import accounts as accounts_service, key_access, projects as projects_service, users
from keyturn.store import accounts, key_sums, retention, usage_reports
from keyturn.store.engine import Store
from keyturn.store.key_sums import Figures, KeySums
from keyturn.store.usage_reports import Dimension, Rank, Step, UsageFilter, UsageRow

DEFAULT_DAYS = 30
MOST_STEPS, MOST_STEPS_EXPORTED = 10_000, 50_000
MOST_ROWS = 50_000
"""In a report; an export has no limit."""
DEFAULT_GROUPS, DEFAULT_GROUPS_OVER_TIME = 1_000, 20
STEPS_AT_ONCE = 24
"""Steps of an export that are summed up with one query: a day by the hour."""
QUANTILES = (0.5, 0.95)
REMEMBERED, LONGEST_REMEMBERED = 4_096, 1_024
"""Histograms whose quantiles are remembered, and their bytes at most: those of hours and days that are over come again."""
LATEST_S = 253_370_764_800
"""The last year that a calendar knows, in seconds since 1970 UTC: no day of it is asked for, so that each has a next one."""


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know; empty members do not narrow."""

    by: Dimension | None = None
    interval: Interval | None = None
    days: int | None = None
    """How many days back, today included; not together with ``since_ms``."""
    since_ms: int | None = None
    """Milliseconds since 1970 UTC; cut to the minute."""
    until_ms: int | None = None
    """Up to then, and not with it; the end of the minute counts. ``None``: up to now."""
    time_zone: str = ""
    """IANA name; empty: that of the account, where it is about one, otherwise UTC."""
    key: str = ""
    """Identifier or name, like ``project``, ``account`` and ``user``."""
    project: str = ""
    account: str = ""
    user: str = ""
    models: tuple[str, ...] = ()
    statuses: tuple[int, int] | None = None
    operation: str = ""
    upstream: str = ""
    rank: Rank = Rank.REQUESTS
    groups: int | None = None
    """How many at most, the first by ``rank``; ``None``: as many as fit."""


class Plan(msgspec.Struct, frozen=True):
    """A question that can be answered. Times are seconds since 1970 UTC."""

    by: Dimension | None
    interval: Interval | None
    zone: ZoneInfo
    since_s: int
    until_s: int
    wanted: UsageFilter
    rank: Rank
    groups: int | None

    def steps(self) -> Iterator[Step]:
        """Yield what the time is cut into, in order."""
        if self.interval is None:
            yield Step(self.since_s, self.until_s, periods.cover(self.since_s, self.until_s))
            return
        for since_s, until_s in periods.steps(self.since_s, self.until_s, self.interval, self.zone):
            yield Step(since_s, until_s, periods.cover(since_s, until_s))


class Line(msgspec.Struct, frozen=True):
    """One row of a report."""

    since_s: int
    """When its step begins."""
    name: str
    """Of the key, project, account or user; the address of a user."""
    usage: UsageRow
    took_us: tuple[int | None, ...]
    """What half of the requests, and 95 % of them, took at most; within 4 %."""
    first_byte_us: tuple[int | None, ...]


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


Quantiles = Callable[[bytes], tuple[int | None, ...]]


class UsageReports:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key_sums = KeySums()
        self._remembered: Quantiles = lru_cache(REMEMBERED)(_quantiles)

    async def plan(self, query: UsageQuery, *, by: Principal, most_steps: int = MOST_STEPS) -> Plan | Refused:
        """Make a question answerable: find what it names, and cut the time into what is kept."""
        async with self._store.reading() as connection:
            wanted = await _filter(connection, query, by)
            if isinstance(wanted, Refused):
                return wanted
            zone = await _zone(connection, query, wanted)
            if isinstance(zone, Refused):
                return zone
            complete_from = await retention.complete_from(connection)
        span = _span(query, zone)
        if isinstance(span, Refused):
            return span
        plan = Plan(query.by, query.interval, zone, *span, wanted, query.rank, query.groups)
        return _problem(plan, complete_from, most_steps) or plan

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
                found = await usage_reports.ranking(connection, whole, by, plan.wanted, self._key_sums)
                ranked = _first(found, plan.rank, most)
                if len(found) > most:
                    left_out, only = len(found) - most, ranked
            rows = await usage_reports.report(connection, steps, by, plan.wanted, only)
            totals = rows
            if by is not None or plan.interval is not None:
                step = Step(plan.since_s, plan.until_s, whole)
                totals = await usage_reports.report(connection, [step], None, plan.wanted)
            names = {} if by is None else await usage_reports.names(connection, by, ranked)
        places = {group: place for place, group in enumerate(ranked)}
        rows.sort(key=lambda row: (row.step, places.get(row.group, 0)))
        # In a thread: many histograms take a while, and the loop has others to serve.
        lines = await asyncio.to_thread(self._lines, rows, steps, names)
        total = self._line(totals[0] if totals else UsageRow(), plan.since_s, "")
        return UsageReport(lines, total, left_out)

    async def course(self, plan: Plan, groups: Sequence[str]) -> list[Line]:
        """Return the lines of these groups alone, in order of time, then as they are named here."""
        if plan.by is None or not groups:
            return []
        steps = list(plan.steps())
        async with self._store.reading() as connection:
            rows = await usage_reports.report(connection, steps, plan.by, plan.wanted, groups)
            names = await usage_reports.names(connection, plan.by, groups)
        places = {group: place for place, group in enumerate(groups)}
        rows.sort(key=lambda row: (row.step, places[row.group]))
        return await asyncio.to_thread(self._lines, rows, steps, names)

    async def top(self, plan: Plan, most: int) -> list[Top]:
        """Return the first groups of a plan that has a dimension, by its rank; how long they took is not looked for."""
        if plan.by is None:
            return []
        whole = periods.cover(plan.since_s, plan.until_s)
        async with self._store.reading() as connection:
            found = await usage_reports.ranking(connection, whole, plan.by, plan.wanted, self._key_sums)
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

    async def names(self, by: Dimension, found: Iterable[str]) -> dict[str, str]:
        """Return what these keys, projects, accounts or users are called; who is out of reach must not be among them."""
        async with self._store.reading() as connection:
            return await usage_reports.names(connection, by, found)

    async def export(self, plan: Plan) -> AsyncIterator[list[Line]]:
        """Yield all rows, a piece at a time: in order of time, then by group. Nothing is left out.

        Each piece is read by itself, so that a slow reader holds up nobody.
        """
        steps = plan.steps()
        while chunk := list(islice(steps, STEPS_AT_ONCE)):
            async with self._store.reading() as connection:
                rows = await usage_reports.report(connection, chunk, plan.by, plan.wanted)
                names = {}
                if plan.by is not None:
                    names = await usage_reports.names(connection, plan.by, {row.group for row in rows})
            rows.sort(key=lambda row: (row.step, row.group))
            if rows:
                yield await asyncio.to_thread(self._lines, rows, chunk, names)

    def _lines(self, rows: Sequence[UsageRow], steps: Sequence[Step], names: dict[str, str]) -> list[Line]:
        return [self._line(row, steps[row.step].since_s, names.get(row.group, "")) for row in rows]

    def _line(self, usage: UsageRow, since_s: int, name: str) -> Line:
        took, first_byte = (
            (self._remembered if len(one) <= LONGEST_REMEMBERED else _quantiles)(one)
            for one in (usage.durations, usage.first_bytes)
        )
        return Line(since_s, name, usage, took, first_byte)


def _quantiles(histogram: bytes) -> tuple[int | None, ...]:
    return latency.quantiles_of(histogram, QUANTILES)


def _first(found: Mapping[str, Figures], rank: Rank, most: int) -> list[str]:
    figure = rank.figure
    order = ((-figure(figures), -figures[0], name) for name, figures in found.items())
    return [name for _, _, name in nsmallest(most, order)]


async def _filter(connection: AsyncConnection, query: UsageQuery, by: Principal) -> UsageFilter | Refused:
    found: dict[str, str] = {}
    for member, asked in (
        ("key", query.key),
        ("project", query.project),
        ("account", query.account),
        ("user", query.user),
    ):
        identifier = await _identifier(connection, member, asked, by)
        if isinstance(identifier, Refused):
            return identifier
        found[f"{member}_id"] = identifier
    return UsageFilter(
        **found,
        models=query.models,
        statuses=query.statuses,
        operation=query.operation,
        upstream=query.upstream,
        reach_account_id=by.account_id,
        reach_project_id=by.project_id,
        reach_user_id=by.holder_id,
    )


async def _identifier(connection: AsyncConnection, member: str, asked: str, by: Principal) -> str | Refused:
    """Return the identifier of what is named; an identifier stands for itself, of what is deleted too."""
    prefixes = {"key": ids.KEY, "project": ids.PROJECT, "account": ids.ACCOUNT, "user": ids.USER}
    if not asked or ids.is_id(asked, prefixes[member]):
        return asked
    if member == "key":
        key = await key_access.find(connection, asked, by)
        return key if isinstance(key, Refused) else key.key.id
    if member == "project":
        project = await projects_service.find(connection, asked, by)
        return project if isinstance(project, Refused) else project.id
    if member == "account":
        account = await accounts_service.find(connection, asked, by)
        return account if isinstance(account, Refused) else account.id
    user = await users.find(connection, asked, by)
    return user if isinstance(user, Refused) else user.id


async def _zone(connection: AsyncConnection, query: UsageQuery, wanted: UsageFilter) -> ZoneInfo | Refused:
    name = query.time_zone
    if not name:
        account_id = wanted.reach_account_id or wanted.account_id
        account = await accounts.get(connection, account_id) if account_id else None
        name = "UTC" if account is None else account.time_zone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{name!r} is no time zone; write a name such as Europe/Berlin, or UTC"
        return Refused(Reason.INVALID_MEMBER, message, "tz")


def _span(query: UsageQuery, zone: ZoneInfo) -> tuple[int, int] | Refused:
    if query.days is not None and query.since_ms is not None:
        return Refused(Reason.INVALID_MEMBER, "Name either how many days back, or since when", "days")
    if query.until_ms is None:
        until_s = periods.end_of(query.interval, system.now(), zone)
    else:
        until_s = min(LATEST_S, -(-query.until_ms // (MINUTE_S * 1000)) * MINUTE_S)
    if query.since_ms is None:
        since_s = max(0, periods.day_start(until_s - 1, zone, days=1 - (query.days or DEFAULT_DAYS)))
    else:
        since_s = periods.floor_minute(query.since_ms / 1000)
    if since_s >= until_s:
        return Refused(Reason.INVALID_MEMBER, "The time ends before it begins", "since")
    return since_s, until_s


def _problem(plan: Plan, complete_from: dict[str, int], most_steps: int) -> Refused | None:
    lengths = {None: plan.until_s - plan.since_s, Interval.DAY: DAY_S, Interval.MINUTE: MINUTE_S}
    length_s = lengths.get(plan.interval, periods.HOUR_S)
    if (plan.until_s - plan.since_s) // length_s > most_steps:
        message = f"That would be more than {most_steps:,} intervals; ask for longer ones, or for less time"
        return Refused(Reason.INVALID_MEMBER, message, "interval")
    if plan.since_s >= max(complete_from.values(), default=0):
        return None
    steps = plan.steps()
    # By the minute, what the first step lacks is all that can be lacking.
    some = islice(steps, 1) if plan.interval is Interval.MINUTE else steps
    gap = next((gap for step in some if (gap := periods.lacking(step.spans, complete_from))), None)
    if gap is None:
        return None
    since = datetime.fromtimestamp(complete_from[gap.period], UTC).isoformat()
    message = (
        f"Usage by the {gap.period} is kept from {since} on, and this asks for an earlier one; "
        "ask for whole days of UTC, or for less time"
    )
    return Refused(Reason.INVALID_MEMBER, message, "since")


def _most_groups(plan: Plan, steps: int) -> int | Refused:
    if plan.groups is None:
        wanted = DEFAULT_GROUPS if plan.interval is None else DEFAULT_GROUPS_OVER_TIME
        return max(1, min(wanted, MOST_ROWS // steps))
    if plan.groups * steps > MOST_ROWS:
        message = f"That could be more than {MOST_ROWS:,} rows; export them, or ask for fewer groups"
        return Refused(Reason.INVALID_MEMBER, message, "groups")
    return plan.groups
