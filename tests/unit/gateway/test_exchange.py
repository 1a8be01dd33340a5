"""What an exchange notes in the journal."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from fakes.price_rules import ever
from keyturn import bus, system
from keyturn.config.sections import Settings
from keyturn.domain import journal as domain
from keyturn.domain.bodies import Body, Exchanged
from keyturn.domain.journal import Admitted, Record, Served
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.models import Target
from keyturn.domain.permissions import Permission
from keyturn.domain.prices import Price
from keyturn.domain.refusals import Reason
from keyturn.gateway.exchange import Exchange
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.plane import Plane
from keyturn.gateway.request import Request

KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))
BODY = b'{"model":"alias","max_tokens":7}'


class Client:
    """Takes an answer."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append
        self.proxied = False

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- as ``Transmitter`` has it
        """Take the end of it."""

    def abort(self) -> None:
        """Take a cut."""


class Scene(NamedTuple):
    """A worker's plane with one model, and the folder of its journal."""

    plane: Plane
    folder: Path

    def records(self) -> list[Record]:
        """Read the journal."""
        return [one for one, _ in domain.read((self.folder / "1-abc.0.journal").read_bytes())]

    def exchange(self, body: bytes = BODY) -> Exchange:
        """Begin a request of the key."""
        request = Request()
        request.client, request.handling, request.plan = Client(), None, None
        request.method, request.path, request.query = b"POST", b"/v1/chat/completions", b""
        request.headers, request.repeated, request.body = {b"host": b"a"}, None, body
        request.keep_alive, request.http_10 = True, False
        request.address, request.received = "192.0.2.1", system.monotonic()
        made = Exchange(self.plane, request, OPERATIONS[b"/v1/chat/completions"], b"")
        made.key, made.decided_at, made.location = KEY, system.monotonic(), "x-api-key"
        return made


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Its upstream is a port where nobody listens; nothing has to be sent for what is noted."""
    journal, tasks = Journal(tmp_path, "1-abc", 1 << 16), system.Tasks()
    keys = KeyCache(lambda _call, _digest: True, limit=10)
    plane = Plane(
        Settings(),
        journal,
        keys,
        control_socket=tmp_path / "none.sock",
        tasks=tasks,
        send=lambda _message: True,
        later=lambda _s, _call: None,
    )
    upstream = bus.Upstream("demo", "http://127.0.0.1:1/v1")
    target = Target("demo", "demo-chat", ever(Price(10**6, 10**7)))
    plane.apply(bus.Snapshot(1, {"alias": target}, {"demo": upstream}, frozenset({"header"})))
    yield Scene(plane, tmp_path)
    plane.close()
    await tasks.cancel()
    journal.close()


async def test_a_request_is_noted_before_it_goes_upstream(scene: Scene) -> None:
    """Its estimates stand in for the usage should the worker die."""
    exchange = scene.exchange()

    exchange.admitted()

    (admitted,) = scene.records()
    assert isinstance(admitted, Admitted)
    assert abs(admitted.started_us / 1e6 - system.now()) < 5
    assert admitted == Admitted(
        request_id=exchange.request_id,
        key_id="key_1",
        model="alias",
        upstream="demo",
        operation="chat",
        started_us=admitted.started_us,
        input_tokens=9,
        output_tokens=7,
        cost_nano_usd=9 + 70,
        address="192.0.2.1",
    )


async def test_its_end_is_noted_once_in_the_fields_where_it_belongs(scene: Scene) -> None:
    """A value in the wrong field would be charged to the wrong account."""
    exchange = scene.exchange()
    exchange.admitted()

    exchange.answer_failed(Reason.UPSTREAM_UNREACHABLE, "nobody listens")
    exchange.client_left()

    admitted, served = scene.records()
    assert isinstance(served, Served)
    assert isinstance(admitted, Admitted)
    assert 0 <= served.auth_us <= served.sent_us <= served.total_us
    assert served == Served(
        request_id=exchange.request_id,
        key_id="key_1",
        model="alias",
        upstream="demo",
        upstream_model="demo-chat",
        operation="chat",
        status=502,
        started_us=admitted.started_us,
        auth_us=served.auth_us,
        sent_us=served.sent_us,
        first_byte_us=0,
        total_us=served.total_us,
        input_tokens=0,
        output_tokens=0,
        cached_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=0,
        priced=True,
        source="reported",
        streamed=False,
        outcome="upstream_unreachable",
        location="x-api-key",
        address="192.0.2.1",
        price="prc_1",
    )


async def test_a_client_that_leaves_while_it_waits_pays_for_what_it_sent(scene: Scene) -> None:
    """The provider has read it."""
    exchange = scene.exchange()
    exchange.admitted()

    exchange.client_left()

    served = scene.records()[-1]
    assert isinstance(served, Served)
    assert (served.status, served.outcome, served.source) == (499, "client_left", "estimated")
    assert (served.input_tokens, served.cost_nano_usd) == (9, 9)


@pytest.mark.parametrize("wanted", [False, True], ids=["not wanted", "wanted"])
async def test_what_a_client_that_leaves_has_asked_is_kept_where_that_is_wanted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, wanted: bool
) -> None:
    """It may be what the model took so long for; where it is not wanted, the client is written to directly."""
    told: list[Exchanged] = []
    monkeypatch.setattr(scene.plane.bodies, "tell", told.append)
    exchange = scene.exchange()
    client = exchange.request.client
    exchange.key = msgspec.structs.replace(KEY, store_bodies=wanted)
    exchange.admitted()

    exchange.client_left()
    exchange.client_left()

    whole = Exchanged(exchange.request_id, "key_1", Body(BODY, False), Body(b"", False))
    assert told == ([whole] if wanted else [])
    assert (exchange.request.client is client) is not wanted


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"unknown"}',
        b'{"model":"alias","model":"alias"}',
        b"",
        b"[]",
        b'{"model":"alias","stream":1}',
    ],
)
async def test_a_refused_request_is_noted_as_such(scene: Scene, body: bytes) -> None:
    """It costs nothing, but whoever asks why is told."""
    exchange = scene.exchange(body)

    exchange.admitted()

    (refused,) = scene.records()
    assert isinstance(refused, domain.Refused)
    assert refused == scene.plane.refusals.find(exchange.request_id)
    assert scene.plane.journal.in_flight == 0
