"""A realtime session that does not come to be."""

import asyncio
from pathlib import Path

import pytest

from keyturn import bus, system
from keyturn.config.sections import Settings
from keyturn.dialects.calls import Call
from keyturn.domain.faults import Fault
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.models import Target
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.plane import Plane
from keyturn.gateway.realtime import Realtime
from keyturn.gateway.request import Request
from keyturn.gateway.session import Session

PATIENCE_S = 10.0


class Client:
    """Takes an answer."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append
        self.proxied = False
        self.finished = asyncio.Event()

    def finish(self, keep_alive: bool) -> None:  # noqa: ARG002, FBT001 -- as ``Transmitter`` has it
        """Take the end of it."""
        self.finished.set()

    def abort(self) -> None:
        """Take a cut."""

    def pause(self) -> None:
        """Be read from no more."""

    def resume(self) -> None:
        """Be read from again."""

    def switch(self, take: object) -> None:
        """Speak another protocol."""


async def test_a_session_that_cannot_be_noted_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the worker would wait for it when it stops, and end it once more after a quarter of an hour."""
    journal, tasks = Journal(tmp_path, "1-abc", 1 << 16), system.Tasks()
    plane = Plane(
        Settings(),
        journal,
        KeyCache(lambda _call, _digest: True, limit=10),
        control_socket=tmp_path / "none.sock",
        tasks=tasks,
        send=lambda _message: True,
        later=lambda _s, _call: None,
    )
    upstream = bus.Upstream("voice", "http://127.0.0.1:1/v1", provider="openai")
    plane.apply(bus.Snapshot(1, {"talk": Target("voice", "m")}, {"voice": upstream}, frozenset({"header"})))
    request, client = Request(), Client()
    request.client, request.handling, request.plan = client, None, None
    request.method, request.path, request.query = b"GET", b"/v1/realtime", b"model=talk"
    request.headers, request.repeated, request.body = {b"host": b"a"}, None, b""
    request.keep_alive, request.http_10 = True, False
    request.address, request.received = "192.0.2.1", system.monotonic()
    opening = Realtime(plane, request, OPERATIONS[b"/v1/realtime"], b"")
    opening.key = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))
    opening.model, opening.credential, opening.location, opening.rest = "talk", b"", "header", []
    opening.decided_at = system.monotonic()
    route = opening.find_priced_route(Call("talk", stream=True, output_cap=None))
    assert route is not None
    way = route.way(opening.operation, stream=False)
    assert way is not None
    opening.route, opening.way = route, way

    def is_full(_record: object) -> None:
        raise Fault(Reason.JOURNAL_UNAVAILABLE, "no space left")

    monkeypatch.setattr(journal, "admitted", is_full)
    Session(opening, client).begin()
    assert plane.sessions

    await asyncio.wait_for(client.finished.wait(), PATIENCE_S)

    assert not plane.sessions
    assert b"".join(client.written).startswith(b"HTTP/1.1 503 ")
    assert len(client.written) == 1
    plane.close()
    await tasks.cancel()
    journal.close()
