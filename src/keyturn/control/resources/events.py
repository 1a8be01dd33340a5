"""``/api/v1/events``: what happened that somebody should know of."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import refuse
from keyturn.control.management import Managed
from keyturn.control.wire import Cursor, Limit, Moment, Page, milliseconds, moment, refusals
from keyturn.domain import ids
from keyturn.domain.events import EventKind, Severity
from keyturn.domain.refusals import Reason
from keyturn.store.events import EventFilter, StoredEvent


class EventObject(msgspec.Struct):
    """Something that happened."""

    id: Annotated[str, msgspec.Meta(examples=["evt_VbXhUyUBKUlzDND0IYtt"])]
    at: Moment
    kind: EventKind
    severity: Severity
    account_id: Annotated[str | None, msgspec.Meta(description="null where no key of ours is concerned.")]
    project_id: str | None
    key_id: Annotated[str | None, msgspec.Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    address: Annotated[str | None, msgspec.Meta(description="Where from.", examples=["203.0.113.7"])]
    request_id: str | None
    details: dict[str, str]


@get("/", summary="List events", responses=refusals(Reason.INVALID_MEMBER))
async def list_events(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    kind: Annotated[EventKind | None, QueryParameter(description="Only events of this kind.")] = None,
    severity: Annotated[Severity | None, QueryParameter(description="Only events as grave as this.")] = None,
    key: Annotated[str, QueryParameter(description="Only events of the key with this id or name.")] = "",
    since: Annotated[
        datetime | None,
        QueryParameter(
            description="Only events from then on; RFC 3339.",
            examples=[Example(value="2026-11-20T00:00:00Z")],
        ),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[EventObject]:
    """Newest first. A key sees those of its own account or project."""
    if cursor is not None and not ids.is_id(cursor, ids.EVENT):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    wanted = EventFilter(
        kind="" if kind is None else kind.value,
        severity="" if severity is None else severity.value,
        key=key,
        since_ms=None if since is None else milliseconds(since, "since"),
    )
    found, next_cursor = await management.events.page(
        wanted, reach=principal_of(request), cursor=cursor, limit=limit
    )
    return Page(data=[show_event(event) for event in found], next_cursor=next_cursor)


router = Router("/events", tags=["Events"], route_handlers=[list_events])


def show_event(event: StoredEvent) -> EventObject:
    """Return an event as it is shown."""
    return EventObject(
        id=event.id,
        at=moment(event.at),
        kind=EventKind(event.kind),
        severity=Severity(event.severity),
        account_id=event.account_id or None,
        project_id=event.project_id or None,
        key_id=event.key_id or None,
        address=event.address or None,
        request_id=event.request_id or None,
        details=msgspec.json.decode(event.details, type=dict[str, str]),
    )
