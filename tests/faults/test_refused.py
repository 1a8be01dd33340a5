"""Refused requests are kept for whoever asks why: whatever is killed, and however many there are."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from faults import books
from keyturn.gateway.refused import BURST
from support.node import NO_TLS, Node, running, until

FLOOD, CLIENTS = 2_500, 8
UNKNOWN = "sk-mistyped"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with one worker, which answers every refused request with its reason."""
    with running(Node(tmp_path, workers=1, auth__failures_per_minute="1000000")) as node:
        yield node


def refuse(node: Node, count: int, key: str) -> list[str]:
    """Have requests refused; return their identifiers."""
    body = {"model": "no-such-model", "messages": []}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=node.url, headers=headers, verify=NO_TLS, timeout=30) as client:
        answers = [client.post("/v1/chat/completions", json=body) for _ in range(count)]
    assert {answer.status_code for answer in answers} <= {401, 404}
    return [answer.headers["x-request-id"] for answer in answers]


def kept(node: Node) -> set[str]:
    """Return the refused requests on the books, which must be in order."""
    node.manage("GET", "/api/v1/usage?by=key")
    found = books.read(node.data)
    found.check()
    return {one.request_id for one in found.refused}


@pytest.mark.parametrize("victim", ["worker", "control"])
def test_a_refusal_outlives_kill_9(node: Node, victim: str) -> None:
    """A customer asks on Monday why Friday's request was refused."""
    served = node.chat().headers["x-request-id"]
    refused = refuse(node, 50, node.key)

    pid = node.worker_pids()[0] if victim == "worker" else node.children()["control"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.send("GET", "/readyz").status_code == 200 and node.children().get("control") != pid)
    until(lambda: set(refused) <= _kept_or_nothing(node), within_s=20.0, what="the refusals in the store")

    story = node.manage("GET", f"/api/v1/requests/{refused[0]}")["data"]
    assert (story["source"], story["reason"], story["key_name"]) == ("journal", "model_not_found", "default")
    found = books.read(node.data)
    assert set(found.by_id) == {served}
    found.check()


def _kept_or_nothing(node: Node) -> set[str]:
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(node.data / "run" / "control.sock")) != 0:
            return set()  # the control process is on its way back
    try:
        return kept(node)
    except httpx.TransportError:  # it was still on its way out
        return set()


def test_a_flood_of_refusals_is_kept_in_part_and_known_keys_in_full(node: Node) -> None:
    """Garbage fills no disk, and does not push out what a customer will ask about."""
    assert node.chat().status_code == 200
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: refuse(node, FLOOD // CLIENTS, UNKNOWN), range(CLIENTS)))
    mine = refuse(node, 5, node.key)

    found = kept(node)

    assert set(mine) <= found
    assert BURST <= len(found) < FLOOD // 2 + BURST // 2
    listed = node.manage("GET", "/api/v1/requests?refused=true&reason=model_not_found")["data"]
    assert [one["request_id"] for one in listed] == mine[::-1]


def test_refused_requests_are_listed_page_by_page_over_the_network(node: Node) -> None:
    """By a key that reaches them; another account's sees none of it."""
    refused = refuse(node, 30, node.key)
    _, manager = node.new_key("manager", kind="management")
    headers = {"authorization": f"Bearer {manager}"}
    found: list[str] = []
    cursor = ""

    while True:
        page = node.send("GET", f"/api/v1/requests?refused=true&limit=7{cursor}", headers=headers).json()
        found += [one["request_id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == refused[::-1]


def test_a_stranger_finds_no_request(node: Node) -> None:
    """What belongs to another account is answered like what does not exist."""
    [refused] = refuse(node, 1, node.key)
    account = node.manage("POST", "/api/v1/accounts", body={"name": "Other"})["data"]["id"]
    project = node.manage("POST", "/api/v1/projects", body={"name": "theirs", "account_id": account})["data"]
    _, manager = node.new_key("their manager", kind="management", project_id=project["id"])
    headers = {"authorization": f"Bearer {manager}"}

    one = node.send("GET", f"/api/v1/requests/{refused}", headers=headers)
    every = node.send("GET", "/api/v1/requests", headers=headers)

    assert (one.status_code, one.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")
    assert every.json()["data"] == []


def test_a_request_that_could_not_be_read_is_explained_too(node: Node) -> None:
    """Its answer has an identifier, and whoever asks with it is told."""
    answer = node.send("GET", "/v1/models", headers={"x-padding": "x" * 100_000})

    story = node.manage("GET", f"/api/v1/requests/{answer.headers['x-request-id']}")["data"]

    assert (story["status"], story["reason"], story["path"]) == (431, "head_too_large", "/v1/models")
    assert [check["name"] for check in story["checks"] if check["passed"] is False] == ["request"]
