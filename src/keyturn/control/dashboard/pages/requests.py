"""Requests: the log of what was asked of the node, and why one of them was answered as it was."""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Stream

from keyturn.control.dashboard.guard import for_, visitor_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.request_rows import kind, row
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import RefusedError, granted, refuse
from keyturn.control.exports import Format
from keyturn.control.management import Managed, Management
from keyturn.control.resources.request_objects import UNDER_WAY, BodiesObject, RequestObject, show, show_body
from keyturn.control.resources.requests import export, find
from keyturn.control.usage_query import statuses_of
from keyturn.domain import ids
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import may
from keyturn.store.requests import Ended, RequestFilter

PAGE = 50
REFUSED = "refused"
STATUSES = {
    "": "All",
    REFUSED: "Refused by this node",
    "2xx": "Answered (2xx)",
    "4xx": "Refused (4xx)",
    "429": "Too many (429)",
    "5xx": "Failed (5xx)",
}
BODIES = ("GET", "/api/v1/requests/{request_id}/bodies")
_PHASES = (
    ("Key", "auth_us"),
    ("Until sent", "sent_us"),
    ("Until the first byte", "first_byte_us"),
    ("Answer", "total_us"),
)


class Asked(msgspec.Struct, frozen=True):
    """What the page was asked for."""

    search: str = ""
    """The identifier of one request."""
    key: str = ""
    """Identifier or name."""
    model: str = ""
    status: str = ""
    """A status, a class of them, or ``refused``: those that were not let in."""

    def parameters(self) -> dict[str, str]:
        """Return the query parameters."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


def read(query: dict[str, str]) -> Asked:
    """Return what is asked for."""
    return Asked(**{name: query.get(name, "").strip() for name in Asked.__struct_fields__})


@get("/requests", include_in_schema=False, opt=for_(("GET", "/api/v1/requests")))
async def requests(request: AnyRequest, management: Managed) -> Page:
    """List them; the identifier of one leads to it."""
    asked, by = read(dict(request.query_params)), visitor_of(request).principal
    cursor = request.query_params.get("cursor", "")
    if ids.is_id(asked.search, ids.REQUEST):
        return see(request, f"/dashboard/requests/{asked.search}")
    refused: Refused | None = None
    found: list[Ended] = []
    following, names = None, {}
    try:
        wanted, last = await _wanted(management, asked, by), after(cursor, ids.REQUEST)
        await management.ingest.flush()
        found, following = await management.reports.requests(wanted, reach=by, cursor=last, limit=PAGE)
        names = await management.names.of(one.key_id for one in found)
        key_id = wanted.key_id
    except RefusedError as error:
        refused, key_id = error.refused, ""
    return render(
        request,
        "requests.html",
        title="Requests",
        section="requests",
        refused=refused,
        asked=asked,
        key_id=key_id,
        statuses=list(STATUSES.items()),
        row=row,
        found=[(one, names.get(one.key_id, "")) for one in found],
        exports=urlencode(asked.parameters()),
        kept_days=management.settings.requests.kept_days,
        **ways(request, cursor, following),
    )


@get("/requests/export", include_in_schema=False, opt=for_(("GET", "/api/v1/requests/export")))
async def export_requests(request: AnyRequest, management: Managed) -> Stream:
    """Write all that the filters leave to a file."""
    by = visitor_of(request).principal
    form = request.query_params.get("format", Format.CSV.value)
    if form not in set(Format):
        refuse(Reason.INVALID_MEMBER, "Write csv or jsonl", "format")
    wanted = await _wanted(management, read(dict(request.query_params)), by)
    return await export(management, wanted, Format(form), by=by)


@get(
    "/requests/{request_id:str}",
    include_in_schema=False,
    opt=for_(("GET", "/api/v1/requests/{request_id}")),
)
async def explain(request: AnyRequest, management: Managed, request_id: FromPath[str]) -> Page:
    """Show one, with each check that it went through."""
    return await _explain(request, management, request_id)


@post("/requests/{request_id:str}/bodies", include_in_schema=False, opt=for_(BODIES), status_code=200)
async def show_bodies(request: AnyRequest, management: Managed, request_id: FromPath[str]) -> Page:
    """Show what was asked and answered. A form, because each look is written to the audit log."""
    by = visitor_of(request).principal
    await find(management, request_id, by=by)
    await management.body_intake.flush()
    found = await management.bodies.show(request_id, by=by)
    if isinstance(found, Refused):
        return await _explain(request, management, request_id, refused=found)
    bodies = BodiesObject(request_id, show_body(found.request), show_body(found.answer))
    return await _explain(request, management, request_id, bodies=bodies)


HANDLERS = [requests, export_requests, explain, show_bodies]


async def _explain(
    request: AnyRequest,
    management: Management,
    request_id: str,
    *,
    bodies: BodiesObject | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    record, source = await find(management, request_id, by=visitor.principal)
    names = await management.names.of([record.key_id])
    shown = show(record, names.get(record.key_id, ""))
    return render(
        request,
        "request.html",
        title="Request",
        section="requests",
        refused=refused,
        one=shown,
        line=row(record, shown.key_name),
        kind=kind(record),
        under_way=shown.outcome == UNDER_WAY,
        remembered=source == "memory",
        phases=phases(shown),
        headers=headers(shown),
        may_bodies=may(visitor.person, *BODIES) and bool(shown.upstream) and bodies is None,
        bodies=bodies,
    )


def phases(shown: RequestObject) -> list[tuple[str, int, float, float]]:
    """Return where the time went: name, microseconds, and where the bar begins and how long it is in percent."""
    if not shown.total_us:
        return []
    found, before = [], 0
    for name, member in _PHASES:
        until = getattr(shown, member)
        if until <= before:
            continue
        found.append(
            (name, until - before, before * 100 / shown.total_us, (until - before) * 100 / shown.total_us)
        )
        before = until
    return found


def headers(shown: RequestObject) -> Sequence[tuple[str, str]]:
    """Return what the answer's headers said, as far as it is kept."""
    found = [("x-request-id", shown.request_id)]
    if shown.upstream and shown.upstream_model:
        found.append(("x-keyturn-target", f"{shown.upstream}/{shown.upstream_model}"))
    if shown.price_id and not shown.streamed:
        found.append(("x-keyturn-cost", shown.cost_usd))
    return found


async def _wanted(management: Management, asked: Asked, by: Principal) -> RequestFilter:
    if asked.search:
        message = (
            "A request's id looks like req_VbXhUyUBKUlzDND0IYtt; filter by key, model and status beside it"
        )
        refuse(Reason.INVALID_MEMBER, message, "search")
    key_id = asked.key
    if key_id and not ids.is_id(key_id, ids.KEY):
        key_id = granted(await management.keys.show(key_id, by=by)).stored.id
    if asked.status == REFUSED:
        return RequestFilter(key_id, model=asked.model, refused=True)
    return RequestFilter(key_id, model=asked.model, statuses=statuses_of(asked.status))
