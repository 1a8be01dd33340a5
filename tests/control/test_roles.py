"""Who may do what: every route of the management API, tried by somebody of every role."""

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import ORIGIN, Human, crowd
from fakes.roles import LETTERS, example, read_table
from keyturn.domain.operations import OPERATIONS

# Written down by hand from what each call does, and not from how it is decided. ``fakes.roles`` has the letters.
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
POST   a /api/v1/users/{user_id}/resume
POST   a /api/v1/users/{user_id}/suspend
POST   - /api/v1/users/{user_id}/verify-link
"""
WHO = read_table(TABLE)


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
