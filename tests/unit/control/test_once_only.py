"""Where workers ask whether a call was made before."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from fakes.bus_worker import BusWorker
from fakes.house import House
from fakes.usage_records import WorkerJournal, admitted
from keyturn import bus
from keyturn.control.bus_server import BusServer
from keyturn.control.ingest import Ingest
from keyturn.control.once_only import OnceOnly
from keyturn.domain.attempts import Answer, Fate, not_again
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.attempts import Attempts, Begin, End, Verdict
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

ANSWER = Answer(200, b"a: b\r\n", b"body")
ID, FINGERPRINT = b"a" * 32, b"f" * 32


class Breaking(Attempts):
    """A store that fails when it is told to."""

    broken = False

    async def decide(self, messages: Sequence[Begin | End], living: Collection[str]) -> list[Verdict]:
        """Decide, or fail."""
        if self.broken:
            raise OperationalError("", None, Exception("disk full"))
        return await super().decide(messages, living)

    async def answer(self, request_id: str) -> Answer:
        """Fail."""
        raise OperationalError("", None, Exception(request_id))


class Scene:
    """A control process, and what its workers are."""

    def __init__(self, folder: Path, store: Store, vault: Vault) -> None:
        house = House()
        self.folder = folder
        self.journals = folder / "journals"
        self.journals.mkdir()
        self.attempts = Attempts(store, vault)
        self.breaking = Breaking(store, vault)
        self.ingest = Ingest(store, self.journals)
        self.house = house
        self.server = BusServer(
            journals=self.journals,
            look=house.look,
            configuration=house.configuration,
        )
        self.once_only = OnceOnly(self.attempts, self.ingest, self.server, journals=self.journals)
        self.workers: list[BusWorker] = []

    async def listen(self, *, breaking: bool = False) -> None:
        """Serve."""
        if breaking:
            self.once_only = OnceOnly(self.breaking, self.ingest, self.server, journals=self.journals)
        house = self.house
        await self.server.listen(
            self.folder / "bus.sock",
            first_used=house.first_used,
            noticed=house.noticed,
            limits=house,
            attempts=self.once_only,
            bodies=house.bodies.append,
        )

    async def worker(self, name: str = "1-aaaa") -> BusWorker:
        """Connect a worker."""
        worker = await BusWorker.connect(self.folder / "bus.sock", name)
        self.workers.append(worker)
        await worker.snapshot()
        return worker

    async def close(self) -> None:
        """End."""
        for worker in self.workers:
            await worker.close()
        await self.once_only.close()
        await self.server.close()


@pytest.fixture
async def scene(tmp_path: Path, store: Store, vault: Vault) -> AsyncIterator[Scene]:
    """A control process that serves nobody yet."""
    found = Scene(tmp_path, store, vault)
    yield found
    await found.close()


async def ask(worker: BusWorker, request_id: str) -> bus.FromControl:
    """Ask for the call, and return what comes back."""
    return await told(worker, bus.Attempt(ID, FINGERPRINT, request_id))


async def told(worker: BusWorker, message: bus.Attempt | bus.AttemptEnded) -> bus.FromControl:
    """Say something, and return what comes back."""
    before = len(worker.received)
    worker.send(message)
    async with asyncio.timeout(10):
        while len(worker.received) == before:  # noqa: ASYNC110 -- there is no event for it
            await asyncio.sleep(0.001)
    return worker.received[-1]


def reason(message: bus.FromControl) -> Reason:
    """Return why a call is refused."""
    assert isinstance(message, bus.Refrain)
    return message.refused.reason


async def test_one_worker_goes_on_and_the_other_gets_its_answer(scene: Scene) -> None:
    """Whichever a retry comes to."""
    await scene.listen()
    one, other = await scene.worker(), await scene.worker("2-bbbb")

    first = await ask(one, "req_1")
    waiting = await ask(other, "req_2")
    noted = await told(one, bus.AttemptEnded(ID, "req_1", Fate.SERVED, ANSWER))
    again = await ask(other, "req_3")

    assert first == bus.Proceed(ID, "req_1")
    assert reason(waiting) is Reason.IDEMPOTENCY_IN_FLIGHT
    assert noted == bus.Noted("req_1")
    assert again == bus.Repeat("req_3", "req_1", ANSWER)


async def test_who_asks_a_moment_before_the_end_is_told_gets_the_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client may be quicker than what its worker says of it."""
    await scene.listen()
    one, other = await scene.worker(), await scene.worker("2-bbbb")
    await ask(one, "req_1")
    moment: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    ask_again = scene.once_only._ask_again
    monkeypatch.setattr(scene.once_only, "_ask_again", moment.set_result)

    asking = asyncio.ensure_future(ask(other, "req_2"))
    waiting = await moment  # which lasts until the end was told
    await told(one, bus.AttemptEnded(ID, "req_1", Fate.SERVED, ANSWER))
    ask_again(waiting)

    assert await asking == bus.Repeat("req_2", "req_1", ANSWER)


async def test_an_answer_that_is_not_kept_is_refused(scene: Scene) -> None:
    """For good."""
    await scene.listen()
    worker = await scene.worker()
    await ask(worker, "req_1")
    await told(worker, bus.AttemptEnded(ID, "req_1", Fate.SERVED, None))

    assert reason(await ask(worker, "req_2")) is Reason.CONFLICT


async def test_the_journal_of_a_dead_worker_is_read_for_who_asks(scene: Scene) -> None:
    """What it let in was charged; what it never let in is free."""
    await scene.listen()
    for name, request_id in (("3-dead", ""), ("4-dead", "req_1")):
        dead = await scene.worker(name)
        journal = WorkerJournal(scene.journals, name)
        begun = admitted() if not request_id else None
        await told(
            dead, bus.Attempt(name.encode() * 4, FINGERPRINT, begun.request_id if begun else request_id)
        )
        if begun is not None:
            journal.write(begun)
        journal.close()
        await dead.close()
    worker = await scene.worker()
    await until_left(scene, 1)

    charged = await told(worker, bus.Attempt(b"3-dead" * 4, FINGERPRINT, "req_2"))
    free = await told(worker, bus.Attempt(b"4-dead" * 4, FINGERPRINT, "req_3"))

    assert reason(charged) is Reason.CONFLICT
    assert free == bus.Proceed(b"4-dead" * 4, "req_3")


async def until_left(scene: Scene, count: int) -> None:
    """Wait until so many workers are connected."""
    async with asyncio.timeout(10):
        while len(scene.server.links) != count:  # noqa: ASYNC110 -- there is no event for it
            await asyncio.sleep(0)


async def test_time_settles_the_calls_of_the_dead(scene: Scene) -> None:
    """Before what stands in their journals is too old to be found."""
    await scene.listen()
    dead = await scene.worker("3-dead")
    journal = WorkerJournal(scene.journals, "3-dead")
    begun = admitted()
    journal.write(begun)
    await ask(dead, begun.request_id)
    await dead.close()
    await until_left(scene, 0)

    await scene.once_only.tend()
    (before,) = await scene.attempts.decide([Begin(ID, FINGERPRINT, "req_2", "x")], {"3-dead"})
    journal.close()
    await scene.once_only.tend()
    (after,) = await scene.attempts.decide([Begin(ID, FINGERPRINT, "req_2", "x")], set())

    assert before == Refused(Reason.IDEMPOTENCY_IN_FLIGHT)
    assert after == not_again(Fate.UNKNOWN, begun.request_id)


async def test_while_the_journals_can_not_be_read_nobody_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been charged."""
    await scene.listen()
    dead = await scene.worker("3-dead")
    await ask(dead, "req_1")
    await dead.close()
    worker = await scene.worker()
    await until_left(scene, 1)

    async def fail() -> bool:
        return False

    monkeypatch.setattr(scene.ingest, "flush", fail)

    assert reason(await ask(worker, "req_2")) is Reason.CONTROL_UNAVAILABLE


async def test_a_store_that_fails_lets_nobody_go_on_and_notes_no_end(scene: Scene) -> None:
    """Who tells of an end tells it again."""
    await scene.listen(breaking=True)
    worker = await scene.worker()
    await ask(worker, "req_1")
    scene.breaking.broken = True

    with capture_logs() as logs:
        worker.send(bus.AttemptEnded(ID, "req_1", Fate.SERVED, ANSWER))
        refused = await ask(worker, "req_2")
    scene.breaking.broken = False
    noted = await told(worker, bus.AttemptEnded(ID, "req_1", Fate.SERVED, ANSWER))
    unreadable = await ask(worker, "req_3")

    assert reason(refused) is Reason.CONTROL_UNAVAILABLE
    assert {one["event"] for one in logs} == {"attempts can't be looked up"}
    assert noted == bus.Noted("req_1")
    assert reason(unreadable) is Reason.CONTROL_UNAVAILABLE


async def test_what_is_meant_for_a_worker_that_is_gone_is_lost(scene: Scene) -> None:
    """And the others are answered."""
    await scene.listen()
    gone = await scene.worker("2-bbbb")
    link = next(one for one in scene.server.links if one.worker == "2-bbbb")
    await gone.close()
    await until_left(scene, 0)
    worker = await scene.worker()

    scene.once_only.take(bus.Attempt(b"z" * 32, FINGERPRINT, "req_9"), link)

    assert await ask(worker, "req_1") == bus.Proceed(ID, "req_1")
