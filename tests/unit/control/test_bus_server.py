"""The control process's end of the bus."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fakes.bus_worker import BusWorker
from fakes.house import KNOWN, RECORD, House
from fakes.usage_records import WorkerJournal
from keyturn import bus
from keyturn.control.bus_server import BusServer, Patience
from keyturn.domain.faults import Fault
from keyturn.domain.journal import Refused
from keyturn.domain.models import Target
from keyturn.domain.refusals import Reason

HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def house() -> House:
    """The store, as the bus sees it."""
    return House()


@asynccontextmanager
async def listening(tmp_path: Path, house: House, patience: Patience) -> AsyncIterator[BusServer]:
    """Run a bus."""
    (tmp_path / "journals").mkdir()
    found = BusServer(
        journals=tmp_path / "journals",
        look=house.look,
        configuration=house.configuration,
        patience=patience,
    )
    await found.listen(
        tmp_path / "bus.sock",
        first_used=house.first_used,
        noticed=house.noticed,
        limits=house,
        attempts=house.attempts,
        bodies=house.bodies.append,
    )
    yield found
    await found.close()


@pytest.fixture
async def server(tmp_path: Path, house: House) -> AsyncIterator[BusServer]:
    """A bus that loses patience with nobody who is only slow."""
    async with listening(tmp_path, house, Patience(kill_after=20, give_up_after=30)) as found:
        yield found


@pytest.fixture
async def impatient(tmp_path: Path, house: House) -> AsyncIterator[BusServer]:
    """A bus that soon kills whoever does not confirm, and waits long enough to see them dead."""
    async with listening(
        tmp_path, house, Patience(kill_after=0.3, give_up_after=20, look_every=0.01)
    ) as found:
        yield found


@pytest.fixture
async def worker(server: BusServer, tmp_path: Path) -> AsyncIterator[BusWorker]:
    """A connected worker that does as it is told."""
    found = await BusWorker.connect(tmp_path / "bus.sock")
    await found.snapshot()
    yield found
    await found.close()


async def until_connected(server: BusServer, count: int) -> None:
    """Wait until this many workers are connected."""
    async with asyncio.timeout(10):
        while len(server.links) != count:  # noqa: ASYNC110 -- the server has no event for it
            await asyncio.sleep(0)


async def test_a_worker_gets_a_snapshot_and_then_answers(server: BusServer, worker: BusWorker) -> None:
    """It can admit nobody before."""
    snapshot = await worker.snapshot()
    known, unknown = await worker.look(KNOWN, call=7), await worker.look(b"u" * 32, call=8)

    assert (snapshot.models, snapshot.locations) == ({"m": Target("u", "m")}, frozenset({"header"}))
    assert known == bus.Found(7, server.sequence, RECORD)
    assert unknown == bus.Found(8, server.sequence, None)


async def test_the_socket_is_for_its_owner_only(server: BusServer, tmp_path: Path) -> None:
    """Upstream credentials go over it in the clear."""
    assert (tmp_path / "bus.sock").stat().st_mode & 0o777 == 0o600


async def test_a_store_that_fails_is_said_to_fail(worker: BusWorker, house: House) -> None:
    """503, never 401."""
    house.broken = True

    found = await worker.look(KNOWN)

    assert found.failed
    assert found.record is None


async def test_an_answer_tells_the_sequence_from_before_the_store_was_asked(
    server: BusServer, worker: BusWorker, house: House
) -> None:
    """What was read before a revocation must not be remembered after it."""
    house.gate = asyncio.Event()
    before = server.sequence
    worker.send(bus.Look(1, KNOWN))
    await house.asked.wait()
    await server.invalidate(["key_1"])
    house.gate.set()

    found = await worker.next(bus.Found)

    assert isinstance(found, bus.Found)
    assert found.sequence == before < server.sequence


async def test_an_invalidation_returns_when_every_worker_has_confirmed(
    server: BusServer, worker: BusWorker, tmp_path: Path
) -> None:
    """Revoked means revoked."""
    slow = await BusWorker.connect(tmp_path / "bus.sock", "2-bbbb", obedient=False)
    first = await slow.snapshot()
    slow.send(bus.Confirmed(first.sequence))

    calling = asyncio.get_running_loop().create_task(server.invalidate(["key_1"]))
    told = await slow.next(bus.Invalidate)
    early = calling.done()
    assert isinstance(told, bus.Invalidate)
    slow.send(bus.Confirmed(told.sequence))
    await calling

    assert (told.key_ids, early) == (["key_1"], False)
    await slow.close()


async def test_a_publication_reaches_every_worker_with_a_later_sequence(
    server: BusServer, worker: BusWorker, house: House
) -> None:
    """A model that was added can be used when the call returns."""
    house.models["new"] = Target("u", "new")

    await server.publish()

    first, second = await worker.snapshot(1), await worker.snapshot(2)
    assert "new" in second.models
    assert second.sequence > first.sequence


async def test_with_no_worker_a_change_is_made_at_once(server: BusServer) -> None:
    """Nobody is there to accept the key."""
    await server.invalidate(["key_1"])
    await server.publish()


async def test_a_worker_that_connects_during_a_change_gets_the_new_state(
    server: BusServer, tmp_path: Path
) -> None:
    """It is alive, so it counts, but it was not there to be told."""
    journal = WorkerJournal(tmp_path / "journals", "1-aaaa")
    calling = asyncio.get_running_loop().create_task(server.invalidate(["key_1"]))
    await asyncio.sleep(0)

    late = await BusWorker.connect(tmp_path / "bus.sock", "1-aaaa")
    await calling
    snapshot = await late.snapshot()

    assert snapshot.sequence == server.sequence
    await late.close()
    journal.close()


async def test_a_living_worker_without_the_bus_is_killed_rather_than_believed(
    impatient: BusServer, holder: "subprocess.Popen[str]"
) -> None:
    """It still serves from its cache, so that the change is not made while it lives."""
    with capture_logs() as logs:
        await impatient.invalidate(["key_1"])

    assert holder.wait(10) == -9
    assert [(log["log_level"], log["pid"]) for log in logs] == [("error", holder.pid)]


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds a journal and hears nothing."""
    lock = tmp_path / "locked"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    lock.rename(tmp_path / "journals" / f"{process.pid}-cccc.0.journal")
    yield process
    process.kill()
    process.communicate()


async def test_a_connected_worker_that_does_not_confirm_is_killed(
    impatient: BusServer, holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """A hung worker may come to itself and go on with what it knew."""
    hung = await BusWorker.connect(
        tmp_path / "bus.sock", f"{holder.pid}-cccc", pid=holder.pid, obedient=False
    )
    await hung.snapshot()

    await impatient.invalidate(["key_1"])

    assert holder.wait(10) == -9
    await hung.close()


async def test_a_worker_that_can_not_be_ended_fails_the_call(house: House, tmp_path: Path) -> None:
    """Better no answer than a false one."""
    async with listening(tmp_path, house, Patience(kill_after=0.1, give_up_after=0.2)) as server:
        journal = WorkerJournal(tmp_path / "journals", f"{os.getpid()}-self")

        with pytest.raises(Fault) as caught:
            await server.invalidate(["key_1"])

    assert caught.value.reason is Reason.NOT_CONFIRMED
    journal.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x02\x91\x63",
        b"GET / HTTP/1.1\r\n\r\n",
        bus.encode(bus.Confirmed(1)),
        bus.encode(bus.Hello("2-bbbb", 1)) * 2,
    ],
)
async def test_garbage_ends_that_connection_only(
    server: BusServer, worker: BusWorker, tmp_path: Path, garbage: bytes
) -> None:
    """One sick worker must not take the others' bus along."""
    reader, writer = await asyncio.open_unix_connection(tmp_path / "bus.sock")
    with capture_logs() as logs:
        writer.write(garbage)
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass

    assert (await worker.look(KNOWN)).record == RECORD
    assert [log["event"] for log in logs] == ["bus connection dropped"]
    writer.close()


async def test_a_worker_that_leaves_in_mid_frame_is_forgotten(
    server: BusServer, worker: BusWorker, tmp_path: Path
) -> None:
    """A kill -9 in the middle of a write."""
    other = await BusWorker.connect(tmp_path / "bus.sock", "2-bbbb")
    await other.snapshot()
    other.send_bytes(bus.encode(bus.Look(1, KNOWN))[:-3])
    await other.close()

    await until_connected(server, 1)

    assert [link.worker for link in server.links] == ["1-aaaa"]
    await server.invalidate(["key_1"])


async def test_a_worker_that_comes_back_takes_the_place_of_its_old_connection(
    server: BusServer, worker: BusWorker, tmp_path: Path
) -> None:
    """The old one may not have noticed yet that it is dead."""
    again = await BusWorker.connect(tmp_path / "bus.sock", "1-aaaa")
    await again.snapshot()
    await worker.ended()

    await server.invalidate(["key_1"])

    assert len(server.links) == 1
    await again.next(bus.Invalidate)
    await again.close()


async def test_a_snapshot_that_can_not_be_read_ends_the_connection(
    server: BusServer, house: House, tmp_path: Path
) -> None:
    """The worker comes back and asks again, instead of waiting for ever."""
    house.broken = True
    with capture_logs():
        hopeful = await BusWorker.connect(tmp_path / "bus.sock")
        await hopeful.ended()

    assert hopeful.received == []
    await hopeful.close()


async def test_a_refusal_is_found_in_whichever_worker_remembers_it(
    server: BusServer, worker: BusWorker, tmp_path: Path
) -> None:
    """The one who asks does not know which worker answered."""
    other = await BusWorker.connect(tmp_path / "bus.sock", "2-bbbb")
    await other.snapshot()
    other.trace = Refused("req_1", "", "unknown_api_key", 401, 1, "chat", "/v1", "", "query", "", "")

    found = await server.trace("req_1")
    other.trace = None
    nothing = await server.trace("req_1")

    assert found is not None
    assert found.reason == "unknown_api_key"
    assert nothing is None
    await other.close()


async def test_a_silent_worker_does_not_hold_a_question_up(
    server: BusServer, worker: BusWorker, tmp_path: Path
) -> None:
    """An operator waits for the answer."""
    reader, writer = await asyncio.open_unix_connection(tmp_path / "bus.sock")
    writer.write(bus.encode(bus.Hello("2-bbbb", 1)))
    await until_connected(server, 2)

    assert await server.trace("req_1", within_s=0.05) is None

    writer.close()
    assert reader is not None


async def test_counters_of_a_worker_that_is_gone_still_count(
    server: BusServer, worker: BusWorker, tmp_path: Path
) -> None:
    """A counter that goes down is a reset to Prometheus."""
    counted = bus.Counted(
        [("chat", 200, 5)], [("unknown_api_key", 2)], [("input", 7)], [5] + [0] * 15, 0.5, {}
    )
    worker.send(counted)
    other = await BusWorker.connect(tmp_path / "bus.sock", "2-bbbb")
    other.send(counted)
    await other.look(KNOWN)
    await worker.look(KNOWN)

    await other.close()
    await until_connected(server, 1)

    totals = server.counts.totals()
    assert totals.requests == {("chat", 200): 10}
    assert totals.refusals == {"unknown_api_key": 4}
    assert (totals.tokens["input"], totals.durations[0], totals.duration_sum_s) == (14, 10, 1.0)
