"""Whose key is this, on the command line."""

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/keys/verify"
SECRET = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"
VALID = {
    "valid": True,
    "code": "VALID",
    "message": "",
    "hint": "",
    "key_id": "key_1",
    "name": "my-app",
    "kind": "secret",
    "account_id": "acct_1",
    "project_id": "proj_1",
    "permissions": ["read"],
    "expires_at": "2030-01-01T00:00:00Z",
    "tags": ["blue"],
    "metadata": {"plan": "gold"},
}
INVALID = {"valid": False, "code": "INVALID_API_KEY", "message": "Not valid", "hint": "missing prefix sk-"}


@pytest.mark.parametrize("argument", [[], ["-"]])
def test_the_key_is_read_from_standard_input(keyturn: Run, node: ManagementApi, argument: list[str]) -> None:
    """A key on the command line stays in the shell's history, and other users see it."""
    node.data("POST", PATH, VALID)

    ran = keyturn(
        "keys", "verify", *argument, "--permission", "read", "--ip", "192.0.2.1", typed=f"{SECRET}\n"
    )

    assert node.asked[0].body == {"key": SECRET, "permissions": ["read"], "ip": "192.0.2.1"}
    for part in ("valid", "my-app (key_1)", "acct_1", "read", "2030-01-01", "blue", "plan gold"):
        assert part in ran.out, part
    assert (ran.status, SECRET in ran.out + ran.err) == (0, False)


def test_an_invalid_key_ends_with_status_1(keyturn: Run, node: ManagementApi) -> None:
    """Scripts go by it."""
    node.data("POST", PATH, INVALID)

    ran = keyturn("keys", "verify", typed=f"{SECRET}\n")

    assert ran.status == 1
    for part in ("invalid api key", "Not valid", "missing prefix sk-"):
        assert part in ran.out


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """The status says the same."""
    node.data("POST", PATH, INVALID)

    ran = keyturn("keys", "verify", SECRET, "--json")

    assert (ran.status, msgspec.json.decode(ran.out)) == (1, INVALID)


def test_no_key_is_said_to_be_no_key(keyturn: Run, node: ManagementApi) -> None:
    """An empty pipe is a mistake in the script, not an invalid key."""
    ran = keyturn("keys", "verify", typed="")

    assert (ran.status, node.asked) == (1, [])
    assert "no key" in ran.err
