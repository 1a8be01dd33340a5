"""Usage: by any dimension, over any time."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from litestar import get
from litestar.response import Stream

from keyturn import system
from keyturn.control.dashboard import charts, ranges
from keyturn.control.dashboard.charts import Chart, Plot, Unit
from keyturn.control.dashboard.guard import for_, visitor_of
from keyturn.control.dashboard.ranges import Range
from keyturn.control.dashboard.shell import AnyRequest, Page, render
from keyturn.control.errors import RefusedError, granted, refuse
from keyturn.control.exports import Format
from keyturn.control.management import Managed, Management
from keyturn.control.resources.usage import export
from keyturn.control.usage_query import statuses_of
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Person, may
from keyturn.services.usage_plans import Plan, UsageQuery
from keyturn.services.usage_reports import Line, UsageReport
from keyturn.store.usage_rows import Dimension, Rank

DEFAULT_RANGE = "7d"
MOST_ROWS = 50
DIMENSIONS = {
    "key": "API key",
    "model": "Model",
    "project": "Project",
    "account": "Account",
    "user": "Person",
    "status": "Status",
    "operation": "Operation",
    "upstream": "Upstream",
    "nothing": "Time alone",
}
METRICS: dict[str, tuple[str, Unit, Rank, Callable[[Line], float | None]]] = {
    "requests": ("Requests", Unit.COUNT, Rank.REQUESTS, lambda line: line.usage.requests),
    "tokens": (
        "Tokens",
        Unit.COUNT,
        Rank.TOKENS,
        lambda line: line.usage.input_tokens + line.usage.output_tokens,
    ),
    "cost": ("Spend", Unit.USD, Rank.COST, lambda line: line.usage.cost_nano_usd),
    "errors": ("Failed requests", Unit.COUNT, Rank.ERRORS, lambda line: line.usage.errors),
    "p95": ("Latency, 95 % of the requests", Unit.MS, Rank.REQUESTS, lambda line: line.took_us[1]),
}
FILTERS = ("key", "project", "account", "user", "model", "status", "operation", "upstream")
NOBODY = {Dimension.USER: "nobody's own", Dimension.UPSTREAM: "none", Dimension.STATUS: "none"}
_DIED = "0"


class Asked(msgspec.Struct, frozen=True):
    """What the page was asked for."""

    by: str
    metric: str
    span: Range
    filters: dict[str, str]
    time_zone: str
    """Of the visitor: hours and days are cut in it."""

    @property
    def dimension(self) -> Dimension | None:
        """What to group by; ``None``: nothing."""
        return None if self.by == "nothing" else Dimension(self.by)

    def query(self) -> UsageQuery:
        """Return the question, without steps."""
        return UsageQuery(
            by=self.dimension,
            since_ms=self.span.since_s * 1000,
            until_ms=self.span.until_s * 1000,
            time_zone=self.time_zone,
            key=self.filters.get("key", ""),
            project=self.filters.get("project", ""),
            account=self.filters.get("account", ""),
            user=self.filters.get("user", ""),
            models=(self.filters["model"],) if "model" in self.filters else (),
            statuses=statuses_of(self.filters.get("status", "")),
            operation=self.filters.get("operation", ""),
            upstream=self.filters.get("upstream", ""),
            rank=METRICS[self.metric][2],
        )

    def link(self, **changes: str) -> str:
        """Return the address of the page with something else; empty: without it."""
        return f"/dashboard/usage?{urlencode(self.parameters(**changes))}"

    def parameters(self, **changes: str) -> dict[str, str]:
        """Return the query parameters."""
        given = {"by": self.by, "metric": self.metric, **self.span.query, **self.filters, **changes}
        if "range" in changes:
            given = {name: value for name, value in given.items() if name not in {"from", "to"}}
        return {name: value for name, value in given.items() if value}


def dimensions_for(person: Person) -> dict[str, str]:
    """Return what somebody may group by: what their reach has several of."""
    hidden = set()
    if not person.node_wide:
        hidden.add("account")
    if not may(person, "GET", "/api/v1/users"):
        hidden.add("user")
    return {name: title for name, title in DIMENSIONS.items() if name not in hidden}


def read(query: dict[str, str], person: Person, now_s: float, zone: ZoneInfo) -> tuple[Asked, Refused | None]:
    """Return what is asked for; where the range can't be read, that of the default, and why."""
    found = ranges.read(query, now_s, zone, DEFAULT_RANGE)
    refused = found if isinstance(found, Refused) else None
    span = ranges.preset(DEFAULT_RANGE, now_s, zone) if isinstance(found, Refused) else found
    by = query.get("by", "key")
    metric = query.get("metric", "requests")
    filters = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
    asked = Asked(
        by if by in dimensions_for(person) else "key",
        metric if metric in METRICS else "requests",
        span,
        filters,
        zone.key,
    )
    return asked, refused


@get("/usage", include_in_schema=False, opt=for_(("GET", "/api/v1/usage")))
async def usage(request: AnyRequest, management: Managed) -> Page:
    """Show it."""
    asked, refused = _read(request)
    visitor = visitor_of(request)
    try:
        found = await _look(management, asked, visitor.principal)
    except RefusedError as error:  # what was typed stays, and what is wrong with it is said
        refused, found = error.refused, {}
    return render(
        request,
        "usage.html",
        title="Usage",
        section="usage",
        refused=refused,
        asked=asked,
        presets=ranges.PRESETS,
        dimensions=dimensions_for(visitor.person),
        metrics={name: title for name, (title, *_) in METRICS.items()},
        filters=FILTERS,
        exports=urlencode(asked.parameters()),
        **{"chart": None, "lines": [], "total": None, "left_out": 0, **found},
    )


@get("/usage/export", include_in_schema=False, opt=for_(("GET", "/api/v1/usage/export")))
async def export_usage(request: AnyRequest, management: Managed) -> Stream:
    """Write all rows of the table to a file; with ``course``, each step of time by itself."""
    asked, refused = _read(request)
    if refused is not None:
        raise RefusedError(refused)
    form = request.query_params.get("format", Format.CSV.value)
    if form not in set(Format):
        refuse(Reason.INVALID_MEMBER, "Write csv or jsonl", "format")
    query = asked.query()
    if asked.dimension is None or request.query_params.get("course"):
        query = msgspec.structs.replace(query, interval=asked.span.interval)
    return await export(management, query, Format(form), by=visitor_of(request).principal)


HANDLERS = [usage, export_usage]


class TableRow(msgspec.Struct, frozen=True):
    """A row of the table, and where a click on it leads."""

    name: str
    link: str
    line: Line


def _read(request: AnyRequest) -> tuple[Asked, Refused | None]:
    visitor = visitor_of(request)
    zone = ZoneInfo(visitor.signed_in.time_zone)
    return read(dict(request.query_params), visitor.person, system.now(), zone)


async def _look(management: Management, asked: Asked, by: Principal) -> dict[str, Any]:
    await management.ingest.flush()
    reports, query, interval = management.reports.usage, asked.query(), asked.span.interval
    title, unit, _, figure = METRICS[asked.metric]
    alone = granted(await reports.plan(msgspec.structs.replace(query, by=None, interval=interval), by=by))
    totals = granted(await reports.report(alone))
    if asked.dimension is None:
        kind = "line" if unit is Unit.MS else "bars"
        (chart,) = charts.plot(alone, totals.lines, [Plot(title, unit, {title: figure}, kind)])
        rows = [TableRow(charts.written(alone, one.since_s)[1], "", one) for one in reversed(totals.lines)]
        return {"chart": chart, "lines": rows[:MOST_ROWS], "total": totals.total, "left_out": 0}
    whole = granted(await reports.plan(msgspec.structs.replace(query, groups=MOST_ROWS), by=by))
    report = granted(await reports.report(whole))
    return {
        "chart": await _chart(management, asked, whole, report, totals),
        "lines": [_row(asked, one) for one in report.lines],
        "total": report.total,
        "left_out": report.left_out,
    }


async def _chart(
    management: Management, asked: Asked, whole: Plan, report: UsageReport, totals: UsageReport
) -> Chart:
    """Return the course of the first groups of the table, and of all others."""
    title, unit, _, figure = METRICS[asked.metric]
    plan = msgspec.structs.replace(whole, interval=asked.span.interval, groups=None)
    first = [line.usage.group for line in report.lines[: charts.MOST_SERIES - 1]]
    return charts.grouped(
        plan,
        await management.reports.usage.course(plan, first),
        () if unit is Unit.MS else totals.lines,
        title=title,
        unit=unit,
        figure=figure,
        names={line.usage.group: name_of(asked.dimension, line) for line in report.lines[: len(first)]},
    )


def _row(asked: Asked, line: Line) -> TableRow:
    group = line.usage.group
    link = ""
    if group and asked.dimension is not None:
        then = "model" if asked.by == "key" else "key"
        link = asked.link(**{asked.by: group, "by": then})
    return TableRow(name_of(asked.dimension, line), link, line)


def name_of(by: Dimension | None, line: Line) -> str:
    """Return what people call a group."""
    group = line.usage.group
    if by is Dimension.STATUS and group == _DIED:
        return "worker died"
    return line.name or group or (NOBODY.get(by, "unknown") if by else "")
