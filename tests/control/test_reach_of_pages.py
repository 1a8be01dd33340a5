"""How far the pages of the dashboard reach: people out of reach of a thing neither see nor change it by its identifier."""

import hashlib
import json
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import FORM, Human, crowd, made, newcomer
from fakes.roles import pages
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn.control.dashboard.guard import STALE
from keyturn.services.passkeys import text_of
from keyturn.system import now_ms

ALERT, PASSKEY = "evt_" + "1" * 20, b"passkey"
OWN = "Stripes"
"""What the first account is called: its member may read that, and nobody of another account."""
NAMES = {"other owner": ("zebra", OWN.lower()), "first member": ("zebra",)}
"""What each of them must not come to read."""
BY_ADDRESS = [
    route for route in pages() if "{" in route[1] and not route[1].endswith(("{rest}", "{version}/{name}"))
]
"""Every route whose address names a thing."""
BY_QUERY = """
/dashboard/alerts/rules?owner={account_id}
/dashboard/alerts/rules?owner={key_id}
/dashboard/alerts/rules?owner={project_id}
/dashboard/alerts?key={key_id}
/dashboard/alerts?view=events&key={key_id}
/dashboard/audit?target={key_id}
/dashboard/billing/statements/{account_id}/{month}?format=json
/dashboard/billing?account={account_id}
/dashboard/keys/new?project={project_id}
/dashboard/keys?project={project_id}
/dashboard/keys?search={key_id}
/dashboard/keys?user={user_id}
/dashboard/requests/export?key={key_id}
/dashboard/requests?cursor={request_id}
/dashboard/requests?key={key_id}
/dashboard/team/invite?account={account_id}
/dashboard/team?account={account_id}
/dashboard/usage/export?account={account_id}
/dashboard/usage/export?key={key_id}
/dashboard/usage?account={account_id}&by=key
/dashboard/usage?key={key_id}&by=project
/dashboard/usage?project={project_id}&by=key
/dashboard/usage?user={user_id}&by=key
"""
"""Pages that take one beside it."""
SHOWN = """
/dashboard/alerts/{alert_id}
/dashboard/billing/plans/{plan_id}
/dashboard/keys/{key_id}
/dashboard/requests/{request_id}
/dashboard/team/projects/{project_id}
/dashboard/team/{user_id}
"""
"""Pages of the things themselves."""
BY_FIELD = """
/dashboard/keys
/dashboard/alerts/rules
/dashboard/billing/redeem
/dashboard/keys/bulk
/dashboard/keys/new
/dashboard/team/invite
"""
"""Forms whose fields alone say what they are about."""
FIELDS = {
    "name": "taken over",
    "email": "taken@over.example",
    "role": "viewer",
    "act": "disable",
    "amount_usd": "-1",
    "note": "taken over",
    "thresholds": "1",
    "version": '"1"',
    "code": "KT-none",
    "path": "/v1/models",
}
"""What forms are filled with beside things."""


def whole(control: ControlProcess, things: dict[str, str]) -> dict[str, Any]:
    """Return all that the operator sees of the things."""
    paths = [
        "keys/{key_id}",
        "keys/{key_id}/limits",
        "projects/{project_id}",
        "projects/{project_id}/members",
        "accounts/{account_id}",
        "accounts/{account_id}/limits",
        "users/{user_id}",
        "plans/{plan_id}",
        "alerts/{alert_id}",
        "credit?account={account_id}",
        "ledger?account={account_id}",
        "keys?project={project_id}",
        "users?account={account_id}",
    ]
    seen: dict[str, Any] = {
        path: made(control.operator.get(f"/api/v1/{path.format(**things)}")) for path in paths
    }
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database:
        for query in (
            "SELECT id FROM sessions WHERE user_id = ?",
            "SELECT id, name FROM passkeys WHERE user_id = ?",
        ):
            seen[query] = database.execute(query, [things["user_id"]]).fetchall()
    return seen


def keep(control: ControlProcess, things: dict[str, str]) -> None:
    """Write down what only a worker, a browser or the passing of time would bring about."""
    worker = WorkerJournal(control.data.journals)
    begun = admitted(key_id=things["key_id"], model="zebra-model")
    worker.write(begun, served(begun))
    worker.close()
    things["request_id"] = begun.request_id
    made(control.operator.get(f"/api/v1/requests/{begun.request_id}"))
    alert = [
        ALERT,
        now_ms(),
        "key.seen_in_browser",
        "critical",
        things["account_id"],
        things["project_id"],
        things["key_id"],
    ]
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database, database:
        database.execute(
            "INSERT INTO events (id, at, kind, severity, account_id, project_id, key_id, address, request_id, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, '192.0.2.1', '', ?)",
            [*alert, json.dumps({"why": "zebra crossing"})],
        )
        [things["session_id"]] = database.execute(
            "SELECT id FROM sessions WHERE user_id = ?", [things["user_id"]]
        ).fetchone()
        database.execute(
            "INSERT INTO passkeys (id, user_id, name, public_key, sign_count, created_at)"
            " VALUES (?, ?, 'zebra ring', ?, 0, 1)",
            [PASSKEY, things["user_id"], b"no key"],
        )


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


@pytest.fixture(scope="module")
def things(control: ControlProcess, people: dict[str, Human]) -> dict[str, str]:
    """One of everything in the first account, by its noun; the member has nothing to do with any."""
    user = newcomer(control, "zebra@first.example", "viewer")
    account = made(control.operator.get(f"/api/v1/users/{user.id}"))["account_id"]
    post = control.operator.post
    made(control.operator.patch(f"/api/v1/accounts/{account}", json={"name": OWN}))
    project = made(post("/api/v1/projects", json={"name": "Zebra", "account_id": account}))["id"]
    made(post(f"/api/v1/projects/{project}/members", json={"user_id": user.id}))
    key = {"name": "Zebra", "project_id": project, "user_id": user.id, "recoverable": True}
    grant = {"account": account, "amount_usd": "5", "note": "Zebra"}
    made(post("/api/v1/credit/grants", json=grant))
    found = {
        "account_id": account,
        "project_id": project,
        "user_id": user.id,
        "key_id": made(post("/api/v1/keys", json=key))["id"],
        "plan_id": made(post("/api/v1/plans", json={"name": "Zebra"}))["id"],
        "alert_id": ALERT,
        "passkey_id": text_of(PASSKEY),
        "month": "2026-11",
        "name": "demo",
    }
    secrets = made(post(f"/api/v1/keys/{found['key_id']}/rotate", json={}))["secrets"]
    found["secret_id"] = secrets[-1]["id"]
    credit = made(control.operator.get(f"/api/v1/credit?account={account}"))
    found["grant_id"] = credit["grants"][0]["id"]
    keep(control, found)
    return found


def tells(answer: httpx.Response, who: str) -> list[str]:
    """Return what an answer says that it must not."""
    return [name for name in NAMES[who] if name in f"{answer.text} {answer.headers}".lower()]


@pytest.mark.parametrize("path", [*SHOWN.split(), *BY_QUERY.split()])
def test_who_may_see_a_thing_reads_its_name(
    people: dict[str, Human], things: dict[str, str], path: str
) -> None:
    """Or no page here would have anything to keep to itself."""
    page = people["first owner"].page(path.format(**things))

    told = [name for name in NAMES["other owner"] if name in page.text.lower()]
    assert (page.status_code, bool(told)) == (200, True)


@pytest.mark.parametrize("who", NAMES)
@pytest.mark.parametrize("path", sorted(path for method, path in BY_ADDRESS if method == "GET"))
def test_no_page_of_what_is_out_of_reach_opens(
    people: dict[str, Human], things: dict[str, str], path: str, who: str
) -> None:
    """Whoever has an identifier, from a log or an old mail, reads nothing by it; what leads on leads nowhere."""
    answer = people[who].page(path.format(**things))
    if answer.status_code == 303:
        answer = people[who].page(answer.headers["location"])

    assert answer.status_code in {403, 404}
    assert tells(answer, who) == []


@pytest.mark.parametrize("who", NAMES)
@pytest.mark.parametrize("path", BY_QUERY.split())
def test_no_list_tells_of_what_is_out_of_reach(
    people: dict[str, Human], things: dict[str, str], path: str, who: str
) -> None:
    """Narrowed to it, a list is empty, or does not know it."""
    answer = people[who].page(path.format(**things))

    assert answer.status_code in {200, 303, 400, 403, 404}
    assert tells(answer, who) == []


def test_a_secret_leads_to_its_key_only_who_may_see_it(
    control: ControlProcess, people: dict[str, Human], things: dict[str, str]
) -> None:
    """For others it is like one that nobody has; it stands in no address, however the search was sent."""
    wanted = {"name": "Zebra", "project_id": things["project_id"]}
    issued = control.operator.post("/api/v1/keys", json=wanted).json()
    secret, key_id = issued["key"], issued["data"]["id"]
    led: dict[str, set[str]] = {}

    for who in ("first owner", *NAMES):
        answers = (
            people[who].form("/dashboard/keys", search=secret),
            people[who].page(f"/dashboard/keys?search={secret}"),
        )
        led[who] = {answer.headers["location"] for answer in answers}

    assert led.pop("first owner") == {f"/dashboard/keys?search={key_id}"}
    assert list(led.values()) == [{f"/dashboard/keys?search={secret[:7]}"}] * len(NAMES)


@pytest.mark.parametrize("around", ["Bearer {}", '"{}"', "OPENAI_API_KEY={}", "export KEY='{}';"])
def test_a_secret_that_was_copied_with_its_line_leads_to_its_key(
    control: ControlProcess, people: dict[str, Human], things: dict[str, str], around: str
) -> None:
    """That is how it stands in a log or a file."""
    wanted = {"name": "Copied", "project_id": things["project_id"]}
    issued = control.operator.post("/api/v1/keys", json=wanted).json()

    led = people["first owner"].form("/dashboard/keys", search=around.format(issued["key"]))

    assert led.headers["location"] == f"/dashboard/keys?search={issued['data']['id']}"


def test_an_imported_secret_out_of_reach_is_answered_like_an_unknown_one(
    control: ControlProcess, people: dict[str, Human], things: dict[str, str]
) -> None:
    """A difference would tell whether a secret that somebody holds is good in another account."""
    secret, unknown = "imported0000000000000001", "imported0000000000000002"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    key = {"digest": digest, "name": "Zebra", "display": "impo…", "shapes": [0]}
    body = {"source": "unkey", "shapes": [{"prefix": "imported", "length": 24}], "keys": [key]}
    control.operator.post(
        "/api/v1/keys/import", json=body | {"project_id": things["project_id"]}
    ).raise_for_status()

    for who in NAMES:
        found, missed = (people[who].form("/dashboard/keys", search=text) for text in (secret, unknown))
        assert found.headers["location"].replace(secret, unknown) == missed.headers["location"]
    led = people["first owner"].form("/dashboard/keys", search=f"Bearer {secret}")
    assert led.headers["location"].startswith("/dashboard/keys?search=key_")


def test_a_name_that_begins_like_a_secret_is_searched_for_as_it_is(people: dict[str, Human]) -> None:
    """People name keys after what they are for."""
    page = people["first owner"].page("/dashboard/keys?search=sk-learn+training+job")

    assert page.status_code == 200


def test_what_a_request_cost_is_told_to_those_who_may_see_it(
    people: dict[str, Human], things: dict[str, str]
) -> None:
    """The playground asks by an identifier that anybody may have read in a header."""
    path = "/dashboard/playground/cost?id={request_id}".format(**things)

    told = {who: people[who].page(path).json()["cost_usd"] for who in ("first owner", *NAMES)}

    assert told.pop("first owner") is not None
    assert set(told.values()) == {None}


@pytest.mark.parametrize(
    "path", [*sorted(path for method, path in BY_ADDRESS if method == "POST"), *BY_FIELD.split()]
)
def test_no_form_changes_what_is_out_of_reach(
    control: ControlProcess, people: dict[str, Human], things: dict[str, str], path: str
) -> None:
    """With a token that is good, and the things once more in every field that names one."""
    nouns = {name.removesuffix("_id"): thing for name, thing in things.items()}
    fields = things | nouns | FIELDS | {"owner": things["key_id"], "id": things["key_id"]}
    before = whole(control, things)

    for who in NAMES:
        body = urlencode({"csrf": people[who].csrf(), **fields})
        answer = people[who].send("POST", path.format(**things), content=body, headers=FORM)

        assert answer.status_code in ({403, 404} if "{" in path else {303, 400, 403, 404})
        assert tells(answer, who) == []
        assert STALE not in answer.text

    assert whole(control, things) == before
