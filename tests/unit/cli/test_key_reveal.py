"""``keyturn keys reveal``."""

import pytest

from fakes.management_api import ManagementApi, over_tcp
from unit.cli.conftest import Run

KEY = "/api/v1/keys/key_1"
WHOSE = {"id": "key_1", "name": "app", "display": "sk-AbCd…", "recoverable": True}


@pytest.fixture
def shown(node: ManagementApi) -> ManagementApi:
    """A node that shows the secret of ``app``."""
    node.data("GET", "/api/v1/keys/app", WHOSE)
    node.data("POST", f"{KEY}/reveal", WHOSE, key="sk-secret")
    return node


def test_the_secret_stands_alone_on_stdout(keyturn: Run, shown: ManagementApi) -> None:
    """It goes into a variable."""
    ran = keyturn("keys", "reveal", "app", typed="app\n")

    assert (ran.status, ran.out) == (0, "sk-secret\n")
    assert shown.asked[-1].body == {"confirm": "app"}


def test_another_name_shows_nothing(keyturn: Run, shown: ManagementApi) -> None:
    """Nobody sees a secret by a slip."""
    ran = keyturn("keys", "reveal", "app", typed="ap\n")

    assert (ran.status, ran.out) == (1, "")
    assert [one.method for one in shown.asked] == ["GET"]


def test_nobody_types_the_name_of_a_key_that_cannot_be_shown(keyturn: Run, node: ManagementApi) -> None:
    """The answer is known before the question, and says what to do instead."""
    node.data("GET", "/api/v1/keys/app", {**WHOSE, "recoverable": False})

    ran = keyturn("keys", "reveal", "app", typed="app\n")

    assert (ran.status, ran.out) == (1, "")
    assert "keys rotate" in ran.err
    assert "Type" not in ran.err


def test_scripts_need_not_type(keyturn: Run, shown: ManagementApi) -> None:
    """The name is sent for them."""
    assert keyturn("keys", "reveal", "app", "--yes").out == "sk-secret\n"


def test_from_elsewhere_the_key_is_shown_again(keyturn: Run) -> None:
    """The node asks for the credential of whoever calls."""
    with over_tcp() as (api, address):
        api.data("GET", "/api/v1/keys/app", WHOSE)
        api.data("POST", f"{KEY}/reveal", WHOSE, key="sk-secret")

        ran = keyturn("keys", "reveal", "app", "--yes", "--url", address, "--key", "ak-mine")

        assert ran.out == "sk-secret\n"
        assert api.asked[-1].body == {"credential": "ak-mine"}
