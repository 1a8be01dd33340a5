"""A key: has a life, an identifier and one or more secrets."""

from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused


class Status(StrEnum):
    """Where a key is in its life. Derived, never stored twice."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyRecord(msgspec.Struct, frozen=True, array_like=True):
    """What a worker knows of a key: all that the gate decides from, and nothing else.

    Times are seconds since 1970 UTC; ``None`` where the event has not been set.
    """

    id: str
    name: str
    kind: Kind
    permissions: frozenset[Permission]
    enabled: bool = True
    revoked_at: float | None = None
    expires_at: float | None = None


def status(key: KeyRecord, now: float) -> Status:
    """Derive the status of a key at ``now`` (seconds since 1970); what can't be undone wins.

    Revoked is revoked: a clock that was set back must not bring a leaked key to life.
    """
    if key.revoked_at is not None:
        return Status.REVOKED
    if key.expires_at is not None and key.expires_at <= now:
        return Status.EXPIRED
    return Status.ACTIVE if key.enabled else Status.DISABLED


def refused_by_status(key: KeyRecord, now: float) -> Refused | None:
    """Refuse a key that is not active at ``now`` (seconds since 1970), with what its holder needs to know."""
    state = status(key, now)
    if state is Status.ACTIVE:
        return None
    if state is Status.REVOKED:
        return Refused(Reason.REVOKED_API_KEY, details={"key_id": key.id, "reason": "revoked"})
    if state is Status.DISABLED:
        return Refused(Reason.DISABLED_API_KEY, details={"key_id": key.id})
    expired = datetime.fromtimestamp(key.expires_at or 0.0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Refused(Reason.EXPIRED_API_KEY, details={"key_id": key.id, "expired_at": expired})
