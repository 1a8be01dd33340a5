"""Nothing served goes uncounted and nothing is counted twice, whatever is killed at whatever moment."""

import functools
import itertools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from fakes.demo_upstream import DemoUpstream, demo_upstream
from fakes.load import Load, Outcome, mixed, plain
from fakes.usage_records import WorkerJournal, admitted, served
from faults import books
from keyturn.config.data_directory import DataDirectory
from keyturn.domain import journal
from keyturn.system import is_locked
from support.node import Node, running, until

REQUESTS, MOST_REQUESTS = 2_000, 1_000_000
"""As many as are asked, two thirds of them after the kill; and more than could be meanwhile."""
CLIENTS = 40
SETTLED_WITHIN_S = 30.0
JOURNALS, JOURNAL_LENGTH = 48, 1_000


@contextmanager
def metered(folder: Path, *, workers: int = 2) -> Iterator[tuple[Node, DemoUpstream]]:
    """Run a node whose provider keeps an account of its own."""
    node = Node(folder, workers=workers, demo=False, server__drain_s="1.0")
    with demo_upstream(log=folder / "served.log") as upstream, running(node):
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        for model in ("demo-chat", "demo-embed", "demo-no-usage"):
            price = {"input_usd_per_million": "0.15", "output_usd_per_million": "0.60"}
            node.manage("PATCH", f"/api/v1/models/{model}", body=price)
        yield node, upstream


def busy(load: Load, workers: int) -> bool:
    """Say whether all workers have been answering of late."""
    return len({outcome.worker for outcome in load.outcomes[-100:]}) == workers


def kill_worker(node: Node) -> None:
    """Kill the worker that has most to do: the one with most connections."""
    victim = max(node.worker_pids(), key=lambda pid: len(list(Path(f"/proc/{pid}/fd").iterdir())))
    os.kill(victim, signal.SIGKILL)


def kill_control(node: Node) -> None:
    """Kill the control process."""
    os.kill(node.children()["control"], signal.SIGKILL)


def kill_both(node: Node) -> None:
    """Kill the control process and a worker."""
    kill_control(node)
    kill_worker(node)


def kill_supervisor(node: Node) -> None:
    """Kill the supervisor; the others see its end."""
    assert node.process is not None
    node.process.kill()
    node.process.wait(10)


def kill_everything(node: Node) -> None:
    """Leave nobody to write anything down: nobody is started again meanwhile, or sees that the supervisor is gone."""
    assert node.process is not None
    children = node.children().values()
    node.process.send_signal(signal.SIGSTOP)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    kill_supervisor(node)


def listens(node: Node) -> bool:
    """Say whether the control process takes connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(node.data / "run" / "control.sock")) == 0


def settled(node: Node) -> bool:
    """Say whether every journal that no worker writes any more is in the store."""
    if not listens(node):
        return False
    node.manage("GET", "/api/v1/usage?by=key")
    return not books.dead_journals(node.data)


def check(node: Node, upstream: DemoUpstream, outcomes: list[Outcome]) -> books.Books:
    """Compare the node's books with themselves, with what the provider served and with what clients got."""
    until(lambda: settled(node), within_s=SETTLED_WITHIN_S, what="ingest of every journal")
    found = books.read(node.data)
    found.check()
    ours = found.by_id
    theirs = {entry["request_id"]: entry for entry in upstream.served()}
    assert len(theirs) == len(upstream.served())
    assert theirs.keys() <= ours.keys()
    for request_id, request in ours.items():
        entry = theirs.get(request_id)
        if entry is None or request.outcome != "ok":
            assert request.source in {"estimated", "recovered"}
        elif request.source == "reported":
            assert request.input_tokens == entry["input_tokens"]
            assert request.output_tokens == entry["output_tokens"]
    for outcome in outcomes:
        if outcome.served:
            assert ours[outcome.request_id].outcome == "ok"
            if outcome.kind in {"plain", "embeddings"}:
                assert ours[outcome.request_id].source == "reported"
    assert "Traceback" not in node.errors.read_text()
    return found


@pytest.mark.parametrize("kill", [kill_worker, kill_control, kill_both, kill_supervisor])
def test_every_request_is_counted_once_when_a_process_is_killed(
    tmp_path: Path, kill: Callable[[Node], None]
) -> None:
    """The provider's bill and ours must agree after the worst moment, or money is lost or invented."""
    with metered(tmp_path) as (node, upstream):
        with Load(node.port, node.key, mixed(MOST_REQUESTS), clients=CLIENTS) as load:
            until(
                lambda: (
                    len(load.outcomes) > REQUESTS // 3 and load.in_flight > CLIENTS // 2 and busy(load, 2)
                ),
                within_s=30,
                what="traffic on every worker",
            )
            kill(node)
            enough = len(load.outcomes) + 2 * REQUESTS // 3
            until(lambda: load.ended or len(load.outcomes) >= enough, within_s=60, what="traffic after it")
        outcomes = load.outcomes
        if kill is kill_supervisor:
            # A new node has patience with the old one's processes for as long as they may drain, and no longer.
            lock = DataDirectory(node.data).supervisor_pid
            until(lambda: not is_locked(lock), within_s=30, what="the end of the old processes")
            node.start()
            outcomes += [Outcome("plain", 0.0, status=node.chat().status_code)]

        found = check(node, upstream, outcomes)

        lost = [outcome for outcome in outcomes if outcome.error == "cut"]
        assert len([one for one in outcomes if one.served]) > REQUESTS // 3
        if kill in {kill_worker, kill_both}:
            assert lost
            assert 0 < len(found.recovered()) <= len(lost)
        if kill is kill_control:
            assert not lost
            assert not found.recovered()
            assert load.tally() == {"200": len(outcomes)}
        assert node.stop() == 0
        assert not books.journals(node.data)
        assert len(books.read(node.data).requests) == len(found.requests)


def cut_short(tail: bytes) -> bytes:
    """The last record was half written: the rest is what the file was filled with."""
    return tail[: len(tail) // 2] + bytes(len(tail) - len(tail) // 2)


def cut_off(tail: bytes) -> bytes:
    """The file ends in the last record."""
    return tail[: len(tail) // 2]


def garbage(tail: bytes) -> bytes:
    """Behind the last record stands what was never a record."""
    return tail + bytes(range(1, 256)) * 16


def spoil(path: Path, damage: Callable[[bytes], bytes]) -> str:
    """Damage the end of a journal; return the request that its last record ended."""
    data = path.read_bytes()
    payloads, length = journal.cut(data)
    last = length - journal.HEADER_LENGTH - len(payloads[-1])
    path.write_bytes(data[:last] + damage(data[last:length]))
    return str(msgspec.msgpack.decode(payloads[-1])[1])


def test_a_torn_tail_costs_nothing_but_the_record_it_tore(tmp_path: Path) -> None:
    """A machine that loses power leaves such files; one of them must not keep the others from being read."""
    with metered(tmp_path, workers=3) as (node, upstream):
        with Load(node.port, node.key, itertools.repeat(plain()), clients=30) as load:
            until(lambda: busy(load, 3), what="traffic on every worker")
            os.kill(node.children()["control"], signal.SIGSTOP)
            begun = time.monotonic()
            until(lambda: len(load.since(begun)) > 300 and busy(load, 3))
        kill_everything(node)
        until(lambda: len(books.dead_journals(node.data)) == 3)
        first, second, third = books.dead_journals(node.data)
        torn = {spoil(first, cut_short), spoil(second, cut_off)}
        untouched = spoil(third, garbage)

        node.start()
        outcomes = [outcome for outcome in load.outcomes if outcome.request_id not in torn]
        found = check(node, upstream, outcomes)

        assert len(found.requests) == len(load.outcomes)
        assert {request.request_id for request in found.recovered()} == torn
        assert found.by_id[untouched].outcome == "ok"


def more_than(stored: int, node: Node) -> bool:
    """Say whether more rows hold requests by now than there were."""
    return books.rows(node.data) > stored


def another_control(ended: int, node: Node) -> bool:
    """Say whether a control process is there that is not the one that was killed; that may take its time to die."""
    return node.children().get("control", ended) != ended


def test_a_control_process_that_dies_again_and_again_counts_everything_once(tmp_path: Path) -> None:
    """Position and rows are one transaction, so that dying between any two steps repeats nothing."""
    node = Node(tmp_path, workers=1)
    folder = node.data / "journals"
    folder.mkdir(parents=True, mode=0o700)
    for number in range(JOURNALS):
        writer = WorkerJournal(folder, f"{number}-dead", segment_bytes=1 << 20)
        for _ in range(JOURNAL_LENGTH):
            begun = admitted()
            writer.write(begun, served(begun))
        writer.write(admitted())
        writer.close()

    with running(node):
        stored = 0
        for _ in range(5):
            until(functools.partial(more_than, stored, node), within_s=20, what="progress")
            ended = node.children()["control"]
            kill_control(node)
            until(functools.partial(another_control, ended, node), what="the next control process")
            stored = books.rows(node.data)
            assert books.dead_journals(node.data), "the journals are too short for this test"
        until(lambda: settled(node), within_s=SETTLED_WITHIN_S, what="ingest of every journal")

        found = books.read(node.data)
        found.check()
        assert len(found.requests) == JOURNALS * (JOURNAL_LENGTH + 1)
        assert len(found.recovered()) == JOURNALS
        assert "Traceback" not in node.errors.read_text()
