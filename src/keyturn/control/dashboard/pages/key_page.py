"""One API key: how it does, its limits and secrets, what was asked with it, and who changed it."""

from typing import Any

import msgspec
from litestar import get

from keyturn import system
from keyturn.control.dashboard.audit_lines import lines_of
from keyturn.control.dashboard.entities import Entity, entity
from keyturn.control.dashboard.guard import for_, visitor_of
from keyturn.control.dashboard.key_figures import course, gauges
from keyturn.control.dashboard.pages.keys import (
    KEYS,
    SHOW,
    KeyId,
    checked_id,
    display_of,
    key_status,
    what_may,
)
from keyturn.control.dashboard.request_rows import row
from keyturn.control.dashboard.shell import AnyRequest, Page, render
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.domain import ids
from keyturn.domain.keys import SecretState, Status, secret_state
from keyturn.domain.limits import Scope
from keyturn.domain.refusals import Refused
from keyturn.services.key_secrets import needed
from keyturn.services.keys import Key
from keyturn.services.sessions import Visitor
from keyturn.store.audit import AuditFilter
from keyturn.store.keys import StoredSecret
from keyturn.store.requests import RequestFilter

REQUESTS, AUDIT = ("GET", "/api/v1/requests"), ("GET", "/api/v1/audit")
SHOWN_REQUESTS, SHOWN_ENTRIES = 20, 50
_LIFE = {
    SecretState.ACTIVE: "good",
    SecretState.PENDING: "info",
    SecretState.RETIRING: "warn",
    SecretState.DEAD: "idle",
}


class SecretRow(msgspec.Struct, frozen=True):
    """A secret and where it is in its life."""

    secret: StoredSecret
    state: str
    kind: str
    """Of the dot beside it."""
    ends_alone: bool
    """It can be ended while the key lives on."""


@get("/keys/{key_id:str}", include_in_schema=False, opt=for_(SHOW))
async def key_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Show how a key does."""
    visitor = visitor_of(request)
    by = visitor.principal
    await management.ingest.flush()
    key = granted(await management.keys.show(checked_id(key_id), by=by))
    used = await course(management, key_id, by=by, zone=visitor.signed_in.time_zone)
    limits = await management.limits.show(Scope.KEY, key_id, by=by)
    names = await management.names.of([key.stored.project_id, key.stored.user_id or ""])
    maker = await _maker(management, key.stored.created_by, visitor)
    return render(
        request,
        "keys/overview.html",
        **frame(visitor, key, "overview"),
        course=None if isinstance(used, Refused) else used,
        gauges=[] if isinstance(limits, Refused) else gauges(limits.limits),
        inherited=[] if isinstance(limits, Refused) else gauges(limits.inherited),
        secrets=secret_rows(key),
        project=names.get(key.stored.project_id, key.stored.project_id),
        holder=names.get(key.stored.user_id or "", ""),
        maker=maker,
    )


@get("/keys/{key_id:str}/requests", include_in_schema=False, opt=for_(REQUESTS))
async def key_requests(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Show what was asked with a key lately."""
    visitor = visitor_of(request)
    await management.ingest.flush()
    key = granted(await management.keys.show(checked_id(key_id), by=visitor.principal))
    found, _ = await management.reports.requests(
        RequestFilter(key_id=key_id), reach=visitor.principal, cursor=None, limit=SHOWN_REQUESTS
    )
    return render(
        request,
        "keys/requests.html",
        **frame(visitor, key, "requests"),
        requests=found,
        row=row,
        most=SHOWN_REQUESTS,
        kept_days=management.settings.requests.kept_days,
    )


@get("/keys/{key_id:str}/audit", include_in_schema=False, opt=for_(AUDIT))
async def key_audit(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Show who changed a key."""
    visitor = visitor_of(request)
    key = granted(await management.keys.show(checked_id(key_id), by=visitor.principal))
    entries, more = await management.audit.page(AuditFilter(target=key_id), cursor=None, limit=SHOWN_ENTRIES)
    return render(
        request,
        "keys/audit.html",
        **frame(visitor, key, "audit"),
        lines=await lines_of(entries, management.names),
        most=SHOWN_ENTRIES if more else 0,
    )


HANDLERS = [key_page, key_requests, key_audit]


def frame(visitor: Visitor, key: Key, tab: str) -> dict[str, Any]:
    """Return what every page of a key shows.

    Args:
        visitor: Who looks.
        key: Which.
        tab: The page's.
    """
    can, path = what_may(visitor.person), f"{KEYS}/{key.stored.id}"
    tabs = [("overview", "Overview", path)]
    if can.requests:
        tabs.append(("requests", "Requests", f"{path}/requests"))
    if can.simulate:
        tabs.append(("simulate", "Simulate", f"{path}/simulate"))
    if can.edit:
        tabs.append(("edit", "Edit", f"{path}/edit"))
    if can.audit:
        tabs.append(("audit", "Audit", f"{path}/audit"))
    return {
        "title": key.stored.name,
        "section": "keys",
        "key": key.stored,
        "used": key.usage,
        "status_of_key": key_status(key),
        "lives": key.status is not Status.REVOKED,
        "display": display_of(key),
        "can": can,
        "tabs": tabs,
        "tab": tab,
        "path": path,
    }


async def _maker(management: Management, made_by: str, visitor: Visitor) -> Entity | None:
    """Return who made a key; ``None``: they are none of the visitor's business, and an identifier tells nothing."""
    by, names = visitor.principal, {}
    if ids.is_id(made_by, ids.USER):
        person = await management.users.show(made_by, by=by)
        if isinstance(person, Refused):
            return None
        names[made_by] = person.stored.name or person.stored.email
    elif ids.is_id(made_by, ids.KEY):
        key = await management.keys.show(made_by, by=by)
        if isinstance(key, Refused):
            return None
        names[made_by] = key.stored.name
    return entity(made_by, names)


def secret_rows(key: Key) -> list[SecretRow]:
    """Return the secrets of a key, newest first."""
    now_ms = system.now_ms()
    dead = key.status is Status.REVOKED
    kept = needed(key.secrets, now_ms)
    rows = []
    for one in reversed(key.secrets):
        state = SecretState.DEAD if dead else secret_state(one.life(), now_ms)
        alone = state is not SecretState.DEAD and one.id != kept
        rows.append(SecretRow(one, state.value, _LIFE[state], alone))
    return rows


async def week_of(management: Management, key_id: str) -> int:
    """Return how many requests a key made in the last 7 days, today included."""
    days = await management.reports.usage.days_of_keys([key_id], days=7)
    return sum(days[key_id])
