"""Who may do what in the management API: the operator at the control socket, and keys by ``domain.operations``."""

from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from keyturn import system
from keyturn.control.door import visit_of
from keyturn.control.errors import RefusedError, refuse
from keyturn.control.management import Management
from keyturn.domain import key_text, verifier
from keyturn.domain.decision import Facts, refused_by_origin, refused_by_owner, refused_by_place
from keyturn.domain.keys import KeyRecord, refused_by_status
from keyturn.domain.operations import OPERATIONS, Needs
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.restrictions import allows_name
from keyturn.schemes import headers
from keyturn.schemes.presented import Presented

_PRINCIPAL = "principal"

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_permission(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Let pass whoever may do what the route stands for; a guard of the framework.

    Raises:
        RefusedError: Anybody else.
    """
    visit = visit_of(connection.scope)
    if visit.local:
        connection.state[_PRINCIPAL] = Principal(OPERATOR, visit.address, visit.request_id)
        return
    scope: dict[str, Any] = {**connection.scope}
    needs = OPERATIONS.get((scope["method"], scope["path_template"].rstrip("/")))
    if needs is not None and needs.anyone:
        connection.state[_PRINCIPAL] = Principal("", visit.address, visit.request_id)
        return
    management: Management = connection.app.state["management"]
    extra = tuple(name.encode() for name in management.settings.auth.headers)
    presented = [
        one for name, value in connection.scope["headers"] for one in headers.read({name: value}, extra)
    ]
    record = await _identify(management, presented)
    facts = Facts(
        needs=Permission.ADMIN,
        path=scope["path"],
        address=visit.address,
        place="header",
        origin=connection.headers.get("origin", ""),
    )
    refused = _judge(record, needs, facts, system.now())
    if refused is not None:
        raise RefusedError(refused)
    if record.pending:
        await management.rotation.first_used(record.secret_id)
    connection.state[_PRINCIPAL] = Principal(record.id, visit.address, visit.request_id, record)


def principal_of(connection: Connection) -> Principal:
    """Return who asks."""
    principal: Principal = connection.state[_PRINCIPAL]
    return principal


def known_principal(scope: Scope) -> Principal | None:
    """Return who asks, ``None`` where nobody was let in."""
    principal: Principal | None = scope.get("state", {}).get(_PRINCIPAL)
    return principal


async def _identify(management: Management, presented: list[Presented]) -> KeyRecord:
    if not presented:
        refuse(Reason.MISSING_API_KEY)
    if len({one.text for one in presented}) > 1:
        places = ", ".join(sorted({one.location for one in presented}))
        raise RefusedError(Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": places}))
    text = presented[0].text
    stand_in = {"key_id": key_text.reference(text)}
    try:
        record = await management.lookup.by_digest(verifier.digest(text))
    except Exception:  # noqa: BLE001 -- whatever keeps us from asking, the answer is not "unknown key"
        structlog.get_logger().exception("key look-up failed")
        refuse(Reason.AUTH_UNAVAILABLE)
    if record is not None:
        return record
    # Only now, because an imported key has the form of another system.
    hint = key_text.problem_with(text.decode("latin-1"))
    if hint is not None:
        raise RefusedError(Refused(Reason.MALFORMED_API_KEY, details={**stand_in, "hint": hint}))
    raise RefusedError(Refused(Reason.UNKNOWN_API_KEY, details=stand_in))


def _judge(record: KeyRecord, needs: Needs | None, facts: Facts, now: float) -> Refused | None:
    refused = (
        refused_by_place(record, facts)
        or refused_by_status(record, now)
        or refused_by_owner(record)
        or refused_by_origin(record, facts, now)
    )
    if refused is not None:
        return refused
    required = Needs(Permission.ADMIN, node=True) if needs is None else needs
    granted = {"granted": " ".join(sorted(record.permissions)), "key_id": record.id}
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
