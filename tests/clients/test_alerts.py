"""Alerts of a real node: what workers and the management API refuse becomes one, and a quarantine is in force with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.limits import limited
from support.node import Node, running, until

WORKERS = 4
ADMINISTRATION = ("users", "accounts", "audit", "upstreams", "models", "node")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose rules act."""
    folder = tmp_path_factory.mktemp("node")
    node = Node(
        folder, workers=WORKERS, alerts__scope_probing="quarantine", alerts__key_in_browser="throttle"
    )
    with running(node):
        yield node


def alerts(node: Node, kind: str, key: str = "") -> list[dict[str, Any]]:
    """Return the alerts of a kind that wait."""
    listed = node.manage("GET", f"/api/v1/alerts?key={key}")["data"]
    return [one for one in listed if one["kind"] == kind]


def test_a_key_that_probes_is_refused_by_every_worker_when_its_alert_is_there(strict: Node) -> None:
    """Whoever reads the alert may go on drinking their coffee."""
    key_id, secret = strict.new_key("found", endpoints=["/v1/chat/completions"], models=["demo-chat"])
    good = {"authorization": f"Bearer {secret}"}
    chat = {"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}]}
    # Each connection stays with one worker; enough of them reach all four.
    clients = [httpx.Client(base_url=strict.url, headers=good, timeout=30) for _ in range(40)]
    try:
        first = [client.post("/v1/chat/completions", json=chat).status_code for client in clients]
        for model in ("gpt-4o", "gpt-4"):
            asked = clients[1].post("/v1/chat/completions", json={**chat, "model": model})
            assert asked.status_code == 403
        for client, path in zip(clients, ("/v1/embeddings", "/v1/models", "/v1/completions"), strict=False):
            assert client.request("GET" if "models" in path else "POST", path, json={}).status_code == 403

        (alert,) = until(lambda: alerts(strict, "key.scope_probing", key_id), what="the alert")
        after = [client.post("/v1/chat/completions", json=chat) for client in clients]
    finally:
        for client in clients:
            client.close()

    assert set(first) == {200}
    assert {answer.status_code for answer in after} == {403}
    assert {answer.json()["error"]["code"] for answer in after} == {"key_quarantined"}
    assert alert["details"]["effect"] == "quarantined"
    assert strict.manage("GET", f"/api/v1/keys/{key_id}")["data"]["case_id"] == alert["id"]
    enveloped = strict.send("POST", "/v1/generate", headers=good, json={"model": "demo-chat", "prompt": "hi"})
    assert enveloped.json()["error"]["details"]["case_id"] == alert["id"]


def test_a_quarantine_ends_when_an_operator_enables_the_key(strict: Node) -> None:
    """And acknowledging the alert takes it off the list."""
    key_id, secret = strict.new_key("probing the management API")
    for path in ADMINISTRATION:
        strict.send("GET", f"/api/v1/{path}", headers={"authorization": f"Bearer {secret}"})
    (alert,) = until(lambda: alerts(strict, "key.scope_probing", key_id), what="the alert")
    refused = strict.chat(key=secret)

    shown = strict.cli("alerts", "show", alert["id"]).stdout
    strict.cli("keys", "enable", key_id)
    strict.cli("alerts", "ack", alert["id"])

    assert refused.status_code == 403
    assert key_id in shown
    assert strict.chat(key=secret).status_code == 200
    assert alerts(strict, "key.scope_probing", key_id) == []
    assert strict.manage("GET", f"/api/v1/alerts/{alert['id']}")["data"]["acknowledged_by"] == "operator"


def test_a_key_in_a_browser_is_throttled_where_the_settings_say_so(strict: Node) -> None:
    """The event says to how much, and until when; whoever sees it knows that it is so."""
    key_id, secret = strict.new_key("in a page")
    marked = {
        "authorization": f"Bearer {secret}",
        "origin": "https://app.example",
        "sec-fetch-site": "same-site",
    }

    strict.send("GET", "/v1/models", headers=marked)
    (alert,) = until(lambda: alerts(strict, "key.seen_in_browser", key_id), what="the alert")
    answers = [strict.chat(key=secret).status_code for _ in range(20)]

    assert {*answers} == {200, 429}
    assert answers.count(200) <= 10
    assert "throttled to 10 requests/minute until" in alert["details"]["effect"]
    audit = strict.manage("GET", f"/api/v1/audit?target={key_id}&action=key.throttle")["data"]
    assert [entry["actor"] for entry in audit] == ["alerts"]


def test_a_budget_that_is_used_up_is_told_of_by_its_shares(strict: Node) -> None:
    """From the counter to the operator: once for each share, however often it is refused."""
    key_id, secret = limited(strict, "on a budget", {"metric": "requests", "window": "day", "max": 10})

    answers = [strict.chat(key=secret).status_code for _ in range(14)]
    full = until(
        lambda: [one for one in alerts(strict, "limit.reached", key_id) if one["severity"] == "critical"],
        what="the alert",
    )

    told = [one["details"]["percent"] for one in alerts(strict, "limit.reached", key_id)]
    assert answers == [200] * 10 + [429] * 4
    assert (full[0]["details"]["used"], full[0]["details"]["limit"]) == ("10", "key requests/day")
    assert len(told) == len(set(told))


def test_an_owner_has_shares_of_their_own(strict: Node) -> None:
    """Set on the command line, read over the API, refused where they make no sense."""
    key_id, _ = strict.new_key("budgeted")

    strict.cli("alerts", "rules", key_id, "--thresholds", "25,90")
    told = strict.manage("GET", f"/api/v1/alerts/rules?owner={key_id}")["data"]
    nonsense = strict.cli("alerts", "rules", key_id, "--thresholds", "0", check=False)

    assert (told["thresholds"], told["own"], told["rules"]["scope_probing"]) == ([25, 90], True, "quarantine")
    assert nonsense.returncode == 1
    assert "percent from 1 to 100" in nonsense.stderr


def test_a_restart_keeps_quarantine_and_alert(tmp_path: Path) -> None:
    """What was decided does not depend on a process."""
    node = Node(tmp_path, workers=1, alerts__scope_probing="quarantine")
    with running(node):
        key_id, secret = node.new_key("found")
        for path in ADMINISTRATION:
            node.send("GET", f"/api/v1/{path}", headers={"authorization": f"Bearer {secret}"})
        until(lambda: alerts(node, "key.scope_probing", key_id), what="the alert")
    with running(node):
        refused = node.chat(key=secret)

        assert refused.json()["error"]["code"] == "key_quarantined"
        assert len(alerts(node, "key.scope_probing", key_id)) == 1
