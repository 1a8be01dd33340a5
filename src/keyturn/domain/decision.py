"""May this key make this call? Pure: no I/O, no clock; what it decides from comes in as arguments.

The order of the checks is ``domain.checks.CHECKS``; the first refusal wins.
"""

import msgspec

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, refused_by_status, rfc3339
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.restrictions import allows_address, allows_name, allows_origin


class Facts(msgspec.Struct, frozen=True):
    """What is known of a request before its body is read."""

    needs: Permission
    """The permission that the operation belongs to."""
    path: str
    address: str
    """Of the client, behind trusted proxies."""
    place: str
    """Where the key stands: ``header``, ``query`` or ``body``."""
    origin: str = ""
    """What a browser says it comes from; empty: nothing."""


def decide(key: KeyRecord, facts: Facts, now: float) -> Refused | None:
    """Say whether the holder of ``key`` may make a call; ``None`` lets it in.

    Args:
        key: What the store knows of the presented secret.
        facts: What is asked for, and from where.
        now: Seconds since 1970 UTC.
    """
    if key.plain and facts.needs in key.permissions:
        return None
    return (
        refused_by_place(key, facts)
        or refused_by_status(key, now)
        or refused_by_owner(key)
        or refused_by_origin(key, facts, now)
        or _refused_by_rights(key, facts)
    )


def refused_by_place(key: KeyRecord, facts: Facts) -> Refused | None:
    """Refuse a key that stands where it may not be presented."""
    if key.locations is None or facts.place in key.locations:
        return None
    details = {"location": facts.place, "allowed": ", ".join(sorted(key.locations)), "key_id": key.id}
    return Refused(Reason.LOCATION_NOT_ALLOWED, details=details)


def refused_by_owner(key: KeyRecord) -> Refused | None:
    """Refuse a key whose account or holder is suspended."""
    return None if key.owner_active else Refused(Reason.ACCOUNT_INACTIVE, details={"key_id": key.id})


def refused_by_origin(key: KeyRecord, facts: Facts, now: float) -> Refused | None:
    """Refuse a key that is used from a place, or at a time, that it is not meant for."""
    if not allows_address(key.ip, facts.address):
        details = {"key_id": key.id, "client_ip": facts.address}
        return Refused(
            Reason.IP_NOT_ALLOWED,
            f"This API key may not be used from {facts.address}; ask whoever runs the gateway to allow that address",
            details=details,
        )
    if not allows_origin(key.origins, facts.origin):
        shown = facts.origin[:200] or "a client that names no origin"
        details = {"key_id": key.id, "origin": facts.origin[:200]}
        message = f"This API key may not be used from {shown}; add the page's origin to the key's list"
        return Refused(Reason.ORIGIN_NOT_ALLOWED, message, details=details)
    if key.not_before is not None and now < key.not_before:
        since = rfc3339(key.not_before)
        return Refused(
            Reason.OUTSIDE_VALIDITY_WINDOW,
            f"This API key is not valid before {since}",
            details={"key_id": key.id, "not_before": since},
        )
    return None


def _refused_by_rights(key: KeyRecord, facts: Facts) -> Refused | None:
    if key.kind is Kind.MANAGEMENT:
        message = "A management key can't call models; use a secret key (sk-)"
        details = {"required": facts.needs.value, "key_id": key.id}
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, details=details)
    if not permits(key.permissions, facts.needs):
        granted = " ".join(sorted(key.permissions))
        return Refused(
            Reason.INSUFFICIENT_PERMISSIONS,
            details={"required": facts.needs.value, "granted": granted, "key_id": key.id},
        )
    if not allows_name(key.endpoints, facts.path):
        details = {"key_id": key.id, "endpoints": " ".join(key.endpoints)}
        return Refused(Reason.ENDPOINT_NOT_ALLOWED, details=details)
    return None


def refused_by_model(key: KeyRecord, model: str) -> Refused | None:
    """Refuse a model that is not on the key's list; ``None`` lets it in."""
    if allows_name(key.models, model):
        return None
    details = {"key_id": key.id, "models": " ".join(key.models)}
    return Refused(Reason.MODEL_NOT_ALLOWED, "This API key may not use this model", "model", details)
