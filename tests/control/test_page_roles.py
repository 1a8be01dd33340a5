"""Who may open which page: every route of the dashboard, tried by somebody of every role."""

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import FORM, Human, crowd
from fakes.roles import LETTERS, example, pages, read_table
from keyturn.control.dashboard.guard import STALE

# Written down by hand from what each page shows and each form does; nothing of it is read from the pages themselves.
# ``fakes.roles`` has the letters.
TABLE = """
GET  e /dashboard
GET  e /dashboard/account
GET  e /dashboard/account/identity/connect
POST e /dashboard/account/identity/forget
GET  e /dashboard/account/passkeys
POST e /dashboard/account/passkeys
GET  e /dashboard/account/passkeys/options
POST e /dashboard/account/passkeys/{passkey_id}/name
POST e /dashboard/account/passkeys/{passkey_id}/remove
POST e /dashboard/account/password
POST e /dashboard/account/profile
GET  e /dashboard/account/recovery-codes
POST e /dashboard/account/recovery-codes
POST e /dashboard/account/sessions/end-others
POST e /dashboard/account/sessions/{session_id}/end
GET  e /dashboard/account/two-factor
POST e /dashboard/account/two-factor
POST e /dashboard/account/two-factor/begin
POST e /dashboard/account/two-factor/off
GET  r /dashboard/alerts
GET  r /dashboard/alerts/rules
POST a /dashboard/alerts/rules
GET  r /dashboard/alerts/{alert_id}
POST a /dashboard/alerts/{alert_id}/acknowledge
POST m /dashboard/alerts/{alert_id}/enable
GET  n /dashboard/audit
POST n /dashboard/audit/checkpoint
GET  n /dashboard/audit/export
GET  n /dashboard/audit/verify
GET  r /dashboard/billing
GET  n /dashboard/billing/accounts
GET  n /dashboard/billing/codes
POST n /dashboard/billing/codes
GET  n /dashboard/billing/plans
GET  n /dashboard/billing/plans/new
POST n /dashboard/billing/plans/new
GET  n /dashboard/billing/plans/{plan_id}
POST n /dashboard/billing/plans/{plan_id}
GET  n /dashboard/billing/plans/{plan_id}/delete
POST n /dashboard/billing/plans/{plan_id}/delete
POST a /dashboard/billing/redeem
GET  r /dashboard/billing/statements/{account_id}/{month}
GET  n /dashboard/billing/verify
POST n /dashboard/billing/{account_id}/adjustments
POST n /dashboard/billing/{account_id}/grants
GET  n /dashboard/billing/{account_id}/grants/{grant_id}/take-back
POST n /dashboard/billing/{account_id}/grants/{grant_id}/take-back
POST a /dashboard/billing/{account_id}/plan
GET  e /dashboard/figures
GET  * /dashboard/forgot
POST * /dashboard/forgot
GET  * /dashboard/holder
POST * /dashboard/holder
GET  * /dashboard/holder/rotate
POST * /dashboard/holder/rotate
POST * /dashboard/holder/sign-out
GET  * /dashboard/invite
POST * /dashboard/invite
GET  e /dashboard/keys
POST e /dashboard/keys
GET  e /dashboard/keys/bulk
POST m /dashboard/keys/bulk
GET  r /dashboard/keys/hygiene
GET  m /dashboard/keys/new
POST m /dashboard/keys/new
GET  e /dashboard/keys/{key_id}
GET  n /dashboard/keys/{key_id}/audit
GET  m /dashboard/keys/{key_id}/delete
POST m /dashboard/keys/{key_id}/delete
POST m /dashboard/keys/{key_id}/disable
GET  m /dashboard/keys/{key_id}/edit
POST m /dashboard/keys/{key_id}/edit
POST m /dashboard/keys/{key_id}/enable
GET  e /dashboard/keys/{key_id}/requests
GET  m /dashboard/keys/{key_id}/reveal
POST m /dashboard/keys/{key_id}/reveal
GET  m /dashboard/keys/{key_id}/revoke
POST m /dashboard/keys/{key_id}/revoke
GET  m /dashboard/keys/{key_id}/rotate
POST m /dashboard/keys/{key_id}/rotate
GET  m /dashboard/keys/{key_id}/secrets/{secret_id}/revoke
POST m /dashboard/keys/{key_id}/secrets/{secret_id}/revoke
GET  m /dashboard/keys/{key_id}/simulate
POST m /dashboard/keys/{key_id}/simulate
GET  e /dashboard/live
GET  n /dashboard/models
GET  n /dashboard/models/connect
POST n /dashboard/models/connect
GET  n /dashboard/models/edit
POST n /dashboard/models/edit
GET  n /dashboard/models/model
GET  n /dashboard/models/new
POST n /dashboard/models/new
POST n /dashboard/models/price
POST n /dashboard/models/price/remove
GET  n /dashboard/models/prices
GET  n /dashboard/models/prices/rerate
POST n /dashboard/models/prices/rerate
GET  n /dashboard/models/prices/shipped
GET  n /dashboard/models/remove
POST n /dashboard/models/remove
GET  n /dashboard/models/upstreams
GET  n /dashboard/models/upstreams/{name}
POST n /dashboard/models/upstreams/{name}
GET  n /dashboard/models/upstreams/{name}/credentials
POST n /dashboard/models/upstreams/{name}/credentials
GET  n /dashboard/models/upstreams/{name}/remove
POST n /dashboard/models/upstreams/{name}/remove
POST n /dashboard/models/upstreams/{name}/room
GET  * /dashboard/oidc
GET  * /dashboard/oidc/callback
GET  e /dashboard/oidc/connect
GET  e /dashboard/playground
POST m /dashboard/playground
GET  e /dashboard/playground/cost
GET  e /dashboard/prove
POST e /dashboard/prove
GET  e /dashboard/requests
GET  e /dashboard/requests/export
GET  e /dashboard/requests/{request_id}
POST a /dashboard/requests/{request_id}/bodies
GET  * /dashboard/reset
POST * /dashboard/reset
GET  n /dashboard/settings
GET  n /dashboard/settings/authentication
POST n /dashboard/settings/authentication
POST n /dashboard/settings/locations
POST n /dashboard/settings/other
POST n /dashboard/settings/reset
GET  * /dashboard/setup
POST * /dashboard/setup
GET  * /dashboard/sign-in
POST * /dashboard/sign-in
GET  * /dashboard/sign-in/code
POST * /dashboard/sign-in/code
GET  * /dashboard/sign-in/passkey
POST * /dashboard/sign-in/passkey
POST e /dashboard/sign-out
GET  * /dashboard/sign-up
POST * /dashboard/sign-up
GET  * /dashboard/static/{version}/{name}
GET  r /dashboard/team
GET  n /dashboard/team/accounts
POST n /dashboard/team/accounts
GET  a /dashboard/team/accounts/{account_id}
POST a /dashboard/team/accounts/{account_id}
POST a /dashboard/team/accounts/{account_id}/resume
POST a /dashboard/team/accounts/{account_id}/suspend
GET  a /dashboard/team/invite
POST a /dashboard/team/invite
GET  e /dashboard/team/projects
POST a /dashboard/team/projects
GET  e /dashboard/team/projects/{project_id}
POST a /dashboard/team/projects/{project_id}
GET  a /dashboard/team/projects/{project_id}/delete
POST a /dashboard/team/projects/{project_id}/delete
POST a /dashboard/team/projects/{project_id}/join
GET  r /dashboard/team/{user_id}
POST a /dashboard/team/{user_id}
GET  a /dashboard/team/{user_id}/delete
POST a /dashboard/team/{user_id}/delete
GET  r /dashboard/team/{user_id}/invite
POST a /dashboard/team/{user_id}/invite
POST a /dashboard/team/{user_id}/join
POST a /dashboard/team/{user_id}/leave
POST a /dashboard/team/{user_id}/resume
POST a /dashboard/team/{user_id}/role
GET  a /dashboard/team/{user_id}/second-factor
POST a /dashboard/team/{user_id}/second-factor
POST a /dashboard/team/{user_id}/suspend
POST a /dashboard/team/{user_id}/uninvite
GET  e /dashboard/usage
GET  e /dashboard/usage/export
GET  * /dashboard/verify
POST * /dashboard/verify
GET  e /dashboard/{rest}
"""
WHO = read_table(TABLE)
OUT_OF_ROLE = "Your role in this account does not reach this page"
PAGES = pages()


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


def test_the_table_names_every_page() -> None:
    """A page that is new is thought about before anybody may open it."""
    assert set(WHO) == set(PAGES)


@pytest.mark.parametrize("route", WHO, ids=" ".join)
def test_a_page_opens_to_those_whom_it_is_for_and_nobody_else(
    people: dict[str, Human], route: tuple[str, str]
) -> None:
    """Forms are sent without what makes them ours: whoever may send them is told that, and nothing is changed."""
    method, template = route[0], PAGES[route]
    outcomes = {}
    for name, human in people.items():
        kept = dict(human.cookies)
        answer = human.send(method, example(template), headers=FORM if method == "POST" else {})
        human.cookies = kept
        assert answer.status_code < 500, (name, answer.text)
        outcomes[name] = _page_opens(answer, method)

    assert {name for name, inside in outcomes.items() if inside} == LETTERS[WHO[route]]


def _page_opens(answer: httpx.Response, method: str) -> bool:
    if answer.status_code == 303 and answer.headers["location"].startswith("/dashboard/sign-in"):
        return False
    if answer.status_code == 403 and OUT_OF_ROLE in answer.text:
        return False
    if method != "GET":
        assert answer.status_code == 403, answer.text
        assert STALE in answer.text
    return True
