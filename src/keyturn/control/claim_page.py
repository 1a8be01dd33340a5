"""``/claim``: where a link that works once leads. Opening it consumes nothing: only the button does.

The token stands behind the ``#``, so no server, proxy or log sees it before the button sends it.
"""

from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from keyturn.control.documentation.html import HEADERS

_FOLDER = Path(__file__).parent / "documentation" / "static"
_HEADERS = HEADERS | {
    "content-security-policy": f"{HEADERS['content-security-policy']}; connect-src 'self'",
    "cache-control": "no-store",
}


@get("/claim", include_in_schema=False)
async def page() -> Response[bytes]:
    """Show the page; it is the same for every link."""
    return _file("claim.html", "text/html")


@get("/claim/claim.js", include_in_schema=False)
async def script() -> Response[bytes]:
    """Hand out the page's script."""
    return _file("claim.js", "text/javascript")


HANDLERS: list[HTTPRouteHandler] = [page, script]


def _file(name: str, media_type: str) -> Response[Any]:
    return Response((_FOLDER / name).read_bytes(), media_type=media_type, headers=_HEADERS)
