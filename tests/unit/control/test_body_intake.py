"""Bodies on their way from workers into the store."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from fakes.bus_worker import BusWorker
from fakes.house import House
from keyturn import bus
from keyturn.control import body_intake
from keyturn.control.body_intake import BodyIntake
from keyturn.control.bus_server import BusServer
from keyturn.domain.bodies import Body, Exchanged
from keyturn.services.bodies import Bodies
from keyturn.store.engine import Store
from keyturn.store.vault import Vault


class Slow(Bodies):
    """A store that waits, and may fail."""

    def __init__(self, store: Store, vault: Vault) -> None:
        super().__init__(store, vault)
        self.gate = asyncio.Event()
        self.broken = False
        self.kept: list[list[str]] = []

    async def keep(self, exchanged: Sequence[Exchanged]) -> None:
        """Keep, once the gate is open."""
        await self.gate.wait()
        if self.broken:
            self.broken = False
            raise OperationalError("", None, Exception("disk full"))
        self.kept.append([one.request_id for one in exchanged])


@pytest.fixture
def slow(store: Store, vault: Vault) -> Slow:
    """Where they are kept."""
    return Slow(store, vault)


@pytest.fixture
async def intake(slow: Slow) -> AsyncIterator[BodyIntake]:
    """Who takes them."""
    found = BodyIntake(slow)
    yield found
    await found.close()


def told(request_id: str, length: int = 1) -> bus.Bodies:
    """Return what a worker says."""
    return bus.Bodies(Exchanged(request_id, "key_1", Body(b"q" * length, False), Body(b"", False)))


async def test_what_comes_meanwhile_is_stored_together(slow: Slow, intake: BodyIntake) -> None:
    """One transaction for many; a flush is over when all are stored."""
    intake.take(told("a"))
    await asyncio.sleep(0)
    for name in "bc":
        intake.take(told(name))
    slow.gate.set()

    await intake.flush()

    assert slow.kept == [["a"], ["b", "c"]]


async def test_more_than_can_wait_is_lost_and_said(
    slow: Slow, intake: BodyIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control process has other things to hold."""
    monkeypatch.setattr(body_intake, "MOST_WAITING", 10)
    slow.gate.set()

    with capture_logs() as logs:
        for name, length in (("a", 6), ("b", 6), ("c", 4)):
            intake.take(told(name, length))
        await intake.flush()
        intake.take(told("d", 10))
        await intake.flush()

    assert slow.kept == [["a", "c"], ["d"]]
    assert [(one["event"], one["lost"]) for one in logs] == [("bodies came too fast to be stored", 1)]


async def test_a_full_disk_loses_them_and_nothing_else(slow: Slow, intake: BodyIntake) -> None:
    """The next ones are tried again, and nobody waits for ever."""
    slow.broken = True
    slow.gate.set()

    with capture_logs() as logs:
        intake.take(told("a"))
        await intake.flush()
        intake.take(told("b"))
        await intake.flush()

    assert slow.kept == [["b"]]
    assert [one["event"] for one in logs] == ["bodies can't be stored"]


async def test_what_a_worker_hands_over_arrives(tmp_path: Path) -> None:
    """Over the bus, as it is."""
    house = House()
    (tmp_path / "journals").mkdir()
    server = BusServer(
        journals=tmp_path / "journals",
        look=house.look,
        configuration=house.configuration,
    )
    arrived: asyncio.Queue[bus.Bodies] = asyncio.Queue()
    await server.listen(
        tmp_path / "bus.sock",
        first_used=house.first_used,
        noticed=house.noticed,
        limits=house,
        attempts=house.attempts,
        bodies=arrived.put_nowait,
    )
    worker = await BusWorker.connect(tmp_path / "bus.sock")
    message = told("a", 65_536)

    worker.send(message)

    assert await asyncio.wait_for(arrived.get(), 5) == message
    await worker.close()
    await server.close()
