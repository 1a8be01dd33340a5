"""WebSockets through the gateway, over real sockets: who may open one, what passes, what is charged, how it ends."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.origin import Origin, origin_server, plain
from fakes.realtime_provider import (
    BINARY,
    CONTINUED,
    PING,
    PONG,
    TEXT,
    Frames,
    answers_each,
    plays,
    respond,
)
from gateway.faults import ended_story
from gateway.providers import UPSTREAM_SECRET
from support.node import Node, until
from support.wire import Wire, request

PATH = "/v1/realtime"
TALK, MODEL, VOICELESS = "talk", "voice-model", "voiceless-model"
DIAL = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # what RFC 6455 1.3 says is the answer to that key


@pytest.fixture(scope="session")
def connected_voice(node: Node) -> Iterator[Origin]:
    """A provider with a realtime API, under the alias ``TALK``; tests ask for ``voice``."""
    with origin_server() as origin:
        body = {"name": "voice", "provider": "openai", "base_url": origin.url, "api_key": UPSTREAM_SECRET}
        node.manage("POST", "/api/v1/upstreams", body=body | {"models": [MODEL]})
        node.manage(
            "POST", "/api/v1/models", body={"name": TALK, "upstream": "voice", "upstream_model": MODEL}
        )
        silent = {"name": "voiceless", "provider": "anthropic", "base_url": origin.url, "api_key": "x"}
        node.manage("POST", "/api/v1/upstreams", body=silent | {"models": [VOICELESS]})
        price = {"model": TALK, "input_usd_per_million": "1", "output_usd_per_million": "2"}
        node.manage("POST", "/api/v1/prices", body=price)
        yield origin


@pytest.fixture
def voice(connected_voice: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    connected_voice.forget()
    connected_voice.hang_up()
    return connected_voice


def handshake(key: str, *headers: str, model: str = TALK, more: str = "") -> bytes:
    """Return the bytes of a client's handshake."""
    return request("GET", f"{PATH}?model={model}{more}", key=key, headers=[*DIAL, *headers])


@contextlib.contextmanager
def dialled(node: Node, *headers: str, key: str = "", hello: bytes = b"") -> Iterator[tuple[Frames, str]]:
    """Open a WebSocket; gives its client's end, and the head of the answer."""
    with Wire(node.port) as wire:
        wire.send(hello or handshake(key or node.key, *headers))
        head = b""
        while b"\r\n\r\n" not in head:
            data = wire.socket.recv(65_536)
            assert data, head
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head + rest
        yield Frames(wire.socket, masks=True, buffer=rest), head.decode()


def value(head: str, name: str) -> list[str]:
    """Return the values of a header."""
    lines = (line.partition(": ") for line in head.split("\r\n"))
    return [value for one, _, value in lines if one.lower() == name]


def test_a_session_reaches_the_provider_and_each_response_is_charged(node: Node, voice: Origin) -> None:
    """The provider sees our credential and its own name of the model; what it says it used is in the log."""
    voice.arrange(*plays(answers_each))

    with dialled(node) as (client, head):
        greeting = client.event()
        client.say("response.create")
        events = [client.event()["type"] for _ in range(3)]
        client.close(1000, "bye")
        farewell = client.closed()
    received = voice.received[0]

    assert greeting["type"] == "session.created"
    assert events == ["response.created", "response.output_text.delta", "response.done"]
    assert farewell == (1000, "bye")
    assert value(head, "sec-websocket-accept") == [ACCEPT]
    assert received.line == f"GET /v1/realtime?model={MODEL} HTTP/1.1"
    assert received.values("authorization") == [f"Bearer {UPSTREAM_SECRET}"]
    assert received.values("sec-websocket-version") == ["13"]
    noted = ended_story(node, value(head, "x-request-id")[0])
    assert (noted["input_tokens"], noted["output_tokens"], noted["cached_tokens"]) == (132, 121, 64)
    assert (noted["operation"], noted["usage_source"], noted["status"]) == ("realtime", "reported", 200)


def test_a_session_goes_to_the_first_target_that_can_hold_one(node: Node, voice: Origin) -> None:
    """A provider without a realtime API may run the same model for other calls."""
    first, then = {"upstream": "voiceless"}, {"upstream": "voice", "model": MODEL, "priority": 1}
    node.manage("POST", "/api/v1/models", body={"name": "several", "targets": [first, then]})
    voice.arrange(*plays(answers_each))
    with dialled(node, hello=handshake(node.key, model="several")) as (_client, head):
        assert value(head, "x-keyturn-target") == [f"voice/{MODEL}"]


def test_a_page_shows_its_key_as_a_protocol_and_nobody_else_sees_it(node: Node, voice: Origin) -> None:
    """A page can send no header but this one. The key's name must reach neither the provider nor a log."""
    voice.arrange(*plays(answers_each))
    names = f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{node.key}, openai-beta.realtime-v1"
    hello = request("GET", f"{PATH}?model={TALK}&x=1", headers=[*DIAL, names])

    with dialled(node, hello=hello) as (client, head):
        client.event()
        client.close(1000)
        client.closed()
    received = voice.received[0]

    assert value(head, "sec-websocket-protocol") == ["realtime"]
    assert received.values("sec-websocket-protocol") == ["realtime, openai-beta.realtime-v1"]
    assert received.line == f"GET /v1/realtime?model={MODEL}&x=1 HTTP/1.1"
    assert node.key not in repr(received)
    assert node.key not in node.errors.read_text()


def test_who_may_not_open_a_session_is_told_in_plain_http(node: Node, voice: Origin) -> None:
    """The provider is not asked, and the connection closes: what follows on it can't be taken for a request."""
    good = node.key
    cases: list[tuple[bytes, int, str]] = [
        (request("GET", f"{PATH}?model={TALK}", key=good), 426, "upgrade_required"),
        (handshake(good).replace(b"Version: 13", b"Version: 8"), 426, "upgrade_required"),
        (handshake(good).replace(b"ZQ==", b"Z==="), 400, "malformed_request"),
        (handshake("sk-000000000000000000000000003vSKjy"), 401, "invalid_api_key"),
        (request("GET", f"{PATH}?model={TALK}", headers=DIAL), 401, "invalid_api_key"),
        (
            handshake(good, "Sec-WebSocket-Protocol: openai-insecure-api-key.sk-other"),
            400,
            "multiple_credentials",
        ),
        (handshake(good, model=""), 400, "invalid_value"),
        (handshake(good, more="&model=other"), 400, "duplicate_member"),
        (handshake(good, model="nothing-like-it"), 404, "model_not_found"),
        (handshake(good, model=VOICELESS), 400, "invalid_value"),
    ]
    for sent, status, code in cases:
        with Wire(node.port) as wire:
            wire.send(sent + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = wire.answer()
            rest = wire.rest() if b"Upgrade: w" in sent else b""

        assert (answer.status, answer.code) == (status, code), sent
        assert rest == b"", sent
        if status == 426:
            assert answer.headers["upgrade"] == "websocket"
    assert not voice.received


def test_what_the_provider_refuses_is_told(node: Node, voice: Origin) -> None:
    """Its errors keep their status; a refusal of our credential is not the client's, and a redirect is not followed."""
    said = b'{"error":{"message":"Try later, %b","type":"server_error"}}' % UPSTREAM_SECRET.encode()
    cases = [
        (plain(said, b"retry-after: 7", status=b"503 Busy"), 503),
        (plain(b"{}", status=b"401 No"), 401),
        (plain(b"{}", b"location: http://elsewhere/", status=b"302 Found"), 502),
        (plain(b"{}"), 502),
        (
            b"HTTP/1.1 101 Sure\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: no\r\n\r\n",
            502,
        ),
        (b"nonsense\r\n\r\n", 502),
    ]
    for step, status in cases:
        voice.arrange(step)

        with Wire(node.port) as wire:
            wire.send(handshake(node.key))
            answer = wire.answer()

        assert answer.status == status, step
        assert UPSTREAM_SECRET not in repr(answer)
        path = f"/api/v1/requests/{answer.headers['x-request-id']}"
        noted = until(lambda path=path: node.manage("GET", path)["data"], what="the attempt in the log")
        assert (noted["status"], noted["input_tokens"], noted["output_tokens"]) == (status, 0, 0)


def test_messages_pass_as_they_came_however_they_are_cut(node: Node, voice: Origin) -> None:
    """Byte by byte, in fragments, with a ping between them, long ones, binary ones."""
    heard: list[tuple[int, bytes]] = []

    def script(frames: Frames) -> None:
        heard.extend(frames.read() for _ in range(6))
        for byte in frames.frame(TEXT, b'{"type":"x"}'):
            frames.socket.sendall(bytes([byte]))
        frames.send(TEXT, b"a" * 70_000)
        frames.send(TEXT, b'{"type":"respo', last=False)
        frames.send(PING, b"now")
        frames.send(CONTINUED, b'nse.done","response":{}}')
        frames.close(4000, "enough")
        frames.read()

    voice.arrange(*plays(script))
    with dialled(node) as (client, _):
        for byte in client.frame(TEXT, b'{"type":"session.update"}'):
            client.socket.sendall(bytes([byte]))
        client.send(BINARY, bytes(range(256)) * 300)
        client.send(TEXT, b"{", last=False)
        client.send(PING, b"well?")
        client.send(CONTINUED, b"}", last=True)
        client.send(PONG, b"")
        seen = [client.read() for _ in range(5)]
        farewell = client.closed()
        client.close(4000)

    assert heard == [
        (TEXT, b'{"type":"session.update"}'),
        (BINARY, bytes(range(256)) * 300),
        (PING, b"well?"),
        (TEXT, b"{"),
        (CONTINUED, b"}"),
        (PONG, b""),
    ]
    assert seen == [
        (TEXT, b'{"type":"x"}'),
        (TEXT, b"a" * 70_000),
        (PING, b"now"),
        (TEXT, b'{"type":"respo'),
        (CONTINUED, b'nse.done","response":{}}'),
    ]
    assert farewell == (4000, "enough")


def test_a_client_that_breaks_the_rules_is_told_which(node: Node, voice: Origin) -> None:
    """The provider is left in peace."""
    voice.otherwise = tuple(plays(answers_each))
    for data, code in [
        (b"\xc1\x80\x00\x00\x00\x00", 1002),
        (b"\x81\x01a", 1002),
        (b"\x81\xff\x00\x00\x00\x00\x10\x00\x00\x00", 1009),
    ]:
        with dialled(node) as (client, _):
            client.event()
            client.socket.sendall(data)

            assert client.closed()[0] == code


def _key(node: Node, **members: Any) -> tuple[str, str]:
    made = node.manage("POST", "/api/v1/keys", body={"name": "voice", **members})
    return made["data"]["id"], made["key"]


def test_a_key_that_is_revoked_ends_its_sessions(node: Node, voice: Origin) -> None:
    """Even one in which nobody says anything."""
    voice.arrange(*plays(answers_each))
    key_id, key = _key(node)

    with dialled(node, key=key) as (client, _):
        client.event()
        node.manage("POST", f"/api/v1/keys/{key_id}/revoke", body={})
        said = client.event()

        assert (said["type"], said["error"]["code"]) == ("error", "invalid_api_key")
        assert client.closed() == (1008, "revoked_api_key")


def test_a_used_up_budget_ends_the_session(node: Node, voice: Origin) -> None:
    """After the response that has used it up, and before the next one can begin."""
    voice.arrange(*plays(answers_each))
    limit = {"metric": "tokens", "window": "lifetime", "max": 200}
    _, key = _key(node, limits=[limit])

    with dialled(node, key=key) as (client, _):
        client.event()
        client.say("response.create")
        kinds = [client.event()["type"] for _ in range(3)]
        said = client.event()

        assert kinds[-1] == "response.done"
        assert said["error"]["code"] == "insufficient_quota"
        assert client.closed() == (1008, "quota_exceeded")
    with Wire(node.port) as wire:
        wire.send(handshake(key))
        assert wire.answer().status == 429


def test_a_rate_refuses_what_is_asked_for_and_the_session_stays(node: Node, voice: Origin) -> None:
    """An application is told to wait, as over HTTP."""
    voice.arrange(*plays(answers_each))
    _, key = _key(node, limits=[{"metric": "requests", "window": "hour", "max": 1}])

    with dialled(node, key=key) as (client, _):
        client.event()
        client.say("response.create")
        kinds = [client.event()["type"] for _ in range(3)]
        client.say("response.create", event_id="mine")
        said = client.event()
        client.send(PING, b"still there")

        assert kinds[-1] == "response.done"
        assert (said["error"]["code"], said["error"]["event_id"]) == ("rate_limit_exceeded", "mine")
        assert client.read() == (PONG, b"still there")


def test_a_client_that_leaves_pays_for_what_it_has_heard(node: Node, voice: Origin) -> None:
    """Nobody knows what the provider would have said, so that it is estimated."""
    ended = threading.Event()

    def script(frames: Frames) -> None:
        frames.read()
        frames.say("response.created", response={"id": "r"})
        for _ in range(3):
            frames.say("response.output_text.delta", delta="well")
        with contextlib.suppress(EOFError):
            frames.read()
        ended.set()

    voice.arrange(*plays(script))
    with dialled(node) as (client, head):
        client.say("response.create")
        for _ in range(4):
            client.event()

    assert ended.wait(10)
    noted = ended_story(node, value(head, "x-request-id")[0])
    assert (noted["outcome"], noted["usage_source"], noted["output_tokens"]) == (
        "client_left",
        "estimated",
        3,
    )


def test_a_provider_that_vanishes_is_told_of(node: Node, voice: Origin) -> None:
    """With a code that says whose fault it is."""
    voice.arrange(*plays(lambda frames: frames.say("session.created")))

    with dialled(node) as (client, _):
        client.event()

        assert client.event()["error"]["code"] == "upstream_closed"
        assert client.closed() == (1011, "upstream_closed")


def test_a_response_that_nobody_asked_for_is_charged(node: Node, voice: Origin) -> None:
    """With voice activity detection the provider begins by itself; two may run at once."""

    def script(frames: Frames) -> None:
        frames.say("response.created", response={"id": "a"})
        frames.say("response.created", response={"id": "b"})
        for name in ("a", "b"):
            usage = {"input_tokens": 1000, "output_tokens": 10}
            frames.say("response.done", response={"id": name, "usage": usage})
        respond(frames, "c")
        frames.read()

    voice.arrange(*plays(script))
    key_id, key = _key(node, limits=[{"metric": "tokens", "window": "day", "max": 100_000}])
    with dialled(node, key=key) as (client, _):
        for _ in range(7):
            client.event()

    def tokens() -> bool:
        rows = node.manage("GET", "/api/v1/usage?by=key")["data"]["rows"]
        found = [one for one in rows if one["key_id"] == key_id]
        return bool(found) and found[0]["requests"] == 3 and found[0]["input_tokens"] == 2132

    until(tokens, what="three responses in the usage")


def test_other_offers_to_upgrade_are_declined_as_ever(node: Node, voice: Origin) -> None:
    """A WebSocket where there is none, another protocol where there is one, a handshake with a body."""
    del voice
    websocket = DIAL[:2]
    for sent, status in [
        (request("GET", "/healthz", headers=websocket), 200),
        (request("GET", PATH, headers=("Connection: upgrade", "Upgrade: h2c")), 426),
        (request("GET", PATH, headers=DIAL, body=b"{}"), 426),
        (request("HEAD", PATH, headers=DIAL), 426),
        (request("POST", PATH, headers=DIAL, body=b"{}"), 405),
    ]:
        with Wire(node.port) as wire:
            wire.send(sent + request("GET", "/healthz"))
            first = wire.answer(to="HEAD" if sent.startswith(b"HEAD") else "GET")
            second = wire.answer()

        assert (first.status, second.status) == (status, 200), sent
