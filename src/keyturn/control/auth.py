"""Who may manage: the operator at the control socket, a management key, a secret key with ``admin``."""

from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from keyturn import system
from keyturn.control.door import visit_of
from keyturn.control.errors import RefusedError, refuse
from keyturn.control.management import Management
from keyturn.domain import key_text, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, refused_by_status
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.refusals import Reason, Refused
from keyturn.schemes import headers
from keyturn.schemes.presented import Presented

OPERATOR = "operator"
_ACTOR = "actor"

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_manager(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Let managers pass; a guard of the framework.

    Raises:
        RefusedError: Anybody else.
    """
    if visit_of(connection.scope).local:
        connection.state[_ACTOR] = OPERATOR
        return
    management: Management = connection.app.state["management"]
    presented = [one for name, value in connection.scope["headers"] for one in headers.read({name: value})]
    record = await _identify(management, presented)
    refused = _judge(record, system.now())
    if refused is not None:
        raise RefusedError(refused)
    connection.state[_ACTOR] = record.id


def actor_of(connection: Connection) -> str:
    """Return who asks: ``operator`` or the identifier of a key."""
    return str(connection.state[_ACTOR])


async def _identify(management: Management, presented: list[Presented]) -> KeyRecord:
    if not presented:
        refuse(Reason.MISSING_API_KEY)
    if len({one.text for one in presented}) > 1:
        places = ", ".join(sorted({one.location for one in presented}))
        raise RefusedError(Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": places}))
    text = presented[0].text
    stand_in = {"key_id": key_text.reference(text)}
    hint = key_text.problem_with(text.decode("latin-1"))
    if hint is not None:
        raise RefusedError(Refused(Reason.MALFORMED_API_KEY, details={**stand_in, "hint": hint}))
    try:
        record = await management.lookup.by_digest(verifier.digest(text))
    except Exception:  # noqa: BLE001 -- whatever keeps us from asking, the answer is not "unknown key"
        structlog.get_logger().exception("key look-up failed")
        refuse(Reason.AUTH_UNAVAILABLE)
    if record is None:
        raise RefusedError(Refused(Reason.UNKNOWN_API_KEY, details=stand_in))
    return record


def _judge(record: KeyRecord, now: float) -> Refused | None:
    refused = refused_by_status(record, now)
    if refused is not None:
        return refused
    if record.kind is not Kind.MANAGEMENT and not permits(record.permissions, Permission.ADMIN):
        granted = " ".join(sorted(record.permissions))
        details = {"required": Permission.ADMIN.value, "granted": granted, "key_id": record.id}
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, details=details)
    return None
