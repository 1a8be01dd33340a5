"""``/api/v1/usage`` and ``/api/v1/keys/{id}/usage``: requests, tokens, cost, errors and durations."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from keyturn.control import exports
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.exports import Format, Row
from keyturn.control.management import Managed, Management
from keyturn.control.usage_query import MOST_DAYS, Grouping, asked
from keyturn.control.wire import Answer, Moment, Usd, refusals
from keyturn.domain.money import format_usd
from keyturn.domain.periods import Interval
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason
from keyturn.services.usage_plans import DEFAULT_DAYS, MOST_STEPS_EXPORTED, Plan, UsageQuery
from keyturn.services.usage_reports import Line
from keyturn.store.usage_rows import Dimension

Asked = NamedDependency[UsageQuery]
KeyId = Annotated[
    str,
    PathParameter(
        description="The key's `id`, or its name when only one key has it.",
        examples=[Example(value="key_VbXhUyUBKUlzDND0IYtt")],
    ),
]
_Took = Annotated[
    int | None,
    msgspec.Meta(description="Microseconds, within 4 %; null where nothing is known, as before version 0.2."),
]
_NAMED = {Dimension.KEY, Dimension.PROJECT, Dimension.ACCOUNT, Dimension.USER}
FIGURES = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "estimated",
    "recovered",
    "unpriced",
    "cached_tokens",
    "reasoning_tokens",
    "errors",
    "p50_us",
    "p95_us",
    "first_byte_p50_us",
    "first_byte_p95_us",
)


class Figures(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The usage of one group, or of all together."""

    start: Annotated[Moment | None, msgspec.Meta(description="When its interval begins.")] = None
    day: Annotated[
        str | None, msgspec.Meta(description="In the report's time zone.", examples=["2026-11-20"])
    ] = None
    key_id: str | None = None
    key_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    user_id: Annotated[str | None, msgspec.Meta(description="Empty: of keys that are nobody's own.")] = None
    user_name: Annotated[str | None, msgspec.Meta(description="The user's address.")] = None
    model: str | None = None
    status: Annotated[int | None, msgspec.Meta(description="0: the worker died.")] = None
    operation: str | None = None
    upstream: str | None = None
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Usd
    estimated: Annotated[int, msgspec.Meta(description="Requests whose tokens the upstream did not report.")]
    recovered: Annotated[
        int, msgspec.Meta(description="Requests that a process died in; charged as reserved.")
    ]
    unpriced: Annotated[int, msgspec.Meta(description="Requests to models without a price; they cost 0.")]
    cached_tokens: Annotated[int, msgspec.Meta(description="Of the input tokens.")]
    reasoning_tokens: Annotated[int, msgspec.Meta(description="Of the output tokens.")]
    errors: Annotated[int, msgspec.Meta(description="Requests that failed after they were let in.")]
    # Shown even where they are null: whoever reads a column wants it in every row.
    p50_us: _Took = msgspec.field(default_factory=lambda: None)
    p95_us: _Took = msgspec.field(default_factory=lambda: None)
    first_byte_p50_us: _Took = msgspec.field(default_factory=lambda: None)
    first_byte_p95_us: _Took = msgspec.field(default_factory=lambda: None)


class UsageReportObject(msgspec.Struct):
    """Usage, grouped."""

    by: Grouping
    interval: Interval | None
    days: Annotated[int | None, msgspec.Meta(description="null: `since` was given.")]
    since: Moment
    until: Annotated[Moment, msgspec.Meta(description="Up to then, and not with it.")]
    time_zone: Annotated[str, msgspec.Meta(examples=["Europe/Berlin"])]
    rows: list[Figures]
    total: Annotated[Figures, msgspec.Meta(description="Of everything, groups left out included.")]
    left_out: Annotated[int, msgspec.Meta(description="Groups that are not in `rows`: see `groups`.")]


@get("/", summary="Report usage", responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND))
async def report_usage(
    request: Request[Any, Any, Any], management: Managed, wanted: Asked
) -> Answer[UsageReportObject]:
    """Of what is within your key's reach, up to now; in order of time, groups with the most requests first.

    `by=model&interval=hour` is a course of time for each model; `by=hour` one for all together. An interval in which nothing
    happened has no row. Sums by the minute are kept for 31 days and sums by the hour for 400, unless the node is set
    otherwise; days of UTC for ever. What would need others is refused.
    """
    return await _report(management, wanted, principal_of(request))


@get(
    "/export",
    summary="Export usage",
    responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND),
    media_type="text/csv",
)
async def export_usage(
    request: Request[Any, Any, Any],
    management: Managed,
    wanted: Asked,
    *,
    form: Annotated[Format, QueryParameter(name="format", description="How to write it.")] = Format.CSV,
) -> Stream:
    """The rows of a report, all of them, written while they are read: in order of time, then by group.

    In CSV, text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    return await export(management, wanted, form, by=principal_of(request))


@get(
    "/{key_id:str}/usage",
    summary="Report the usage of a key",
    responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND),
)
async def report_usage_of_key(
    request: Request[Any, Any, Any],
    management: Managed,
    key_id: KeyId,
    *,
    by: Annotated[Grouping, QueryParameter(description="What to group by.")] = Grouping.DAY,
    days: Annotated[
        int, QueryParameter(ge=1, le=MOST_DAYS, description="How many days back, today included.")
    ] = DEFAULT_DAYS,
    tz: Annotated[str, QueryParameter(description="Where days begin: an IANA time zone.")] = "",
) -> Answer[UsageReportObject]:
    """Up to now, with all secrets that the key has had; `GET /usage?key=` can do more."""
    principal = principal_of(request)
    key = granted(await management.keys.show(key_id, by=principal))
    wanted = msgspec.structs.replace(asked(by=by, days=days, tz=tz), key=key.stored.id)
    return await _report(management, wanted, principal)


router = Router(
    "",
    tags=["Usage"],
    route_handlers=[
        Router(
            "/usage",
            route_handlers=[report_usage, export_usage],
            dependencies={"wanted": Provide(asked, sync_to_thread=False)},
        ),
        Router("/keys", route_handlers=[report_usage_of_key]),
    ],
)


async def export(management: Management, wanted: UsageQuery, form: Format, *, by: Principal) -> Stream:
    """Answer with the rows of a report, all of them, written while they are read."""
    plan = granted(await management.reports.usage.plan(wanted, by=by, most_steps=MOST_STEPS_EXPORTED))
    await management.ingest.flush()
    columns = [*_heads(plan.by, plan.interval), *FIGURES]

    def show(line: Line) -> Row:
        members: Row = msgspec.to_builtins(_figures(line, plan.by, plan.interval, plan))
        return {column: members.get(column) for column in columns}

    return exports.stream(management.reports.usage.export(plan), show, columns, form=form, name="usage")


async def _report(management: Management, wanted: UsageQuery, by: Principal) -> Answer[UsageReportObject]:
    await management.ingest.flush()
    plan = granted(await management.reports.usage.plan(wanted, by=by))
    report = granted(await management.reports.usage.report(plan))
    shown = UsageReportObject(
        by=_grouping(plan),
        interval=plan.interval,
        days=wanted.days or (DEFAULT_DAYS if wanted.since_ms is None else None),
        since=_moment(plan.since_s),
        until=_moment(plan.until_s),
        time_zone=plan.zone.key,
        rows=[_figures(line, plan.by, plan.interval, plan) for line in report.lines],
        total=_figures(report.total, None, None, plan),
        left_out=report.left_out,
    )
    return Answer(data=shown)


def _grouping(plan: Plan) -> Grouping:
    if plan.by is not None:
        return Grouping(plan.by.value)
    return Grouping.NOTHING if plan.interval is None else Grouping(plan.interval.value)


def _heads(by: Dimension | None, interval: Interval | None) -> list[str]:
    """Return the members that say which group a row is of."""
    heads: list[str] = []
    if interval is not None:
        heads.append("day" if interval is Interval.DAY else "start")
    if by in _NAMED:
        heads += [f"{by.value}_id", f"{by.value}_name"]
    elif by is not None:
        heads.append(by.value)
    return heads


def _figures(line: Line, by: Dimension | None, interval: Interval | None, plan: Plan) -> Figures:
    usage = line.usage
    figures = Figures(
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=format_usd(usage.cost_nano_usd),
        estimated=usage.estimated,
        recovered=usage.recovered,
        unpriced=usage.unpriced,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        errors=usage.errors,
        p50_us=line.took_us[0],
        p95_us=line.took_us[1],
        first_byte_p50_us=line.first_byte_us[0],
        first_byte_p95_us=line.first_byte_us[1],
    )
    if interval is Interval.DAY:
        figures.day = datetime.fromtimestamp(line.since_s, plan.zone).date().isoformat()
    if interval is not None:
        figures.start = _moment(line.since_s)
    _name(figures, by, line)
    return figures


def _name(figures: Figures, by: Dimension | None, line: Line) -> None:
    group = line.usage.group
    match by:
        case Dimension.KEY:
            figures.key_id, figures.key_name = group, line.name
        case Dimension.PROJECT:
            figures.project_id, figures.project_name = group, line.name
        case Dimension.ACCOUNT:
            figures.account_id, figures.account_name = group, line.name
        case Dimension.USER:
            figures.user_id, figures.user_name = group, line.name
        case Dimension.MODEL:
            figures.model = group
        case Dimension.STATUS:
            figures.status = int(group)
        case Dimension.OPERATION:
            figures.operation = group
        case Dimension.UPSTREAM:
            figures.upstream = group


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
