"""``/api/v1/requests``: what was asked of the node, and why each request was answered as it was."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
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
from keyturn.control.resources.request_objects import BodiesObject, RequestObject, show, show_body
from keyturn.control.wire import Answer, Cursor, Limit, Page, milliseconds, refusals
from keyturn.domain import ids
from keyturn.domain.journal import Admitted, Refused
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason
from keyturn.store.requests import Ended, RequestFilter

RequestId = Annotated[
    str,
    PathParameter(
        description="`x-request-id` of the answer.", examples=[Example(value="req_VbXhUyUBKUlzDND0IYtt")]
    ),
]


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
    names = await management.names.of(one.key_id for one in found)
    data = [show(one, names.get(one.key_id, "")) for one in found]
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
    return await export(management, wanted, form, by=principal_of(request))


@get("/{request_id:str}", summary="Explain a request", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def explain_request(
    request: Request[Any, Any, Any], management: Managed, request_id: RequestId
) -> Answer[RequestObject]:
    """Requests are kept for 30 days unless the node is set otherwise; of a flood of refused ones, some only as long as a worker remembers them."""
    found, source = await find(management, request_id, by=principal_of(request))
    names = await management.names.of([found.key_id])
    return Answer(data=msgspec.structs.replace(show(found, names.get(found.key_id, "")), source=source))


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
    await find(management, request_id, by=principal_of(request))
    await management.body_intake.flush()
    found = granted(await management.bodies.show(request_id, by=principal_of(request)))
    shown = BodiesObject(request_id, show_body(found.request), show_body(found.answer))
    return Response(Answer(data=shown), headers={"cache-control": "no-store"})


router = Router(
    "/requests",
    tags=["Requests"],
    route_handlers=[list_requests, export_requests, explain_request, show_bodies],
)


async def export(management: Management, wanted: RequestFilter, form: Format, *, by: Principal) -> Stream:
    """Answer with all requests that are wanted, newest first, written while they are read."""
    await management.ingest.flush()
    found = _with_names(management, management.reports.export_requests(wanted, reach=by))
    return exports.stream(found, _row, COLUMNS, form=form, name="requests")


async def find(management: Management, request_id: str, *, by: Principal) -> tuple[Ended | Admitted, str]:
    """Return a request within the caller's reach, and where it was found.

    Raises:
        RefusedError: There is none.
    """
    if not ids.is_id(request_id, ids.REQUEST):
        refuse(Reason.RESOURCE_NOT_FOUND, "A request's id looks like req_VbXhUyUBKUlzDND0IYtt")
    await management.ingest.flush()
    found = await management.reports.request(request_id)
    source = "memory" if found is None else "journal"
    if found is None:
        found = await management.bus.trace(request_id)
    if found is None or not await management.reports.reaches(by, found.key_id):
        refuse(Reason.RESOURCE_NOT_FOUND, "No request with this id is remembered")
    return found, source


async def _with_names(
    management: Management, pieces: AsyncIterator[list[Ended]]
) -> AsyncIterator[list[tuple[Ended, str]]]:
    async for piece in pieces:
        names = await management.names.of(one.key_id for one in piece)
        yield [(one, names.get(one.key_id, "")) for one in piece]


def _row(found: tuple[Ended, str]) -> Row:
    """Return a request as a row, its time to the millisecond."""
    record, name = found
    at_us = record.at_us if isinstance(record, Refused) else record.started_us
    members: Row = msgspec.to_builtins(show(record, name))
    members["started_at"] = (
        f"{datetime.fromtimestamp(at_us // 1000 / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    )
    return {column: members[column] for column in COLUMNS}
