"""Which key may do what: every row of the table of operations, asked for with every kind of key."""

import re
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.routes import HTTPRoute

from fakes.control_process import ControlProcess
from keyturn.control.app import _routes
from keyturn.control.documentation import pages
from keyturn.domain.operations import OPERATIONS, Needs
from keyturn.domain.permissions import Permission
from keyturn.gateway import paths

NOBODY = {
    "key_id": "key_",
    "account_id": "acct_",
    "project_id": "proj_",
    "user_id": "user_",
    "request_id": "req_",
}
PAGES = ["https://app.example.com"]
CALLERS: dict[str, tuple[dict[str, Any], frozenset[Permission], bool]] = {
    "development": ({"preset": "development"}, frozenset({Permission.READ, Permission.WRITE}), True),
    "production": ({"preset": "production"}, frozenset({Permission.READ}), True),
    "read-only": ({"preset": "read-only"}, frozenset({Permission.READ}), True),
    "admin": ({"preset": "admin"}, frozenset(Permission), True),
    "write": ({"permissions": ["write"]}, frozenset({Permission.WRITE}), True),
    "webhook": ({"permissions": ["webhook"]}, frozenset({Permission.WEBHOOK}), True),
    "publishable": ({"kind": "publishable", "origins": PAGES}, frozenset({Permission.READ}), True),
    "management": ({"kind": "management"}, frozenset(Permission), True),
    "foreign admin": ({"preset": "admin", "project_id": "abroad"}, frozenset(Permission), False),
    "foreign management": ({"kind": "management", "project_id": "abroad"}, frozenset(Permission), False),
    "foreign write": (
        {"preset": "development", "project_id": "abroad"},
        frozenset({Permission.READ, Permission.WRITE}),
        False,
    ),
}
"""What a key is created with, the permissions that covers, and whether it is of the operator's own account."""


def routes() -> set[tuple[str, str]]:
    """Return method and path of every route of the management API, as the table writes them."""

    def nothing() -> None:
        return None

    app = Litestar(
        route_handlers=[*_routes(), *pages.HANDLERS],
        dependencies={"management": Provide(nothing, sync_to_thread=False)},
        openapi_config=None,
        logging_config=None,
    )
    return {
        (str(method), re.sub(r":\w+}", "}", route.path).rstrip("/"))
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api")
        for method in route.methods
        if str(method) != "OPTIONS"
    }


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    """A route without a row is closed to everybody but the operator; a row without a route hides a typo."""
    assert routes() == set(OPERATIONS)


def test_every_operation_of_the_data_plane_belongs_to_a_permission() -> None:
    """What a key with `read` may call is what its holder pays for; nothing there manages anything."""
    operations = {*paths.OPERATIONS.values(), paths.ENGINE_OPERATION, *paths.GEMINI_METHODS.values()}
    keyless = {operation.name for operation in operations if operation.shape in {paths.HEALTH, paths.READY}}

    assert keyless == {"health", "ready"}
    assert {operation.needs for operation in operations} == {Permission.READ}


@pytest.fixture(scope="module")
def secrets(control: ControlProcess) -> dict[str, str]:
    """The secret of a key of each kind."""
    control.operator.post("/api/v1/accounts", json={"name": "Other"}).raise_for_status()
    project = {"name": "abroad", "account_id": "Other"}
    control.operator.post("/api/v1/projects", json=project).raise_for_status()
    found = {}
    for name, (members, _, _) in CALLERS.items():
        answer = control.operator.post("/api/v1/keys", json={"name": name, **members})
        assert answer.status_code == 201, answer.text
        found[name] = answer.json()["key"]
    return found


def allowed(needs: Needs, caller: str) -> bool:
    """Say what the table and the kind of a key come to."""
    _, granted, own = CALLERS[caller]
    if needs.anyone:
        return True
    if caller == "publishable":
        return False  # it stands in a page's source: what it could see here, everybody could
    if needs.permission is None:
        return True
    if needs.operator:
        return False
    return needs.permission in granted and (own or not needs.node)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_a_key_may_do_what_its_rights_say_and_nothing_else(
    control: ControlProcess, secrets: dict[str, str], operation: tuple[str, str], caller: str
) -> None:
    """Asked for with things that do not exist: whoever is let in is told so, the others are not."""
    method, template = operation
    path = re.sub(r"{(\w+)}", lambda found: NOBODY.get(found[1], "nobody") + "0" * 20, template)
    headers = {"authorization": f"Bearer {secrets[caller]}", "origin": PAGES[0]}

    answer = control.relayed.request(method, path, headers=headers, content=b"{")

    refused = answer.status_code == 403 and "granted" in answer.json()["error"]["details"]
    assert answer.status_code < 500, answer.text
    assert answer.status_code != 401 or OPERATIONS[operation].anyone, answer.text
    assert refused != allowed(OPERATIONS[operation], caller), answer.text


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_without_a_key_only_what_needs_none_is_open(
    control: ControlProcess, operation: tuple[str, str]
) -> None:
    """In every other case the answer tells nothing but that a key is missing."""
    method, template = operation
    path = re.sub(r"{(\w+)}", "nobody", template)

    answer = control.relayed.request(method, path, content=b"{")

    missing = answer.status_code == 401 and answer.json()["error"]["code"] == "MISSING_API_KEY"
    assert missing != OPERATIONS[operation].anyone, answer.text


def test_a_key_that_is_bound_to_endpoints_manages_none(control: ControlProcess) -> None:
    """A list of what may be called holds for both planes; what is the key's own stays."""
    members = {"name": "bound", "preset": "admin", "endpoints": ["/v1/chat/*", "/api/v1/usage"]}
    secret = control.operator.post("/api/v1/keys", json=members).json()["key"]
    headers = {"authorization": f"Bearer {secret}"}

    listed = control.relayed.get("/api/v1/keys", headers=headers)
    used = control.relayed.get("/api/v1/usage", headers=headers)
    own = control.relayed.get("/api/v1/key", headers=headers)

    assert (listed.status_code, listed.json()["error"]["code"]) == (403, "ENDPOINT_NOT_ALLOWED")
    assert (used.status_code, own.status_code) == (200, 200)
