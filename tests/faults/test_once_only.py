"""A call of a model that is sent again after something died: never a second call, never a second charge."""

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from fakes.demo_upstream import demo_upstream
from fakes.origin import Origin, origin_server, plain, waits_for
from faults import books
from faults.test_kill import kill_both, kill_control, kill_worker, listens, settled
from gateway.providers import MODEL, connect
from support.node import Node, running, until
from support.wire import Answer, Wire, call

NAMES, CLIENTS = 120, 24


@contextmanager
def behind(folder: Path) -> Iterator[tuple[Node, Origin]]:
    """Run a node of two workers with a provider that does what a test says."""
    node = Node(folder, workers=2, demo=False, server__drain_s="1.0")
    with running(node), origin_server() as origin:
        connect(node, "origin", origin, MODEL)
        yield node, origin
        assert "Traceback" not in node.errors.read_text()


def ask(node: Node, once: str) -> Answer:
    """Call the model, on a connection of its own."""
    with Wire(node.port) as wire:
        return wire.ask(call(MODEL, node.key, f"Idempotency-Key: {once}"))


def worker_of(node: Node, request: str) -> int:
    """Return the process that let in the request under this name."""
    with closing(sqlite3.connect(node.data / "keyturn.db")) as database:
        (worker,) = database.execute(
            "SELECT worker FROM attempts WHERE request_id = ?", (request,)
        ).fetchone()
    return int(worker.partition("-")[0])


def until_back(node: Node, control: int) -> None:
    """Wait for the control process after the one that was killed."""
    until(lambda: node.children().get("control", control) != control, what="another control process")
    until(lambda: listens(node), within_s=30, what="its socket")


def test_a_call_whose_worker_was_killed_is_not_made_again(tmp_path: Path) -> None:
    """The provider has it, and it was charged: a second one would be charged twice."""
    killed = threading.Event()
    with behind(tmp_path) as (node, origin):
        origin.arrange(waits_for(killed), plain())
        with Wire(node.port) as wire:
            wire.send(call(MODEL, node.key, "Idempotency-Key: a"))
            origin.has_received(1)
            (first_id,) = origin.received[0].values("x-request-id")
            os.kill(worker_of(node, first_id), signal.SIGKILL)
            assert wire.rest() == b""
        killed.set()

        again = [ask(node, "a") for _ in range(3)]

        assert [(one.status, one.code) for one in again] == [(409, "conflict")] * 3
        assert first_id in again[0].json()["error"]["message"]
        assert {one.headers["x-should-retry"] for one in again} == {"false"}
        assert len(origin.received) == 1
        until(lambda: settled(node), within_s=30, what="ingest")
        found = books.read(node.data)
        found.check()
        assert [one.request_id for one in found.recovered()] == [first_id]
        assert len(found.requests) == 1


def test_an_answer_outlives_the_worker_that_gave_it(tmp_path: Path) -> None:
    """It is in the store."""
    with behind(tmp_path) as (node, origin):
        first = ask(node, "a")
        until(lambda: ask(node, "a").headers.get("idempotency-replayed") == "true")
        for pid in node.worker_pids():
            os.kill(pid, signal.SIGKILL)
        until(lambda: answers(node), within_s=30, what="new workers")

        again = ask(node, "a")

        assert (again.status, again.body) == (200, first.body)
        assert again.headers["x-keyturn-original-request-id"] == first.headers["x-request-id"]
        assert len(origin.received) == 1


def answers(node: Node) -> bool:
    """Say whether a worker answers."""
    try:
        return node.send("GET", "/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_call_goes_on_while_the_control_process_dies_and_is_answered_again(tmp_path: Path) -> None:
    """The new one knows that it is under way, and learns its end."""
    died = threading.Event()
    with behind(tmp_path) as (node, origin):
        origin.arrange(waits_for(died), plain())
        with Wire(node.port) as wire:
            wire.send(call(MODEL, node.key, "Idempotency-Key: a"))
            origin.has_received(1)
            control = node.children()["control"]
            kill_control(node)
            until_back(node, control)

            waiting = ask(node, "a")
            died.set()
            first = wire.answer()
        until(lambda: ask(node, "a").status == 200, what="the answer again")

        assert (waiting.status, waiting.code) == (409, "idempotency_in_flight")
        assert first.status == 200
        assert len(origin.received) == 1
        assert books.total(node) == 1


def test_the_end_of_a_call_is_told_to_the_next_control_process(tmp_path: Path) -> None:
    """It ended while there was none."""
    died = threading.Event()
    with behind(tmp_path) as (node, origin):
        origin.arrange(waits_for(died), plain())
        with Wire(node.port) as wire:
            wire.send(call(MODEL, node.key, "Idempotency-Key: a"))
            origin.has_received(1)
            control = node.children()["control"]
            os.kill(control, signal.SIGSTOP)
            died.set()
            first = wire.answer()
            kill_control(node)
            until_back(node, control)

        until(lambda: ask(node, "a").status == 200, what="the answer again")

        assert first.status == 200
        assert len(origin.received) == 1
        assert books.total(node) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_a_call_is_made_once_when_the_control_process_dies_as_it_lets_it_go_on(
    tmp_path: Path, attempt: int
) -> None:
    """It is in the store before anybody is told; its worker asks again."""
    with behind(tmp_path) as (node, origin):
        control = node.children()["control"]
        done = threading.Event()

        def watch() -> None:
            with closing(sqlite3.connect(node.data / "keyturn.db")) as database:
                while not done.is_set():
                    if database.execute("SELECT 1 FROM attempts").fetchone():
                        os.kill(control, signal.SIGKILL)
                        return

        killer = threading.Thread(target=watch)
        killer.start()
        first = ask(node, f"a-{attempt}")
        until_back(node, control)
        done.set()
        killer.join()

        until(lambda: ask(node, f"a-{attempt}").status == 200, what="the answer again")

        assert first.status in {200, 503}  # a slow start may outlast the client's patience
        assert len(origin.received) == 1
        assert books.total(node) == 1


def ask_until_told(node: Node, once: str) -> httpx.Response:
    """Ask as a stubborn client does: again and again, until there is an answer or no hope for one."""
    found: list[httpx.Response] = []

    def told() -> bool:
        try:
            answer = node.send(
                "POST",
                "/v1/chat/completions",
                headers={"authorization": f"Bearer {node.key}", "idempotency-key": once},
                json={
                    "model": "demo-chat",
                    "messages": [{"role": "user", "content": "hello " * 20}],
                    "stream": True,
                },
            )
        except httpx.TransportError:
            return False
        found.append(answer)
        return answer.status_code == 200 or answer.headers.get("x-should-retry") == "false"

    until(told, within_s=60, what=f"an answer to {once}")
    return found[-1]


@pytest.mark.parametrize("kill", [kill_worker, kill_control, kill_both])
def test_stubborn_clients_are_charged_once_for_each_name_whatever_is_killed(
    tmp_path: Path, kill: Callable[[Node], None]
) -> None:
    """The provider's account, the books and the names must agree: one each."""
    node = Node(tmp_path, workers=2, demo=False, server__drain_s="1.0")
    with demo_upstream(log=tmp_path / "served.log") as upstream, running(node):
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [pool.submit(ask_until_told, node, f"name-{number}") for number in range(NAMES)]
            until(lambda: len(upstream.served()) > NAMES // 4, what="traffic")
            kill(node)
            told = [one.result() for one in asking]
        until(lambda: settled(node), within_s=30, what="ingest")
        again = {one.headers.get("x-keyturn-original-request-id") for one in told}

        with closing(sqlite3.connect(node.data / "keyturn.db")) as database:
            attempts = database.execute("SELECT request_id, fate FROM attempts").fetchall()
        theirs = [entry["request_id"] for entry in upstream.served()]
        found = books.read(node.data)
        found.check()
        charged = {one.request_id for one in found.requests if one.input_tokens}
        assert len(attempts) == NAMES
        assert len(theirs) == len(set(theirs))
        assert {*theirs} <= charged == {request_id for request_id, _ in attempts}
        assert {one.status_code for one in told} <= {200, 409}
        assert len([one for one in told if one.status_code == 200]) >= NAMES - CLIENTS
        assert again - {None} <= charged
        assert "Traceback" not in node.errors.read_text()
