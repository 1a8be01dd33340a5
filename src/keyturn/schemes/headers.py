"""Keys in headers: ``Authorization: Bearer KEY``, ``Authorization: KEY``, ``X-API-Key`` and those that operators name."""

from collections.abc import Mapping

from keyturn.schemes import basic
from keyturn.schemes.presented import Presented

AUTHORIZATION = b"authorization"
KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")
"""Ours, Azure's and Google's; the value is the key and nothing else."""


def read(headers: Mapping[bytes, bytes], extra: tuple[bytes, ...] = ()) -> list[Presented]:
    """Return every credential in the headers, in order of precedence.

    Args:
        headers: Lower-case name → value.
        extra: Names of further headers that carry a key (``auth.headers``), in lower case.
    """
    found = []
    authorization = headers.get(AUTHORIZATION, b"").strip()
    if authorization:
        found.append(_authorization(authorization))
    for name in KEY_HEADERS + extra if extra else KEY_HEADERS:
        value = headers.get(name, b"").strip()
        if value:
            found.append(Presented(value, name.decode()))
    return found


def _authorization(value: bytes) -> Presented:
    scheme, _, rest = value.partition(b" ")
    rest = rest.strip()
    if rest and scheme.lower() == b"basic":
        return Presented(basic.key_in(rest), "basic")
    if rest and scheme.lower() == b"bearer":
        return Presented(rest, "authorization")
    return Presented(value, "authorization")
