"""What every call of the management API passes before its handler: who asks, whether they may, whether it is new."""

from litestar.types import ASGIApp, Receive, Scope, Send

from keyturn.control.auth import require_it_still, require_permission
from keyturn.control.idempotency import once_only


class Admission:
    """An ASGI layer, and not guards of the framework: it copies the handler for each of those, which takes 30 us."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await require_permission(scope)
        await once_only(scope, receive)
        require_it_still(scope)
        await self._app(scope, receive, send)
