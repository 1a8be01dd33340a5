"""``keyturn peppers``."""

import json

import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

STATES = [
    {"name": "pepper-1", "newest": False, "origin": "file", "secrets": 1200},
    {"name": "pepper-2", "newest": True, "origin": "file", "secrets": 0},
]


def test_status_shows_how_much_each_pepper_protects(keyturn: Run, node: ManagementApi) -> None:
    """It says when an old one may go."""
    node.data("GET", "/api/v1/peppers", STATES)

    ran = keyturn("peppers", "status")

    assert ran.status == 0
    assert "pepper-1" in ran.out
    assert "1,200" in ran.out
    assert "new keys" in ran.out


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        (["rotate"], ["/api/v1/peppers/rotate"]),
        (["rotate", "--prune"], ["/api/v1/peppers/prune", "/api/v1/peppers/rotate"]),
        (["prune"], ["/api/v1/peppers/prune"]),
    ],
)
def test_each_command_makes_its_calls(
    keyturn: Run, node: ManagementApi, arguments: list[str], calls: list[str]
) -> None:
    """Deleting comes before making: the newest is never among what is deleted."""
    for call in calls:
        node.data("POST", call, STATES)

    ran = keyturn("peppers", *arguments, "--json")

    assert [one.path for one in node.asked] == calls
    assert json.loads(ran.out) == STATES
