"""``/api/v1/requests``: what was asked of the node, and why each request was answered as it was."""

import codecs
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from keyturn.control import exports
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.exports import Format, Row
from keyturn.control.management import Managed, Management
from keyturn.control.wire import Answer, Cursor, Limit, Moment, Page, Usd, milliseconds, moment, refusals
from keyturn.domain import checks, ids
from keyturn.domain.bodies import Body
from keyturn.domain.journal import Admitted, Refused, Served, attempts_of
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.store.requests import Ended, RequestFilter

UNDER_WAY = "under_way"

RequestId = Annotated[
    str,
    PathParameter(
        description="`x-request-id` of the answer.", examples=[Example(value="req_VbXhUyUBKUlzDND0IYtt")]
    ),
]


class CheckObject(msgspec.Struct):
    """One check, in the order they are made."""

    name: Annotated[str, msgspec.Meta(examples=["well formed"])]
    passed: Annotated[bool | None, msgspec.Meta(description="null: an earlier one refused the request.")]
    detail: Annotated[
        str, msgspec.Meta(description="What it was decided by, such as the list that a model is not on.")
    ] = ""


class AttemptObject(msgspec.Struct):
    """One attempt at a target."""

    target: Annotated[
        str,
        msgspec.Meta(description="`upstream/model`, as in `x-keyturn-target`.", examples=["openai/gpt-4o"]),
    ]
    outcome: Annotated[
        str,
        msgspec.Meta(
            description="`ok`, the provider's status, `unreachable`, `timeout`, `closed`, `malformed`, `busy`: the "
            "operator's own limits left no room, or how the request ended.",
            examples=["429"],
        ),
    ]
    took_ms: int


class RequestObject(msgspec.Struct, kw_only=True):
    """One request. Of a refused one, nothing from `upstream` on is known."""

    request_id: str
    source: Annotated[
        str,
        msgspec.Meta(
            description="`journal`: it was written down. `memory`: a worker remembers refusing it, one of very many.",
            examples=["journal"],
        ),
    ]
    checks: list[CheckObject]
    status: int
    reason: Annotated[str, msgspec.Meta(description="Why it was refused; empty when it was let in.")] = ""
    detail: Annotated[str, msgspec.Meta(description="Why it was refused, more closely.")] = ""
    outcome: Annotated[
        str,
        msgspec.Meta(
            description="`ok`, `under_way`, `client_left`, `upstream_cut`, `recovered`, or why it failed.",
            examples=["ok"],
        ),
    ] = ""
    started_at: Moment
    operation: str
    path: str = ""
    location: Annotated[str, msgspec.Meta(description="Where the key stood.", examples=["authorization"])] = (
        ""
    )
    address: str = ""
    key_id: str = ""
    key_name: str = ""
    model: str = ""
    upstream: str = ""
    upstream_model: str = ""
    attempts: Annotated[
        list[AttemptObject], msgspec.Meta(description="In order, the last one last; empty when it was one.")
    ] = []
    streamed: bool = False
    auth_us: Annotated[
        int, msgspec.Meta(description="Until the key was decided. All times from the whole request read.")
    ] = 0
    sent_us: Annotated[int, msgspec.Meta(description="Until the request went to the upstream.")] = 0
    first_byte_us: Annotated[int, msgspec.Meta(description="Until the upstream began to answer.")] = 0
    total_us: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Usd = "0"
    priced: bool = True
    price_id: Annotated[
        str, msgspec.Meta(description="The version of the price that was used; empty: none that is known.")
    ] = ""
    usage_source: Annotated[
        str, msgspec.Meta(description="`reported`, `estimated` or `recovered`.", examples=["reported"])
    ] = ""
    images: Annotated[int, msgspec.Meta(description="That were made.")] = 0
    audio_ms: Annotated[int, msgspec.Meta(description="Of recordings that were listened to.")] = 0
    characters: Annotated[int, msgspec.Meta(description="Of text that was spoken.")] = 0


class Encoding(StrEnum):
    """How a body is written down."""

    UTF_8 = "utf-8"
    BASE64 = "base64"


class BodyObject(msgspec.Struct):
    """A body."""

    content: Annotated[str, msgspec.Meta(examples=['{"model":"demo-chat"}'])]
    encoding: Annotated[Encoding, msgspec.Meta(description="`base64` where the body is no text.")]
    cut: Annotated[bool, msgspec.Meta(description="There was more: 64 KiB are kept.")]


class BodiesObject(msgspec.Struct):
    """What was asked and answered."""

    request_id: str
    request: Annotated[
        BodyObject, msgspec.Meta(description="As it went to the upstream; a key that stood in it is gone.")
    ]
    answer: Annotated[BodyObject, msgspec.Meta(description="As far as the client had got it.")]


COLUMNS = tuple(
    name for name in RequestObject.__struct_fields__ if name not in {"source", "checks", "attempts"}
)
"""What an export has of each request."""


@get("/", summary="List requests", responses=refusals(Reason.INVALID_MEMBER))
async def list_requests(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    key_id: Annotated[str, QueryParameter(description="Only requests of the key with this id.")] = "",
    status: Annotated[
        int | None, QueryParameter(ge=100, le=599, description="Only those answered with this status.")
    ] = None,
    reason: Annotated[
        str,
        QueryParameter(description="Only those with this `reason` or `outcome`, such as `ip_not_allowed`."),
    ] = "",
    refused: Annotated[bool, QueryParameter(description="Only those that were not let in.")] = False,
    since: Annotated[
        datetime | None, QueryParameter(description="Only those from this time on; RFC 3339 with an offset.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RequestObject]:
    """Newest first: requests that have ended and requests that were refused, of the last 30 days unless the node keeps them longer or shorter.

    A page may hold fewer than `limit`, even none, while there is a `next_cursor`: no page looks through more than about
    65,000 requests for those that are wanted.
    """
    if cursor is not None and not ids.is_id(cursor, ids.REQUEST):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    since_ms = None if since is None else max(0, milliseconds(since, "since"))
    await management.ingest.flush()
    wanted = RequestFilter(key_id, status, reason, refused, since_ms)
    found, next_cursor = await management.reports.requests(
        wanted, reach=principal_of(request), cursor=cursor, limit=limit
    )
    names = await management.reports.key_names(one.key_id for one in found)
    data = [_show(one, names.get(one.key_id, "")) for one in found]
    return Page(data=data, next_cursor=next_cursor)


@get("/export", summary="Export requests", responses=refusals(Reason.INVALID_MEMBER), media_type="text/csv")
async def export_requests(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    key_id: Annotated[str, QueryParameter(description="Only requests of the key with this id.")] = "",
    status: Annotated[
        int | None, QueryParameter(ge=100, le=599, description="Only those answered with this status.")
    ] = None,
    reason: Annotated[str, QueryParameter(description="Only those with this `reason` or `outcome`.")] = "",
    refused: Annotated[bool, QueryParameter(description="Only those that were not let in.")] = False,
    since: Annotated[
        datetime | None, QueryParameter(description="Only those from this time on; RFC 3339 with an offset.")
    ] = None,
    until: Annotated[
        datetime | None, QueryParameter(description="Only those before; RFC 3339 with an offset.")
    ] = None,
    form: Annotated[Format, QueryParameter(name="format", description="How to write them.")] = Format.CSV,
) -> Stream:
    """Every request that is kept and wanted, newest first, written while they are read: a million take no more room than one.

    In CSV, text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    since_ms = None if since is None else milliseconds(since, "since")
    until_ms = None if until is None else milliseconds(until, "until")
    wanted = RequestFilter(key_id, status, reason, refused, since_ms, until_ms=until_ms)
    await management.ingest.flush()
    found = _with_names(management, management.reports.export_requests(wanted, reach=principal_of(request)))
    return exports.stream(found, _row, COLUMNS, form=form, name="requests")


@get("/{request_id:str}", summary="Explain a request", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def explain_request(
    request: Request[Any, Any, Any], management: Managed, request_id: RequestId
) -> Answer[RequestObject]:
    """Requests are kept for 30 days unless the node is set otherwise; of a flood of refused ones, some only as long as a worker remembers them."""
    found, source = await _find(request, management, request_id)
    names = await management.reports.key_names([found.key_id])
    return Answer(data=msgspec.structs.replace(_show(found, names.get(found.key_id, "")), source=source))


@get(
    "/{request_id:str}/bodies",
    summary="Show the bodies of a request",
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def show_bodies(
    request: Request[Any, Any, Any], management: Managed, request_id: RequestId
) -> Response[Answer[BodiesObject]]:
    """What was asked and answered, if the policy of the key's project has `store_bodies` on, of requests that went to an upstream.

    Each look is written to the audit log.
    """
    await _find(request, management, request_id)
    await management.body_intake.flush()
    found = granted(await management.bodies.show(request_id, by=principal_of(request)))
    shown = BodiesObject(request_id, _body(found.request), _body(found.answer))
    return Response(Answer(data=shown), headers={"cache-control": "no-store"})


router = Router(
    "/requests",
    tags=["Requests"],
    route_handlers=[list_requests, export_requests, explain_request, show_bodies],
)


async def _find(
    request: Request[Any, Any, Any], management: Management, request_id: str
) -> tuple[Admitted | Served | Refused, str]:
    """Return a request within the caller's reach, and where it was found."""
    if not ids.is_id(request_id, ids.REQUEST):
        refuse(Reason.RESOURCE_NOT_FOUND, "A request's id looks like req_VbXhUyUBKUlzDND0IYtt")
    await management.ingest.flush()
    found = await management.reports.request(request_id)
    source = "memory" if found is None else "journal"
    if found is None:
        found = await management.bus.trace(request_id)
    if found is None or not await management.reports.reaches(principal_of(request), found.key_id):
        refuse(Reason.RESOURCE_NOT_FOUND, "No request with this id is remembered")
    return found, source


def _body(body: Body) -> BodyObject:
    """Return a body as text; a character that the cut went through is left out."""
    try:
        content = codecs.getincrementaldecoder("utf-8")().decode(body.data, not body.cut)
    except UnicodeDecodeError:
        return BodyObject(b64encode(body.data).decode(), Encoding.BASE64, body.cut)
    return BodyObject(content, Encoding.UTF_8, body.cut)


async def _with_names(
    management: Management, pieces: AsyncIterator[list[Ended]]
) -> AsyncIterator[list[tuple[Ended, str]]]:
    async for piece in pieces:
        names = await management.reports.key_names(one.key_id for one in piece)
        yield [(one, names.get(one.key_id, "")) for one in piece]


def _row(found: tuple[Ended, str]) -> Row:
    """Return a request as a row, its time to the millisecond."""
    record, name = found
    at_us = record.at_us if isinstance(record, Refused) else record.started_us
    members: Row = msgspec.to_builtins(_show(record, name))
    members["started_at"] = (
        f"{datetime.fromtimestamp(at_us // 1000 / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    )
    return {column: members[column] for column in COLUMNS}


def show_checks(found: list[checks.Check]) -> list[CheckObject]:
    """Return checks as the API shows them."""
    return [CheckObject(one.name, one.passed, one.detail) for one in found]


def _show(record: Admitted | Served | Refused, key_name: str) -> RequestObject:
    match record:
        case Served():
            return _served(record, key_name)
        case Admitted():
            return _under_way(record, key_name)
        case Refused():
            return _refused(record, key_name)


def _served(record: Served, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=record.request_id,
        source="journal",
        checks=show_checks(checks.results("")),
        status=record.status,
        outcome=record.outcome,
        started_at=moment(record.started_us // 1000),
        operation=record.operation,
        location=record.location,
        address=record.address,
        key_id=record.key_id,
        key_name=key_name,
        model=record.model,
        upstream=record.upstream,
        upstream_model=record.upstream_model,
        attempts=[
            AttemptObject(one.target, one.outcome, one.took_ms) for one in attempts_of(record.attempts)
        ],
        streamed=record.streamed,
        auth_us=record.auth_us,
        sent_us=record.sent_us,
        first_byte_us=record.first_byte_us,
        total_us=record.total_us,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_tokens=record.cached_tokens,
        reasoning_tokens=record.reasoning_tokens,
        images=record.images,
        audio_ms=record.audio_ms,
        characters=record.characters,
        cost_usd=format_usd(record.cost_nano_usd),
        priced=record.priced,
        price_id=record.price,
        usage_source=record.source,
    )


def _under_way(record: Admitted, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=record.request_id,
        source="journal",
        checks=show_checks(checks.results("")),
        status=0,
        outcome=UNDER_WAY,
        started_at=moment(record.started_us // 1000),
        operation=record.operation,
        address=record.address,
        key_id=record.key_id,
        key_name=key_name,
        model=record.model,
        upstream=record.upstream,
    )


def _refused(trace: Refused, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=trace.request_id,
        source="journal",
        checks=show_checks(checks.results(trace.reason, trace.detail)),
        status=trace.status,
        reason=trace.reason,
        detail=trace.detail,
        outcome=trace.reason,
        started_at=moment(trace.at_us // 1000),
        operation=trace.operation,
        path=trace.path,
        location=trace.location,
        address=trace.address,
        key_id=trace.key_id,
        key_name=key_name,
        model=trace.model,
    )
