"""``/api/v1/usage``: requests, tokens and cost."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from keyturn.control.management import Managed
from keyturn.control.wire import Answer, Usd, refusals
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.store.usage import Grouping, UsageRow

MOST_DAYS = 3_660


class Figures(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The usage of one key, model or day, or of all together."""

    key_id: str | None = None
    key_name: str | None = None
    model: str | None = None
    day: Annotated[str | None, msgspec.Meta(description="UTC.", examples=["2026-11-20"])] = None
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Usd
    estimated: Annotated[int, msgspec.Meta(description="Requests whose tokens the upstream did not report.")]
    recovered: Annotated[
        int, msgspec.Meta(description="Requests that a process died in; charged as reserved.")
    ]
    unpriced: Annotated[int, msgspec.Meta(description="Requests to models without a price; they cost 0.")]


class UsageReportObject(msgspec.Struct):
    """Usage, grouped."""

    by: Grouping
    days: int
    rows: list[Figures]
    total: Figures


@get("/", summary="Report usage", responses=refusals(Reason.INVALID_MEMBER))
async def report_usage(
    management: Managed,
    *,
    by: Annotated[Grouping, QueryParameter(description="What to group by.")] = Grouping.KEY,
    days: Annotated[
        int, QueryParameter(ge=1, le=MOST_DAYS, description="How many days back, today included.")
    ] = 30,
) -> Answer[UsageReportObject]:
    """Up to now, by day in UTC: days in order, keys and models with the most requests first."""
    await management.ingest.flush()
    report = await management.reports.usage(by, days=days)
    rows = [_row(by, row) for row in report.rows]
    return Answer(data=UsageReportObject(by, days, rows, _figures(report.total)))


router = Router("/usage", tags=["Usage"], route_handlers=[report_usage])


def _row(by: Grouping, row: UsageRow) -> Figures:
    figures = _figures(row)
    match by:
        case Grouping.KEY:
            figures.key_id, figures.key_name = row.group, row.name
        case Grouping.MODEL:
            figures.model = row.group
        case Grouping.DAY:
            figures.day = datetime.fromtimestamp(int(row.group), UTC).date().isoformat()
    return figures


def _figures(row: UsageRow) -> Figures:
    return Figures(
        requests=row.requests,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=format_usd(row.cost_nano_usd),
        estimated=row.estimated,
        recovered=row.recovered,
        unpriced=row.unpriced,
    )
