"""The commands about projects and their members."""

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/projects"
POLICY = {
    "locations": ["header"],
    "longest_life_days": 365,
    "unused_days": 90,
    "recoverable": False,
    "rotate_every_days": 30,
}
SHOP = {
    "id": "proj_1",
    "account_id": "acct_1",
    "name": "shop",
    "description": "",
    "status": "active",
    "policy": POLICY,
    "metadata": {},
    "keys": 3,
    "members": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "version": 1,
}
KIM = {
    "user_id": "user_1",
    "email": "kim@example.com",
    "name": "Kim",
    "status": "active",
    "keys": 2,
    "added_at": "2026-01-01T00:00:00Z",
}


def test_a_project_is_created_with_its_policy(keyturn: Run, node: ManagementApi) -> None:
    """Spans as people write them."""
    node.data("POST", PATH, SHOP)

    ran = keyturn(
        *("projects", "create", "shop", "--account", "acme", "--location", "header", "--location", "body"),
        *("--longest-life", "52w", "--unused", "90d", "--rotate-every", "30d", "--no-recoverable"),
        *("--description", "d", "--metadata", "a=b"),
    )

    assert ran.out == "Created shop (proj_1): ● active\n"
    assert node.asked[0].body == {
        "name": "shop",
        "account_id": "acme",
        "description": "d",
        "policy": {
            "locations": ["header", "body"],
            "longest_life_days": 364,
            "unused_days": 90,
            "rotate_every_days": 30,
            "recoverable": False,
        },
        "metadata": {"a": "b"},
    }


def test_a_project_alone_needs_a_name_only(keyturn: Run, node: ManagementApi) -> None:
    """No policy is no rule."""
    node.data("POST", PATH, SHOP)

    keyturn("projects", "create", "shop")

    assert node.asked[0].body == {"name": "shop"}


def test_an_edit_opens_what_it_calls_never_or_none(keyturn: Run, node: ManagementApi) -> None:
    """And leaves alone what it does not name."""
    node.data("PATCH", f"{PATH}/shop", SHOP)

    keyturn("projects", "edit", "shop", "--location", "none", "--unused", "never", "--recoverable")
    nothing = keyturn("projects", "edit", "shop")

    assert node.asked[0].body == {"policy": {"locations": None, "unused_days": None, "recoverable": True}}
    assert (nothing.status, len(node.asked)) == (1, 1)


def test_a_policy_is_shown_in_words(keyturn: Run, node: ManagementApi) -> None:
    """In the list and on its own."""
    node.data("GET", f"{PATH}?account=acme&limit=100", [SHOP, SHOP | {"policy": {}}])
    node.data("GET", f"{PATH}/shop", SHOP)

    listed = keyturn("projects", "list", "--account", "acme").out
    shown = keyturn("projects", "show", "shop").out

    assert "keys in header only; new keys live 365 days at most" in " ".join(listed.split())
    for words in (
        "keys in header only",
        "new keys live 365 days at most",
        "unused keys end after 90 days",
        "new keys rotate every 30 days",
        "no recoverable keys",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("create", "shop"), "POST", PATH),
        (("show", "shop"), "GET", f"{PATH}/shop"),
        (("edit", "shop", "--name", "b"), "PATCH", f"{PATH}/shop"),
        (("delete", "shop", "--yes"), "DELETE", f"{PATH}/shop"),
        (("add-member", "shop", "kim"), "POST", f"{PATH}/shop/members"),
        (("remove-member", "shop", "kim"), "DELETE", f"{PATH}/shop/members/kim"),
    ],
)
def test_json_is_the_nodes_own(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], method: str, path: str
) -> None:
    """Scripts read this."""
    node.data(method, path, SHOP)

    ran = keyturn("projects", *arguments, "--json")

    assert (ran.status, msgspec.json.decode(ran.out)) == (0, SHOP)


@pytest.mark.parametrize(("typed", "status"), [("shop\n", 0), ("\n", 1)])
def test_deleting_asks_for_the_name(keyturn: Run, node: ManagementApi, typed: str, status: int) -> None:
    """There is no way back."""
    node.data("GET", f"{PATH}/shop", SHOP)
    node.data("DELETE", f"{PATH}/shop", SHOP)

    ran = keyturn("projects", "delete", "shop", typed=typed)

    assert ran.status == status
    assert len(node.asked) == 2 - status


def test_members_are_listed_added_and_removed(keyturn: Run, node: ManagementApi) -> None:
    """By their address."""
    node.data("GET", f"{PATH}/shop/members?limit=100", [KIM])
    node.data("POST", f"{PATH}/shop/members", KIM)
    node.data("DELETE", f"{PATH}/shop/members/kim%40example.com", KIM)

    listed = keyturn("projects", "members", "shop")
    as_json = keyturn("projects", "members", "shop", "--json")
    added = keyturn("projects", "add-member", "shop", "kim@example.com")
    removed = keyturn("projects", "remove-member", "shop", "kim@example.com")

    assert "kim@example.com" in listed.out
    assert msgspec.json.decode(as_json.out) == [KIM]
    assert added.out == "Added kim@example.com (user_1) to shop\n"
    assert removed.out == "Removed kim@example.com (user_1) from shop\n"
    assert node.asked[2].body == {"user_id": "kim@example.com"}
