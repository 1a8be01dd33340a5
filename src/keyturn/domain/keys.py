"""A key: has a life, an identifier and one or more secrets."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from keyturn.domain.key_text import Kind
from keyturn.domain.limits import Bound
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused

OVERLAP_HOURS = 168
"""How long an old secret lives on after the first use of the new one, unless the key says otherwise: 7 days."""


class Status(StrEnum):
    """Where a key is in its life. Derived, never stored twice."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class SecretState(StrEnum):
    """Where a secret is in its life. Derived, never stored twice."""

    PENDING = "pending"
    """Issued by a rotation and not used yet."""
    ACTIVE = "active"
    RETIRING = "retiring"
    """A newer one is in use; this one works until its overlap ends."""
    DEAD = "dead"


class SecretLife(msgspec.Struct, frozen=True):
    """What a secret's state is derived from; milliseconds since 1970 UTC, ``None`` where it has not happened."""

    activated_at: int | None
    expires_at: int | None = None
    revoked_at: int | None = None


class KeyRecord(msgspec.Struct, frozen=True, array_like=True):
    """What a worker knows of a key and of the secret that led to it: all that the gate decides from.

    Times are seconds since 1970 UTC; ``None`` where the event has not been set. An empty allow-list allows everything.
    """

    id: str
    name: str
    kind: Kind
    permissions: frozenset[Permission]
    plain: bool = False
    """A secret key with nothing to check but its permissions: ``decision.decide`` says yes at once."""
    secret_id: str = ""
    project_id: str = ""
    account_id: str = ""
    user_id: str = ""
    environment: str = ""
    enabled: bool = True
    revoked_at: float | None = None
    """Of the key or of this secret, whichever came first; a deleted key is one that was revoked."""
    expires_at: float | None = None
    not_before: float | None = None
    owner_active: bool = True
    """Neither the account nor the user who holds it is suspended."""
    node_wide: bool = False
    """It belongs to the operator's own account, whose ``admin`` reaches the whole node."""
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    locations: frozenset[str] | None = None
    """Where it may be presented; ``None``: wherever the node takes keys."""
    decoy: bool = False
    frozen: bool = False
    """Somebody else seems to have it: its successor was claimed twice, or it is used as it never was."""
    pending: bool = False
    """The first use of this secret must be told, because it starts the old one's overlap."""
    retires_at: float | None = None
    """When the overlap of this secret ends."""
    deprecated_at: float | None = None
    """When the key got a newer secret, or will get one by its policy."""
    self_rotation: bool = False
    limits: tuple[Bound, ...] = ()
    """Everything that a request with it is counted on."""
    case_id: str = ""
    """The event that says why it is frozen; empty: it is not."""
    store_bodies: bool = False
    """Its project wants the bodies of its requests and answers kept."""


ANONYMOUS = KeyRecord(
    id="anonymous",
    name="anonymous",
    kind=Kind.SECRET,
    permissions=frozenset({Permission.READ}),
    plain=True,
)
"""Whoever calls without a key where none is required."""


class Lifeline(Protocol):
    """What a status is derived from; a stored key and what a worker knows of it both have it.

    Times count from 1970, in whatever unit ``status`` is given.
    """

    @property
    def enabled(self) -> bool:
        """Nobody has disabled it."""
        ...

    @property
    def revoked_at(self) -> float | None:
        """When it was ended for good."""
        ...

    @property
    def expires_at(self) -> float | None:
        """When it ends by itself."""
        ...


def status(key: Lifeline, now: float) -> Status:
    """Derive the status of a key at ``now`` (since 1970, in the key's own unit); what can't be undone wins.

    Revoked is revoked: a clock that was set back must not bring a leaked key to life.
    """
    if key.revoked_at is not None:
        return Status.REVOKED
    if key.expires_at is not None and key.expires_at <= now:
        return Status.EXPIRED
    return Status.ACTIVE if key.enabled else Status.DISABLED


def secret_state(life: SecretLife, now_ms: int) -> SecretState:
    """Derive the state of a secret at ``now_ms`` (milliseconds since 1970); what can't be undone wins."""
    if life.revoked_at is not None or (life.expires_at is not None and life.expires_at <= now_ms):
        return SecretState.DEAD
    if life.activated_at is None:
        return SecretState.PENDING
    return SecretState.ACTIVE if life.expires_at is None else SecretState.RETIRING


def refused_by_status(key: KeyRecord, now: float) -> Refused | None:
    """Refuse a key that is not active at ``now`` (seconds since 1970), with what its holder needs to know."""
    state = status(key, now)
    if state is Status.REVOKED:
        return Refused(Reason.REVOKED_API_KEY, details={"key_id": key.id, "reason": "revoked"})
    if state is Status.DISABLED:
        return Refused(Reason.DISABLED_API_KEY, details={"key_id": key.id})
    if state is Status.EXPIRED:
        return Refused(
            Reason.EXPIRED_API_KEY, details={"key_id": key.id, "expired_at": rfc3339(key.expires_at or 0.0)}
        )
    if key.frozen:
        case = {"case_id": key.case_id} if key.case_id else {}
        return Refused(Reason.KEY_QUARANTINED, details={"key_id": key.id, **case})
    if key.retires_at is not None and key.retires_at <= now:
        details = {"key_id": key.id, "rotated_at": rfc3339(key.retires_at)}
        return Refused(Reason.ROTATED_API_KEY, details=details)
    return None


def rfc3339(at: float) -> str:
    """Return a time given in seconds since 1970 as RFC 3339 text in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
