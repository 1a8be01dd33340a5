"""``/api/v1/requests``: why one request was answered as it was."""

from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from keyturn import bus
from keyturn.control.errors import refuse
from keyturn.control.management import Managed
from keyturn.control.wire import Answer, Moment, Usd, moment, refusals
from keyturn.domain import checks, ids
from keyturn.domain.journal import Admitted, Served
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason

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


class RequestObject(msgspec.Struct, kw_only=True):
    """One request. Of a refused one, nothing from `upstream` on is known."""

    request_id: str
    source: Annotated[
        str,
        msgspec.Meta(
            description="`journal`: it was let in. `memory`: a worker remembers refusing it.",
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
    usage_source: Annotated[
        str, msgspec.Meta(description="`reported`, `estimated` or `recovered`.", examples=["reported"])
    ] = ""


@get("/{request_id:str}", summary="Explain a request", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def explain_request(management: Managed, request_id: RequestId) -> Answer[RequestObject]:
    """Requests that were let in are kept for 30 days; refused ones as long as a worker remembers them."""
    if not ids.is_id(request_id, ids.REQUEST):
        refuse(Reason.RESOURCE_NOT_FOUND, "A request's id looks like req_VbXhUyUBKUlzDND0IYtt")
    await management.ingest.flush()
    found = await management.reports.request(request_id) or await management.bus.trace(request_id)
    if found is None:
        refuse(Reason.RESOURCE_NOT_FOUND, "No request with this id is remembered")
    name = await management.reports.key_name(found.key_id)
    match found:
        case Served():
            return Answer(data=_served(found, name))
        case Admitted():
            return Answer(data=_under_way(found, name))
        case bus.RefusalTrace():
            return Answer(data=_refused(found, name))


router = Router("/requests", tags=["Requests"], route_handlers=[explain_request])


def _checks(reason: str) -> list[CheckObject]:
    return [CheckObject(name, passed) for name, passed in checks.results(reason)]


def _served(record: Served, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=record.request_id,
        source="journal",
        checks=_checks(""),
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
        streamed=record.streamed,
        auth_us=record.auth_us,
        sent_us=record.sent_us,
        first_byte_us=record.first_byte_us,
        total_us=record.total_us,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_tokens=record.cached_tokens,
        reasoning_tokens=record.reasoning_tokens,
        cost_usd=format_usd(record.cost_nano_usd),
        priced=record.priced,
        usage_source=record.source,
    )


def _under_way(record: Admitted, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=record.request_id,
        source="journal",
        checks=_checks(""),
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


def _refused(trace: bus.RefusalTrace, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=trace.request_id,
        source="memory",
        checks=_checks(trace.reason),
        status=trace.status,
        reason=trace.reason,
        detail=trace.detail,
        outcome=trace.reason,
        started_at=moment(int(trace.at * 1000)),
        operation=trace.operation,
        path=trace.path,
        location=trace.location,
        address=trace.address,
        key_id=trace.key_id,
        key_name=key_name,
        model=trace.model,
    )
