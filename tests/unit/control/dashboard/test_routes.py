"""What pages answer when something goes wrong on our side, and what they ask of people."""

from typing import Any

import pytest
from litestar import Litestar, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError

from keyturn.config.sections import Settings
from keyturn.control.dashboard import routes
from keyturn.control.dashboard.guard import ANYONE, ENTRY, PROOF, Guard, for_
from keyturn.control.dashboard.shell import Pages
from keyturn.control.door import Door
from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason
from keyturn.domain.roles import needs_proof


class Services:
    """What pages need of them."""

    settings = Settings()


BY_USE_CASE = {
    ("PATCH", "/api/v1/users/{user_id}"),
    ("POST", "/api/v1/invitations"),
    ("POST", "/api/v1/users/{user_id}/invite"),
}
"""Here ``services.roles`` asks, because it depends on what is changed; tests/control/test_sessions.py tries it."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Fault(Reason.NOT_CONFIRMED, "worker 2"), 503),
        (OperationalError("SELECT", {}, Exception("disk I/O error")), 503),
        (ZeroDivisionError(), 500),
    ],
)
def test_a_fault_is_told_by_a_page(error: Exception, status: int) -> None:
    """JSON would be shown as it is, and a script would leave for a path that takes forms only."""

    @get("/broken", opt=for_(ANYONE))
    async def broken() -> str:
        raise error

    app = Litestar(
        [
            Router(
                "/dashboard",
                middleware=[Guard],
                route_handlers=[broken],
                exception_handlers=routes.router().exception_handlers,
            )
        ],
        state=State({"management": Services(), "pages": Pages()}),
        openapi_config=None,
        logging_config=None,
    )
    with TestClient(Door(app, local=False), raise_server_exceptions=False) as client:
        answer = client.get("/dashboard/broken")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_a_page_asks_proof_for_the_api_does_not_do_without() -> None:
    """One session opens both; what stands for nothing in the API is the person's own."""

    def nothing() -> None:
        return None

    app = Litestar(
        [routes.router()],
        dependencies={"management": Provide(nothing, sync_to_thread=False)},
        openapi_config=None,
        logging_config=None,
    )
    handlers: list[Any] = [
        one for route in app.routes if isinstance(route, HTTPRoute) for one in route.route_handlers
    ]
    asked = {
        handler.opt[ENTRY]
        for handler in handlers
        if isinstance(handler, HTTPRouteHandler) and handler.opt.get(PROOF)
    }

    without = {entry for entry in asked if not isinstance(entry, str) and not needs_proof(*entry)}
    assert without == BY_USE_CASE
