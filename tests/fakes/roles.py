"""Who may do what, as tests write it down: letters, the people they stand for, and paths to try them on."""

import re

from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from keyturn.control.dashboard import routes as dashboard

# The letters:
#   *  anybody, signed in or not               -  nobody: it belongs to a key, or to whoever is at the machine
#   n  owners and admins of the node's own account: it is the node's, or concerns all accounts
#   a  owners and admins, of any account       r  and viewers: it tells of the account, and changes nothing
#   m  owners, admins and members: it changes personal keys       e  everybody who has signed in
FIRST = {f"first {role}" for role in ("owner", "admin", "member", "viewer")}
OTHER = {f"other {role}" for role in ("owner", "admin", "member", "viewer")}
PEOPLE = FIRST | OTHER | {"suspended", "signed out"}
LETTERS: dict[str, frozenset[str]] = {
    "*": frozenset(PEOPLE),
    "-": frozenset(),
    "n": frozenset({"first owner", "first admin"}),
    "a": frozenset(one for one in FIRST | OTHER if one.endswith(("owner", "admin"))),
    "r": frozenset(one for one in FIRST | OTHER if not one.endswith("member")),
    "m": frozenset(one for one in FIRST | OTHER if not one.endswith("viewer")),
    "e": frozenset(FIRST | OTHER),
}
EXAMPLES = {
    "key_id": "key_" + "0" * 20,
    "account_id": "acct_" + "0" * 20,
    "project_id": "proj_" + "0" * 20,
    "user_id": "user_" + "0" * 20,
    "request_id": "req_" + "0" * 20,
    "month": "2026-11",
}
"""What stands in paths; nothing of it exists. Other placeholders: ``NOTHING``, or 0 where a number belongs."""
NOTHING = "nobody"


def example(template: str) -> str:
    """Return a path that a route matches."""

    def fill(found: re.Match[str]) -> str:
        number = found[2] in {":int", ":float"}
        return EXAMPLES.get(found[1]) or ("0" if number else NOTHING)

    return re.sub(r"{(\w+)(:\w+)?}", fill, template)


def read_table(table: str) -> dict[tuple[str, str], str]:
    """Return the letter of each route, by method and path; a line is ``METHOD letter path``."""
    lines = [line.split() for line in table.strip().splitlines()]
    return {(method, path): letter for method, letter, path in lines}


def pages() -> dict[tuple[str, str], str]:
    """Return every route of the dashboard: by method and path without types, the path with them."""

    def nothing() -> None:
        return None

    app = Litestar(
        route_handlers=[dashboard.router()],
        dependencies={"management": Provide(nothing, sync_to_thread=False)},
        openapi_config=None,
        logging_config=None,
    )
    found = {}
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            assert isinstance(handler, HTTPRouteHandler)
            for method in handler.http_methods:
                if str(method) not in {"OPTIONS", "HEAD"}:
                    found[str(method), re.sub(r":\w+}", "}", route.path)] = route.path
    return found
