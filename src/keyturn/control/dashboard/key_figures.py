"""What pages show of one key: its course over the last days, and how far its limits are used up."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec

from keyturn import system
from keyturn.control.dashboard.figures import compact, usd
from keyturn.control.management import Management
from keyturn.domain.limit_text import format_limit
from keyturn.domain.limits import Metric
from keyturn.domain.periods import Interval
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.services.limits import Held
from keyturn.services.usage_plans import UsageQuery

COURSE_DAYS = 30
_NANO = 1_000_000_000


class Day(msgspec.Struct, frozen=True):
    """What a key used on one day."""

    label: str
    """As ISO 8601 writes it."""
    requests: int = 0
    """Those that ended well."""
    errors: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0

    @property
    def short(self) -> str:
        """The day without its year, as charts of the last month need it."""
        return f"{date.fromisoformat(self.label):%b %d}"

    @property
    def cost_usd(self) -> float:
        """The cost as charts draw it."""
        return self.cost_nano_usd / _NANO


class Course(msgspec.Struct, frozen=True):
    """Some days, oldest first, and what they come to."""

    days: list[Day]
    requests: int
    errors: int
    tokens: int
    cost_nano_usd: int


class Gauge(msgspec.Struct, frozen=True):
    """A limit and how far it is used up."""

    name: str
    """As people write it, without the amount."""
    used: str
    most: str
    share: float
    """Of one; more where a limit was lowered."""
    resets_at: int | None
    """Milliseconds since 1970 UTC; ``None``: it slides, or never begins anew."""
    scope: str
    shadow: bool
    raised_until: int | None


async def course(management: Management, key_id: str, *, by: Principal, zone: str) -> Course | Refused:
    """Return what a key used on each of the last days, today included; ask ingest to flush first."""
    usage = management.reports.usage
    query = UsageQuery(key=key_id, interval=Interval.DAY, days=COURSE_DAYS, time_zone=zone)
    plan = await usage.plan(query, by=by)
    if isinstance(
        plan, Refused
    ):  # hours are kept for a shorter time than days, and the days of UTC need none
        plan = await usage.plan(msgspec.structs.replace(query, time_zone="UTC"), by=by)
    if isinstance(plan, Refused):
        return plan
    report = await usage.report(plan)
    if isinstance(report, Refused):
        return report
    known = {line.since_s: line.usage for line in report.lines}
    days = []
    for step in plan.steps():
        label, used = _day(step.since_s, plan.zone), known.get(step.since_s)
        if used is None:
            days.append(Day(label))
            continue
        tokens = used.input_tokens + used.output_tokens
        days.append(Day(label, used.requests - used.errors, used.errors, tokens, used.cost_nano_usd))
    total = report.total.usage
    return Course(
        days, total.requests, total.errors, total.input_tokens + total.output_tokens, total.cost_nano_usd
    )


def gauges(held: Sequence[Held]) -> list[Gauge]:
    """Return limits as gauges; those that have ended are left out."""
    now = system.now()
    return [_gauge(one, now) for one in held if not one.bound.limit.until or now < one.bound.limit.until]


def _gauge(held: Held, now: float) -> Gauge:
    limit, stand = held.bound.limit, held.stand
    used, most = stand.used if stand is not None else 0, limit.max_at(now)
    written = usd if limit.metric is Metric.COST else compact
    resets_at = stand.resets_at if stand is not None else None
    raised = limit.raised_max is not None and now < limit.raised_until
    return Gauge(
        name=format_limit(limit).rpartition("=")[0],
        used=written(used),
        most=written(most),
        share=used / most if most else 1.0,
        resets_at=None if resets_at is None else int(resets_at * 1000),
        scope=held.bound.scope.value,
        shadow=limit.shadow,
        raised_until=int(limit.raised_until * 1000) if raised else None,
    )


def _day(since_s: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(since_s, UTC).astimezone(zone).strftime("%Y-%m-%d")
