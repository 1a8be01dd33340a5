"""Revoked means revoked: when the call has returned, nobody accepts the key; and a node changes hands without a scratch."""

import itertools
import math
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.load import Load, Outcome, mixed, plain, streamed
from faults import books
from support.node import Node, running, until

WORKERS, CLIENTS = 3, 30
ACCEPTED, DISABLED, REVOKED = "200", "This API key is disabled", "This API key has been revoked"
EXITING = 4
"""The flag of a process that ends and runs no program any more: ``PF_EXITING`` in Linux' ``sched.h``."""
WATCHED = 300
"""Requests looked at before and after each change."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node for all tests of keys; each makes keys of its own."""
    # Clients go on asking after the key is dead, and each refusal is to say so.
    folder = tmp_path_factory.mktemp("revocation")
    node = Node(folder, workers=WORKERS, auth__failures_per_minute="1000000")
    with running(node):
        yield node
        assert "Traceback" not in node.errors.read_text()


@contextmanager
def hammered(node: Node, secret: str) -> Iterator[Load]:
    """Have many clients use a key as fast as they can, on every worker."""
    until(lambda: len(node.worker_pids()) == WORKERS, what="all workers")
    with Load(node.port, secret, itertools.repeat(plain(max_tokens=4)), clients=CLIENTS) as load:
        until(lambda: len({one.worker for one in load.outcomes.copy()}) == WORKERS)
        until(lambda: len(load.outcomes) > WATCHED)
        yield load


def afterwards(load: Load, count: int = WATCHED) -> list[Outcome]:
    """Return what came of the requests begun from now on, once there are enough."""
    now = time.monotonic()
    until(lambda: len(load.since(now)) > count, what="traffic after the change")
    return load.since(now)


def of_every_worker(load: Load) -> list[Outcome]:
    """Return what came of the requests begun from now on, once there are enough and every worker has answered some."""
    now = time.monotonic()
    until(lambda: len(load.since(now)) > WATCHED, what="traffic after the change")
    until(lambda: len({one.worker for one in load.since(now)}) == WORKERS, what="all workers' answers")
    return load.since(now)


def said(outcomes: list[Outcome]) -> set[str]:
    """Return what the clients were told."""
    return {one.said for one in outcomes}


def end_key(node: Node, how: str, key_id: str) -> Any:
    """Take a key's rights away."""
    if how == "delete":
        return node.manage("DELETE", f"/api/v1/keys/{key_id}")
    return node.manage("POST", f"/api/v1/keys/{key_id}/{how}")


@contextmanager
def meanwhile(work: Any, *arguments: Any) -> Iterator[Future[Any]]:
    """Call something in another thread."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(work, *arguments)


def listens(node: Node) -> bool:
    """Say whether the control process takes connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(node.data / "run" / "control.sock")) == 0


def kill_control(node: Node) -> None:
    """Kill the control process, and wait until the next one takes connections."""
    pid = node.children()["control"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.children().get("control", pid) != pid, within_s=30, what="another control process")
    until(lambda: listens(node), within_s=30, what="its socket")


def answers(pid: int) -> bool:
    """Say whether a process exists and is more than a name in the table, or on its way to be no more than that."""
    try:
        members = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return members[0] != "Z" and not int(members[6]) & EXITING


@pytest.mark.parametrize("how", ["disable", "revoke", "delete"])
def test_no_request_begun_after_the_call_returned_is_accepted(node: Node, how: str) -> None:
    """Whoever takes a leaked key away may rely on it from the moment the answer is there."""
    key_id, secret = node.new_key(how)
    with hammered(node, secret) as load:
        assert said(load.outcomes.copy()) == {ACCEPTED}

        end_key(node, how, key_id)
        late = of_every_worker(load)

    assert said(late) == {DISABLED if how == "disable" else REVOKED}
    assert len({one.worker for one in late}) == WORKERS


def test_enabling_and_disabling_are_in_force_at_once_however_often(node: Node) -> None:
    """A look-up that is under way during a change must not bring the old answer back."""
    key_id, secret = node.new_key("to and fro")
    with hammered(node, secret) as load:
        for _ in range(10):
            node.manage("POST", f"/api/v1/keys/{key_id}/disable")
            assert said(afterwards(load, CLIENTS)) == {DISABLED}

            node.manage("POST", f"/api/v1/keys/{key_id}/enable")
            assert said(afterwards(load, CLIENTS)) == {ACCEPTED}


def test_a_worker_killed_just_before_the_call_comes_back_without_the_key(node: Node) -> None:
    """The new worker asks for the key while the change is made; it must get the new answer."""
    key_id, secret = node.new_key("before")
    with hammered(node, secret) as load:
        os.kill(node.worker_pids()[0], signal.SIGKILL)

        node.manage("POST", f"/api/v1/keys/{key_id}/disable")
        late = afterwards(load)
        until(lambda: len(node.worker_pids()) == WORKERS, what="all workers")
        still_later = afterwards(load)

    assert said(late + still_later) == {DISABLED}


def test_a_worker_killed_during_the_call_does_not_hold_it_up(node: Node) -> None:
    """The dead accept nothing: there is nobody left to wait for."""
    key_id, secret = node.new_key("during")
    with hammered(node, secret) as load:
        victim = node.worker_pids()[0]
        os.kill(victim, signal.SIGSTOP)
        with meanwhile(end_key, node, "disable", key_id) as call:
            until(lambda: node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "disabled")
            assert not call.done()
            killed_at = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            call.result()
            took = time.monotonic() - killed_at
        late = afterwards(load)

    assert took < 2
    assert said(late) == {DISABLED}


def test_a_worker_that_does_not_confirm_is_killed_before_the_call_returns(node: Node) -> None:
    """A stopped worker has the key in its memory; letting it go on would let the key live."""
    key_id, secret = node.new_key("stopped")
    with hammered(node, secret) as load:
        victim = node.worker_pids()[0]
        os.kill(victim, signal.SIGSTOP)

        node.manage("POST", f"/api/v1/keys/{key_id}/disable")
        alive = answers(victim)
        late = afterwards(load)
        until(lambda: victim not in node.worker_pids(), what="the end of the stopped worker")
        still_later = afterwards(load)

    assert not alive
    assert said(late + still_later) == {DISABLED}


def test_a_worker_that_wakes_up_in_time_confirms_and_lives(node: Node) -> None:
    """Five seconds are for the slow; what they do between waking and confirming is before the answer."""
    key_id, secret = node.new_key("woken")
    with hammered(node, secret) as load:
        victim = node.worker_pids()[0]
        os.kill(victim, signal.SIGSTOP)
        with meanwhile(end_key, node, "disable", key_id) as call:
            until(lambda: node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "disabled")
            assert not call.done()
            os.kill(victim, signal.SIGCONT)
            call.result()
        late = afterwards(load)

    assert said(late) == {DISABLED}
    assert victim in node.worker_pids()


def test_the_first_call_after_a_control_process_died_is_as_good_as_any(node: Node) -> None:
    """Workers that have not found the new control process yet still live by what the old one said."""
    key_id, secret = node.new_key("orphaned")
    with hammered(node, secret) as load:
        kill_control(node)

        node.manage("POST", f"/api/v1/keys/{key_id}/disable")
        late = afterwards(load)

    assert said(late) == {DISABLED}
    assert said([one for one in load.outcomes if one not in late]) <= {ACCEPTED, DISABLED}


def test_a_worker_that_has_not_found_the_new_control_process_is_waited_for(node: Node) -> None:
    """It can't be told, and it has the key: that it is not connected makes it no less dangerous."""
    key_id, secret = node.new_key("unconnected")
    with hammered(node, secret) as load:
        victim = node.worker_pids()[0]
        os.kill(victim, signal.SIGSTOP)
        kill_control(node)
        with meanwhile(end_key, node, "disable", key_id) as call:
            until(lambda: node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "disabled")
            assert not call.done()
            os.kill(victim, signal.SIGCONT)
            call.result()
        late = afterwards(load)

    assert said(late) == {DISABLED}
    assert victim in node.worker_pids()


def test_a_rolling_reload_costs_no_client_anything(tmp_path: Path) -> None:
    """Settings are changed at noon, not in a maintenance window."""
    with running(Node(tmp_path, workers=2)) as node:
        before = set(node.worker_pids())
        asks = itertools.cycle(mixed(64))
        with Load(node.port, node.key, asks, clients=CLIENTS, per_connection=math.inf) as load:
            until(lambda: len(load.outcomes) > WATCHED)
            assert node.process is not None
            node.process.send_signal(signal.SIGHUP)
            until(lambda: '"reloaded"' in node.errors.read_text(), within_s=30, what="the reload")
            until(lambda: not before & set(node.worker_pids()), what="the end of the old workers")
            afterwards(load)

        assert load.tally().keys() == {"200"}
        assert all(one.served for one in load.outcomes)
        assert "Traceback" not in node.errors.read_text()


def test_sigterm_under_load_ends_within_five_seconds_and_cuts_nobody_short(tmp_path: Path) -> None:
    """What was asked before the signal is answered, and counted, and nothing is left over."""
    with running(Node(tmp_path, workers=2)) as node:
        asks = itertools.cycle([*mixed(64), streamed(max_tokens=100), plain(model="demo-slow")])
        with Load(node.port, node.key, asks, clients=CLIENTS, per_connection=math.inf) as load:
            until(lambda: len(load.outcomes) > WATCHED and load.in_flight > CLIENTS // 2)
            asked_at = time.monotonic()
            status = node.stop()
            took = time.monotonic() - asked_at
            outcomes = load.join()

        early = [one for one in outcomes if one.started_at < asked_at]
        assert status == 0
        assert took < 5
        assert [one for one in early if one.ended_at > asked_at]
        assert all(one.served for one in early)
        assert not books.journals(node.data)
        found = books.read(node.data)
        found.check()
        assert {one.request_id for one in outcomes if one.served} <= found.by_id.keys()
        assert "Traceback" not in node.errors.read_text()


@pytest.mark.parametrize("repeatable", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/revoke", None), ("POST", "/disable", None), ("PATCH", "", {"permissions": ["read"]})],
)
def test_what_a_key_had_asked_for_does_not_happen_after_its_end(
    node: Node, method: str, path: str, body: Any, *, repeatable: bool
) -> None:
    """A thief has hundreds of keys made; those that wait for their turn when the stolen key is ended are never made."""
    key_id, secret = node.new_key("stolen", preset="admin")
    made: list[int] = []

    def create(number: int) -> None:
        headers = {"authorization": f"Bearer {secret}"}
        headers |= {"idempotency-key": f"{key_id}-{number}"} if repeatable else {}
        answer = node.send("POST", "/api/v1/keys", headers=headers, json={"name": f"heir {number}"})
        made.append(answer.status_code)

    with ThreadPoolExecutor(CLIENTS) as thieves:
        calls = [thieves.submit(create, number) for number in range(150)]
        until(lambda: made.count(201) > 10, what="the first new keys")
        node.manage(method, f"/api/v1/keys/{key_id}{path}", body=body)
        for call in calls:
            call.result()

    entries = node.manage("GET", "/api/v1/audit?limit=1000")["data"]
    (end,) = [one["seq"] for one in entries if one["target"] == key_id and one["action"] != "key.create"]
    created = [one["seq"] for one in entries if (one["actor"], one["action"]) == (key_id, "key.create")]
    assert len(created) == made.count(201)
    assert max(created) < end
    assert set(made) - {201}
