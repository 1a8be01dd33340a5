"""``/api/v1/accounts``, ``projects``, ``users``, ``members`` and ``hygiene`` over real sockets."""

import asyncio
from typing import Any

import httpx
import pytest

from fakes.bus_worker import BusWorker
from fakes.control_process import ControlProcess
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn import bus

ACCOUNTS, PROJECTS, USERS = "/api/v1/accounts", "/api/v1/projects", "/api/v1/users"
KEYS, HYGIENE = "/api/v1/keys", "/api/v1/hygiene"


def made(answer: httpx.Response) -> dict[str, Any]:
    """Return what was created."""
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def account(control: ControlProcess, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A new account."""
    return made(control.operator.post(ACCOUNTS, json={"name": request.node.name[:200]}))


@pytest.fixture
def project(control: ControlProcess, account: dict[str, Any]) -> dict[str, Any]:
    """A new project of that account."""
    return made(control.operator.post(PROJECTS, json={"name": "shop", "account_id": account["id"]}))


@pytest.fixture
def tenant(control: ControlProcess, project: dict[str, Any]) -> dict[str, str]:
    """The header that presents a management key of that account."""
    body = {"name": "tenant", "kind": "management", "project_id": project["id"]}
    answer = control.operator.post(KEYS, json=body)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['key']}"}


def test_an_account_is_shown_with_all_that_is_documented(
    control: ControlProcess, account: dict[str, Any], project: dict[str, Any]
) -> None:
    """Clients decode this; the entity tag is its version."""
    answer = control.operator.get(f"{ACCOUNTS}/{account['id']}")

    data = answer.json()["data"]
    assert data.keys() == {
        *("id", "name", "status", "metadata", "time_zone", "limits", "projects", "keys", "users"),
        *("created_at", "version"),
        *("plan_id", "prepaid", "trial_ends_at"),
    }
    assert (data["status"], data["projects"], data["keys"], data["users"]) == ("active", 1, 0, 0)
    assert (answer.headers["etag"], project["status"]) == ('"1"', "active")


def test_the_life_of_an_account(control: ControlProcess) -> None:
    """Each step says the state it leaves."""
    path = f"{ACCOUNTS}/{made(control.operator.post(ACCOUNTS, json={'name': 'life'}))['id']}"
    steps = [
        control.operator.patch(path, json={"name": "new", "metadata": {"plan": "gold"}}),
        control.operator.post(f"{path}/suspend"),
        control.operator.post(f"{path}/resume"),
        control.operator.delete(path),
        control.operator.get(path),
    ]

    assert [step.status_code for step in steps] == [200, 200, 200, 200, 404]
    assert [step.json()["data"]["status"] for step in steps[:3]] == ["active", "suspended", "active"]
    assert [step.json()["data"]["version"] for step in steps[:3]] == [2, 3, 4]
    assert [step.headers["etag"] for step in steps[:3]] == ['"2"', '"3"', '"4"']
    assert steps[0].json()["data"]["metadata"] == {"plan": "gold"}


def test_a_change_of_what_has_changed_since_is_refused(
    control: ControlProcess, account: dict[str, Any], project: dict[str, Any]
) -> None:
    """412, with the version there is; nothing is done. A weak tag is no version."""
    user = made(control.operator.post(USERS, json={"email": "etag@example.com"}))
    for path in (
        f"{ACCOUNTS}/{account['id']}",
        f"{PROJECTS}/{project['id']}",
        f"{USERS}/{user['id']}",
    ):
        tag = control.operator.get(path).headers["etag"]

        fresh = control.operator.patch(path, json={"name": "b"}, headers={"if-match": tag})
        stale = control.operator.patch(path, json={"name": "c"}, headers={"if-match": tag})
        weak = control.operator.patch(path, json={"name": "c"}, headers={"if-match": 'W/"2"'})
        listed = control.operator.patch(path, json={"name": "d"}, headers={"if-match": '"1", "2"'})
        deleted = control.operator.delete(path, headers={"if-match": tag})

        assert (fresh.status_code, listed.status_code) == (200, 200)
        assert code(stale) == code(weak) == code(deleted) == (412, "VERSION_MISMATCH")
        assert stale.json()["error"]["details"]["version"] == "2"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (ACCOUNTS, {}, None),
        (ACCOUNTS, {"name": ""}, "name"),
        (ACCOUNTS, {"name": "a", "status": "active"}, "status"),
        (ACCOUNTS, {"name": "a", "metadata": {"a": 1}}, "metadata[...]"),
        (PROJECTS, {"name": "a", "policy": {"unused_days": "9"}}, "policy.unused_days"),
        (PROJECTS, {"name": "a", "policy": {"unused_days": 0}}, "policy.unused_days"),
        (PROJECTS, {"name": "a", "policy": {"locations": ["header", "x"]}}, "policy.locations[1]"),
        (PROJECTS, {"name": "a", "policy": {"unsued_days": 9}}, "policy.unsued_days"),
        (PROJECTS, {"name": "a", "account_id": "acct_nobody"}, "account_id"),
        (USERS, {"email": "no address"}, "email"),
        (USERS, {"email": "a@example.com", "password": "x"}, "password"),
        (USERS, {"email": "a@example.com", "account_id": "nobody"}, "account_id"),
    ],
)
def test_a_bad_body_is_refused_by_its_member(
    control: ControlProcess, path: str, body: object, param: str | None
) -> None:
    """The caller must see what to change; nothing is guessed."""
    answer = control.operator.post(path, json=body)

    assert code(answer) == (400, "INVALID_MEMBER")
    assert answer.json()["error"]["details"].get("param") == param


@pytest.mark.parametrize("path", [ACCOUNTS, PROJECTS, USERS, HYGIENE])
def test_a_strange_cursor_is_refused(control: ControlProcess, path: str) -> None:
    """400, never a 500."""
    answer = control.operator.get(path, params={"cursor": "key_1"})

    assert code(answer) == (400, "INVALID_MEMBER")
    assert answer.json()["error"]["details"]["param"] == "cursor"


def test_lists_go_page_by_page(control: ControlProcess, account: dict[str, Any]) -> None:
    """Everything once."""
    for number in range(4):
        body = {"name": f"p{number}", "account_id": account["id"]}
        made(control.operator.post(PROJECTS, json=body))
    query = {"account": account["id"], "limit": 3}

    first = control.operator.get(PROJECTS, params=query).json()
    second = control.operator.get(PROJECTS, params={**query, "cursor": first["next_cursor"]}).json()

    names = sorted(one["name"] for one in first["data"] + second["data"])
    assert (len(first["data"]), names) == (3, ["p0", "p1", "p2", "p3"])
    assert second["next_cursor"] is None


def test_a_tenant_reaches_its_own_account_and_no_other(
    control: ControlProcess, account: dict[str, Any], tenant: dict[str, str]
) -> None:
    """To it, the others do not exist; and accounts are not its to make."""
    other = made(control.operator.post(ACCOUNTS, json={"name": "somebody else"}))

    listed = control.relayed.get(ACCOUNTS, headers=tenant).json()["data"]
    own = control.relayed.get(f"{ACCOUNTS}/{account['id']}", headers=tenant)
    foreign = control.relayed.get(f"{ACCOUNTS}/{other['id']}", headers=tenant)
    unknown = control.relayed.get(f"{ACCOUNTS}/acct_{'0' * 20}", headers=tenant)
    suspended = control.relayed.post(f"{ACCOUNTS}/{other['id']}/suspend", headers=tenant)
    created = control.relayed.post(ACCOUNTS, json={"name": "x"}, headers=tenant)
    project = control.relayed.post(PROJECTS, json={"name": "mine"}, headers=tenant)
    user = control.relayed.post(USERS, json={"email": "mine@example.com"}, headers=tenant)

    assert [one["id"] for one in listed] == [account["id"]]
    assert own.status_code == 200
    assert foreign.json() == unknown.json()
    assert code(foreign) == code(suspended) == (404, "RESOURCE_NOT_FOUND")
    assert code(created) == (403, "INSUFFICIENT_PERMISSIONS")
    assert made(project)["account_id"] == made(user)["account_id"] == account["id"]


def test_a_suspended_tenant_can_not_even_ask(
    control: ControlProcess, account: dict[str, Any], tenant: dict[str, str]
) -> None:
    """403 by the management API too, until the operator resumes it."""
    control.operator.post(f"{ACCOUNTS}/{account['id']}/suspend")
    refused = control.relayed.post(f"{ACCOUNTS}/{account['id']}/resume", headers=tenant)
    control.operator.post(f"{ACCOUNTS}/{account['id']}/resume")
    again = control.relayed.get(f"{ACCOUNTS}/{account['id']}", headers=tenant)

    assert code(refused) == (403, "ACCOUNT_INACTIVE")
    assert again.status_code == 200


def test_members_come_and_go(
    control: ControlProcess, account: dict[str, Any], project: dict[str, Any]
) -> None:
    """By address or id; the user shows where they are."""
    user = made(control.operator.post(USERS, json={"email": "Kim@Example.com", "account_id": account["id"]}))
    path = f"{PROJECTS}/{project['id']}/members"

    added = control.operator.post(path, json={"user_id": "kim@example.com"})
    listed = control.operator.get(path).json()["data"]
    shown = control.operator.get(f"{USERS}/{user['id']}").json()["data"]
    counted = control.operator.get(f"{PROJECTS}/{project['id']}").json()["data"]
    removed = control.operator.delete(f"{path}/{user['id']}")
    again = control.operator.delete(f"{path}/{user['id']}")

    assert added.status_code == 201
    assert listed == [added.json()["data"]]
    assert (listed[0]["user_id"], listed[0]["keys"]) == (user["id"], 0)
    assert (shown["projects"], counted["members"]) == ([project["id"]], 1)
    assert (removed.status_code, again.status_code) == (200, 404)


def test_the_life_of_a_user(control: ControlProcess) -> None:
    """Each step says the state it leaves; the second of an address is refused."""
    path = f"{USERS}/{made(control.operator.post(USERS, json={'email': 'life@example.com'}))['id']}"
    steps = [
        control.operator.patch(path, json={"name": "Life"}),
        control.operator.post(f"{path}/suspend"),
        control.operator.post(f"{path}/resume"),
        control.operator.post(USERS, json={"email": "LIFE@example.com"}),
        control.operator.delete(path),
        control.operator.get(path),
    ]

    assert [step.status_code for step in steps] == [200, 200, 200, 409, 200, 404]
    assert [step.json()["data"]["status"] for step in steps[:3]] == ["active", "suspended", "active"]
    assert steps[3].json()["error"]["details"]["param"] == "email"


def test_a_projects_policy_is_changed_member_by_member(
    control: ControlProcess, project: dict[str, Any]
) -> None:
    """What is left out stays, null opens it again."""
    path = f"{PROJECTS}/{project['id']}"
    control.operator.patch(path, json={"policy": {"locations": ["header"], "unused_days": 90}})

    changed = control.operator.patch(path, json={"policy": {"locations": None, "recoverable": False}})

    assert changed.json()["data"]["policy"] == {
        "locations": None,
        "longest_life_days": None,
        "unused_days": 90,
        "recoverable": False,
        "rotate_every_days": None,
        "store_bodies": False,
    }


def test_a_project_with_live_keys_is_not_deleted(
    control: ControlProcess, project: dict[str, Any], tenant: dict[str, str]
) -> None:
    """Nor is the first one of the node."""
    held = control.operator.delete(f"{PROJECTS}/{project['id']}")
    first = control.operator.delete(f"{PROJECTS}/Default")

    assert code(held) == code(first) == (409, "CONFLICT")


async def test_suspending_returns_when_the_workers_know(
    control: ControlProcess, account: dict[str, Any], tenant: dict[str, str]
) -> None:
    """Suspended means suspended."""
    worker = await BusWorker.connect(control.data.bus_socket, "7-slow", obedient=False)
    worker.send(bus.Confirmed((await worker.snapshot()).sequence))

    calling = asyncio.get_running_loop().create_task(
        control.call("POST", f"{ACCOUNTS}/{account['id']}/suspend")
    )
    told = await worker.next(bus.Invalidate)
    early = calling.done()
    assert isinstance(told, bus.Invalidate)
    worker.send(bus.Confirmed(told.sequence))
    answer = await calling
    await worker.close()

    assert (len(told.key_ids), early, answer.status_code) == (1, False, 200)


def test_the_hygiene_report_tells_what_was_seen_just_now(fresh: ControlProcess) -> None:
    """A key in a URL is news; that no key has a limit is said as a number, not once for each."""
    key_id = fresh.operator.get(f"{KEYS}/default").json()["data"]["id"]
    journal = WorkerJournal(fresh.data.journals, "1-usage")
    begun = admitted(key_id=key_id)
    journal.write(begun, served(begun, location="query"))

    answer = fresh.operator.get(HYGIENE).json()
    journal.close()

    [row] = answer["data"]
    assert (row["id"], row["findings"]) == (key_id, ["seen_in_url", "no_expiry"])
    assert row["display"].startswith("sk-")
    assert row["last_used_at"].endswith("Z")
    assert answer["next_cursor"] is None
    assert answer["summary"] == {
        "keys": 1,
        "without_limit": 1,
        "findings": {"seen_in_url": 1, "idle": 0, "never_used": 0, "old": 0, "no_expiry": 1},
    }
