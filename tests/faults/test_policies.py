"""A node keeps its projects' policies by itself, whether anybody asks or not."""

import contextlib
import sqlite3
from pathlib import Path

from support.node import Node, running, until

DAY_MS = 86_400_000


def age(node: Node, key_id: str, days: int) -> None:
    """Make a key older."""
    with contextlib.closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as database:
        database.execute("UPDATE keys SET created_at = created_at - ? WHERE id = ?", (days * DAY_MS, key_id))
        database.commit()


def test_a_node_disables_what_nobody_uses_and_announces_what_ends(tmp_path: Path) -> None:
    """Nobody watches on a Sunday."""
    with running(Node(tmp_path, workers=1)) as node:
        body = {"name": "strict", "policy": {"unused_days": 30}}
        project = node.manage("POST", "/api/v1/projects", body=body)["data"]["id"]
        forgotten, secret = node.new_key("forgotten", project_id=project)
        ending, _ = node.new_key("ending", expires_in_s=6 * 86_400)
        fresh, in_use = node.new_key("fresh", project_id=project)
        node.stop()  # first: its own minute may come between the two, and find only one of them old
        age(node, forgotten, 31)
        age(node, ending, 31)
        node.start()

        until(
            lambda: node.manage("GET", f"/api/v1/keys/{forgotten}")["data"]["status"] == "disabled",
            what="the end of the forgotten key",
        )
        refused, served = node.chat(key=secret), node.chat(key=in_use)
        events = node.manage("GET", "/api/v1/events")["data"]
        status = node.manage("GET", f"/api/v1/keys/{fresh}")["data"]["status"]

    assert refused.status_code == 401
    assert "disabled" in refused.json()["error"]["message"]
    assert (served.status_code, status) == (200, "active")
    told = [(event["kind"], event["key_id"]) for event in events]
    assert told.count(("key.disabled.unused", forgotten)) == 1
    assert told.count(("key.expiry.near", ending)) == 1
