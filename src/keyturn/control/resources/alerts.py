"""``/api/v1/alerts``: what waits for somebody to see to it, and which shares of limits are told."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed, Management
from keyturn.control.resources.events import EventObject, show_event
from keyturn.control.wire import (
    Answer,
    Cursor,
    Limit,
    Moment,
    Page,
    milliseconds,
    optional_moment,
    refusals,
)
from keyturn.domain import ids
from keyturn.domain.anomalies import Action, Rule
from keyturn.domain.events import Severity
from keyturn.domain.refusals import Reason
from keyturn.services.thresholds import OwnerThresholds
from keyturn.store.events import EventFilter, StoredEvent

AlertId = Annotated[
    str,
    PathParameter(
        description="The alert's `id`; a quarantined key is refused with it as `case_id`.",
        examples=[Example(value="evt_VbXhUyUBKUlzDND0IYtt")],
    ),
]
Owner = Annotated[
    str,
    QueryParameter(
        description="The id of a key, project or account; left out: the node.",
        examples=[Example(value="acct_VbXhUyU0pLmK2jHgFdSa")],
    ),
]
Percents = Annotated[
    list[int],
    msgspec.Meta(description="Percent, each once; empty: nothing is told.", examples=[[50, 80, 100]]),
]


class AlertObject(EventObject):
    """An event that waits for somebody to see to it."""

    acknowledged_at: Moment | None = None
    acknowledged_by: Annotated[
        str | None, msgspec.Meta(description="`operator`, or the id of a key.", examples=["operator"])
    ] = None


class AlertRulesObject(msgspec.Struct):
    """What is told of the limits of an owner, and what each rule about use does on this node."""

    owner: Annotated[str | None, msgspec.Meta(description="null: the node.")]
    thresholds: Percents
    own: Annotated[bool, msgspec.Meta(description="The owner's own, not the node's.")]
    rules: Annotated[dict[Rule, Action], msgspec.Meta(description="Settings of the node, section `alerts`.")]


class PutAlertRules(msgspec.Struct, forbid_unknown_fields=True):
    """Which shares of an owner's limits to tell of."""

    thresholds: Percents | None
    """``None``: those of the node."""


@get("/", summary="List alerts", responses=refusals(Reason.INVALID_MEMBER))
async def list_alerts(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    severity: Annotated[Severity | None, QueryParameter(description="Only alerts as grave as this.")] = None,
    key: Annotated[str, QueryParameter(description="Only of the key with this id or name.")] = "",
    account: Annotated[str, QueryParameter(description="Only of the account with this id or name.")] = "",
    since: Annotated[
        datetime | None,
        QueryParameter(
            description="Only from then on; RFC 3339.", examples=[Example(value="2026-11-20T00:00:00Z")]
        ),
    ] = None,
    acknowledged: Annotated[
        bool, QueryParameter(description="Those that were seen to, instead of those that wait.")
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AlertObject]:
    """Newest first: limits that are nearly used up, and keys that are used as they never were."""
    if cursor is not None and not ids.is_id(cursor, ids.EVENT):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    wanted = EventFilter(
        severity="" if severity is None else severity.value,
        key=key,
        account=account,
        since_ms=None if since is None else milliseconds(since, "since"),
        acknowledged=acknowledged,
    )
    found, next_cursor = await management.alerts.page(
        wanted, reach=principal_of(request), cursor=cursor, limit=limit
    )
    return Page(data=[_show(one) for one in found], next_cursor=next_cursor)


@get(
    "/rules",
    summary="Show what is told of limits",
    responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND),
)
async def show_alert_rules(
    request: Request[Any, Any, Any], management: Managed, owner: Owner = ""
) -> Answer[AlertRulesObject]:
    """The shares of a limit at which an alert comes, and what each rule about use does."""
    found = await management.alerts.show_rules(owner, by=principal_of(request))
    return Answer(data=_rules(granted(found), management))


@put(
    "/rules",
    summary="Set what is told of limits",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RESOURCE_NOT_FOUND),
)
async def put_alert_rules(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        PutAlertRules,
        Body(examples=[Example(summary="Earlier", id="earlier", value={"thresholds": [25, 50, 90]})]),
    ],
    owner: Owner = "",
) -> Answer[AlertRulesObject]:
    """Of limits, budgets and credit of a key, project or account; `null` goes back to the node's."""
    put_down = await management.alerts.put_rules(owner, data.thresholds, by=principal_of(request))
    return Answer(data=_rules(granted(put_down), management))


@get("/{alert_id:str}", summary="Show an alert", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def show_alert(
    request: Request[Any, Any, Any], management: Managed, alert_id: AlertId
) -> Answer[AlertObject]:
    """With the figures that made it."""
    return Answer(data=_show(granted(await management.alerts.show(alert_id, by=principal_of(request)))))


@post(
    "/{alert_id:str}/acknowledge",
    summary="Acknowledge an alert",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND),
)
async def acknowledge_alert(
    request: Request[Any, Any, Any], management: Managed, alert_id: AlertId
) -> Answer[AlertObject]:
    """Somebody has seen to it: it leaves the list of those that wait. A quarantine does not end by this: enable the key."""
    return Answer(
        data=_show(granted(await management.alerts.acknowledge(alert_id, by=principal_of(request))))
    )


router = Router(
    "/alerts",
    tags=["Alerts"],
    route_handlers=[list_alerts, show_alert_rules, put_alert_rules, show_alert, acknowledge_alert],
)


def _show(event: StoredEvent) -> AlertObject:
    return AlertObject(
        **msgspec.structs.asdict(show_event(event)),
        acknowledged_at=optional_moment(event.acknowledged_at),
        acknowledged_by=event.acknowledged_by or None,
    )


def _rules(found: OwnerThresholds, management: Management) -> AlertRulesObject:
    settings = msgspec.structs.asdict(management.settings.alerts)
    return AlertRulesObject(
        owner=found.owner_id or None,
        thresholds=list(found.thresholds),
        own=found.own,
        rules={rule: Action(settings[rule.value]) for rule in Rule},
    )
