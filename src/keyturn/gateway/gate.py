"""The gate: which key does a request present, and may it stand there? Pure: what it decides from comes in as arguments.

What the key may do is ``domain.decision``'s to say.
"""

from collections.abc import Mapping

import msgspec

from keyturn.domain import key_text
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.paths import WEBSOCKETS
from keyturn.schemes import headers as header_scheme, query as query_scheme, subprotocol
from keyturn.schemes.presented import Presented


class Places(msgspec.Struct, frozen=True):
    """Where a node looks for credentials, and where it accepts them."""

    accepted: frozenset[str]
    """Any of ``header``, ``query``, ``body``."""
    headers: tuple[bytes, ...] = ()
    """Lower-case names of further header fields that carry a key."""


def credential(
    headers: Mapping[bytes, bytes],
    repeated: list[tuple[bytes, bytes]] | None,
    path: bytes,
    query: bytes,
    places: Places,
) -> tuple[Presented | Refused | None, bytes]:
    """Find the one credential in the headers and the query.

    Returns:
        What was found (``None``: nothing there, the body may have it), and the query without credentials.
    """
    found = header_scheme.read(headers, places.headers)
    if repeated:
        found += [
            one for name, value in repeated for one in header_scheme.read({name: value}, places.headers)
        ]
    if subprotocol.HEADER in headers and path in WEBSOCKETS:
        found += subprotocol.read(headers[subprotocol.HEADER])[0]
    if query:
        in_query, query = query_scheme.read(query, query_scheme.names_at(path))
        found += in_query
    if not found:
        return None, query
    first = found[0]
    if len(found) > 1 and any(other.text != first.text for other in found):
        return Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": ", ".join(_places(found))}), query
    for one in found:
        if one.location == "query":
            first = one  # the key has been in a URL, whatever else it was in
    return permitted(first, places.accepted) or first, query


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


def is_foreign(text: bytes, shapes: frozenset[tuple[str, int]]) -> bool:
    """Say whether ``text`` looks like a secret that was imported from another system."""
    return any(len(text) == length and text.startswith(prefix.encode()) for prefix, length in shapes)
