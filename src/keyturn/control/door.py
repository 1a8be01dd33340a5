"""Where a request came in, before the application sees it.

There are two doors into one application: the relay socket, through which workers pass what clients send, and the
control socket, whose file mode lets only this machine's operator in.
"""

from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from keyturn import system
from keyturn.domain import ids

_STATE = "visit"


class Visit(msgspec.Struct, frozen=True):
    """What is known of a request from where it came in."""

    local: bool
    """Through the control socket: the operator, no key needed."""
    request_id: str
    address: str
    """The client's, as the worker saw it; empty at the control socket."""


class Door:
    """An ASGI application that notes the visit, answers HEAD like GET, and puts the request id on every answer."""

    def __init__(self, app: ASGIApp, *, local: bool) -> None:
        self._app = app
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"").decode("latin-1")
        if self._local or not ids.is_id(request_id, ids.REQUEST):
            request_id = system.new_id(ids.REQUEST)
        address = "" if self._local else headers.get(b"x-forwarded-for", b"").decode("latin-1")
        inner: Any = dict(scope)
        inner["state"] = {**scope.get("state", {}), _STATE: Visit(self._local, request_id, address)}
        if scope["method"] == "HEAD":
            inner["method"] = "GET"  # the server below leaves the body out

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(inner, receive, send_with_id)


def visit_of(scope: Scope) -> Visit:
    """Return what the door noted about this request."""
    visit: Visit = scope["state"][_STATE]
    return visit
