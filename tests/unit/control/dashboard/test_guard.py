from typing import Any

import pytest
from litestar import Litestar, Router, get, post
from litestar.datastructures import State
from litestar.testing import TestClient

from keyturn.config.sections import Settings
from keyturn.control.dashboard.guard import ANYONE, Guard, for_
from keyturn.control.door import Door
from keyturn.control.errors import HANDLERS
from keyturn.domain.principal import Principal
from keyturn.domain.roles import Person, Role
from keyturn.services.sessions import Visitor
from keyturn.store.sessions import SignedIn, StoredSession


class Sessions:
    """Finds an owner of the node for every token."""

    async def find(self, _token: str, *, address: str, request_id: str) -> Visitor:
        """Return them."""
        who = Person("user_1", "acct_1", Role.OWNER, first_account=True)
        session = StoredSession("sess_1", b"", who.id, "c" * 32, 0, 0, 0, "", "")
        signed_in = SignedIn(session, who.account_id, "", "", "Kim", who.role, "UTC", active=True)
        return Visitor(signed_in, who, Principal(who.id, address, request_id, person=who))


class Services:
    """What the guard needs of them."""

    settings = Settings()
    sessions = Sessions()


@pytest.mark.parametrize("opt", [{}, {"entry": None}, {"entry": "everybody"}, for_(("GET", "/api/v1/no"))])
def test_a_page_that_does_not_say_whom_it_is_for_is_closed(opt: dict[str, Any]) -> None:
    """To the node's owner too: a line that was forgotten must not open anything."""

    @get("/bare", opt=opt)
    async def bare() -> str:
        return "open"

    @post("/bare", opt=opt)
    async def bare_form() -> str:
        return "open"

    @get("/open", opt=for_(ANYONE))
    async def plain() -> str:
        return "open"

    app = Litestar(
        [Router("/dashboard", middleware=[Guard], route_handlers=[bare, bare_form, plain])],
        exception_handlers=HANDLERS,
        state=State({"management": Services()}),
        openapi_config=None,
    )
    with TestClient(Door(app, local=False)) as client:
        client.cookies.set("keyturn_session", "a" * 32)
        answers = [
            client.get("/dashboard/bare"),
            client.post("/dashboard/bare"),
            client.get("/dashboard/open"),
        ]

    assert [answer.status_code for answer in answers] == [403, 403, 200]
