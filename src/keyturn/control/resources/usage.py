"""``/api/v1/usage`` and ``/api/v1/keys/{id}/usage``: requests, tokens and cost."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.control.wire import Answer, Usd, refusals
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.store.usage import Grouping, UsageRow

MOST_DAYS = 3_660

Days = Annotated[int, QueryParameter(ge=1, le=MOST_DAYS, description="How many days back, today included.")]
KeyId = Annotated[
    str,
    PathParameter(
        description="The key's `id`, or its name when only one key has it.",
        examples=[Example(value="key_VbXhUyUBKUlzDND0IYtt")],
    ),
]


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
    days: Days = 30,
) -> Answer[UsageReportObject]:
    """Up to now, by day in UTC: days in order, keys and models with the most requests first."""
    return await _report(management, by, days)


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
    days: Days = 30,
) -> Answer[UsageReportObject]:
    """Up to now, by day in UTC; with all secrets that the key has had."""
    key = granted(await management.keys.show(key_id, by=principal_of(request)))
    return await _report(management, by, days, key.stored.id)


async def _report(
    management: Management, by: Grouping, days: int, key_id: str | None = None
) -> Answer[UsageReportObject]:
    await management.ingest.flush()
    report = await management.reports.usage(by, days=days, key_id=key_id)
    rows = [_row(by, row) for row in report.rows]
    return Answer(data=UsageReportObject(by, days, rows, _figures(report.total)))


router = Router(
    "",
    tags=["Usage"],
    route_handlers=[
        Router("/usage", route_handlers=[report_usage]),
        Router("/keys", route_handlers=[report_usage_of_key]),
    ],
)


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
