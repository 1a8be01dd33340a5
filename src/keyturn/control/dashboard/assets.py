"""Style sheets, scripts and pictures of the dashboard, which browsers keep until there are others."""

from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from keyturn.control.dashboard.guard import ANYONE, for_
from keyturn.control.dashboard.shell import STATIC, Pages

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_KEPT = "public, max-age=31536000, immutable"


@get("/static/{version:str}/{name:str}", include_in_schema=False, opt=for_(ANYONE))
async def asset(
    request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """Hand out a file; one that is asked for by an old version's name is not kept."""
    pages: Pages = request.app.state["pages"]
    found = next((one for one in STATIC.iterdir() if one.name == name), None)
    if found is None:
        return Response(b"not found\n", status_code=404, media_type="text/plain")
    headers = {
        "cache-control": _KEPT if version == pages.version else "no-cache",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(found.read_bytes(), media_type=_TYPES[Path(name).suffix], headers=headers)
