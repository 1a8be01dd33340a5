"""A call to the management API that is sent again, whatever died in between."""

import contextlib
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.node import NO_TLS, Node, running, until

BEGUN = "SELECT 1 FROM idempotency WHERE changed_at IS NULL AND begun_at > ?"
CHANGED = "SELECT 1 FROM idempotency WHERE changed_at IS NOT NULL AND begun_at > ?"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose control process dies often."""
    with running(Node(tmp_path_factory.mktemp("node"), workers=1)) as found:
        yield found


def post(node: Node, path: str, body: Any, key: str) -> httpx.Response:
    """Make a call as the operator, with an Idempotency-Key."""
    transport = httpx.HTTPTransport(uds=str(node.data / "run" / "control.sock"), verify=NO_TLS)
    with httpx.Client(transport=transport, base_url="http://keyturn", timeout=15) as client:
        return client.post(path, json=body, headers={"idempotency-key": key})


def post_and_kill(node: Node, query: str, path: str, body: Any, key: str) -> httpx.Response | None:
    """Make a call, and kill the control process at the instant at which the database has a newer row of this kind."""
    database = sqlite3.connect(node.data / "keyturn.db", check_same_thread=False)
    newest = database.execute("SELECT coalesce(max(begun_at), 0) FROM idempotency").fetchone()[0]
    pid = node.children()["control"]
    answered, killed = threading.Event(), threading.Event()

    def watch() -> None:
        with contextlib.closing(database):
            while not answered.is_set():
                if database.execute(query, (newest,)).fetchone():
                    os.kill(pid, signal.SIGKILL)
                    killed.set()
                    return

    killer = threading.Thread(target=watch)
    killer.start()
    first = None
    with contextlib.suppress(httpx.TransportError):
        first = post(node, path, body, key)
    answered.set()
    killer.join()
    if killed.is_set():
        until(lambda: node.children().get("control", pid) != pid, what="another control process")
        until(lambda: listens(node), within_s=30, what="its socket")
    return first


def listens(node: Node) -> bool:
    """Say whether a control process takes calls."""
    with socket.socket(socket.AF_UNIX) as knocking:
        return knocking.connect_ex(str(node.data / "run" / "control.sock")) == 0


@pytest.mark.parametrize("moment", [BEGUN, CHANGED], ids=["before the change", "after the change"])
@pytest.mark.parametrize("attempt", range(3))
def test_a_creation_that_was_killed_makes_one_key_and_its_secret_arrives(
    node: Node, moment: str, attempt: int
) -> None:
    """A retry after a lost answer: never a second key, never a key whose secret nobody has."""
    name = f"{'changed' if moment is CHANGED else 'begun'}-{attempt}"
    first = post_and_kill(node, moment, "/api/v1/keys", {"name": name}, name)

    again = post(node, "/api/v1/keys", {"name": name}, name)

    listed = node.manage("GET", "/api/v1/keys?limit=1000")["data"]
    same_name = [one for one in listed if one["name"] == name]
    assert len(same_name) == 1
    assert again.status_code == 201
    assert again.json()["data"]["id"] == same_name[0]["id"]
    assert node.chat(key=again.json()["key"]).status_code == 200
    assert first is None or first.json()["key"] == again.json()["key"]


def test_a_creation_sent_twice_gives_the_same_answer_and_says_so(node: Node) -> None:
    """The official SDKs send a call again by themselves when a connection breaks."""
    first = post(node, "/api/v1/keys", {"name": "twice"}, "twice")
    second = post(node, "/api/v1/keys", {"name": "twice"}, "twice")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]


def test_another_body_is_refused(node: Node) -> None:
    """Two different calls by one name are a mistake."""
    post(node, "/api/v1/keys", {"name": "one"}, "reused")

    answer = post(node, "/api/v1/keys", {"name": "other"}, "reused")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_that_is_none_is_refused(node: Node) -> None:
    """Before anything is done."""
    answer = post(node, "/api/v1/keys", {"name": "none"}, "a" * 256)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert answer.headers["x-should-retry"] == "false"


def test_two_callers_do_not_see_each_others_answers(node: Node) -> None:
    """The answer holds a secret."""
    _, one = node.new_key("manager one", kind="management")
    _, two = node.new_key("manager two", kind="management")

    def create(secret: str) -> Any:
        headers = {"authorization": f"Bearer {secret}", "idempotency-key": "shared"}
        return node.send("POST", "/api/v1/keys", headers=headers, json={"name": "shared"}).json()

    first, second, again = create(one), create(two), create(one)

    assert first["key"] != second["key"]
    assert again == first


def test_nothing_is_noted_for_a_call_without_a_key(node: Node) -> None:
    """Strangers must not fill the database."""
    database = sqlite3.connect(node.data / "keyturn.db")
    count = "SELECT count(*) FROM idempotency"
    before = database.execute(count).fetchone()

    answers = [
        node.send("POST", f"/api/v1/keys{rest}", headers={"idempotency-key": "x"}, json={"key": "n"})
        for rest in ("", "/revoke-exposed")
    ]

    with contextlib.closing(database):
        assert answers[0].status_code == 401
        assert answers[1].status_code < 500
        assert database.execute(count).fetchone() == before


def test_the_answers_at_rest_hold_no_secret(node: Node) -> None:
    """A copy of the database is not a bunch of keys."""
    secret = post(node, "/api/v1/keys", {"name": "sealed"}, "sealed").json()["key"]

    written = b"".join(path.read_bytes() for path in Path(node.data).glob("keyturn.db*"))

    assert secret[7:].encode() not in written
