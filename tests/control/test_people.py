"""How people come in, and who may make whom what."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from fakes.control_process import ControlProcess
from fakes.people import PASSWORD, Human, accept, code, crowd, invited, made, newcomer

KEYS, USERS, PROJECTS = "/api/v1/keys", "/api/v1/users", "/api/v1/projects"


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


def test_an_invitation_lets_one_person_in_once(control: ControlProcess) -> None:
    """Whoever finds the link later gets nowhere."""
    _, token = invited(control, "once@first.example", "viewer")

    human = accept(control, "once@first.example", token)
    again = Human(control)
    second = again.form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="Mallory", password=PASSWORD
    )

    assert human.page("/dashboard").status_code == 200
    assert second.status_code == 404
    assert "keyturn_session" not in again.cookies
    listed = made(control.operator.get(f"{USERS}/once@first.example"))
    assert (listed["role"], listed["invited"], listed["last_sign_in_at"] is not None) == (
        "viewer",
        False,
        True,
    )


def test_a_new_invitation_ends_the_one_before(control: ControlProcess) -> None:
    """A link that went to the wrong place is made worthless by another."""
    user_id, first = invited(control, "twice@first.example", "member")
    link = made(control.operator.post(f"{USERS}/{user_id}/invite"))["link"]

    stale = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=first, name="", password=PASSWORD
    )

    assert stale.status_code == 404
    assert (
        accept(control, "twice@first.example", link.partition("#")[2]).page("/dashboard").status_code == 200
    )
    assert code(control.operator.post(f"{USERS}/{user_id}/invite")) == (409, "CONFLICT")


def test_an_invitation_that_is_taken_back_leaves_nothing(control: ControlProcess) -> None:
    """Neither a way in nor a person in the lists."""
    user_id, token = invited(control, "mistake@first.example", "admin")

    gone = control.operator.delete(f"{USERS}/{user_id}/invite")
    late = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="", password=PASSWORD
    )

    assert (gone.status_code, late.status_code) == (200, 404)
    assert control.operator.get(f"{USERS}/{user_id}").status_code == 404


def test_an_invitation_ends_when_somebody_has_come_in_otherwise(control: ControlProcess) -> None:
    """By a new password, or another way to sign in: the link takes their place from nobody."""
    user_id, token = invited(control, "otherwise@first.example", "member")
    with closing(sqlite3.connect(control.data.database, timeout=10)) as connection, connection:
        connection.execute("UPDATE logins SET last_sign_in_at = 1 WHERE user_id = ?", [user_id])

    late = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="", password=PASSWORD
    )

    assert late.status_code == 404


def test_a_weak_password_keeps_what_was_typed(control: ControlProcess) -> None:
    """The link works on, and the name is still there."""
    _, token = invited(control, "weak@first.example", "member")

    answer = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="Weak One", password="short"
    )

    assert answer.status_code == 400
    assert token in answer.text
    assert "Weak One" in answer.text
    assert accept(control, "weak@first.example", token).page("/dashboard").status_code == 200


def test_nobody_makes_anybody_stronger_than_they_are(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """An admin makes no owner and touches none; an owner does both."""
    admin, owner = people["other admin"], people["other owner"]
    user_id, _ = invited(control, "rising@other.example", "member", "Other")

    refused = [
        admin.call("PATCH", f"{USERS}/{user_id}", json={"role": "owner"}),
        admin.call("PATCH", f"{USERS}/{admin.id}", json={"role": "owner"}),
        admin.call("PATCH", f"{USERS}/{owner.id}", json={"role": "member"}),
        admin.call("PATCH", f"{USERS}/{owner.id}", json={"email": "mine@other.example"}),
        admin.call("POST", f"{USERS}/{owner.id}/suspend"),
        admin.call("DELETE", f"{USERS}/{owner.id}"),
        admin.call("POST", "/api/v1/invitations", json={"email": "x@other.example", "role": "owner"}),
    ]

    assert {code(answer) for answer in refused} == {(403, "INSUFFICIENT_PERMISSIONS")}
    assert made(admin.call("PATCH", f"{USERS}/{user_id}", json={"role": "admin"}))["role"] == "admin"
    assert made(owner.call("PATCH", f"{USERS}/{user_id}", json={"role": "owner"}))["role"] == "owner"
    assert control.operator.get(f"{USERS}/x@other.example").status_code == 404


def test_a_key_makes_nobody_stronger_than_itself(control: ControlProcess) -> None:
    """Not even one that administers: what it is bound to, a person would not be."""

    def key(**members: Any) -> dict[str, str]:
        members = {"name": "inviting", "preset": "admin", "project_id": project["id"], **members}
        return {"authorization": f"Bearer {control.operator.post(KEYS, json=members).json()['key']}"}

    account = made(control.operator.post("/api/v1/accounts", json={"name": "Inviting"}))
    project = made(control.operator.post(PROJECTS, json={"name": "inviting", "account_id": account["id"]}))
    free, bound = key(), key(models=["gpt-*"])

    admin = newcomer(control, "top@inviting.example", "admin", "Inviting")

    def readdress(headers: dict[str, str], email: str) -> int:
        path = f"{USERS}/{admin.id}"
        return control.relayed.patch(path, headers=headers, json={"email": email}).status_code

    def invite(headers: dict[str, str], role: str) -> int:
        wanted = {"email": f"{role}@inviting.example", "role": role}
        return control.relayed.post("/api/v1/invitations", headers=headers, json=wanted).status_code

    assert [invite(bound, role) for role in ("owner", "admin", "member", "viewer")] == [403] * 4
    assert [invite(free, role) for role in ("owner", "admin", "member", "viewer")] == [403, 201, 201, 201]
    assert readdress(bound, "mine@inviting.example") == 403
    assert readdress(free, "theirs@inviting.example") == 200


def test_an_account_keeps_its_last_owner(control: ControlProcess) -> None:
    """Nobody is left before a locked door; who is only invited can't open it either."""
    control.operator.post("/api/v1/accounts", json={"name": "Small"}).raise_for_status()
    owner = newcomer(control, "only@small.example", "owner", "Small")
    invited(control, "next@small.example", "owner", "Small")

    refused = [
        owner.call("PATCH", f"{USERS}/{owner.id}", json={"role": "admin"}),
        owner.call("POST", f"{USERS}/{owner.id}/suspend"),
        owner.call("DELETE", f"{USERS}/{owner.id}"),
        control.operator.post(f"{USERS}/{owner.id}/suspend"),
    ]
    newcomer(control, "second@small.example", "owner", "Small")

    assert {code(answer) for answer in refused} == {(409, "CONFLICT")}
    assert owner.call("PATCH", f"{USERS}/{owner.id}", json={"role": "admin"}).status_code == 200


def test_whoever_runs_the_node_can_empty_an_account(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """An account that ends loses its last owner too; the node's own does not."""
    made(control.operator.post("/api/v1/accounts", json={"name": "Ending"}))
    owner = newcomer(control, "only@ending.example", "owner", "Ending")

    assert people["first owner"].call("DELETE", f"{USERS}/{owner.id}").status_code == 200
    assert people["first owner"].call("DELETE", "/api/v1/accounts/Ending").status_code == 200


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        (("PATCH", "", {"role": "viewer"}), False),
        (("PATCH", "", {"role": "owner"}), True),
        (("PATCH", "", {"name": "Another"}), True),
        (("POST", "/suspend", None), False),
        (("DELETE", "", None), False),
    ],
    ids=str,
)
def test_sessions_end_when_somebody_may_do_less(
    control: ControlProcess, change: tuple[str, str, Any], *, stays: bool
) -> None:
    """At once, in every window; and a session that has ended stays so when they may do it again."""
    method, path, body = change
    human = newcomer(control, f"{method}-{path.strip('/')}-{stays}-{str(body)[2:6]}@first.example", "admin")

    control.operator.request(method, f"{USERS}/{human.id}{path}", json=body).raise_for_status()
    if path == "/suspend":
        control.operator.post(f"{USERS}/{human.id}/resume").raise_for_status()

    assert (human.call("GET", KEYS).status_code == 200) is stays
