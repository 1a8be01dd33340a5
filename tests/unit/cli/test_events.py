"""``keyturn events``: what somebody should know of."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/events"


def event(number: int, **members: object) -> dict[str, object]:
    """Return an event as the node shows it."""
    return {
        "id": f"evt_{number:020}",
        "at": "2026-11-20T00:00:00Z",
        "kind": "key.leak.reported",
        "severity": "critical",
        "key_id": "key_1",
        "address": "203.0.113.7",
        "details": {"url": "https://example.com"},
        **members,
    }


def test_a_table_shows_what_where_and_how_grave(keyturn: Run, node: ManagementApi) -> None:
    """Everything on one line."""
    node.data("GET", f"{PATH}?key=my-app&severity=critical&limit=50", [event(1)])
    node.data("GET", f"{PATH}?severity=critical&key=my-app&limit=50", [event(1)])

    ran = keyturn("events", "my-app", "--severity", "critical")

    assert ran.status == 0
    for words in ("critical", "key.leak.reported", "key_1", "203.0.113.7", "url https://example.com"):
        assert words in ran.out


def test_nothing_is_said_so(keyturn: Run, node: ManagementApi) -> None:
    """An empty table looks like a failure."""
    node.data("GET", f"{PATH}?limit=50", [])

    ran = keyturn("events")

    assert (ran.status, "Nothing has happened" in ran.err) == (0, True)


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """For programs."""
    node.data("GET", f"{PATH}?kind=keys.guessing&limit=5", [event(1)])

    assert json.loads(keyturn("events", "--kind", "keys.guessing", "--limit", "5", "--json").out) == [
        event(1)
    ]


def test_control_characters_do_not_reach_the_terminal(keyturn: Run, node: ManagementApi) -> None:
    """Details may quote what a stranger sent."""
    node.data("GET", f"{PATH}?limit=50", [event(1, details={"url": "\x1b[2Jx"})])

    assert "\x1b" not in keyturn("events").out


def test_following_shows_each_event_once_oldest_first(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """In a process of its own, ended by Ctrl-C."""
    node.data("GET", f"{PATH}?limit=50", [event(2), event(1)])
    node.data("GET", f"{PATH}?limit=1000", [event(3), event(2), event(1)])
    command = [sys.executable, "-m", "keyturn", "events", "--follow", "--json"]

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = [json.loads(process.stdout.readline())["id"] for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        status = process.wait(10)

    assert shown == [event(number)["id"] for number in (1, 2, 3)]
    assert (status, rest) == (0, "")
