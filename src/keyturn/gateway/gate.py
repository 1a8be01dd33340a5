"""The gate: may this request pass? Pure: no I/O, no clock; what it decides from comes in as arguments.

The order of the checks is ``domain.checks.CHECKS``; the first refusal wins.
"""

from collections.abc import Mapping

from keyturn.domain import key_text
from keyturn.domain.keys import KeyRecord, refused_by_status
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.refusals import Reason, Refused
from keyturn.schemes import headers as header_scheme, query as query_scheme
from keyturn.schemes.presented import Presented


def credential(
    headers: Mapping[bytes, bytes],
    repeated: list[tuple[bytes, bytes]] | None,
    query: bytes,
    locations: frozenset[str],
) -> tuple[Presented | Refused | None, bytes]:
    """Find the one credential in the headers and the query.

    Returns:
        What was found (``None``: nothing there, the body may have it), and the query without credentials.
    """
    found = header_scheme.read(headers)
    if repeated:
        found += [one for name, value in repeated for one in header_scheme.read({name: value})]
    if query:
        in_query, query = query_scheme.read(query)
        found += in_query
    if not found:
        return None, query
    first = found[0]
    if len(found) > 1 and any(other.text != first.text for other in found):
        return Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": ", ".join(_places(found))}), query
    for one in found:
        if one.location == "query":
            first = one  # the key has been in a URL, whatever else it was in
    return permitted(first, locations) or first, query


def permitted(presented: Presented, locations: frozenset[str]) -> Refused | None:
    """Refuse a credential that stands where none is accepted."""
    place = presented.location if presented.location in {"query", "body"} else "header"
    if place in locations:
        return None
    details = {"location": place, "allowed": ", ".join(sorted(locations))}
    return Refused(Reason.LOCATION_NOT_ALLOWED, details=details)


def _places(found: list[Presented]) -> list[str]:
    return sorted({one.location for one in found})


def same(one: Presented, other: Presented) -> Refused | None:
    """Refuse two different credentials in one request."""
    if one.text == other.text:
        return None
    return Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": ", ".join(_places([one, other]))})


def well_formed(presented: Presented) -> Refused | None:
    """Refuse what can't be one of our keys, without a look-up; a hint says what is wrong and never echoes."""
    hint = key_text.problem_with(presented.text.decode("latin-1"))
    if hint is None:
        return None
    details = {"key_id": key_text.reference(presented.text), "hint": hint}
    return Refused(Reason.MALFORMED_API_KEY, details=details)


def decide(key: KeyRecord | None, needs: Permission, now: float) -> Refused | None:
    """Say whether the holder of ``key`` may make a call that needs this permission; ``None`` lets it in.

    Args:
        key: What the store knows of the presented secret; ``None`` when it is unknown.
        needs: The permission the operation belongs to.
        now: Seconds since 1970 UTC.
    """
    if key is None:
        return Refused(Reason.UNKNOWN_API_KEY)
    if not key.enabled or key.revoked_at is not None or key.expires_at is not None:
        refused = refused_by_status(key, now)
        if refused is not None:
            return refused
    if key.kind is key_text.Kind.MANAGEMENT:
        message = "A management key can't call models; use a secret key (sk-)"
        return Refused(
            Reason.INSUFFICIENT_PERMISSIONS, message, details={"required": needs, "key_id": key.id}
        )
    if not permits(key.permissions, needs):
        granted = " ".join(sorted(key.permissions))
        return Refused(
            Reason.INSUFFICIENT_PERMISSIONS, details={"required": needs, "granted": granted, "key_id": key.id}
        )
    return None
