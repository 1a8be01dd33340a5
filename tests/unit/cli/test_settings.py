"""``keyturn settings``."""

import json

import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/settings"
LISTED = [
    {"path": "auth.required", "value": False, "given": True, "origin": "changed at run time by operator"},
    {"path": "auth.locations", "value": ["body", "header"], "given": ["body", "header"], "origin": "default"},
]


def test_the_list_shows_what_was_changed_and_what_it_was(keyturn: Run, node: ManagementApi) -> None:
    """So that whoever finds a change knows what a reset would do."""
    node.data("GET", PATH, LISTED)

    ran = keyturn("settings", "list")
    as_json = keyturn("settings", "list", "--json")

    assert ran.status == 0
    assert "changed at run time by operator" in ran.out
    assert "body, header" in ran.out
    assert "true" in ran.out
    assert json.loads(as_json.out) == LISTED


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["set", "auth.required", "false"], {"auth.required": False}),
        (["set", "auth.locations", "strict"], {"auth.locations": ["header"]}),
        (["set", "auth.locations", "query, header"], {"auth.locations": ["header", "query"]}),
        (["set", "requests.kept_days", "7"], {"requests.kept_days": 7}),
        (["set", "support.contact", "7"], {"support.contact": "7"}),
        (["reset", "auth.required"], {"auth.required": None}),
    ],
)
def test_a_value_is_written_as_a_variable_has_it(
    keyturn: Run, node: ManagementApi, arguments: list[str], body: dict[str, object]
) -> None:
    """And sent as the API wants it."""
    node.data("PATCH", PATH, LISTED)

    ran = keyturn("settings", *arguments)

    assert ran.status == 0, ran.err
    [asked] = node.asked
    assert asked.body == body


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "server.port", "1"], "server.port can't be changed while the node runs"),
        (["set", "auth.required", "perhaps"], "auth.required: "),
        (["set", "auth.locations", "moon"], "expected any of header, query, body"),
    ],
)
def test_what_can_not_be_is_said_before_anything_is_asked(
    keyturn: Run, node: ManagementApi, arguments: list[str], said: str
) -> None:
    """In one line, with the setting."""
    ran = keyturn("settings", *arguments)

    assert ran.status == 1
    assert said in ran.err
    assert node.asked == []
