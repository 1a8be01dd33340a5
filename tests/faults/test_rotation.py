"""Rotation while processes die."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.node import Node, running, until

KEYS = "/api/v1/keys"
WELL = 200


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that writes keys below ``sinks``."""
    folder = tmp_path_factory.mktemp("rotation")
    (folder / "sinks").mkdir()
    with running(Node(folder, workers=2, rotation__sinks=str(folder / "sinks"))) as found:
        yield found


def kill_control(node: Node) -> None:
    """End the control process as a crash does, and wait for the next one."""
    pid = node.children()["control"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.children().get("control", pid) != pid, what="another control process")
    until(lambda: (node.data / "run/control.sock").exists() and answers(node), what="its answers")


def answers(node: Node) -> bool:
    """Say whether the management API answers."""
    return node.cli("keys", "list", check=False).returncode == 0


def states(node: Node, key_id: str) -> list[str]:
    """Return the state of each secret, oldest first."""
    return [one["state"] for one in node.manage("GET", f"{KEYS}/{key_id}")["data"]["secrets"]]


def events(node: Node, key_id: str) -> list[Any]:
    """Return the key's events, oldest first."""
    found: list[Any] = node.manage("GET", f"/api/v1/events?key={key_id}")["data"]
    return found[::-1]


def test_a_crash_between_rotation_and_first_use_loses_neither(node: Node) -> None:
    """The new secret works, and its first use starts the overlap as if nothing had happened."""
    key_id, old = node.new_key("crash in between")
    new = node.manage("POST", f"{KEYS}/{key_id}/rotate")["key"]

    kill_control(node)
    first = node.chat(key=new).status_code

    until(lambda: states(node, key_id) == ["retiring", "active"], what="the overlap")
    assert first == WELL
    assert {node.chat(key=old).status_code for _ in range(4)} == {WELL}
    assert [one["kind"] for one in events(node, key_id)] == ["key.rotation.started"]


def test_a_first_use_that_nobody_hears_is_told_again(node: Node) -> None:
    """The control process is dead when the new secret is used for the first time; the next use says it again."""
    key_id, old = node.new_key("unheard")
    new = node.manage("POST", f"{KEYS}/{key_id}/rotate")["key"]
    control = node.children()["control"]

    os.kill(control, signal.SIGKILL)
    used = node.chat(key=new).status_code
    until(lambda: node.children().get("control", control) != control and answers(node), what="a restart")

    def overlap() -> bool:
        node.chat(key=new)
        return states(node, key_id) == ["retiring", "active"]

    until(overlap, what="the overlap")
    assert used == WELL
    assert node.chat(key=old).status_code == WELL


def make_due(node: Node, key_id: str) -> None:
    """Let a key's next rotation be due."""
    with sqlite3.connect(node.data / "keyturn.db", timeout=10) as database:
        database.execute("UPDATE keys SET next_rotation_at = 1 WHERE id = ?", [key_id])
    database.close()


def test_a_key_that_fell_due_while_nobody_looked_is_rotated_at_the_start(node: Node) -> None:
    """Into its file, where the application reads it; the other lines of the file stay."""
    path = node.folder / "sinks" / ".env"
    path.write_text("A=1\nMY_KEY=old\n")
    sink = {"every_days": 90, "sink": f"{path}#MY_KEY"}
    key_id, old = node.new_key("by policy", rotation=sink)
    make_due(node, key_id)

    kill_control(node)
    until(lambda: "MY_KEY=old" not in path.read_text(), what="the new secret in its file")

    first, second = path.read_text().splitlines()
    new = second.partition("=")[2]
    assert (first, second[:10]) == ("A=1", "MY_KEY=sk-")
    assert path.stat().st_mode & 0o777 == 0o600
    assert {node.chat(key=secret).status_code for secret in (old, new)} == {WELL}
    until(lambda: states(node, key_id) == ["retiring", "active"], what="the overlap")
    kinds = [one["kind"] for one in events(node, key_id)]
    assert kinds == ["key.rotation.pending", "key.rotation.started"]
    assert node.manage("GET", f"{KEYS}/{key_id}")["data"]["rotation"]["next_at"] > "2026"


def test_a_key_that_nothing_reaches_is_left_alone_and_told_of_once(node: Node) -> None:
    """The operator hears what to do, and not every minute."""
    key_id, old = node.new_key("stranded", rotation={"every_days": 90})
    make_due(node, key_id)

    for _ in range(2):
        kill_control(node)
        until(lambda: events(node, key_id), what="the event")

    [event] = events(node, key_id)
    assert event["kind"] == "key.rotation.pending"
    assert event["details"]["to_do"] == f"hand over its next secret: keyturn keys rotate {key_id} --claim"
    assert states(node, key_id) == ["active"]
    assert node.chat(key=old).status_code == WELL


def test_no_secret_of_a_rotation_is_left_anywhere(node: Node) -> None:
    """Not in the database, the journals or the logs; in its file only."""
    key_id, _ = node.new_key("left nowhere")
    returned = node.manage("POST", f"{KEYS}/{key_id}/rotate")["key"]
    claim = node.manage("POST", f"{KEYS}/{key_id}/rotate", body={"delivery": "claim"})["claim"]
    claimed = node.send("POST", "/api/v1/claims", json={"token": claim["token"]}).json()["key"]
    node.chat(key=claimed)

    files = [path for path in node.folder.rglob("*") if path.is_file()]

    assert len(files) > 5
    for path in files:
        content = Path(path).read_bytes()
        for secret in (returned, claimed, claim["token"]):
            assert secret.encode() not in content, path
