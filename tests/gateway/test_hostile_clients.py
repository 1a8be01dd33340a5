"""The port as a hostile, broken or leaving client sees it, and however the network cuts requests up."""

import contextlib
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from fakes.origin import Origin, is_read, watches_it_leave
from gateway.providers import LARGEST_BODY, LARGEST_HEAD, MODEL, MOST_HEADERS
from support.node import Node, until
from support.wire import CHAT, HEALTH, Wire, call, chunked, refuses_and_closes, request


@pytest.fixture
def wire(node: Node) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(node.port) as wire:
        yield wire


# ── requests that are not HTTP ──────────────────────────────────────────────

_LENGTH_AND_CODING = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "both framings": _LENGTH_AND_CODING + b"0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "same length twice": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}",
    "negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\n{}",
    "signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}",
    "hex length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\n{}",
    "length without end": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n{}",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding not last": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "coding twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "obscured coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n",
    "chunk size prefix": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n",
    "chunk size too long": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 17,
    "chunk longer than said": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n",
    "chunk ends with LF": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "bare LF": b"GET /healthz HTTP/1.1\nHost: a\n\n",
    "bare LF in head": b"GET /healthz HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "bare CR": b"GET /healthz HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "bare CR at end": b"GET /healthz HTTP/1.1\r\nHost: a\r\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "same host twice": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "malformed host": b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "host with user": b"GET /healthz HTTP/1.1\r\nHost: me@a\r\n\r\n",
    "space before colon": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "folded header": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "header without colon": b"GET /healthz HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "header without name": b"GET /healthz HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "NUL in header": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\x00z\r\n\r\n",
    "control in target": b"GET /heal\x01thz HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no HTTP at all": b"EHLO mail.example\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_http_is_400_and_the_end(wire: Wire, sent: bytes) -> None:
    """Where a request ends is a matter of dispute then, and disputes between proxies are how requests are smuggled."""
    wire.send(sent)

    answer = refuses_and_closes(wire, 400 if sent[:4] in {b"GET ", b"POST", b"PRI "} else 405)

    assert str(answer.code).lower() in {"malformed_request", "method_not_allowed"}


def test_nothing_behind_conflicting_framings_is_taken_for_a_request(
    wire: Wire, node: Node, origin: Origin
) -> None:
    """The classic: what one proxy takes for a body, the next takes for a request."""
    wire.send(_LENGTH_AND_CODING + b"0\r\n\r\n" + call(MODEL, node.key))

    refuses_and_closes(wire, 400)

    assert not origin.received


# ── too much ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent",
    [
        request("GET", "/healthz?" + "x" * LARGEST_HEAD),
        request("GET", "/healthz", headers=("X-Large: " + "x" * LARGEST_HEAD,)),
        b"GET /" + b"x" * (LARGEST_HEAD + 100),
        b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * (LARGEST_HEAD + 100),
        HEALTH + b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * LARGEST_HEAD + b"\r\n\r\n",
    ],
    ids=["target", "header", "unended target", "unended header", "pipelined"],
)
def test_an_oversized_head_is_431_and_the_end(wire: Wire, sent: bytes) -> None:
    """Memory is given to requests that can be answered."""
    wire.send(sent)

    if sent.startswith(HEALTH):
        assert wire.answer().status == 200
    assert refuses_and_closes(wire, 431).code in {"head_too_large", "HEAD_TOO_LARGE"}


@pytest.mark.parametrize("names", [range(MOST_HEADERS), [1] * MOST_HEADERS], ids=["different", "repeated"])
def test_too_many_headers_are_431_and_the_end(wire: Wire, names: list[int]) -> None:
    """Each costs more than its bytes."""
    wire.send(request("GET", "/healthz", headers=[f"X-{name}: y" for name in names]))

    refuses_and_closes(wire, 431)


def test_many_headers_are_fine(wire: Wire) -> None:
    """The limit is where it is said to be."""
    headers = [f"X-{number % 40}: y" for number in range(MOST_HEADERS - 1)]

    answers = [wire.ask(request("GET", "/healthz", headers=headers)).status for _ in range(3)]

    assert answers == [200, 200, 200]


def test_an_oversized_body_is_413_before_it_is_sent(wire: Wire, node: Node, origin: Origin) -> None:
    """A declared length is enough to say no."""
    head = request("POST", CHAT, key=node.key, headers=(f"Content-Length: {LARGEST_BODY + 1}",))

    wire.send(head)

    assert refuses_and_closes(wire, 413).code == "body_too_large"
    assert not origin.received


def test_a_client_is_not_told_to_send_a_body_that_is_too_large(wire: Wire, node: Node) -> None:
    """That is what asking first is for."""
    headers = ("Expect: 100-continue", f"Content-Length: {LARGEST_BODY + 1}")

    wire.send(request("POST", CHAT, key=node.key, headers=headers))

    refuses_and_closes(wire, 413)


@pytest.mark.parametrize("chunk_length", [1_000, 100_000])
def test_an_oversized_chunked_body_is_413(wire: Wire, node: Node, origin: Origin, chunk_length: int) -> None:
    """It has declared nothing, so it is counted."""
    pieces = [b"x" * chunk_length] * (LARGEST_BODY // chunk_length + 1)

    wire.send(request("POST", CHAT, key=node.key, headers=("Transfer-Encoding: chunked",)))
    wire.send(chunked(*pieces))

    refuses_and_closes(wire, 413)
    assert not origin.received


@pytest.mark.parametrize("framing", ["Content-Length: 20000000", "Transfer-Encoding: chunked"])
def test_a_client_that_keeps_sending_still_reads_the_413(node: Node, framing: str) -> None:
    """Most clients read only when they have sent; a reset would tell them nothing."""
    piece = b"x" * 250_000
    with Wire(node.port) as wire:
        wire.send(request("POST", CHAT, key=node.key, headers=(framing,)))

        for _ in range(20):
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece) if "chunked" in framing else piece)

        refuses_and_closes(wire, 413)


@pytest.mark.parametrize("trailers", [b"X-T: " + b"x" * 2_000_000, b"X-T: y\r\n" * 200_000])
def test_endless_trailers_are_refused(node: Node, trailers: bytes) -> None:
    """They are not the body and not the head, and must be bounded all the same."""
    with Wire(node.port) as wire:
        wire.send(request("POST", CHAT, key=node.key, headers=("Transfer-Encoding: chunked",)))
        wire.send(b"2\r\n{}\r\n0\r\n")

        with contextlib.suppress(ConnectionError):
            wire.send(trailers)

        refuses_and_closes(wire, 431)


def test_a_body_in_tiny_chunks_arrives_whole(wire: Wire, node: Node, origin: Origin) -> None:
    """Some clients write a request as they make it."""
    body = call(MODEL, node.key, padding="x" * 150_000).partition(b"\r\n\r\n")[2]
    pieces = [body[index : index + 2] for index in range(0, len(body), 2)]

    wire.send(request("POST", CHAT, key=node.key, headers=("Transfer-Encoding: chunked",)))
    answer = wire.ask(chunked(*pieces))

    assert answer.status == 200
    assert origin.received[0].body == body


# ── leaving early ───────────────────────────────────────────────────────────


def test_clients_that_leave_early_leave_nothing_behind(node: Node, origin: Origin) -> None:
    """Half a request is not a request, and a provider stops working for nobody."""
    workers = sorted(node.worker_pids())
    whole = call(MODEL, node.key, stream=True)
    event = b"data: {}\n\n"
    stream = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + event
    for cut in (0, 1, 30, whole.index(b"\r\n\r\n") + 4, len(whole) - 1):
        for leave in (Wire.reset, lambda wire: wire.socket.close()):
            wire = Wire(node.port)
            wire.send(whole[:cut])
            leave(wire)
    for waits in (False, True):
        origin.arrange(*(() if waits else (stream, is_read)), watches_it_leave)
        wire = Wire(node.port)
        wire.send(whole)
        origin.has_received(1 + waits)
        if not waits:
            wire.until(event)
        wire.reset()

    until(lambda: origin.left == 2, what="the provider's hearing of it")
    with Wire(node.port) as wire:
        answer = wire.ask(call(MODEL, node.key))

    assert answer.status == 200
    assert len(origin.received) == 3
    assert sorted(node.worker_pids()) == workers


# ── any split ───────────────────────────────────────────────────────────────


class Recorded:
    """What a request comes to: the answer as the client sees it, and what reached the provider."""

    def __init__(self, node: Node, origin: Origin) -> None:
        self.node = node
        self.origin = origin

    def of(self, *parts: bytes) -> tuple[int, dict[str, str], bytes, list[tuple[str, bytes]]]:
        """Send a request in parts on a connection of its own; the last byte is a second, known request."""
        self.origin.forget()
        with Wire(self.node.port) as wire:
            answer = wire.ask(*parts)
            assert wire.ask(HEALTH).status == 200
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in {"x-request-id", "server-timing", "date"}
        }
        return answer.status, headers, answer.body, [(one.line, one.body) for one in self.origin.received]


def splittable(key: str) -> dict[str, bytes]:
    """Return one request of every kind."""
    body = call(MODEL, key).partition(b"\r\n\r\n")[2]
    offer = ("Connection: Upgrade", "Upgrade: h2c")
    return {
        "length": call(MODEL, key),
        "chunked": request("POST", CHAT, key=key, headers=("Transfer-Encoding: chunked",))
        + b"5;x=y\r\n%b\r\n" % body[:5]
        + chunked(body[5:], trailers=b"X-T: 1\r\n"),
        "offer": call(MODEL, key, *offer),
        "chunked offer": request("POST", CHAT, key=key, headers=("Transfer-Encoding: chunked", *offer))
        + chunked(body[:5], body[5:]),
        "key in query": request("POST", f"{CHAT}?api_key={key}&x=1", body=body),
        "refused": call(MODEL, "nonsense"),
        "no body": request("GET", "http://gateway.test/v1/models", headers=(f"X-API-Key: {key}", "X-Empty:")),
    }


@pytest.mark.parametrize("kind", splittable(""))
def test_a_request_split_at_any_byte_has_the_same_answer(node: Node, origin: Origin, kind: str) -> None:
    """How the network cuts a request up is nobody's choice, and must be nobody's concern."""
    sent = splittable(node.key)[kind]
    recorded = Recorded(node, origin)
    expected = recorded.of(sent)
    assert expected[0] == (401 if kind == "refused" else 200)

    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.sets(strategies.integers(1, len(sent) - 1), min_size=1, max_size=3))
    def check(cuts: set[int]) -> None:
        bounds = [0, *sorted(cuts), len(sent)]
        assert recorded.of(*(sent[a:b] for a, b in itertools.pairwise(bounds))) == expected

    check()


def test_a_request_sent_byte_by_byte_has_the_same_answer(node: Node, origin: Origin) -> None:
    """The extreme of the same."""
    sent = splittable(node.key)["chunked"]
    recorded = Recorded(node, origin)
    expected = recorded.of(sent)

    assert recorded.of(*(sent[index : index + 1] for index in range(len(sent)))) == expected
