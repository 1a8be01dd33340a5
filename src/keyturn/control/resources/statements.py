"""``/api/v1/accounts/{id}/statements/{month}``: a month of an account, as data, as a table, or as a page to print."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.resources.accounts import AccountId
from keyturn.control.statements.page import StatementPages
from keyturn.control.statements.table import as_csv
from keyturn.control.wire import Answer, Moment, Usd, moment, refusals
from keyturn.domain.ledger import Entry, EntryKind
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.domain.statements import Statement, Sum


class StatementFormat(StrEnum):
    """How a statement is written."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


MEDIA_TYPES = {
    StatementFormat.JSON: "application/json",
    StatementFormat.CSV: "text/csv",
    StatementFormat.HTML: "text/html",
}


class ChangeObject(msgspec.Struct):
    """One change of the balance that is no usage."""

    at: Moment
    kind: EntryKind
    amount_usd: Usd
    note: str


class ChargeObject(msgspec.Struct):
    """What one key was charged for one model."""

    project_id: str
    project_name: str
    key_id: str
    key_name: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Usd


class ChargeSumObject(msgspec.Struct):
    """The charges of one model, key or project."""

    id: str
    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Usd


class StatementObject(msgspec.Struct):
    """A month of an account: opening balance + credited + adjusted - charged = closing balance."""

    account_id: Annotated[str, Meta(examples=["acct_VbXhUyUBKUlzDND0IYtt"])]
    account_name: str
    month: Annotated[str, Meta(examples=["2026-11"])]
    time_zone: Annotated[str, Meta(examples=["Europe/Berlin"])]
    starts_at: Moment
    ends_at: Annotated[Moment, Meta(description="The first moment of the next month.")]
    final: Annotated[bool, Meta(description="The month is over.")]
    opening_usd: Annotated[Usd, Meta(description="Negative: owed.")]
    credited_usd: Annotated[Usd, Meta(description="Grants, less what of them ended or was taken back.")]
    adjusted_usd: Annotated[Usd, Meta(description="By hand, or because usage was priced anew.")]
    charged_usd: Usd
    closing_usd: Annotated[Usd, Meta(description="Negative: owed.")]
    credits: list[ChangeObject]
    adjustments: list[ChangeObject]
    charges: Annotated[list[ChargeObject], Meta(description="By key and model, the most expensive first.")]
    by_model: list[ChargeSumObject]
    by_key: list[ChargeSumObject]
    by_project: list[ChargeSumObject]


@get(
    "/{account_id:str}/statements/{month:str}",
    summary="Show a statement",
    responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def show_statement(
    request: Request[Any, Any, Any],
    management: Managed,
    account_id: AccountId,
    month: Annotated[
        str,
        PathParameter(
            description="By the calendar of the account's time zone.", examples=[Example(value="2026-11")]
        ),
    ],
    *,
    written: Annotated[
        StatementFormat | None,
        QueryParameter(
            name="format",
            description="`json`, `csv` or `html`; unless said, as the header `Accept` asks.",
            examples=[Example(value=None)],
        ),
    ] = None,
) -> Response[Answer[StatementObject]]:
    """Of the current month: so far. Requests stand in the month in which they began."""
    await management.ingest.flush()
    found = granted(await management.statements.show(account_id, month, by=principal_of(request)))
    asked = written or _accepted(request.headers.get("accept", ""))
    return write_statement(found, asked, management.settings.support.contact)


router = Router("/accounts", tags=["Ledger"], route_handlers=[show_statement])


def write_statement(
    found: Statement, asked: StatementFormat, contact: str
) -> Response[Answer[StatementObject]]:
    """Return a statement in a format; ``contact`` says on a page whom to ask."""
    if asked is StatementFormat.JSON:
        return Response(Answer(data=_show(found)), headers={"vary": "accept"})
    name = f"statement-{found.month}-{found.account_id}.{asked}"
    headers = {"vary": "accept", "content-disposition": f'inline; filename="{name}"'}
    text = as_csv(found)
    if asked is StatementFormat.HTML:
        pages = StatementPages()
        text, headers = pages.render(found, contact), headers | pages.headers
    # The description of the API tells of the JSON; the other two are told apart by their media type.
    other: Response[Any] = Response(text, headers=headers, media_type=MEDIA_TYPES[asked])
    return other


def _accepted(accept: str) -> StatementFormat:
    """Return the first format that is named; what says nothing of the kind is for programs."""
    media_types = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    by_type = {media_type: found for found, media_type in MEDIA_TYPES.items()}
    return next((by_type[one] for one in media_types if one in by_type), StatementFormat.JSON)


def _show(found: Statement) -> StatementObject:
    return StatementObject(
        account_id=found.account_id,
        account_name=found.account_name,
        month=found.month,
        time_zone=found.zone,
        starts_at=moment(found.starts_at * 1000),
        ends_at=moment(found.ends_at * 1000),
        final=found.is_final,
        opening_usd=format_usd(found.opening),
        credited_usd=format_usd(found.credited),
        adjusted_usd=format_usd(found.adjusted),
        charged_usd=format_usd(found.charged),
        closing_usd=format_usd(found.closing),
        credits=[_change(entry) for entry in found.credits],
        adjustments=[_change(entry) for entry in found.adjustments],
        charges=[
            ChargeObject(
                line.project_id,
                line.project_name,
                line.key_id,
                line.key_name,
                line.model,
                line.requests,
                line.input_tokens,
                line.output_tokens,
                format_usd(line.cost_nano_usd),
            )
            for line in found.lines
        ],
        by_model=[_sum(one) for one in found.by_model()],
        by_key=[_sum(one) for one in found.by_key()],
        by_project=[_sum(one) for one in found.by_project()],
    )


def _change(entry: Entry) -> ChangeObject:
    return ChangeObject(moment(entry.at), entry.kind, format_usd(entry.amount), entry.note)


def _sum(one: Sum) -> ChargeSumObject:
    figures = one.requests, one.input_tokens, one.output_tokens
    return ChargeSumObject(one.id, one.name, *figures, format_usd(one.cost_nano_usd))
