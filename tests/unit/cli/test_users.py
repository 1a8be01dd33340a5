"""The commands about users."""

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/users"
AT = f"{PATH}/kim%40example.com"
KIM = {
    "id": "user_1",
    "account_id": "acct_1",
    "email": "kim@example.com",
    "name": "Kim",
    "status": "active",
    "metadata": {"team": "blue"},
    "keys": 2,
    "projects": ["proj_1", "proj_2"],
    "created_at": "2026-01-01T00:00:00Z",
    "version": 1,
}


def test_a_user_is_created(keyturn: Run, node: ManagementApi) -> None:
    """An address is enough."""
    node.data("POST", PATH, KIM)

    ran = keyturn("users", "create", "kim@example.com")
    keyturn("users", "create", "kim@example.com", "--name", "Kim", "--account", "acme", "--metadata", "a=b")

    assert ran.out == "Created kim@example.com (user_1): ● active\n"
    assert node.asked[0].body == {"email": "kim@example.com"}
    assert node.asked[1].body == {
        "email": "kim@example.com",
        "name": "Kim",
        "account_id": "acme",
        "metadata": {"a": "b"},
    }


def test_users_are_listed_and_shown(keyturn: Run, node: ManagementApi) -> None:
    """Who is where, and who is stopped."""
    node.data("GET", f"{PATH}?account=acme&search=k&limit=100", [KIM | {"status": "suspended"}])
    node.data("GET", AT, KIM)

    listed = keyturn("users", "list", "--account", "acme", "--search", "k").out
    shown = keyturn("users", "show", "kim@example.com").out

    assert "○ suspended" in listed
    assert "proj_1, proj_2" in shown
    assert "team=blue" in shown


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("create", "kim@example.com"), "POST", PATH),
        (("show", "kim@example.com"), "GET", AT),
        (("edit", "kim@example.com", "--name", "b"), "PATCH", AT),
        (("suspend", "kim@example.com"), "POST", f"{AT}/suspend"),
        (("resume", "kim@example.com"), "POST", f"{AT}/resume"),
        (("delete", "kim@example.com", "--yes"), "DELETE", AT),
    ],
)
def test_json_is_the_nodes_own(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], method: str, path: str
) -> None:
    """Scripts read this."""
    node.data(method, path, KIM)

    ran = keyturn("users", *arguments, "--json")

    assert (ran.status, msgspec.json.decode(ran.out)) == (0, KIM)


def test_what_was_done_is_said(keyturn: Run, node: ManagementApi) -> None:
    """With the address, so that a slip is seen."""
    node.data("POST", f"{AT}/suspend", KIM)
    node.data("POST", f"{AT}/resume", KIM)
    node.data("PATCH", AT, KIM)

    assert keyturn("users", "suspend", "kim@example.com").out.startswith("Suspended kim@example.com")
    assert keyturn("users", "resume", "kim@example.com").out.startswith("Resumed kim@example.com")
    assert "user_1" in keyturn("users", "edit", "kim@example.com", "--email", "k@example.com").out
    assert keyturn("users", "edit", "kim@example.com").status == 1
    assert node.asked[2].body == {"email": "k@example.com"}


@pytest.mark.parametrize(("typed", "status"), [("kim@example.com\n", 0), ("kim\n", 1)])
def test_deleting_asks_for_the_address(keyturn: Run, node: ManagementApi, typed: str, status: int) -> None:
    """Their personal keys end with it."""
    node.data("GET", AT, KIM)
    node.data("DELETE", AT, KIM)

    ran = keyturn("users", "delete", "kim@example.com", typed=typed)

    assert (ran.status, len(node.asked)) == (status, 2 - status)
    assert "personal keys are revoked" in ran.err


def test_somebody_is_invited_by_a_link(keyturn: Run, node: ManagementApi) -> None:
    """It alone stands on stdout, to be piped."""
    link = "http://127.0.0.1:8080/dashboard/invite#" + "a" * 32
    until = "2030-01-01T00:00:00Z"
    node.data("POST", "/api/v1/invitations", {"user": KIM, "sent": False, "link": link, "expires_at": until})

    ran = keyturn(
        "users", "invite", "kim@example.com", "--role", "admin", "--account", "acme", "--project", "home"
    )
    as_json = keyturn("users", "invite", "kim@example.com", "--json")

    assert ran.out == f"{link}\n"
    assert "works once" in ran.err
    wanted = {"email": "kim@example.com", "role": "admin", "account_id": "acme", "project_id": "home"}
    assert node.asked[0].body == wanted
    assert link in as_json.out


def test_who_is_invited_by_mail_gets_no_link_here(keyturn: Run, node: ManagementApi) -> None:
    """The letter has it, and nobody else."""
    sent = {"user": KIM, "sent": True, "link": None, "expires_at": "2030-01-01T00:00:00Z"}
    node.data("POST", "/api/v1/invitations", sent)

    ran = keyturn("users", "invite", "kim@example.com")

    assert ran.out == "Invited by e-mail: kim@example.com (user_1): ● active\n"


def test_a_role_is_given_and_shown(keyturn: Run, node: ManagementApi) -> None:
    """With whether they have a second factor, and when they last signed in."""
    signed_in = {"role": "viewer", "two_factor": True, "last_sign_in_at": "2026-01-01T00:00:00Z"}
    node.data("PATCH", AT, KIM | signed_in)
    node.data("GET", f"{PATH}?limit=100", [KIM | {"role": "owner", "invited": True}])
    node.data("GET", AT, KIM | {"role": "member", "invited": True})

    changed = keyturn("users", "role", "kim@example.com", "viewer")
    as_json = keyturn("users", "role", "kim@example.com", "viewer", "--json")
    listed = keyturn("users", "list")
    shown = keyturn("users", "show", "kim@example.com")

    assert node.asked[0].body == {"role": "viewer"}
    assert "viewer" in changed.out
    assert '"two_factor":true' in as_json.out.replace(" ", "")
    assert "owner" in listed.out
    assert "never; invited" in shown.out


def test_a_setup_link_is_made_while_nobody_owns_the_node(keyturn: Run, node: ManagementApi) -> None:
    """Alone on stdout."""
    link = "http://127.0.0.1:8080/dashboard/setup#" + "a" * 32
    node.data("POST", "/api/v1/setup-link", {"link": link})

    assert keyturn("users", "setup-link").out == f"{link}\n"


@pytest.mark.parametrize(("what", "does"), [("reset-link", "new password"), ("verify-link", "Confirms")])
def test_a_link_is_printed_alone(keyturn: Run, node: ManagementApi, what: str, does: str) -> None:
    """So that it can be piped to where it is handed over; what it does stands on stderr."""
    url = "https://ai.example.com/dashboard/reset#secret"
    link = {"user_id": "user_1", "email": "kim@example.com", "url": url, "expires_at": "2026-01-01T01:00:00Z"}
    node.data("POST", f"{AT}/{what}", link)

    ran = keyturn("users", what, "kim@example.com")
    as_json = keyturn("users", what, "kim@example.com", "--json")

    assert ran.out == f"{url}\n"
    assert does in ran.err
    assert msgspec.json.decode(as_json.out)["url"] == url


def test_a_lost_second_factor_is_turned_off_after_the_address_was_typed(
    keyturn: Run, node: ManagementApi
) -> None:
    """With the password alone whoever knows it is in: who asks is thought about."""
    node.data("GET", AT, KIM | {"two_factor": True})
    node.data("POST", f"{AT}/reset-second-factor", KIM)

    wrong = keyturn("users", "reset-second-factor", "kim@example.com", typed="kim\n")
    typed = keyturn("users", "reset-second-factor", "kim@example.com", typed="kim@example.com\n")
    sure = keyturn("users", "reset-second-factor", "kim@example.com", "--yes", "--json")

    assert "nothing was done" in wrong.err
    assert "make sure" in typed.err
    assert typed.out == "Turned the second factor off: kim@example.com (user_1): ● active\n"
    assert msgspec.json.decode(sure.out)["id"] == "user_1"
    assert [one.method for one in node.asked] == ["GET", "GET", "POST", "POST"]
