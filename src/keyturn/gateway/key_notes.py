"""What is worth saying about a key: to its holder in the headers of an answer, to the operator in an event."""

from collections.abc import Mapping
from email.utils import formatdate

from keyturn.domain.anomalies import dead_key_used
from keyturn.domain.events import EventKind
from keyturn.domain.key_text import LENGTH, Kind, is_well_formed
from keyturn.domain.keys import KeyRecord, rfc3339
from keyturn.domain.refusals import Refused
from keyturn.domain.restrictions import allows_origin, origin_of as canonical_origin
from keyturn.domain.rotation import REMIND_DAYS

MOST_PLACES = 1_000
MOST_KEYS = 20
"""Each costs a look-up: a body full of made-up keys must not keep the control process busy."""
WARN_BEFORE_S = 14 * 86_400.0
REMIND_BEFORE_S = max(REMIND_DAYS) * 86_400.0
"""Of a rotation by policy: as long as the first event about it comes before it. A date to come is what RFC 9745 allows."""
BROWSER_MARKS = (b"origin", b"sec-fetch-site")
"""What browsers send and other clients do not. ``Sec-Fetch-Mode`` is not among them: Node.js sends it too."""


def origin_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the origin that a browser names, or that of the page it names; empty when it names none."""
    named = headers.get(b"origin") or headers.get(b"referer")
    return "" if not named else (canonical_origin(named.decode("latin-1")) or "null")


def from_browser(headers: Mapping[bytes, bytes]) -> bool:
    """Say whether a page in a browser sent this request."""
    return any(name in headers for name in BROWSER_MARKS)


def keys_in(body: bytes) -> list[bytes]:
    """Return the texts in a body that are keys of ours by prefix and checksum; looks at a bounded number of places."""
    found: list[bytes] = []
    at = body.find(b"k-")
    for _ in range(MOST_PLACES):
        if at < 0 or len(found) == MOST_KEYS:
            break
        text = body[max(at - 1, 0) : at - 1 + LENGTH]
        if text.isascii() and is_well_formed(text.decode("latin-1")):
            found.append(text)
        at = body.find(b"k-", at + 2)
    return found


def event_of(key: KeyRecord, refused: Refused) -> EventKind | None:
    """Say what the operator should hear of a refused key; ``None``: nothing."""
    if key.decoy:
        return EventKind.DECOY_USED
    return EventKind.DEAD_KEY_USED if dead_key_used(refused.reason) else None


def header_lines(key: KeyRecord, origin: str, now: float) -> bytes:
    """Return what an answer to this key's holder says of it, as whole header lines.

    Args:
        key: Whose request it was.
        origin: As ``origin_of`` read it.
        now: Seconds since 1970 UTC.
    """
    end = key.retires_at
    if key.expires_at is not None and key.expires_at - now <= WARN_BEFORE_S:
        end = key.expires_at if end is None else min(end, key.expires_at)
    cors = key.kind is Kind.PUBLISHABLE and origin and allows_origin(key.origins, origin)
    deprecated_at = key.deprecated_at
    if deprecated_at is not None and deprecated_at - now > REMIND_BEFORE_S:
        deprecated_at = None
    if end is None and deprecated_at is None and not cors:
        return b""
    lines = cors_lines(origin) if cors else []
    if deprecated_at is not None:
        lines.append(f"deprecation: @{int(deprecated_at)}")
    if end is not None:
        lines.append(f"sunset: {formatdate(end, usegmt=True)}")
        lines.append(f"x-keyturn-key-expires-at: {rfc3339(end)}")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def cors_lines(origin: str) -> list[str]:
    """Return what lets a page of this origin read an answer; no cookies are ever meant."""
    return [
        f"access-control-allow-origin: {origin}",
        "access-control-expose-headers: *",
        "vary: origin",
    ]


def preflight_lines(headers: Mapping[bytes, bytes], methods: str) -> bytes:
    """Return the answer to a preflight as header lines (Fetch standard, CORS-preflight request).

    A preflight carries no key, so nothing can be decided yet: the request that follows is what is checked, and only a
    publishable key that allows the origin gets an answer that the page may read.
    """
    origin = headers[b"origin"].strip().decode("latin-1")
    wanted = headers.get(b"access-control-request-headers", b"*").strip().decode("latin-1")
    lines = (
        f"access-control-allow-origin: {origin}",
        f"access-control-allow-methods: {methods}",
        f"access-control-allow-headers: {wanted}",
        "access-control-max-age: 600",
        "vary: origin, access-control-request-headers",
    )
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")
