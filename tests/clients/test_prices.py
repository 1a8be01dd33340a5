"""Prices on a running node: one begins at its time on every worker, without a restart, and stands in the record."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.node import Node, running, until


def cost(node: Node, model: str) -> Decimal:
    """Return what a call of two words costs."""
    answer = node.chat("a b", model=model)
    assert answer.status_code == 200, answer.text
    return Decimal(answer.headers["x-keyturn-cost"])


def test_a_price_begins_at_its_time_on_every_worker(node: Node) -> None:
    """Said on Friday for Monday; here for tomorrow, which nobody waits for, and for in a second."""
    node.cli("models", "add", "dated", "--upstream", "demo", "--upstream-model", "echo")
    body = {"model": "dated", "input_usd_per_million": "1000", "output_usd_per_million": "1000"}

    def priced_from(at: datetime) -> dict[str, Any]:
        dated = body | {"effective_from": at.isoformat()}
        added: dict[str, Any] = node.manage("POST", "/api/v1/prices", body=dated)["data"]
        return added

    priced_from(datetime.now(UTC) + timedelta(days=1))
    before = {cost(node, "dated") for _ in range(8)}
    at = datetime.now(UTC) + timedelta(seconds=1)
    added = priced_from(at)
    until(lambda: {cost(node, "dated") for _ in range(8)} == {Decimal("0.004")}, what="the new price")
    begun = datetime.now(UTC)
    story = node.story(node.chat("a b", model="dated"))
    shown = node.cli("explain", story["request_id"])
    node.cli("models", "remove", "dated")

    assert before == {Decimal("0.0000015")}
    assert begun >= at
    assert (story["price_id"], story["priced"]) == (added["id"], True)
    assert added["id"] in shown.stdout


def test_a_node_that_refuses_unpriced_models_serves_the_others(tmp_path: Path) -> None:
    """What can't be counted is not served; a price of 0 is a price."""
    with running(Node(tmp_path, workers=1, prices__unknown="refuse")) as strict:
        strict.cli("models", "add", "new", "--upstream", "demo", "--upstream-model", "demo-chat-2")

        refused = strict.chat("a", model="new")
        served = strict.chat("a")
        story = strict.story(refused)
        strict.cli("prices", "set", "new", "--input", "0", "--output", "0")
        free = strict.chat("a", model="new")

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_unpriced")
    assert refused.headers["x-should-retry"] == "false"
    assert served.status_code == 200
    assert story["reason"] == "model_unpriced"
    assert free.status_code != 403
