"""Keys in the URL: ``?api_key=KEY``. They are always removed before anything else sees the query."""

from urllib.parse import unquote_to_bytes

from keyturn.schemes.presented import Presented

NAMES = frozenset({b"api_key"})


def read(query: bytes) -> tuple[list[Presented], bytes]:
    """Return the credentials in a query string (without its ``?``) and the query without them."""
    found, rest = [], []
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if unquote_to_bytes(name) in NAMES:
            found.append(Presented(unquote_to_bytes(value).strip(), "query"))
        else:
            rest.append(part)
    return found, b"&".join(rest)
