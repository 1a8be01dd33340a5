"""Where a page stands, as the browser sees it."""

from urllib.parse import urlsplit

from litestar.datastructures import Headers

from keyturn.control.visitors import own_origin
from keyturn.services.passkeys import Place


def place_of(headers: Headers) -> Place:
    """Return it, from the headers of a request."""
    origin = own_origin(headers)
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        host = ""
    return Place(origin, host)
