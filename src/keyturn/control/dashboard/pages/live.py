"""The stream of what happens, for open pages (server-sent events)."""

from litestar import get
from litestar.response import Stream

from keyturn.control import cookies
from keyturn.control.dashboard.guard import for_, visitor_of
from keyturn.control.dashboard.live import Live
from keyturn.control.dashboard.shell import AnyRequest

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}


@get("/live", include_in_schema=False, opt=for_(("GET", "/api/v1/requests")))
async def live(request: AnyRequest) -> Stream:
    """Tell counters and alerts, and with ``rows`` the requests themselves, for as long as the session lasts."""
    hub: Live = request.app.state["live"]
    token = cookies.read(request.headers, cookies.SESSION)
    frames = hub.watch(visitor_of(request), token, rows=bool(request.query_params.get("rows")))
    return Stream(frames, media_type="text/event-stream", headers=_HEADERS)


HANDLERS = [live]
