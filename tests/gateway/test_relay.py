"""What passes between clients and providers, in every shape that HTTP allows and at any speed."""

import base64
import hashlib
import os
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from fakes.origin import (
    BODY,
    JSON,
    Origin,
    Step,
    floods,
    hangs_up,
    is_read,
    plain,
    says_goodbye,
    waits_for,
    watches_it_leave,
)
from gateway.flow import SMALL, comes_to_rest, resident_mib
from gateway.pieces import CHUNKED, DONE, EVENT, SSE, chunk
from gateway.providers import ALIAS, MODEL, UPSTREAM_SECRET
from support.node import Node, until
from support.wire import CHAT, Wire, call, chunked, request

BINARY = bytes(range(256)) * 20


@pytest.fixture
def wire(relay_node: Node, provider: Origin) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(relay_node.port) as wire:
        yield wire


# ── answers of every legal shape ────────────────────────────────────────────

SHAPES: dict[str, tuple[tuple[Step, ...], int, bytes]] = {
    "interim answers before it": (
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 5\r\n\r\n",
            is_read,
            plain(),
        ),
        200,
        BODY,
    ),
    "no content": ((b"HTTP/1.1 204 No Content\r\n\r\n",), 204, b""),
    "no content of a stream": (
        (b"HTTP/1.1 204 No Content\r\ncontent-type: text/event-stream\r\n\r\n",),
        204,
        b"",
    ),
    "not modified": ((b'HTTP/1.1 304 Not Modified\r\netag: "x"\r\ncontent-length: 99\r\n\r\n',), 304, b""),
    "not modified and large": ((b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99999\r\n\r\n",), 304, b""),
    "empty": ((plain(b""),), 200, b""),
    "until the connection ends": ((JSON + b"\r\n" + BODY, is_read, hangs_up), 200, BODY),
    "of HTTP/1.0": ((plain().replace(b"HTTP/1.1", b"HTTP/1.0"), hangs_up), 200, BODY),
    "that closes": ((plain(BODY, b"connection: close"), hangs_up), 200, BODY),
    "without a reason": ((plain(status=b"200"),), 200, BODY),
    "with a reason of its own": ((plain(status=b"200 Fine, thank you"),), 200, BODY),
    "with a status of its own": ((plain(status=b"299 Odd"),), 299, BODY),
    "offering an upgrade": ((plain(BODY, b"connection: upgrade", b"upgrade: h2c"),), 200, BODY),
    "in chunks": ((JSON + CHUNKED + chunked(BODY[:9], BODY[9:]),), 200, BODY),
    "in chunks of one byte": (
        (JSON + CHUNKED + chunked(*(BODY[i : i + 1] for i in range(len(BODY)))),),
        200,
        BODY,
    ),
    "in chunks with extensions and trailers": (
        (
            JSON
            + b"trailer: x-sum\r\n"
            + CHUNKED
            + b'%x;a="b"\r\n%b\r\n0;z\r\nx-sum: 9\r\n\r\n' % (len(BODY), BODY),
        ),
        200,
        BODY,
    ),
    "binary": ((plain(BINARY),), 200, BINARY),
    "binary in chunks": ((JSON + CHUNKED + chunked(BINARY),), 200, BINARY),
    "a stream": ((SSE + CHUNKED + chunked(EVENT, DONE),), 200, EVENT + DONE),
    "a stream of declared length": (
        (SSE + b"content-length: %d\r\n\r\n" % len(EVENT + DONE) + EVENT, is_read, DONE),
        200,
        EVENT + DONE,
    ),
    "a stream until the connection ends": (
        (SSE + b"\r\n" + EVENT + DONE, is_read, hangs_up),
        200,
        EVENT + DONE,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_of_any_shape_comes_back(wire: Wire, ask: bytes, provider: Origin, shape: str) -> None:
    """Providers stand behind proxies of every make."""
    steps, status, body = SHAPES[shape]
    provider.arrange(*steps)

    answer = wire.ask(ask)

    assert (answer.status, answer.body) == (status, body)
    assert not {"x-sum", "trailer", "link", "upgrade"} & answer.headers.keys()
    assert wire.ask(ask).body == BODY


@pytest.mark.parametrize(
    "head", [plain(BODY, b"x-one: 1"), JSON + CHUNKED + chunked(BODY, trailers=b"x-t: 2\r\n")]
)
def test_an_answer_split_at_any_byte_is_the_same(
    wire: Wire, ask: bytes, provider: Origin, head: bytes
) -> None:
    """How the network cuts an answer up is nobody's choice."""
    last = head.index(b"\r\n\r\n") + 12

    for cut in [*range(1, last), len(head) - 8, len(head) - 1]:
        provider.arrange(head[:cut], is_read, head[cut:])
        answer = wire.ask(ask)

        assert (answer.status, answer.body) == (200, BODY), cut
    assert provider.received[-1].connection == provider.received[0].connection


@pytest.mark.parametrize("length", [65_536, 65_537, 300_000, 3 << 20])
@pytest.mark.parametrize("framing", ["declared", "chunked", "closing"])
def test_a_large_answer_comes_back_byte_for_byte(
    wire: Wire, ask: bytes, provider: Origin, length: int, framing: str
) -> None:
    """Images and embeddings do not fit into one read."""
    body = os.urandom(length)
    if framing == "declared":
        provider.arrange(plain(body))
    elif framing == "chunked":
        provider.arrange(JSON + CHUNKED + chunked(body[:1000], body[1000:40_000], body[40_000:]))
    else:
        provider.arrange(JSON + b"\r\n" + body, hangs_up)

    answer = wire.ask(ask)

    assert answer.body == body
    if length >= 300_000:
        assert ("content-length" in answer.headers) == (framing == "declared")
    assert wire.ask(ask).body == BODY


def test_events_are_handed_on_as_they_come(wire: Wire, relay_node: Node, provider: Origin) -> None:
    """A stream that arrives all at once is no stream."""
    go_on = [threading.Event(), threading.Event()]
    provider.arrange(
        SSE + CHUNKED + chunk(EVENT), waits_for(go_on[0]), chunk(EVENT), waits_for(go_on[1]), chunked(DONE)
    )

    wire.send(call(MODEL, relay_node.key, stream=True))
    wire.head()
    chunks = wire.chunks()
    first = next(chunks)
    go_on[0].set()
    second = next(chunks)
    go_on[1].set()

    assert (first, second, b"".join(chunks)) == (EVENT, EVENT, DONE)


def test_an_error_of_the_provider_comes_back_as_it_is(wire: Wire, ask: bytes, provider: Origin) -> None:
    """SDKs act on status, code and Retry-After."""
    body = b'{"error":{"message":"Slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}'
    provider.arrange(plain(body, b"retry-after: 7", status=b"429 Too Many Requests"))

    answer = wire.ask(ask)

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, body, "7")


@pytest.mark.parametrize("status", [401, 403])
def test_the_providers_refusal_of_our_credential_is_told_to_whom_it_concerns(
    wire: Wire, ask: bytes, provider: Origin, status: int
) -> None:
    """A client that reads "invalid API key" would renew the wrong one."""
    body = b'{"error":{"message":"Incorrect API key provided: %b"}}' % UPSTREAM_SECRET.encode()
    provider.arrange(plain(body, b"www-authenticate: Bearer", status=b"%d No" % status))

    answer = wire.ask(ask)

    assert answer.status == status
    assert answer.code == "upstream_credential"
    assert "whoever runs this gateway" in str(answer.json()["error"]["message"])
    assert UPSTREAM_SECRET.encode() not in answer.head + answer.body
    assert answer.headers["x-should-retry"] == "false"


def test_headers_about_the_operators_account_stay_here(wire: Wire, ask: bytes, provider: Origin) -> None:
    """Whose account it is, and how much of its limit is left, is not the client's business."""
    withheld = [
        b"set-cookie: a=b",
        b"server: nginx",
        b"openai-organization: acme",
        b"x-ratelimit-remaining-requests: 3",
        b"strict-transport-security: max-age=9",
        b"keep-alive: timeout=5",
        b"x-request-id: theirs",
    ]
    provider.arrange(plain(BODY, *withheld, b"openai-processing-ms: 12", b"X-Own: yes"))

    answer = wire.ask(ask)

    assert not {line.partition(b":")[0].decode() for line in withheld[:-1]} & answer.headers.keys()
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.head.lower().count(b"x-request-id") == 1
    assert (answer.headers["openai-processing-ms"], answer.headers["x-own"]) == ("12", "yes")


# ── requests on their way ───────────────────────────────────────────────────


def test_the_body_reaches_the_provider_byte_for_byte(wire: Wire, relay_node: Node, provider: Origin) -> None:
    """What is re-encoded may come to mean something else to the next parser."""
    body = (
        b' {\n\t"messages" : [ {"role":"user","content":"\\u00e9\\ud83d\\ude00 \xc3\xa9 1.0E+2"} ],\r\n'
        b'"seed": 12345678901234567890123, "model" :  "%b" , "x":{"model":"other"} }\n'
    )

    for model in (MODEL, ALIAS):
        assert wire.ask(request("POST", CHAT, key=relay_node.key, body=body % model.encode())).status == 200

    assert [one.body for one in provider.received] == [body % MODEL.encode()] * 2
    assert provider.received[0].line == "POST /v1/chat/completions HTTP/1.1"
    assert provider.received[0].values("content-length") == [str(len(provider.received[0].body))]
    assert provider.received[0].values("host") == [f"127.0.0.1:{provider.port}"]


@pytest.mark.parametrize(
    "place", ["authorization", "bare", "x-api-key", "api-key", "x-goog-api-key", "basic", "query", "body"]
)
def test_the_clients_credential_never_reaches_the_provider(
    wire: Wire, relay_node: Node, provider: Origin, place: str
) -> None:
    """It opens this gateway, and the provider is somebody else."""
    key = relay_node.key
    headers = {
        "authorization": f"Authorization: Bearer {key}",
        "bare": f"Authorization: {key}",
        "basic": "Authorization: Basic " + base64.b64encode(f"user:{key}".encode()).decode(),
    }.get(place, f"{place}: {key}" if "key" in place else "X-Nothing: 1")
    members = {"model": MODEL, "messages": []} | ({"api_key": key} if place == "body" else {})
    path = f"{CHAT}?a=1&api_key={key}&b=%20" if place == "query" else f"{CHAT}?a=1&b=%20"
    more = ("Cookie: session=1", "X-Forwarded-For: 10.0.0.1", "X-Unknown: 1", "User-Agent: tester")

    answer = wire.ask(request("POST", path, headers=(headers, *more), body=msgspec.json.encode(members)))

    (received,) = provider.received
    assert answer.status == 200
    assert received.values("authorization") == [f"Bearer {UPSTREAM_SECRET}"]
    assert received.line == "POST /v1/chat/completions?a=1&b=%20 HTTP/1.1"
    assert msgspec.json.decode(received.body) == {"model": MODEL, "messages": []}
    names = {name for name, _ in received.headers}
    assert names <= {"host", "authorization", "user-agent", "x-request-id", "content-length"}
    assert (answer.headers.get("cache-control") == "no-store") == (place == "query")


# ── flow ────────────────────────────────────────────────────────────────────

PIECE = os.urandom(65_536)
TIMES = 800


@pytest.mark.parametrize("kind", ["stream", "declared", "over TLS"])
def test_a_slow_reader_holds_the_provider_back(
    relay_node: Node, provider: Origin, secure: Origin, kind: str
) -> None:
    """50 MiB that a client does not take must wait at the provider, not in the gateway."""
    origin, model = (secure, "secure-model") if kind == "over TLS" else (provider, MODEL)
    size = TIMES * len(PIECE)
    stream: tuple[Step, ...] = (SSE + b"\r\n", floods(PIECE, TIMES), says_goodbye)
    declared: tuple[Step, ...] = (JSON + b"content-length: %d\r\n\r\n" % size, floods(PIECE, TIMES))
    origin.arrange(*(declared if kind == "declared" else stream))
    before = resident_mib(relay_node)
    with Wire(relay_node.port, buffer=SMALL) as wire:
        wire.send(call(model, relay_node.key))
        stuck = comes_to_rest(lambda: origin.sent)
        growth = resident_mib(relay_node) - before
        body = wire.answer().body
        growth = max(growth, resident_mib(relay_node) - before)

    assert stuck < size // 3
    assert growth < 6
    assert len(body) == size
    assert hashlib.sha256(body).digest() == hashlib.sha256(PIECE * TIMES).digest()


def test_requests_behind_answers_that_nobody_takes_wait(
    relay_node: Node, provider: Origin, wire: Wire, ask: bytes
) -> None:
    """Each answer alone is small enough to be buffered; hundreds of them are not."""
    body = b"x" * 60_000
    provider.otherwise = (plain(body),)
    with Wire(relay_node.port, buffer=SMALL) as slow:
        slow.send(ask * 200)
        begun = comes_to_rest(lambda: len(provider.received))

        other = wire.ask(ask).body
        taken = [slow.answer().body for _ in range(200)]

    assert begun < 150
    assert other == body
    assert set(taken) == {body}
    assert len(provider.received) == 201


def test_a_connection_that_was_held_back_is_no_trap_for_the_next(
    relay_node: Node, provider: Origin, wire: Wire, ask: bytes
) -> None:
    """Whoever is given a connection that nobody reads from would wait for ever."""
    provider.otherwise = (SSE + b"x-large: " + b"y" * 30_000 + b"\r\n" + CHUNKED + chunked(EVENT, DONE),)
    with Wire(relay_node.port, buffer=SMALL) as slow:
        slow.send(ask * 300)
        begun = comes_to_rest(lambda: len(provider.received))

        bodies = {wire.ask(ask).body for _ in range(5)}

    assert begun < 300
    assert bodies == {EVENT + DONE}


def test_an_answer_before_the_end_of_a_connection_may_be_taken_slowly(
    relay_node: Node, provider: Origin, ask: bytes
) -> None:
    """Lingering is about what the client still sends, and must not cut off what it has yet to read."""
    body = b"x" * 60_000
    provider.otherwise = (plain(body),)
    last = call(MODEL, relay_node.key, "Connection: close")
    with Wire(relay_node.port, buffer=SMALL) as probe:
        probe.send(ask * 200)
        enough = comes_to_rest(lambda: len(provider.received))  # the last of these is stuck on its way out
    wires = {count: Wire(relay_node.port, buffer=SMALL) for count in range(enough - 1, enough + 2)}
    began = time.monotonic()
    for count, wire in wires.items():
        wire.send(ask * (count - 1) + last)

    until(lambda: time.monotonic() > began + 3.2)

    for count, wire in wires.items():
        assert [wire.answer().body for _ in range(count)] == [body] * count
        assert wire.rest() == b""
        wire.socket.close()


def test_a_large_body_reaches_the_provider_whole(wire: Wire, relay_node: Node, provider: Origin) -> None:
    """Files and pictures are sent inside of the request."""
    padding = os.urandom(10 << 20).hex()

    answer = wire.ask(call(MODEL, relay_node.key, padding=padding))

    assert answer.status == 200
    assert len(provider.received[0].body) > 20 << 20
    assert msgspec.json.decode(provider.received[0].body)["padding"] == padding


def test_a_client_that_leaves_while_nothing_has_come_is_noted(relay_node: Node, provider: Origin) -> None:
    """The provider is told at once, and the usage is not lost."""
    provider.arrange(watches_it_leave)
    with Wire(relay_node.port) as wire:
        wire.send(call(MODEL, relay_node.key))
        provider.has_received(1)
    until(lambda: provider.left == 1)
    (request_id,) = provider.received[0].values("x-request-id")

    story = relay_node.explain(request_id)

    assert (story["status"], story["outcome"]) == (499, "client_left")
