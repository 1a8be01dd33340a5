"""Two customers on one node: neither can see or touch what is the other's, by any route."""

import re
from typing import Any

import httpx
import msgspec
import pytest

from fakes.control_process import ControlProcess
from keyturn.domain.operations import OPERATIONS

KEYS = "/api/v1/keys"
TARGETED = [
    operation for operation in OPERATIONS if re.search(r"{(key|account|project|user)_id}", operation[1])
]
OTHERS = {"month": "2026-11"}
"""What stands in paths and is nobody's."""
BODIES: dict[str, Any] = {
    "/api/v1/keys/{key_id}/simulate": {"path": "/v1/chat/completions"},
    "/api/v1/keys/{key_id}/rotate": {},
    "/api/v1/keys/{key_id}/reveal": {"credential": "sk-"},
    "/api/v1/projects/{project_id}/members": {"user_id": "ann@example.com"},
    **{f"/api/v1/{noun}s/{{{noun}_id}}/limits": {"limits": []} for noun in ("key", "project", "account")},
}
CALLERS = ("admin", "management", "write")


class Customer(msgspec.Struct, frozen=True):
    """An account with a project, a member, and keys that manage."""

    ids: dict[str, str]
    """By the name of the placeholder; ``key_id`` is that of a plain key."""
    secrets: dict[str, str]


def customer(control: ControlProcess, name: str) -> Customer:
    """Make an account with everything in it."""

    def made(path: str, **members: Any) -> dict[str, Any]:
        answer = control.operator.post(f"/api/v1{path}", json=members)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    account = made("/accounts", name=name)["data"]
    project = made("/projects", name=f"{name} project", account_id=account["id"])["data"]
    user = made("/users", email="ann@example.com", account_id=account["id"])["data"]
    made(f"/projects/{project['id']}/members", user_id=user["id"])
    plain = made("/keys", name=f"{name} app", project_id=project["id"])
    kinds: dict[str, dict[str, Any]] = {
        "admin": {"preset": "admin"},
        "management": {"kind": "management"},
        "write": {"preset": "development"},
    }
    secrets = {
        kind: made("/keys", name=f"{name} {kind}", project_id=project["id"], **members)["key"]
        for kind, members in kinds.items()
    }
    ids = {
        "account_id": account["id"],
        "project_id": project["id"],
        "user_id": user["id"],
        "key_id": plain["data"]["id"],
        "secret_id": plain["data"]["secrets"][0]["id"],
    }
    return Customer(ids, secrets)


@pytest.fixture(scope="module")
def mine(control: ControlProcess) -> Customer:
    """Who asks."""
    return customer(control, "Mine")


@pytest.fixture(scope="module")
def theirs(control: ControlProcess) -> Customer:
    """Who must be left alone."""
    return customer(control, "Theirs")


def call(
    control: ControlProcess, operation: tuple[str, str], ids: dict[str, str], secret: str
) -> httpx.Response:
    """Make a call that would be well formed for a thing of the caller's own."""
    method, template = operation
    path = re.sub(r"{(\w+)}", lambda found: OTHERS.get(found[1]) or ids[found[1]], template)
    body = BODIES.get(template, {"name": "taken over"})
    return control.relayed.request(
        method, path, headers={"authorization": f"Bearer {secret}"}, json=None if method == "GET" else body
    )


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", TARGETED, ids=" ".join)
def test_what_is_another_customers_is_answered_like_what_does_not_exist(
    control: ControlProcess, mine: Customer, theirs: Customer, operation: tuple[str, str], caller: str
) -> None:
    """Byte for byte, but for the identifier of the request: no route is a way around."""
    unknown = {name: value[: -len("0" * 20)] + "0" * 20 for name, value in theirs.ids.items()}

    out_of_reach = call(control, operation, theirs.ids, mine.secrets[caller])
    absent = call(control, operation, unknown, mine.secrets[caller])

    assert out_of_reach.status_code in {403, 404}, out_of_reach.text
    assert (out_of_reach.status_code, out_of_reach.json()) == (absent.status_code, absent.json())


def test_nothing_of_theirs_has_changed(control: ControlProcess, mine: Customer, theirs: Customer) -> None:
    """After everything has been tried on it."""
    for operation in TARGETED:
        for caller in CALLERS:
            call(control, operation, theirs.ids, mine.secrets[caller])

    key = control.operator.get(f"{KEYS}/{theirs.ids['key_id']}").json()["data"]
    account = control.operator.get(f"/api/v1/accounts/{theirs.ids['account_id']}").json()["data"]
    project = control.operator.get(f"/api/v1/projects/{theirs.ids['project_id']}").json()["data"]

    assert (key["status"], key["version"], key["name"]) == ("active", 1, "Theirs app")
    assert (account["version"], project["version"]) == (1, 1)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_list_holds_the_callers_own(control: ControlProcess, mine: Customer, caller: str) -> None:
    """Also when it is asked for everything."""
    headers = {"authorization": f"Bearer {mine.secrets[caller]}"}

    keys = control.relayed.get(KEYS, headers=headers, params={"limit": 1000}).json()["data"]

    assert {key["account_id"] for key in keys} == {mine.ids["account_id"]}
    assert len(keys) == 4


@pytest.mark.parametrize("member", ["account_id", "project_id", "user_id"])
def test_a_filter_opens_nothing(
    control: ControlProcess, mine: Customer, theirs: Customer, member: str
) -> None:
    """Neither with another customer's identifier nor with one that does not exist, and both look alike."""
    headers = {"authorization": f"Bearer {mine.secrets['management']}"}
    name = member.removesuffix("_id")

    answers = [
        control.relayed.get(KEYS, headers=headers, params={name: value})
        for value in (theirs.ids[member], theirs.ids[member][:-20] + "0" * 20)
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("caller", CALLERS)
def test_no_key_is_made_in_another_customers_project(
    control: ControlProcess, mine: Customer, theirs: Customer, caller: str
) -> None:
    """Nor for a person of theirs."""
    headers = {"authorization": f"Bearer {mine.secrets[caller]}"}
    wanted = (
        {"project_id": theirs.ids["project_id"]},
        {"project_id": "Theirs project"},
        {"user_id": theirs.ids["user_id"]},
    )

    answers = [control.relayed.post(KEYS, headers=headers, json={"name": "x", **one}) for one in wanted]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert [answer.json()["error"]["details"]["param"] for answer in answers] == [
        *("project_id", "project_id", "user_id")
    ]


@pytest.mark.parametrize(
    "member",
    [
        *("id", "status", "display", "account_id", "secrets", "usage", "created_at", "created_by", "version"),
        *("enabled", "revoked_at", "deleted_at", "quarantined_at", "limits", "key", "verifier", "sealed"),
        *("next_rotation_at", "frozen_at"),
    ],
)
def test_what_the_node_decides_can_not_be_sent(control: ControlProcess, mine: Customer, member: str) -> None:
    """Neither at creation nor later: members that are not asked for are refused by name."""
    for method, path in (("POST", KEYS), ("PATCH", f"{KEYS}/{mine.ids['key_id']}")):
        answer = control.operator.request(method, path, json={"name": "x", member: None})

        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["details"]["param"] == member


@pytest.mark.parametrize("member", ["kind", "project_id", "user_id", "decoy", "expires_in_s"])
def test_what_a_key_is_stays(control: ControlProcess, mine: Customer, member: str) -> None:
    """Moving a key into another project would carry it into another customer's hands."""
    answer = control.operator.patch(f"{KEYS}/{mine.ids['key_id']}", json={member: None})

    assert (answer.status_code, answer.json()["error"]["details"]["param"]) == (400, member)
