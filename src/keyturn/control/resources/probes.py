"""``/healthz``, ``/readyz`` and ``/metrics``: for those who watch the node."""

import hmac
from typing import Any

from litestar import Request, Response, get

from keyturn.config.sections import Settings
from keyturn.control import metrics
from keyturn.control.door import visit_of
from keyturn.control.errors import refuse
from keyturn.control.management import Managed
from keyturn.domain.refusals import Reason
from keyturn.domain.restrictions import address_of, allows_address


@get("/healthz", tags=["Probes"], summary="Is it up?", media_type="text/plain", security=[{}])
async def health() -> str:
    """Answers when the process does. Clients of the gateway are answered by the worker that took the connection."""
    return "ok\n"


@get("/readyz", tags=["Probes"], summary="Can it admit requests?", media_type="text/plain", security=[{}])
async def ready(management: Managed) -> Response[str]:
    """503 while no worker is connected. Clients of the gateway are answered by the worker itself."""
    if any(link.ready for link in management.bus.links):
        return Response("ok\n", media_type="text/plain")
    return Response("no worker is connected\n", status_code=503, media_type="text/plain")


@get(
    "/metrics", tags=["Probes"], summary="Prometheus metrics", media_type=metrics.CONTENT_TYPE, security=[{}]
)
async def show_metrics(request: Request[Any, Any, Any], management: Managed) -> Response[bytes]:
    """For callers on the machine itself, and for holders of the token in `metrics.token`.

    A loopback address that `server.trusted_proxies` has stands for a proxy and whoever is behind it: it needs the token.
    """
    if not _may_read(request, management.settings):
        refuse(Reason.LOOPBACK_ONLY)
    return Response(metrics.render(management.bus), media_type=metrics.CONTENT_TYPE)


def _may_read(request: Request[Any, Any, Any], settings: Settings) -> bool:
    visit, token = visit_of(request.scope), settings.metrics.token
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if (
        token
        and scheme.lower() == "bearer"
        and hmac.compare_digest(presented.strip().encode(), token.encode())
    ):
        return True
    return visit.local or _is_here(visit.address, tuple(settings.server.trusted_proxies))


def _is_here(text: str, proxies: tuple[str, ...]) -> bool:
    address = address_of(text)
    if address is None or not address.is_loopback:
        return False
    return not proxies or not allows_address(proxies, text)
