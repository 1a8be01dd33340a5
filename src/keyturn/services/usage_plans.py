"""What is asked about usage: whose, of what, when, and whether it can be answered."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, periods
from keyturn.domain.periods import DAY_S, MINUTE_S, Interval
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import accounts as accounts_service, key_access, projects as projects_service, users
from keyturn.store import accounts, retention
from keyturn.store.usage_rows import Dimension, Rank, Step, UsageFilter

DEFAULT_DAYS = 30
MOST_STEPS, MOST_STEPS_EXPORTED = 10_000, 50_000
HOURS_REMEMBERED = 60 * 24
"""In how long a stretch its hours or days are remembered."""
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

    def steps(self) -> Iterable[Step]:
        """Return what the time is cut into, in order."""
        if self.interval is None:
            return (Step(self.since_s, self.until_s, periods.cover(self.since_s, self.until_s)),)
        cut = self.since_s, self.until_s, self.interval, self.zone
        hours = (self.until_s - self.since_s) // periods.HOUR_S
        return (
            _steps(*cut)
            if self.interval is Interval.MINUTE or hours > HOURS_REMEMBERED
            else _known_steps(*cut)
        )


def _steps(since_s: int, until_s: int, interval: Interval, zone: ZoneInfo) -> Iterator[Step]:
    for begin_s, end_s in periods.steps(since_s, until_s, interval, zone):
        yield Step(begin_s, end_s, periods.cover(begin_s, end_s))


@lru_cache(16)
def _known_steps(since_s: int, until_s: int, interval: Interval, zone: ZoneInfo) -> Sequence[Step]:
    """Return what a page goes through several times, and the next one again."""
    return tuple(_steps(since_s, until_s, interval, zone))


async def planned(
    connection: AsyncConnection, query: UsageQuery, by: Principal, most_steps: int = MOST_STEPS
) -> Plan | Refused:
    """Make a question answerable: find what it names, and cut the time into what is kept."""
    wanted = await _filter(connection, query, by)
    if isinstance(wanted, Refused):
        return wanted
    zone = await _zone(connection, query, wanted)
    if isinstance(zone, Refused):
        return zone
    span = _span(query, zone)
    if isinstance(span, Refused):
        return span
    plan = Plan(query.by, query.interval, zone, *span, wanted, query.rank, query.groups)
    return _problem(plan, await retention.complete_from(connection), most_steps) or plan


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
