"""``keyturn alerts``: what waits for somebody to see to it."""

import json

import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/alerts"
ID = "evt_00000000000000000001"
LIMIT = {"limit": "project cost_usd/month", "percent": "80", "used": "8", "max": "10"}


def alert(**members: object) -> dict[str, object]:
    """Return an alert as the node shows it."""
    return {
        "id": ID,
        "at": "2026-11-20T00:00:00Z",
        "kind": "limit.reached",
        "severity": "warning",
        "account_id": "acct_1",
        "project_id": "proj_1",
        "key_id": None,
        "details": LIMIT,
        **members,
    }


def rules(**members: object) -> dict[str, object]:
    """Return what is told, as the node shows it."""
    told = {"owner": None, "thresholds": [50, 80, 100], "own": False}
    return told | {"rules": {"usage_spike": "notify"}} | members


def test_the_list_says_of_whom_and_how_much(keyturn: Run, node: ManagementApi) -> None:
    """On one line."""
    node.data("GET", f"{PATH}?severity=warning&key=my-app&account=acme&limit=50", [alert()])

    ran = keyturn("alerts", "list", "my-app", "--severity", "warning", "--account", "acme")

    assert ran.status == 0
    for words in ("warning", "limit.reached", "proj_1", "80 % (8 of 10)", ID):
        assert words in ran.out


def test_a_rule_says_why(keyturn: Run, node: ManagementApi) -> None:
    """With its figures behind."""
    woke = alert(kind="key.woke_up", key_id="key_1", details={"why": "used again", "idle_days": "40"})
    node.data("GET", f"{PATH}?limit=50", [woke, alert(details={"address": "192.0.2.1"})])

    out = keyturn("alerts", "list").out

    assert "used again, idle_days 40" in out
    assert "address 192.0.2.1" in out


def test_nothing_that_waits_is_said_so(keyturn: Run, node: ManagementApi) -> None:
    """An empty table looks like a failure."""
    node.data("GET", f"{PATH}?acknowledged=true&limit=50", [])

    ran = keyturn("alerts", "list", "--acknowledged")

    assert (ran.status, "No alert waits" in ran.err) == (0, True)


def test_one_alert_is_shown_with_all_that_is_known(keyturn: Run, node: ManagementApi) -> None:
    """Whoever is refused is told its id."""
    node.data("GET", f"{PATH}/{ID}", alert(acknowledged_by="operator\x1b"))

    out = keyturn("alerts", "show", ID).out

    assert "project cost_usd/month" in out
    assert "operator" in out
    assert "\x1b" not in out


def test_an_alert_is_acknowledged(keyturn: Run, node: ManagementApi) -> None:
    """And the answer says by whom."""
    node.data("POST", f"{PATH}/{ID}/acknowledge", alert(acknowledged_by="operator"))

    assert "Acknowledged limit.reached, by operator" in keyturn("alerts", "ack", ID).out


def test_the_rules_say_what_is_told_and_done(keyturn: Run, node: ManagementApi) -> None:
    """Shares of limits, and the action of each rule."""
    node.data("GET", f"{PATH}/rules", rules())

    out = keyturn("alerts", "rules").out

    for words in ("50 %, 80 %, 100 %", "the node's settings", "usage_spike", "notify"):
        assert words in out


@pytest.mark.parametrize(
    ("options", "sent", "shown"),
    [
        (["--thresholds", "50,90"], [50, 90], "50 %, 90 % (proj_1)"),
        (["--thresholds", "none"], [], "nothing (proj_1)"),
        (["--usual"], None, "the node's settings"),
    ],
)
def test_an_owners_shares_are_changed(
    keyturn: Run, node: ManagementApi, options: list[str], sent: list[int] | None, shown: str
) -> None:
    """One command, three wishes."""
    told = rules() if sent is None else rules(owner="proj_1", thresholds=sent, own=True)
    node.data("PUT", f"{PATH}/rules?owner=proj_1", told)

    out = keyturn("alerts", "rules", "proj_1", *options).out

    assert node.asked[-1].body == {"thresholds": sent}
    assert shown in out


def test_shares_that_are_no_numbers_are_refused_before_anything_is_sent(
    keyturn: Run, node: ManagementApi
) -> None:
    """The message says how to write them."""
    ran = keyturn("alerts", "rules", "proj_1", "--thresholds", "half")

    assert ran.status == 1
    assert "50,80,100" in ran.err
    assert node.asked == []


@pytest.mark.parametrize(
    ("method", "path", "command"),
    [
        ("GET", f"{PATH}?limit=50", ["list"]),
        ("GET", f"{PATH}/{ID}", ["show", ID]),
        ("POST", f"{PATH}/{ID}/acknowledge", ["ack", ID]),
        ("GET", f"{PATH}/rules", ["rules"]),
    ],
)
def test_json_is_the_nodes_own(
    keyturn: Run, node: ManagementApi, method: str, path: str, command: list[str]
) -> None:
    """For programs."""
    node.data(method, path, [alert()])

    assert json.loads(keyturn("alerts", *command, "--json").out) == [alert()]
