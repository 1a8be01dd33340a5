"""The commands about accounts."""

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/accounts"
ACME = {
    "id": "acct_1",
    "name": "acme",
    "status": "active",
    "metadata": {"plan": "gold"},
    "projects": 2,
    "keys": 1200,
    "users": 3,
    "created_at": "2026-01-01T00:00:00Z",
    "version": 1,
}


def test_an_account_is_created_and_what_comes_next_is_said(keyturn: Run, node: ManagementApi) -> None:
    """It can do nothing without a project."""
    node.data("POST", PATH, ACME)

    ran = keyturn("accounts", "create", "acme", "--metadata", "plan=gold")

    assert ran.out == "Created acme (acct_1): ● active\n"
    assert "keyturn projects create NAME --account acct_1" in ran.err
    assert node.asked[0].body == {"name": "acme", "metadata": {"plan": "gold"}}


def test_the_list_shows_what_is_in_them(keyturn: Run, node: ManagementApi) -> None:
    """Which tenant has how many keys, and who is stopped."""
    node.data("GET", f"{PATH}?search=a&limit=100", [ACME, ACME | {"status": "suspended"}])

    ran = keyturn("accounts", "list", "--search", "a")

    assert "acme" in ran.out
    assert "1,200" in ran.out
    assert "○ suspended" in ran.out


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("show", "acme"), "GET", f"{PATH}/acme"),
        (("edit", "acme", "--name", "b"), "PATCH", f"{PATH}/acme"),
        (("suspend", "acme"), "POST", f"{PATH}/acme/suspend"),
        (("resume", "acme"), "POST", f"{PATH}/acme/resume"),
        (("delete", "acme", "--yes"), "DELETE", f"{PATH}/acme"),
        (("create", "acme"), "POST", PATH),
    ],
)
def test_json_is_the_nodes_own(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], method: str, path: str
) -> None:
    """Scripts read this."""
    node.data(method, path, ACME)

    ran = keyturn("accounts", *arguments, "--json")

    assert (ran.status, msgspec.json.decode(ran.out)) == (0, ACME)


@pytest.mark.parametrize(
    ("command", "done"), [("suspend", "Suspended acme"), ("resume", "Resumed acme"), ("show", "acct_1")]
)
def test_what_was_done_is_said(keyturn: Run, node: ManagementApi, command: str, done: str) -> None:
    """With the name, so that a slip is seen."""
    node.data("POST", f"{PATH}/acct_1/{command}", ACME)
    node.data("GET", f"{PATH}/acct_1", ACME)

    assert done in keyturn("accounts", command, "acct_1").out


def test_an_edit_shows_the_account_and_needs_something_to_change(keyturn: Run, node: ManagementApi) -> None:
    """`none` takes metadata away; nothing at all is a slip."""
    node.data("PATCH", f"{PATH}/acme", ACME)

    changed = keyturn("accounts", "edit", "acme", "--metadata", "none")
    nothing = keyturn("accounts", "edit", "acme")

    assert "plan=gold" in changed.out
    assert node.asked[0].body == {"metadata": {}}
    assert (nothing.status, len(node.asked)) == (1, 1)


@pytest.mark.parametrize(("typed", "status"), [("acme\n", 0), ("acne\n", 1), ("", 1)])
def test_deleting_asks_for_the_name(keyturn: Run, node: ManagementApi, typed: str, status: int) -> None:
    """There is no way back."""
    node.data("GET", f"{PATH}/acct_1", ACME)
    node.data("DELETE", f"{PATH}/acct_1", ACME)

    ran = keyturn("accounts", "delete", "acct_1", typed=typed)

    assert ran.status == status
    assert [one.method for one in node.asked] == ["GET", "DELETE"][: 2 - status]
    assert ("Deleted acme" in ran.out) is (status == 0)


def test_a_name_with_a_slash_is_found_in_the_list(keyturn: Run, node: ManagementApi) -> None:
    """It can't stand in a path."""
    node.data("GET", f"{PATH}?search=a%2Fb&limit=100", [ACME | {"name": "a/b"}, ACME | {"name": "xa/b"}])
    node.data("GET", f"{PATH}/acct_1", ACME)
    node.data("GET", f"{PATH}?search=b%2Fb&limit=100", [ACME | {"name": "b/b"}] * 2)
    node.data("GET", f"{PATH}?search=c%2Fc&limit=100", [])

    assert keyturn("accounts", "show", "a/b").status == 0
    assert "2 have this name" in keyturn("accounts", "show", "b/b").err
    assert "none of this name" in keyturn("accounts", "show", "c/c").err


def test_a_plan_is_given_and_taken_away(keyturn: Run, node: ManagementApi) -> None:
    """With prepayment beside it."""
    node.data("PATCH", f"{PATH}/acme", ACME | {"plan_id": "plan_1", "prepaid": True})
    node.data("POST", PATH, ACME)

    given = keyturn("accounts", "edit", "acme", "--plan", "Pro", "--prepaid")
    keyturn("accounts", "edit", "acme", "--plan", "none")
    keyturn("accounts", "create", "acme", "--plan", "Pro", "--no-prepaid")

    assert "plan_1" in given.out
    assert [one.body for one in node.asked] == [
        {"plan": "Pro", "prepaid": True},
        {"plan": None},
        {"name": "acme", "metadata": {}, "plan": "Pro", "prepaid": False},
    ]
