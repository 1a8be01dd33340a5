"""The first page: how the account is doing."""

import asyncio
import json
import shlex
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import get
from litestar.params import QueryParameter

from keyturn import system
from keyturn.control.dashboard import charts, model_views, ranges
from keyturn.control.dashboard.charts import Plot, Unit
from keyturn.control.dashboard.guard import SIGNED_IN, for_, visitor_of
from keyturn.control.dashboard.key_samples import usual_model
from keyturn.control.dashboard.pages.alerts import Shown, all_shown
from keyturn.control.dashboard.ranges import Range
from keyturn.control.dashboard.shell import AnyRequest, Page, piece, render
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.control.resources.node import problems_of
from keyturn.control.visitors import own_origin
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import Person, may
from keyturn.domain.upstream_health import UpstreamHealth
from keyturn.services.attention import Suspended
from keyturn.services.filling import Filling
from keyturn.services.sessions import Visitor
from keyturn.services.usage_plans import UsageQuery
from keyturn.services.usage_reports import Line
from keyturn.store.attention import Expiring
from keyturn.store.events import EventFilter
from keyturn.store.usage_rows import Dimension, Rank, UsageRow

PRESETS = {name: ranges.PRESETS[name] for name in ("24h", "7d", "30d")}
TOP = 6
_ALERTS = 5
_USAGE = ("GET", "/api/v1/usage")

Span = Annotated[str, QueryParameter(name="range")]


class Comparison(msgspec.Struct, frozen=True):
    """A figure of a range, and how it compares with as much time before."""

    now: float | None
    before: float | None

    @property
    def note(self) -> str:
        """What is said below it."""
        if self.now is None or not self.before:
            return "nothing before" if self.before == 0 and self.now else ""
        change = (self.now - self.before) / self.before
        if abs(change) < 0.005:
            return "as before"
        shown = f"{abs(change) * 100:.0f} %" if abs(change) < 10 else "far"
        return f"{shown} {'more' if change > 0 else 'less'} than before"


class Attention(msgspec.Struct, frozen=True):
    """What somebody should see to, as far as the visitor may know of it."""

    alerts: list[Shown] = []
    calls_need_no_key: bool = False
    expiring: list[Expiring] = []
    expiring_count: int = 0
    untidy: int = 0
    suspended: Suspended = Suspended(0, 0, 0)
    unpriced: list[str] = []
    problems: list[str] = []

    @property
    def anything(self) -> bool:
        """Say whether there is something."""
        return bool(
            self.alerts
            or self.expiring
            or self.untidy
            or self.unpriced
            or self.problems
            or self.calls_need_no_key
            or self.suspended != Suspended(0, 0, 0)
        )


@get("/", include_in_schema=False, opt=for_(SIGNED_IN))
async def overview(request: AnyRequest, management: Managed, span: Span = "24h") -> Page:
    """Show it."""
    visitor = visitor_of(request)
    chosen = _chosen(visitor, span)
    person, by = visitor.person, visitor.principal
    await management.ingest.flush()
    usage, attention, filling, upstreams = await asyncio.gather(
        _usage(management, visitor, chosen),
        _attention(management, person, by),
        _filling(management, person, by),
        _upstreams(management, person, by),
    )
    return render(
        request,
        "overview.html",
        title="Overview",
        section="overview",
        presets=PRESETS,
        chosen=chosen,
        shows_usage=usage is not None,
        attention=attention,
        filling=filling,
        upstreams=upstreams,
        may_create=may(person, "POST", "/api/v1/keys"),
        may_models=may(person, "GET", "/api/v1/models"),
        curl=sample(
            own_origin(request.headers),
            usual_model(one.stored.name for one in await management.models.everything()),
        ),
        **(usage or {}),
    )


@get("/figures", include_in_schema=False, opt=for_(_USAGE, alone=True))
async def overview_figures(request: AnyRequest, management: Managed, span: Span = "24h") -> Page:
    """Show its figures and charts alone: a page that is open brings them up to date (``static/figures.js``)."""
    visitor = visitor_of(request)
    chosen = _chosen(visitor, span)
    await management.ingest.flush()
    usage = await _usage(management, visitor, chosen)
    return piece(request, "overview_figures.html", chosen=chosen, **(usage or {}))


HANDLERS = [overview, overview_figures]


def sample(origin: str, model: str) -> str:
    """Return a first call to try out, at the address that the browser came to."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    return (
        f"curl {origin}/v1/chat/completions \\\n"
        '  -H "Authorization: Bearer $KEYTURN_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(json.dumps(body))}"
    )


def _chosen(visitor: Visitor, span: str) -> Range:
    zone = ZoneInfo(visitor.signed_in.time_zone)
    return ranges.preset(span if span in PRESETS else "24h", system.now(), zone)


async def _usage(management: Management, visitor: Visitor, chosen: Range) -> dict[str, Any] | None:
    if not may(visitor.person, *_USAGE):
        return None
    reports, by = management.reports.usage, visitor.principal
    query = UsageQuery(
        since_ms=chosen.since_s * 1000,
        until_ms=chosen.until_s * 1000,
        interval=chosen.interval,
        time_zone=visitor.signed_in.time_zone,
    )
    plan = granted(await reports.plan(query, by=by))
    ranked = msgspec.structs.replace(plan, interval=None, rank=Rank.COST)
    found, before, top_keys, top_models = await asyncio.gather(
        reports.report(plan),
        _before(management, by, chosen),
        reports.top(msgspec.structs.replace(ranked, by=Dimension.KEY), TOP),
        reports.top(msgspec.structs.replace(ranked, by=Dimension.MODEL), TOP),
    )
    report = granted(found)
    nothing = not report.total.usage.requests and not (before and before.usage.requests)
    return {
        "total": report.total,
        "compared": _compare(report.total, before),
        "courses": charts.plot(plan, report.lines, _PLOTS),
        "nothing_yet": nothing and not await management.attention.ever_used(by=by),
        "top_keys": top_keys,
        "top_models": top_models,
    }


async def _before(management: Management, by: Principal, chosen: Range) -> Line | None:
    """Return the total of as much time before; ``None`` where not everything is kept any more."""
    reports, before = management.reports.usage, chosen.before
    query = UsageQuery(since_ms=before.since_s * 1000, until_ms=before.until_s * 1000)
    plan = await reports.plan(query, by=by)
    if isinstance(plan, Refused):
        return None
    report = await reports.report(plan)
    return None if isinstance(report, Refused) else report.total


def _compare(now: Line, before: Line | None) -> dict[str, Comparison]:
    earlier = Line(0, "", UsageRow(), (None, None), (None, None)) if before is None else before
    known = before is not None

    def pair(one: float | None, other: float | None) -> Comparison:
        return Comparison(one, other if known else None)

    return {
        "requests": pair(now.usage.requests, earlier.usage.requests),
        "tokens": pair(_tokens(now), _tokens(earlier)),
        "cost": pair(now.usage.cost_nano_usd, earlier.usage.cost_nano_usd),
        "errors": pair(now.usage.errors, earlier.usage.errors),
        "p50": pair(now.took_us[0], earlier.took_us[0]),
        "p95": pair(now.took_us[1], earlier.took_us[1]),
    }


def _tokens(line: Line) -> int:
    return line.usage.input_tokens + line.usage.output_tokens


_PLOTS = (
    Plot(
        "Requests",
        Unit.COUNT,
        {
            "Answered": lambda line: line.usage.requests - line.usage.errors,
            "Failed": lambda line: line.usage.errors,
        },
    ),
    Plot(
        "Tokens",
        Unit.COUNT,
        {"Input": lambda line: line.usage.input_tokens, "Output": lambda line: line.usage.output_tokens},
    ),
    Plot("Spend", Unit.USD, {"Spend": lambda line: line.usage.cost_nano_usd}),
    Plot(
        "Latency",
        Unit.MS,
        {"Half of the requests": lambda line: line.took_us[0], "95 % of them": lambda line: line.took_us[1]},
        "line",
    ),
)


async def _attention(management: Management, person: Person, by: Principal) -> Attention:
    look = management.attention
    found: dict[str, object] = {}
    if may(person, "GET", "/api/v1/alerts"):
        alerts, _ = await management.alerts.page(
            EventFilter(acknowledged=False), reach=by, cursor=None, limit=_ALERTS
        )
        found["alerts"] = await all_shown(management, alerts)
    if may(person, "GET", "/api/v1/keys"):
        found["expiring_count"], found["expiring"] = await look.expiring(by=by)
    if may(person, "GET", "/api/v1/hygiene"):
        found["untidy"] = await look.untidy(by=by)
    if may(person, "GET", "/api/v1/users"):
        found["suspended"] = await look.suspended(by=by)
    if may(person, "GET", "/api/v1/models"):
        found["unpriced"] = await look.unpriced()
    if may(person, "GET", "/api/v1/node"):
        found["problems"] = problems_of(management)
        found["calls_need_no_key"] = not management.settings.auth.required
    return msgspec.convert(found, Attention, from_attributes=True)


async def _filling(management: Management, person: Person, by: Principal) -> list[Filling]:
    return (
        await management.attention.limits.each(by=by)
        if may(person, "GET", "/api/v1/keys/{key_id}/limits")
        else []
    )


async def _upstreams(
    management: Management, person: Person, by: Principal
) -> dict[str, UpstreamHealth | None] | None:
    if not may(person, "GET", "/api/v1/upstreams"):
        return None
    known = await model_views.health(management, by)
    return {one.stored.name: known.get(one.stored.name) for one in await management.upstreams.everything()}
