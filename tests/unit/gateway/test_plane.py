"""Which price a worker charges: the one in force when the request was let in, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.price_rules import ever
from keyturn import bus, system
from keyturn.config.sections import Prices, Settings
from keyturn.domain.journal import Record, Served, read
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.models import Target
from keyturn.domain.permissions import Permission
from keyturn.domain.prices import Price, PriceStep, PriceVersion
from keyturn.domain.refusals import Reason
from keyturn.gateway.exchange import Exchange
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.plane import Plane
from keyturn.gateway.request import Request

NOON_MS = 1_798_804_800_000
OLD = PriceVersion("prc_old", "m", Price(10**6))
NEW = PriceVersion("prc_new", "m", Price(3 * 10**6), NOON_MS)
STEPS = (PriceStep(0, OLD), PriceStep(NOON_MS, NEW))
KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))

Make = Callable[..., Plane]


class Client:
    """Takes answers."""

    def __init__(self) -> None:
        self.written = b""
        self.proxied = False

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data

    def finish(self, _keep_alive: bool) -> None:  # noqa: FBT001 -- as the edge has it
        """Nothing follows."""


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes the data plane of a worker that knows one model, ``m``."""
    made: list[Plane] = []
    tasks = system.Tasks()

    def new(steps: tuple[PriceStep, ...], unknown: Any = "zero") -> Plane:
        plane = Plane(
            Settings(prices=Prices(unknown=unknown)),
            Journal(tmp_path, "1-abc", 1 << 16),
            KeyCache(lambda _call, _digest: True, limit=10),
            control_socket=tmp_path / "none.sock",
            tasks=tasks,
            send=lambda _message: True,
            later=asyncio.get_running_loop().call_later,
        )
        made.append(plane)
        upstream = bus.Upstream("demo", "http://127.0.0.1:1/v1", "credential")
        target = Target("demo", "m", steps, output_cap=4096)
        plane.apply(bus.Snapshot(1, {"m": target}, {"demo": upstream}, frozenset({"header"})))
        return plane

    yield new
    for plane in made:
        plane.close()
        plane.journal.close()
    await tasks.cancel()


def exchange(plane: Plane) -> tuple[Exchange, Client]:
    """Return a call of the model by a key that is known."""
    client, request = Client(), Request()
    request.client, request.handling, request.plan = client, None, None  # type: ignore[assignment]  # as an edge
    request.query = b""
    request.method, request.path = b"POST", b"/v1/chat/completions"
    request.headers, request.repeated, request.body = {b"host": b"a"}, None, b'{"model":"m","max_tokens":7}'
    request.keep_alive, request.http_10 = True, False
    request.address, request.received = "192.0.2.1", system.monotonic()
    made = Exchange(plane, request, OPERATIONS[b"/v1/chat/completions"], b"")
    made.key, made.decided_at, made.location = KEY, system.monotonic(), "x-api-key"
    return made, client


def records(folder: Path) -> list[Record]:
    """Return what the only worker has noted."""
    (file,) = folder.glob("*.journal")
    return [record for record, _ in read(file.read_bytes())]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time of day."""

    def set_to(now_ms: int) -> None:
        monkeypatch.setattr(system, "now_ms", lambda: now_ms)

    return set_to


async def test_a_price_begins_with_the_first_tick_of_its_time(
    make: Make, clock: Callable[[int], None]
) -> None:
    """Nobody restarts anything on Monday morning."""
    clock(NOON_MS - 1)
    plane = make(STEPS)
    prices = [plane.routes["m"].price_id]

    for now_ms in (NOON_MS - 1, NOON_MS, NOON_MS + 10**9):
        clock(now_ms)
        plane.sweep(system.monotonic())
        prices.append(plane.routes["m"].price_id)

    assert prices == ["prc_old", "prc_old", "prc_new", "prc_new"]
    assert plane.routes["m"].cost(10, 0) == 30
    assert plane.routes["m"].output_cap == 4096


async def test_a_worker_that_starts_late_begins_with_the_price_of_the_day(
    make: Make, clock: Callable[[int], None]
) -> None:
    """The snapshot holds all that is to come."""
    clock(NOON_MS)

    assert make(STEPS).routes["m"].price_id == "prc_new"


async def test_a_request_ends_at_the_price_that_it_began_with(
    make: Make, clock: Callable[[int], None], tmp_path: Path
) -> None:
    """What was promised when it was let in is what is charged."""
    clock(NOON_MS - 1)
    plane = make(STEPS)
    call, _ = exchange(plane)
    call.admitted()

    clock(NOON_MS)
    plane.sweep(system.monotonic())
    call.client_left()

    served = records(tmp_path)[-1]
    assert isinstance(served, Served)
    assert (served.price, served.cost_nano_usd) == ("prc_old", served.input_tokens)
    assert plane.routes["m"].price_id == "prc_new"
    assert plane.routes["m"].withhold(b"a credential") == b"a [redacted]"


async def test_a_model_without_a_price_is_served_for_nothing(make: Make, tmp_path: Path) -> None:
    """It is counted as unpriced, so that somebody sees."""
    call, _ = exchange(make(()))
    call.admitted()
    call.client_left()
    served = records(tmp_path)[-1]

    assert isinstance(served, Served)
    assert (served.priced, served.cost_nano_usd, served.price) == (False, 0, "")


async def test_a_model_without_a_price_is_refused_where_the_setting_says_so(make: Make) -> None:
    """The caller is told that it is not their doing."""
    refusing = make((), "refuse")
    refused, client = exchange(refusing)

    refused.admitted()

    assert client.written.startswith(b"HTTP/1.1 403 ")
    assert Reason.MODEL_UNPRICED.value.encode() in client.written
    assert refusing.counters.refusals[Reason.MODEL_UNPRICED.value] == 1


async def test_a_price_of_zero_is_not_refused(make: Make, tmp_path: Path) -> None:
    """It is known."""
    call, _ = exchange(make(ever(Price()), "refuse"))

    call.admitted()
    call.client_left()

    served = records(tmp_path)[-1]
    assert isinstance(served, Served)
    assert (served.priced, served.cost_nano_usd) == (True, 0)
