"""Rotation while processes die."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.every_worker import statuses_of_every_worker
from support.node import Node, running, until

KEYS = "/api/v1/keys"
WELL = 200
DAY_MS = 86_400_000
CLOCKS_S = 0.05
"""What two clocks of one machine may differ by."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that writes keys below ``sinks``, and believes the tests which address they come from."""
    folder = tmp_path_factory.mktemp("rotation")
    (folder / "sinks").mkdir()
    node = Node(
        folder,
        workers=2,
        rotation__sinks=str(folder / "sinks"),
        server__trusted_proxies="127.0.0.1",
        auth__failures_per_minute="10000",
    )
    with running(node) as found:
        # The last that a first round of what time does leaves behind; rotations are watched in it, then in a quarter of an hour.
        until((node.data / "audit-checkpoints.jsonl").exists, what="the scheduler's first round")
        yield found


def kill_control(node: Node) -> None:
    """End the control process as a crash does, and wait for the next one."""
    pid = node.children()["control"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.children().get("control", pid) != pid, within_s=30, what="another control process")
    until(
        lambda: (node.data / "run/control.sock").exists() and answers(node), within_s=30, what="its answers"
    )


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


def in_overlap(node: Node, name: str) -> tuple[str, str, str]:
    """Rotate a key and use the new secret; returns the key's id, the old secret and the new one."""
    key_id, old = node.new_key(name)
    new = node.manage("POST", f"{KEYS}/{key_id}/rotate")["key"]
    assert node.chat(key=new).status_code == WELL
    until(lambda: states(node, key_id) == ["retiring", "active"], what="the overlap")
    return key_id, old, new


def write(node: Node, *statements: tuple[str, dict[str, Any]]) -> None:
    """Change rows behind the node's back, in one transaction."""
    with contextlib.closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as database, database:
        for statement, values in statements:
            database.execute(statement, values)


def pass_time(node: Node, key_id: str, days: int) -> None:
    """Let everything that is noted of a key's rotation have happened earlier."""
    about = {"key": key_id, "by": days * DAY_MS}
    times = ("created_at", "activated_at", "expires_at", "last_used_at")
    earlier = ", ".join(f"{name} = {name} - :by" for name in times)
    own = "(SELECT id FROM secrets WHERE key_id = :key)"
    write(
        node,
        (f"UPDATE secrets SET {earlier} WHERE key_id = :key", about),  # noqa: S608
        (f"UPDATE retiring_uses SET last_used_at = last_used_at - :by WHERE secret_id IN {own}", about),  # noqa: S608
    )
    let_workers_look(node, key_id)


def let_workers_look(node: Node, key_id: str) -> None:
    """Have the workers forget a key whose rows have changed."""
    node.manage("PATCH", f"{KEYS}/{key_id}", body={"description": "looked at"})


def test_a_stuck_rotation_names_the_addresses_that_still_use_the_old_secret(node: Node) -> None:
    """From a request to the event, through worker, journal and scheduler: where to change the secret is known."""
    key_id, old, new = in_overlap(node, "stuck")

    def ask(secret: str, address: str) -> None:
        headers = {"x-api-key": secret, "x-forwarded-for": address}
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}]}
        assert node.send("POST", "/v1/chat/completions", headers=headers, json=body).status_code == WELL

    ask(old, "198.51.100.1")  # has changed over since
    assert node.manage("GET", f"{KEYS}/{key_id}")["data"]["usage"]["last_ip"] == "198.51.100.1"
    pass_time(node, key_id, days=6)
    ask(new, "198.51.100.1")
    ask(old, "203.0.113.7")
    ask(old, "2001:db8::7")
    until(lambda: node.manage("GET", f"{KEYS}/{key_id}")["data"]["usage"]["last_ip"] == "2001:db8::7")

    kill_control(node)
    until(lambda: len(events(node, key_id)) > 1, what="the event")

    assert [one["kind"] for one in events(node, key_id)] == ["key.rotation.started", "key.rotation.stuck"]
    details = events(node, key_id)[1]["details"]
    assert set(details["addresses"].split(", ")) == {"203.0.113.7", "2001:db8::7"}
    assert details["secret"] == f"{old[:7]}…"


def end_overlap(node: Node, key_id: str, *, in_s: float) -> float:
    """Let the overlap of a key's secrets be over soon; returns when."""
    ends_at = round(time.time() + in_s, 3)
    end = {"key": key_id, "end": round(ends_at * 1000)}
    write(node, ("UPDATE secrets SET expires_at = :end WHERE key_id = :key AND expires_at IS NOT NULL", end))
    let_workers_look(node, key_id)
    return ends_at


def test_an_overlap_ends_on_time_without_anybody_doing_anything(node: Node) -> None:
    """Workers go by the clock: nobody tells them that the moment has come."""
    key_id, old, new = in_overlap(node, "by the clock")

    def ask() -> tuple[float, httpx.Response, float]:
        begun = time.time()
        return begun, node.chat(key=old), time.time()

    ends_at = end_overlap(node, key_id, in_s=1.5)
    asked = [ask()]
    if asked[0][2] >= ends_at - CLOCKS_S:  # the machine was busy, and it was over before anything was asked
        ends_at = end_overlap(node, key_id, in_s=15.0)
        asked = [ask()]
    while time.time() < ends_at + 0.5 or asked[-1][0] <= ends_at + CLOCKS_S:
        asked.append(ask())

    early = {answer.status_code for _, answer, ended in asked if ended < ends_at - CLOCKS_S}
    late = {answer.json()["error"]["code"] for begun, answer, _ in asked if begun > ends_at + CLOCKS_S}
    assert (early, late) == ({WELL}, {"rotated_api_key"})
    assert states(node, key_id) == ["dead", "active"]
    assert node.chat(key=new).status_code == WELL


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
    key_id, old = node.new_key("unheard", endpoints=["/v1/chat/completions"])
    new = node.manage("POST", f"{KEYS}/{key_id}/rotate")["key"]
    # What is refused is no use, but the workers know the secret from now on, and need not ask whose it is.
    assert statuses_of_every_worker(node, "/v1/models", {"x-api-key": new}) == {403}
    assert states(node, key_id) == ["active", "pending"]
    control = node.children()["control"]

    os.kill(control, signal.SIGKILL)
    used = node.chat(key=new).status_code
    until(lambda: node.children().get("control", control) != control, within_s=30, what="another process")
    until(lambda: answers(node), within_s=30, what="its answers")

    def overlap() -> bool:
        node.chat(key=new)
        return states(node, key_id) == ["retiring", "active"]

    until(overlap, what="the overlap")
    assert used == WELL
    assert node.chat(key=old).status_code == WELL


def make_due(node: Node, key_id: str) -> None:
    """Let a key's next rotation be due."""
    write(node, ("UPDATE keys SET next_rotation_at = 1 WHERE id = :key", {"key": key_id}))


def test_a_key_that_fell_due_while_nobody_looked_is_rotated_at_the_start(node: Node) -> None:
    """Into its file, where the application reads it; the other lines of the file stay."""
    path = node.folder / "sinks" / ".env"
    path.write_text("A=1\nMY_KEY=old\n")
    sink = {"every_days": 90, "sink": f"{path}#MY_KEY"}
    key_id, old = node.new_key("by policy", rotation=sink)
    make_due(node, key_id)

    kill_control(node)
    until(lambda: "MY_KEY=old" not in path.read_text(), what="the new secret in its file")

    until(lambda: events(node, key_id), what="the event")  # told once every worker has forgotten the key
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
    kill_control(node)
    until(lambda: events(node, key_id), what="the event")
    later, _ = node.new_key("stranded later", rotation={"every_days": 90})
    make_due(node, later)

    kill_control(node)
    until(lambda: events(node, later), what="the event of a key that fell due after it")

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


def test_one_secret_that_is_ended_is_dead_on_every_worker_when_the_call_returns(node: Node) -> None:
    """Whoever has the old one and keeps all workers busy with it is out at once; the new one works on."""
    key_id, old, new = in_overlap(node, "ended alone")
    listed = node.manage("GET", f"{KEYS}/{key_id}")["data"]["secrets"]
    assert {node.chat(key=old).status_code for _ in range(16)} == {WELL}  # every worker knows it

    node.manage("DELETE", f"{KEYS}/{key_id}/secrets/{listed[0]['id']}")
    after = [node.chat(key=old) for _ in range(16)]

    assert {answer.status_code for answer in after} == {401}
    assert node.chat(key=new).status_code == WELL
    assert states(node, key_id) == ["dead", "active"]
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        node.manage("DELETE", f"{KEYS}/{key_id}/secrets/{listed[1]['id']}")
    assert node.chat(key=new).status_code == WELL
