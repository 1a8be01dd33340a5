"""Who may do what in the management API: the operator at the control socket, keys and people by ``domain.operations``."""

from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.types import Scope
from msgspec.structs import replace

from keyturn import system
from keyturn.control.door import Visit, visit_of
from keyturn.control.errors import RefusedError, refuse
from keyturn.control.management import Management
from keyturn.control.visitors import CSRF_HEADER, SAFE, is_ours, session_token, still, visitor_in
from keyturn.domain import key_text, verifier
from keyturn.domain.decision import Facts, refused_by_origin, refused_by_owner, refused_by_place
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, refused_by_status
from keyturn.domain.operations import OPERATIONS, Needs
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.restrictions import allows_name
from keyturn.domain.roles import PROVE, may, needs_proof
from keyturn.schemes import headers
from keyturn.schemes.presented import Presented
from keyturn.services.alarms import Sighting
from keyturn.services.sessions import Visitor
from keyturn.store.engine import BEFORE_CHANGE

OWN_KEY = ("GET", "/api/v1/key")
_PRINCIPAL, _STANDS = "principal", "stands"

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_permission(scope: Scope) -> None:
    """Let pass whoever may do what the route stands for.

    Raises:
        RefusedError: Anybody else.
    """
    state, visit = scope["state"], visit_of(scope)
    if visit.local:
        state[_PRINCIPAL] = Principal(OPERATOR, visit.address, visit.request_id)
        return
    call: Any = scope
    needs = OPERATIONS.get((call["method"], call["path_template"].rstrip("/")))
    if needs is not None and needs.anyone:
        state[_PRINCIPAL] = Principal("", visit.address, visit.request_id)
        return
    management: Management = scope["litestar_app"].state["management"]
    extra = tuple(name.encode() for name in management.settings.auth.headers)
    carriers = {headers.AUTHORIZATION, *headers.KEY_HEADERS, *extra}
    presented = [
        one
        for name, value in scope["headers"]
        if name in carriers
        for one in headers.read({name: value}, extra)
    ]
    cookies = Headers.from_scope(scope)
    if not presented and session_token(cookies):
        await _require_person(scope, cookies, needs)
        return
    record = await _identify(management, presented, visit)
    facts = Facts(
        needs=Permission.ADMIN,
        path=scope["path"],
        address=visit.address,
        place="header",
        origin=next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), ""),
    )
    now = system.now()
    refused = _judge(record, needs, facts, now)
    if refused is not None:
        await management.alarms.raise_for(record, refused, now, _sighting(visit))
        raise RefusedError(refused)
    if record.pending:
        await management.rotation.first_used(record.secret_id)

    async def stands() -> None:
        fresh = await management.lookup.by_digest(verifier.digest(presented[0].text))
        if fresh is None:
            refuse(Reason.UNKNOWN_API_KEY)
        ended = _judge(fresh, needs, facts, system.now())
        if ended is not None:
            raise RefusedError(ended)
        if _reach(fresh) != _reach(record):
            refuse(Reason.CONFLICT, "The key that you call with was changed meanwhile; try again")

    state[_STANDS] = stands
    state[_PRINCIPAL] = Principal(record.id, visit.address, visit.request_id, record)


def require_it_still(scope: Scope) -> None:
    """Have the caller's key or session checked once more when its change begins; the last thing before a handler.

    A change waits for those before it. If one of them has ended the caller's key or session, or taken rights from it, and
    has returned, nothing that was asked for with it may happen any more.
    """
    BEFORE_CHANGE.set(scope["state"].get(_STANDS))


def admit_person(scope: Scope, visitor: Visitor) -> None:
    """Note that it is a person who asks."""
    scope["state"][_PRINCIPAL] = visitor.principal


def principal_of(connection: Connection) -> Principal:
    """Return who asks."""
    principal: Principal = connection.scope["state"][_PRINCIPAL]
    return principal


def known_principal(scope: Scope) -> Principal | None:
    """Return who asks, ``None`` where nobody was let in."""
    principal: Principal | None = scope.get("state", {}).get(_PRINCIPAL)
    return principal


async def _require_person(scope: Scope, sent: Headers, needs: Needs | None) -> None:
    """Let pass somebody who has signed in; what would change something must carry what only our pages know.

    Raises:
        RefusedError: It does not, they may not, or the session is over.
    """
    call: Any = scope
    visitor = await visitor_in(scope, sent)
    if visitor is None:
        refuse(Reason.SIGN_IN_REQUIRED)
    admit_person(scope, visitor)
    known = visitor.signed_in.session.csrf
    if call["method"] not in SAFE and not is_ours(sent, sent.get(CSRF_HEADER, ""), known):
        refuse(Reason.CSRF_MISMATCH)
    person, operation = visitor.person, (call["method"], call["path_template"].rstrip("/"))
    if not may(person, *operation):
        details = {"role": person.role.value}
        raise RefusedError(Refused(Reason.INSUFFICIENT_PERMISSIONS, _out_of_role(needs), details=details))
    if needs_proof(*operation) and not person.proved(system.now_ms()):
        refuse(Reason.CONFIRMATION_REQUIRED, PROVE)
    scope["state"][_STANDS] = still(scope, sent, visitor)


def _out_of_role(needs: Needs | None) -> str:
    if needs is not None and needs.operator:
        return "This is for the operator only, on the machine itself"
    if needs is not None and needs.permission is None:
        return "This belongs to a key itself; call with the key"
    return "Your role in this account does not reach this"


async def holder_of(management: Management, text: bytes, visit: Visit, origin: str) -> KeyRecord:
    """Return the key of somebody who presents it on a page: exactly whoever may call ``GET /api/v1/key`` with it.

    Args:
        management: Knows keys.
        text: What was presented.
        visit: From where.
        origin: Of the page, as browsers say it.

    Raises:
        RefusedError: It is nobody's, or may not be used from here or now.
    """
    record = await _identify(management, [Presented(text, "body")], visit)
    refused = refused_for_holder(record, visit, origin)
    if refused is not None:
        await management.alarms.raise_for(record, refused, system.now(), _sighting(visit))
        raise RefusedError(refused)
    if record.pending:
        await management.rotation.first_used(record.secret_id)
    return record


def refused_for_holder(record: KeyRecord, visit: Visit, origin: str) -> Refused | None:
    """Say why the holder of a key may not see it now, from there; ``None``: they may."""
    facts = Facts(
        needs=Permission.ADMIN, path=OWN_KEY[1], address=visit.address, place="header", origin=origin
    )
    return _judge(record, OPERATIONS[OWN_KEY], facts, system.now())


async def _identify(management: Management, presented: list[Presented], visit: Visit) -> KeyRecord:
    if not presented:
        refuse(Reason.MISSING_API_KEY)
    if len({one.text for one in presented}) > 1:
        places = ", ".join(sorted({one.location for one in presented}))
        raise RefusedError(Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": places}))
    text = presented[0].text
    try:
        record = await management.lookup.by_digest(verifier.digest(text))
    except Exception:  # noqa: BLE001 -- whatever keeps us from asking, the answer is not "unknown key"
        structlog.get_logger().exception("key look-up failed")
        refuse(Reason.AUTH_UNAVAILABLE)
    if record is not None and not record.decoy:
        return record
    if record is not None:
        await management.alarms.raise_for(record, None, system.now(), _sighting(visit))
    # Only now, because an imported key has the form of another system.
    stand_in = {"key_id": key_text.reference(text)}
    hint = key_text.problem_with(text.decode("latin-1"))
    if hint is not None:
        raise RefusedError(Refused(Reason.MALFORMED_API_KEY, details={**stand_in, "hint": hint}))
    raise RefusedError(Refused(Reason.UNKNOWN_API_KEY, details=stand_in))


def _reach(record: KeyRecord) -> KeyRecord:
    """Return what is left of a key when what may change without taking rights away is left out."""
    left = replace(record, name="", environment="", plain=False)
    return replace(left, pending=False, deprecated_at=None, retires_at=None)


def _sighting(visit: Visit) -> Sighting:
    return Sighting(visit.address, visit.request_id, "management API")


def _judge(record: KeyRecord, needs: Needs | None, facts: Facts, now: float) -> Refused | None:
    refused = refused_by_place(record, facts) or refused_by_status(record, now) or refused_by_owner(record)
    if refused is not None:
        return refused
    required = Needs(Permission.ADMIN, node=True) if needs is None else needs
    granted = {"granted": " ".join(sorted(record.permissions)), "key_id": record.id}
    if record.kind is Kind.PUBLISHABLE:  # before its origins: no page's being among them would help
        message = "A publishable key is in everybody's hands and manages nothing; use a secret key (sk-)"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, details=granted)
    refused = refused_by_origin(record, facts, now)
    if refused is not None:
        return refused
    if required.permission is None:
        return None  # what belongs to the key itself is there for whoever holds it
    if not permits(record.permissions, required.permission):
        details = {"required": required.permission.value, **granted}
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, details=details)
    if required.operator or (required.node and not record.node_wide):
        message = "This belongs to the whole node; a key of this account does not reach it"
        if required.operator:
            message = "This is for the operator only, on the machine itself"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, details=granted)
    if not allows_name(record.endpoints, facts.path):
        details = {"key_id": record.id, "endpoints": " ".join(record.endpoints)}
        return Refused(Reason.ENDPOINT_NOT_ALLOWED, details=details)
    return None
