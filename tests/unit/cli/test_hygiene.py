"""The command that shows what to tidy up."""

import msgspec

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/hygiene?limit=50"
ROW = {
    "id": "key_1",
    "name": "app",
    "display": "sk-AbCd…",
    "findings": ["seen_in_url", "no_expiry", "something_new"],
    "created_at": "2026-01-01T00:00:00Z",
    "last_used_at": None,
}
SUMMARY = {"keys": 1200, "without_limit": 1200, "findings": {"seen_in_url": 1, "idle": 0}}


def test_each_key_says_what_to_do_about_it(keyturn: Run, node: ManagementApi) -> None:
    """And how many there are in all; a finding of a newer node is shown as it is."""
    node.answers("GET", PATH, {"success": True, "data": [ROW], "summary": SUMMARY, "next_cursor": "x"})

    ran = keyturn("hygiene")

    assert "was sent in a URL: rotate it" in ran.out
    assert "something_new" in ran.out
    assert "1,200 active keys: 1 sent in a URL, 1,200 without any limit." in ran.out
    assert "--limit" in ran.err


def test_a_tidy_node_says_so(keyturn: Run, node: ManagementApi) -> None:
    """Nothing is a result."""
    summary = {"keys": 2, "without_limit": 0, "findings": {}}
    node.answers("GET", PATH, {"success": True, "data": [], "summary": summary, "next_cursor": None})

    assert "2 active keys: all tidy" in keyturn("hygiene").out


def test_json_is_the_nodes_own_with_the_figures(keyturn: Run, node: ManagementApi) -> None:
    """A monitor reads the summary."""
    report = {"success": True, "data": [ROW], "summary": SUMMARY, "next_cursor": None}
    node.answers("GET", PATH, report)

    assert msgspec.json.decode(keyturn("hygiene", "--json").out) == report


def test_an_answer_of_another_version_is_said_in_one_line(keyturn: Run, node: ManagementApi) -> None:
    """Never a traceback."""
    node.answers("GET", PATH, {"success": True, "data": []})

    ran = keyturn("hygiene")

    assert ran.status == 1
    assert "another version" in ran.err
