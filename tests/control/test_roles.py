"""Who may do what: every route of the management API and of the dashboard, tried by somebody of every role."""

import re
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from fakes.control_process import ControlProcess
from fakes.people import FORM, ORIGIN, Human, crowd
from keyturn.control.dashboard import routes as dashboard
from keyturn.control.dashboard.guard import ANYONE, ENTRY, SIGNED_IN, STALE
from keyturn.domain.operations import OPERATIONS

# Written down by hand from what each call does, and not from how it is decided. The letters:
#   *  anybody, signed in or not               -  nobody: it belongs to a key, or to whoever is at the machine
#   n  owners and admins of the node's own account: it is the node's, or concerns all accounts
#   a  owners and admins, of any account       r  and viewers: it tells of the account, and changes nothing
#   m  owners, admins and members: it changes personal keys       e  everybody who has signed in
TABLE = """
GET    r /api/v1/accounts
POST   n /api/v1/accounts
DELETE a /api/v1/accounts/{account_id}
GET    r /api/v1/accounts/{account_id}
PATCH  a /api/v1/accounts/{account_id}
GET    r /api/v1/accounts/{account_id}/limits
PUT    n /api/v1/accounts/{account_id}/limits
POST   a /api/v1/accounts/{account_id}/resume
GET    r /api/v1/accounts/{account_id}/statements/{month}
POST   a /api/v1/accounts/{account_id}/suspend
GET    r /api/v1/alerts
GET    r /api/v1/alerts/rules
PUT    a /api/v1/alerts/rules
GET    r /api/v1/alerts/{alert_id}
POST   a /api/v1/alerts/{alert_id}/acknowledge
GET    n /api/v1/audit
GET    n /api/v1/audit/checkpoint
POST   n /api/v1/audit/checkpoint
GET    n /api/v1/audit/export
GET    n /api/v1/audit/verify
POST   * /api/v1/claims
GET    r /api/v1/credit
POST   n /api/v1/credit/adjustments
GET    n /api/v1/credit/codes
POST   n /api/v1/credit/codes
POST   n /api/v1/credit/grants
DELETE n /api/v1/credit/grants/{grant_id}
POST   a /api/v1/credit/redeem
GET    r /api/v1/events
GET    r /api/v1/hygiene
POST   a /api/v1/invitations
GET    - /api/v1/key
POST   - /api/v1/key/rotate
GET    - /api/v1/key/successor
GET    e /api/v1/keys
POST   m /api/v1/keys
POST   n /api/v1/keys/import
POST   * /api/v1/keys/revoke-exposed
POST   a /api/v1/keys/verify
DELETE m /api/v1/keys/{key_id}
GET    e /api/v1/keys/{key_id}
PATCH  m /api/v1/keys/{key_id}
POST   m /api/v1/keys/{key_id}/disable
POST   m /api/v1/keys/{key_id}/enable
GET    e /api/v1/keys/{key_id}/limits
PUT    a /api/v1/keys/{key_id}/limits
POST   m /api/v1/keys/{key_id}/reveal
POST   m /api/v1/keys/{key_id}/revoke
POST   m /api/v1/keys/{key_id}/rotate
DELETE m /api/v1/keys/{key_id}/secrets/{secret_id}
POST   m /api/v1/keys/{key_id}/simulate
POST   - /api/v1/keys/{key_id}/undelete
GET    e /api/v1/keys/{key_id}/usage
POST   * /api/v1/leaks
GET    r /api/v1/ledger
GET    n /api/v1/ledger/verify
GET    n /api/v1/models
POST   n /api/v1/models
DELETE n /api/v1/models/{name}
GET    n /api/v1/models/{name}
PATCH  n /api/v1/models/{name}
GET    n /api/v1/node
GET    * /api/v1/openapi.json
GET    n /api/v1/peppers
POST   n /api/v1/peppers/prune
POST   n /api/v1/peppers/rotate
GET    n /api/v1/plans
POST   n /api/v1/plans
DELETE n /api/v1/plans/{plan_id}
GET    n /api/v1/plans/{plan_id}
PATCH  n /api/v1/plans/{plan_id}
GET    n /api/v1/plans/{plan_id}/limits
PUT    n /api/v1/plans/{plan_id}/limits
GET    n /api/v1/prices
POST   n /api/v1/prices
POST   n /api/v1/prices/rerate
GET    n /api/v1/prices/shipped
DELETE n /api/v1/prices/{price_id}
GET    e /api/v1/projects
POST   a /api/v1/projects
DELETE a /api/v1/projects/{project_id}
GET    e /api/v1/projects/{project_id}
PATCH  a /api/v1/projects/{project_id}
GET    r /api/v1/projects/{project_id}/limits
PUT    a /api/v1/projects/{project_id}/limits
GET    r /api/v1/projects/{project_id}/members
POST   a /api/v1/projects/{project_id}/members
DELETE a /api/v1/projects/{project_id}/members/{user_id}
GET    n /api/v1/providers
GET    e /api/v1/requests
GET    e /api/v1/requests/export
GET    e /api/v1/requests/{request_id}
GET    a /api/v1/requests/{request_id}/bodies
GET    n /api/v1/settings
PATCH  n /api/v1/settings
POST   - /api/v1/setup-link
GET    n /api/v1/upstreams
POST   n /api/v1/upstreams
DELETE n /api/v1/upstreams/{name}
PATCH  n /api/v1/upstreams/{name}
POST   n /api/v1/upstreams/{name}/test
GET    e /api/v1/usage
GET    e /api/v1/usage/export
GET    r /api/v1/users
POST   a /api/v1/users
DELETE a /api/v1/users/{user_id}
GET    r /api/v1/users/{user_id}
PATCH  a /api/v1/users/{user_id}
DELETE a /api/v1/users/{user_id}/invite
POST   a /api/v1/users/{user_id}/invite
POST   - /api/v1/users/{user_id}/reset-link
POST   a /api/v1/users/{user_id}/reset-second-factor
POST   a /api/v1/users/{user_id}/resume
POST   a /api/v1/users/{user_id}/suspend
POST   - /api/v1/users/{user_id}/verify-link
"""
WHO = {(line.split()[0], line.split()[2]): line.split()[1] for line in TABLE.strip().splitlines()}
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
OUT_OF_ROLE = "Your role in this account does not reach this page"


def example(template: str) -> str:
    """Return a path that a route matches."""

    def fill(found: re.Match[str]) -> str:
        number = found[2] in {":int", ":float"}
        return EXAMPLES.get(found[1]) or ("0" if number else NOTHING)

    return re.sub(r"{(\w+)(:\w+)?}", fill, template)


def pages() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the ``opt`` of every route of the dashboard, by method and path."""

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
                    found[str(method), route.path] = handler.opt
    return found


PAGES = dict(sorted(pages().items()))


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


@pytest.fixture(scope="module")
def tokens(people: dict[str, Human]) -> dict[str, str]:
    """What their forms carry."""
    return {name: human.csrf() for name, human in people.items() if human.cookies and name != "suspended"}


def test_the_table_names_every_operation() -> None:
    """A call that is new is thought about before anybody may make it."""
    assert set(WHO) == set(OPERATIONS)


@pytest.mark.parametrize("operation", WHO, ids=" ".join)
def test_a_session_opens_what_the_role_is_for_and_nothing_else(
    people: dict[str, Human], tokens: dict[str, str], operation: tuple[str, str]
) -> None:
    """Asked for with things that do not exist: who is let in is told so, the others learn only that they are not."""
    method, template = operation
    outcomes = {}
    for name, human in people.items():
        headers = {"x-csrf-token": tokens.get(name, ""), "origin": ORIGIN}
        answer = human.send(method, example(template), headers=headers, content=b"{")
        assert answer.status_code < 500, answer.text
        outcomes[name] = _let_in(answer, WHO[operation] == "*")

    assert {name for name, inside in outcomes.items() if inside} == LETTERS[WHO[operation]]


def _let_in(answer: httpx.Response, open_to_all: bool) -> bool:  # noqa: FBT001 -- called in one place
    if answer.status_code == 401 and not open_to_all:
        assert answer.json()["error"]["code"] in {"MISSING_API_KEY", "SIGN_IN_REQUIRED"}
        return False
    refused = answer.status_code == 403
    assert not refused or "role" in answer.json()["error"]["details"], answer.text
    return not refused


@pytest.mark.parametrize("route", PAGES, ids=" ".join)
def test_every_page_says_whom_it_is_for(route: tuple[str, str]) -> None:
    """By an operation of the API, or in so many words: a page that says nothing is closed, and useless."""
    entry = PAGES[route].get(ENTRY)

    assert entry in {ANYONE, SIGNED_IN} or entry in WHO, entry


@pytest.mark.parametrize("route", PAGES, ids=" ".join)
def test_a_page_opens_to_those_who_may_make_the_call_that_it_stands_for(
    people: dict[str, Human], route: tuple[str, str]
) -> None:
    """Forms are sent without what makes them ours: whoever may send them is told that, and nothing is changed."""
    method, template = route
    entry = PAGES[route][ENTRY]
    letter = {ANYONE: "*", SIGNED_IN: "e"}.get(entry) if isinstance(entry, str) else WHO[entry]
    outcomes = {}
    for name, human in people.items():
        kept = dict(human.cookies)
        answer = human.send(method, example(template), headers=FORM if method == "POST" else {})
        human.cookies = kept
        assert answer.status_code < 500, (name, answer.text)
        outcomes[name] = _page_opens(answer, method)

    assert letter is not None
    assert {name for name, inside in outcomes.items() if inside} == LETTERS[letter]


def _page_opens(answer: httpx.Response, method: str) -> bool:
    if answer.status_code == 303 and answer.headers["location"].startswith("/dashboard/sign-in"):
        return False
    if answer.status_code == 403 and OUT_OF_ROLE in answer.text:
        return False
    if method != "GET":
        assert answer.status_code == 403, answer.text
        assert STALE in answer.text
    return True
