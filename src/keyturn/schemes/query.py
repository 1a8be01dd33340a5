"""Keys in the URL: ``?api_key=KEY``, and Google's ``?key=KEY``. They are removed before anything else sees the query.

A name is recognised however often it is percent-encoded, and behind ``;`` as well as ``&``: whoever reads the query
after us may decode it once more, or cut it there (PHP, older Python), and would find the key. What is left stays byte
for byte as it was. A fragment does not belong into a request and is dropped.
"""

import re
from urllib.parse import unquote_to_bytes

from keyturn.schemes.presented import Presented

NAMES = frozenset({b"api_key"})
GEMINI_NAMES = NAMES | {b"key"}
GEMINI_PREFIXES = (b"/v1beta/", b"/v1/models/")

_SEPARATORS = re.compile(rb"([&;])")
_MOST_DECODINGS = 4


def names_at(path: bytes) -> frozenset[bytes]:
    """Return the parameters that hold a key on a path: ``key`` is Google's name, and anybody's elsewhere."""
    return GEMINI_NAMES if path.startswith(GEMINI_PREFIXES) else NAMES


def read(query: bytes, names: frozenset[bytes] = NAMES) -> tuple[list[Presented], bytes]:
    """Return the credentials in a query string (without its ``?``) and the query without them.

    Args:
        query: As it was sent.
        names: The parameters that hold a key; see ``names_at``.
    """
    query = query.partition(b"#")[0]
    parts = _SEPARATORS.split(query)  # part, separator, part …
    found: list[Presented] = []
    rest: list[bytes] = []
    for index in range(0, len(parts), 2):
        name, _, value = parts[index].partition(b"=")
        decodings = _decodings(name, names)
        if decodings is not None:
            found.append(Presented(_decoded(value, decodings), "query"))
        else:
            rest += parts[index - 1 : index + 1] if rest else parts[index : index + 1]
    return (found, b"".join(rest)) if found else ([], query)


def _decodings(name: bytes, names: frozenset[bytes]) -> int | None:
    """Say how often a name has to be decoded to be one of ours; ``None``: it is none of them."""
    for count in range(_MOST_DECODINGS + 1):
        if name in names:
            return count
        decoded = unquote_to_bytes(name)
        if decoded == name:
            return None
        name = decoded
    return None


def _decoded(value: bytes, times: int) -> bytes:
    value = value.replace(b"+", b" ")
    for _ in range(max(1, times)):
        value = unquote_to_bytes(value)
    return value.strip()
