"""One secret of a key ended alone, by people: whose it is, and what they are asked before."""

import re
from typing import Any

import pytest

from fakes.control_process import ControlProcess
from fakes.people import Human, code, crowd, long_ago, made

KEYS, PAGES = "/api/v1/keys", "/dashboard/keys"


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


def rotated(control: ControlProcess, holder: Human) -> tuple[str, list[dict[str, Any]]]:
    """Make somebody a personal key whose new secret waits; return its id and its secrets."""
    shown = made(control.operator.get(f"/api/v1/users/{holder.id}"))
    wanted = {"name": f"home of {holder.id}", "account_id": shown["account_id"]}
    project = (
        shown["projects"][0]
        if shown["projects"]
        else made(control.operator.post("/api/v1/projects", json=wanted))["id"]
    )
    made(control.operator.post(f"/api/v1/projects/{project}/members", json={"user_id": holder.id}))
    members = {"name": "theirs", "project_id": project, "user_id": holder.id}
    key_id = made(control.operator.post(KEYS, json=members))["id"]
    secrets = made(control.operator.post(f"{KEYS}/{key_id}/rotate", json={}))["secrets"]
    return key_id, secrets


def states(control: ControlProcess, key_id: str) -> list[str]:
    """Return where each secret is in its life, oldest first."""
    return [one["state"] for one in made(control.operator.get(f"{KEYS}/{key_id}"))["secrets"]]


def test_a_member_ends_one_of_their_own_and_nobody_elses(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """A colleague's key is as one that does not exist; a viewer changes nothing; another account sees nothing."""
    key_id, (used, waiting) = rotated(control, people["first member"])
    colleagues, (_, theirs) = rotated(control, people["first viewer"])
    path, abroad = f"{KEYS}/{key_id}/secrets", f"{KEYS}/{colleagues}/secrets/{theirs['id']}"

    absent = people["first member"].call("DELETE", f"{KEYS}/key_{'0' * 20}/secrets/{theirs['id']}")
    hidden = people["first member"].call("DELETE", abroad)
    assert (hidden.status_code, hidden.json()) == (404, absent.json())
    assert people["other owner"].call("DELETE", abroad).json() == absent.json()
    assert people["first viewer"].call("DELETE", abroad).status_code == 403
    # Through a key of their own, too, nobody reaches a secret of another.
    assert people["first member"].call("DELETE", f"{path}/{theirs['id']}").status_code == 404
    assert states(control, colleagues) == ["active", "pending"]

    assert code(people["first member"].call("DELETE", f"{path}/{used['id']}")) == (409, "CONFLICT")
    ended = made(people["first member"].call("DELETE", f"{path}/{waiting['id']}"))
    assert [one["state"] for one in ended["secrets"]] == ["active", "dead"]
    assert made(people["first admin"].call("DELETE", abroad))["id"] == colleagues


def test_the_page_names_the_secret_and_asks_for_proof(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """The one in use has no button; what can't be ended any more is said, and nothing is shown."""
    member = people["other member"]
    key_id, (used, waiting) = rotated(control, member)
    path = f"{PAGES}/{key_id}/secrets/{waiting['id']}/revoke"

    page = member.page(f"{PAGES}/{key_id}").text
    assert re.findall(r'href="[^"]+/secrets/(sec_\w+)/revoke"', page) == [waiting["id"]]
    assert "/secrets/" not in people["other viewer"].page(f"{PAGES}/{key_id}").text
    long_ago(control, member)
    assert code(member.call("DELETE", f"{KEYS}/{key_id}/secrets/{waiting['id']}"))[0] == 403
    assert member.page(path).headers["location"].startswith("/dashboard/prove")
    assert member.form(path).headers["location"].startswith("/dashboard/prove")
    assert states(control, key_id) == ["active", "pending"]

    member.cookies.clear()
    member.sign_in()
    assert waiting["display"] in member.page(path).text
    assert member.form(path).headers["location"] == f"{PAGES}/{key_id}"
    assert states(control, key_id) == ["active", "dead"]
    assert member.page(path).headers["location"] == f"{PAGES}/{key_id}"
    kept = member.form(f"{PAGES}/{key_id}/secrets/{used['id']}/revoke")
    assert kept.headers["location"] == f"{PAGES}/{key_id}"
    assert "rotate the key" in member.page(f"{PAGES}/{key_id}").text
    assert states(control, key_id) == ["active", "dead"]
