"""Alerts and other events: what waits for somebody, what was done about it, and which shares of limits are told."""

from typing import Annotated
from urllib.parse import quote

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter

from keyturn.control.dashboard.entities import Entity, entity
from keyturn.control.dashboard.event_words import words_of
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.pages.keys import QUARANTINED, key_status
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.domain import ids
from keyturn.domain.anomalies import ALERTS, Rule
from keyturn.domain.events import Severity
from keyturn.domain.keys import Status
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import may
from keyturn.store.events import EventFilter, StoredEvent

PATH, RULES_PATH = "/dashboard/alerts", "/dashboard/alerts/rules"
SHOWN = 50
DOTS = {Severity.INFO: "info", Severity.WARNING: "warn", Severity.CRITICAL: "bad"}
VIEWS = (("open", "Open"), ("seen", "Acknowledged"), ("events", "All events"))
_LIST, _ACKNOWLEDGE = ("GET", "/api/v1/alerts"), ("POST", "/api/v1/alerts/{alert_id}/acknowledge")
_ENABLE, _RULES = ("POST", "/api/v1/keys/{key_id}/enable"), ("PUT", "/api/v1/alerts/rules")


class Shown(msgspec.Struct, frozen=True):
    """An event as it is shown."""

    event: StoredEvent
    words: str
    dot: str
    of: Entity | None
    """Whose it is; ``None``: nobody's."""
    details: dict[str, str]
    is_alert: bool
    summary: str


@get("/alerts", include_in_schema=False, opt=for_(_LIST))
async def alerts_page(
    request: AnyRequest,
    management: Managed,
    *,
    view: Annotated[str, QueryParameter()] = "open",
    severity: Annotated[str, QueryParameter()] = "",
    key: Annotated[str, QueryParameter()] = "",
    cursor: Annotated[str, QueryParameter()] = "",
) -> Page:
    """List what waits, what somebody has seen to, or everything that happened."""
    by = visitor_of(request).principal
    graveness = severity if severity in set(Severity) else ""
    acknowledged = {"open": False, "seen": True}.get(view)
    wanted = EventFilter(severity=graveness, key=key.strip(), acknowledged=acknowledged)
    source = management.events if acknowledged is None else management.alerts
    found, following = await source.page(wanted, reach=by, cursor=after(cursor, ids.EVENT), limit=SHOWN)
    return render(
        request,
        "alerts.html",
        title="Alerts",
        section="alerts",
        lines=await all_shown(management, found),
        view="events" if acknowledged is None else view,
        views=VIEWS,
        severity=graveness,
        severities=[("", "Any"), *((one.value, one.value) for one in Severity)],
        key=key,
        filtered=bool(graveness or key.strip()),
        acknowledges=may(visitor_of(request).person, *_ACKNOWLEDGE),
        **ways(request, cursor, following),
    )


@get("/alerts/rules", include_in_schema=False, opt=for_(("GET", "/api/v1/alerts/rules")))
async def rules_page(
    request: AnyRequest, management: Managed, owner: Annotated[str, QueryParameter()] = ""
) -> Page:
    """Show which shares of the limits of an owner are told, and what each rule about use does."""
    return await _rules(request, management, owner.strip())


@post("/alerts/rules", include_in_schema=False, opt=for_(_RULES), status_code=200)
async def change_rules(request: AnyRequest, management: Managed) -> Page:
    """Set which shares of the limits of an owner are told."""
    form = form_of(request)
    owner, typed = form.text("owner"), form.text("thresholds")
    wanted = None if form.on("usual") else percents(typed)
    if isinstance(wanted, Refused):
        return await _rules(request, management, owner, typed=typed, refused=wanted)
    done = await management.alerts.put_rules(owner, wanted, by=visitor_of(request).principal)
    if isinstance(done, Refused):
        return await _rules(request, management, owner, typed=typed, refused=done)
    return see(request, f"{RULES_PATH}?owner={quote(owner)}", "Saved")


@get("/alerts/{alert_id:str}", include_in_schema=False, opt=for_(("GET", "/api/v1/alerts/{alert_id}")))
async def alert_page(request: AnyRequest, management: Managed, alert_id: FromPath[str]) -> Page:
    """Show an alert: the figures that made it, what was done, and the way out."""
    visitor = visitor_of(request)
    found = granted(await management.alerts.show(alert_id, by=visitor.principal))
    [shown] = await all_shown(management, [found])
    key = await management.keys.show(found.key_id, by=visitor.principal) if found.key_id else None
    status = "" if key is None or isinstance(key, Refused) else key_status(key)
    names = await management.names.of([found.acknowledged_by, found.project_id, found.account_id])
    return render(
        request,
        "alert.html",
        title=shown.words,
        section="alerts",
        alert=shown,
        key_status=status,
        project=entity(found.project_id, names) if found.project_id else None,
        account=entity(found.account_id, names) if found.account_id else None,
        seen_by=entity(found.acknowledged_by, names),
        acknowledges=may(visitor.person, *_ACKNOWLEDGE),
        enables=may(visitor.person, *_ENABLE) and status in {QUARANTINED, Status.DISABLED},
    )


@post("/alerts/{alert_id:str}/acknowledge", include_in_schema=False, opt=for_(_ACKNOWLEDGE), status_code=200)
async def acknowledge(request: AnyRequest, management: Managed, alert_id: FromPath[str]) -> Page:
    """Say that somebody has seen to it."""
    done = granted(await management.alerts.acknowledge(alert_id, by=visitor_of(request).principal))
    return see(request, PATH, f"Acknowledged: {words_of(done.kind)}")


@post("/alerts/{alert_id:str}/enable", include_in_schema=False, opt=for_(_ENABLE), status_code=200)
async def enable_key(request: AnyRequest, management: Managed, alert_id: FromPath[str]) -> Page:
    """Have the key of an alert work again."""
    by = visitor_of(request).principal
    found = granted(await management.alerts.show(alert_id, by=by))
    key = await management.keys.enable(found.key_id, by=by)
    here = f"{PATH}/{alert_id}"
    if isinstance(key, Refused):
        return see(request, here, key.text, failed=True)
    return see(request, here, f"{key.stored.name} works again")


_SAID_OTHERWISE = {"effect", "why", "to_do", "grant"}
_AMOUNTS = {"amount_usd": "", "remaining_usd": " left", "available_usd": " left"}
_NAMES = {"source": "by"}

HANDLERS = [alerts_page, rules_page, change_rules, alert_page, acknowledge, enable_key]


def percents(text: str) -> list[int] | Refused:
    """Read shares such as ``50, 80, 100``; an empty text: none is told."""
    found = [part.strip().removesuffix("%").strip() for part in text.split(",") if part.strip()]
    if not all(one.isascii() and one.isdigit() and len(one) < 5 for one in found):
        return Refused(Reason.INVALID_MEMBER, "Write whole numbers, such as 50, 80, 100", "thresholds")
    return [int(one) for one in found]


def summary(details: dict[str, str]) -> str:
    """Return the figures of an event in one line."""
    if "limit" in details:
        share = f"{details.get('percent', '?')} % of {details['limit']}"
        return f"{share}: {details.get('used', '?')} of {details.get('max', '?')}"
    parts = [details[name] for name in ("effect", "why") if name in details]
    rest = [_said(name, text) for name, text in details.items() if name not in _SAID_OTHERWISE]
    return ", ".join([*parts, *rest])


def _said(name: str, text: str) -> str:
    if name in _AMOUNTS:
        sign, size = ("\N{MINUS SIGN}" if text.startswith("-") else ""), text.removeprefix("-")
        return f"{sign}${size}{_AMOUNTS[name]}"
    return f"{_NAMES.get(name, name).replace('_', ' ')} {text}"


async def all_shown(management: Management, found: list[StoredEvent]) -> list[Shown]:
    """Return events as they are shown, with whose they are."""
    names = await management.names.of(one.key_id or one.project_id or one.account_id for one in found)
    return [_shown(one, names) for one in found]


def _shown(event: StoredEvent, names: dict[str, str]) -> Shown:
    details = msgspec.json.decode(event.details, type=dict[str, str])
    whose = event.key_id or event.project_id or event.account_id
    return Shown(
        event,
        words_of(event.kind, details),
        DOTS[Severity(event.severity)],
        entity(whose, names) if whose else None,
        details,
        event.kind in ALERTS,
        summary(details),
    )


async def _rules(
    request: AnyRequest,
    management: Management,
    owner: str,
    *,
    typed: str | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    found = await management.alerts.show_rules(owner, by=visitor.principal)
    if isinstance(found, Refused):
        refused = refused or msgspec.structs.replace(found, param="owner")
        found = granted(await management.alerts.show_rules("", by=visitor.principal))
        names: dict[str, str] = {}  # what is out of reach has no name either
    else:
        names = await management.names.of([owner])
    settings = msgspec.structs.asdict(management.settings.alerts)
    return render(
        request,
        "alert_rules.html",
        title="Alert rules",
        section="alerts",
        refused=refused,
        owner=owner,
        owner_name=names.get(owner, owner),
        own_account=visitor.signed_in.account_id,
        own_account_name=visitor.signed_in.account_name,
        thresholds=", ".join(map(str, found.thresholds)) if typed is None else typed,
        own=found.own,
        rules=[(rule.value, settings[rule.value]) for rule in Rule],
        changes=may(visitor.person, *_RULES),
    )
