"""The port as a hostile, broken or merely unusual client sees it."""

import contextlib
import itertools
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from fakes.origin import BODY, Origin, is_read, plain, waits_for, watches_it_leave
from gateway.providers import MODEL
from support.node import Node, until
from support.wire import Answer, Wire, call, chunked, request

HEALTH = request("GET", "/healthz")
CHAT = "/v1/chat/completions"
LARGEST_BODY, LARGEST_HEAD, MOST_HEADERS = 200_000, 16_384, 50
"""As the node is set up."""


@pytest.fixture
def wire(node: Node) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(node.port) as wire:
        yield wire


def refuses_and_closes(wire: Wire, status: int) -> Answer:
    """Read a refusal and the end of the connection behind it."""
    answer = wire.answer()
    assert answer.status == status, answer
    assert answer.headers["connection"] == "close"
    assert wire.rest() == b""
    return answer


# ── connections that live on ────────────────────────────────────────────────


def test_a_connection_carries_one_request_after_the_other(wire: Wire, node: Node, origin: Origin) -> None:
    """Keep-alive is most of what makes a client fast."""
    statuses = [wire.ask(call(MODEL, node.key)).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert len(origin.received) == 3


def test_a_connection_survives_refusals(wire: Wire, node: Node, origin: Origin) -> None:
    """A wrong key or model says nothing about the framing, so nothing has to be closed."""
    refused = [wire.ask(call("no-such-model", node.key)).status, wire.ask(call(MODEL, "nonsense")).status]

    assert refused == [404, 401]
    assert wire.ask(call(MODEL, node.key)).status == 200
    assert len(origin.received) == 1


def test_a_client_that_wants_to_close_gets_its_answer_and_the_end(wire: Wire, node: Node) -> None:
    """``Connection: close`` is a promise of both sides."""
    answer = wire.ask(call("demo-chat", node.key, "Connection: close"))

    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert wire.rest() == b""


def test_pipelined_requests_are_answered_in_order(wire: Wire, node: Node, origin: Origin) -> None:
    """HTTP/1.1 has no other way to tell which answer belongs to which request."""
    for number in range(5):
        origin.arrange(plain(b'{"n":%d}' % number))

    wire.send(b"".join(call(MODEL, node.key, n=number) for number in range(5)))
    answers = [wire.answer().body for _ in range(5)]

    assert answers == [b'{"n":%d}' % number for number in range(5)]
    assert [b'"n":%d' % number in got.body for number, got in enumerate(origin.received)] == [True] * 5


def test_a_fast_request_waits_for_the_slow_one_before_it(wire: Wire, node: Node, origin: Origin) -> None:
    """A health check must not be taken for the completion that was asked for first."""
    go_on = threading.Event()
    origin.arrange(waits_for(go_on), plain())

    wire.send(call(MODEL, node.key) + HEALTH, call("demo-chat", node.key) + HEALTH)
    origin.has_received(1)
    silent = wire.is_silent()
    go_on.set()
    answers = [wire.answer() for _ in range(4)]

    assert silent
    assert [answer.status for answer in answers] == [200] * 4
    assert answers[0].body == BODY
    assert b"chat.completion" in answers[2].body
    assert answers[1].body == answers[3].body == b'{"status":"ok"}'


def test_thousands_of_requests_behind_a_slow_one_are_answered(wire: Wire, node: Node, origin: Origin) -> None:
    """What waits is worked off one by one, not each inside the one before it."""
    go_on = threading.Event()
    origin.arrange(waits_for(go_on), plain())
    wire.send(call(MODEL, node.key) + HEALTH * 2_000)
    origin.has_received(1)

    go_on.set()
    answers = [wire.answer() for _ in range(2_001)]

    assert {answer.status for answer in answers} == {200}
    assert node.chat().status_code == 200


def test_answers_before_a_bad_request_arrive_then_400_and_the_end(
    wire: Wire, node: Node, origin: Origin
) -> None:
    """The requests before the bad one were good, and are paid for."""
    go_on = threading.Event()
    origin.arrange(waits_for(go_on), plain())

    wire.send(call(MODEL, node.key) + HEALTH + b"GET /healthz nonsense\r\n\r\n" + call(MODEL, node.key))
    origin.has_received(1)
    go_on.set()
    first, second = wire.answer(), wire.answer()
    bad = refuses_and_closes(wire, 400)

    assert (first.body, second.body) == (BODY, b'{"status":"ok"}')
    assert bad.code == "MALFORMED_REQUEST"
    assert len(origin.received) == 1


def test_a_large_body_with_the_next_head_behind_it_is_not_an_oversized_head(
    wire: Wire, node: Node, origin: Origin
) -> None:
    """How reads fall must not decide what is refused."""
    large = call(MODEL, node.key, padding="x" * (LARGEST_HEAD * 4))
    following = call(MODEL, node.key)

    wire.send(large + following[:40], following[40:])

    assert [wire.answer().status, wire.answer().status] == [200, 200]


# ── bodies ──────────────────────────────────────────────────────────────────


def test_a_chunked_body_arrives_whole(wire: Wire, node: Node, origin: Origin) -> None:
    """Clients that stream their request have no length to declare."""
    body = call(MODEL, node.key).partition(b"\r\n\r\n")[2]
    head = request("POST", CHAT, key=node.key, headers=("Transfer-Encoding: chunked",))
    single = [body[index : index + 1] for index in range(len(body))]

    answer = wire.ask(head + chunked(body[:10], body[10:11], body[11:]))
    again = wire.ask(head, chunked(*single))

    assert (answer.status, again.status) == (200, 200)
    assert [one.body for one in origin.received] == [body, body]
    assert [one.values("transfer-encoding") for one in origin.received] == [[], []]


def test_chunk_extensions_and_trailers_are_passed_over(wire: Wire, node: Node, origin: Origin) -> None:
    """They are legal; nothing here needs them."""
    body = call(MODEL, node.key).partition(b"\r\n\r\n")[2]
    head = request("POST", CHAT, key=node.key, headers=("Transfer-Encoding: chunked",))
    extended = b'%x;a=b;c="d"\r\n%b\r\n0;last\r\nX-Checksum: 1\r\n\r\n' % (len(body), body)

    answer = wire.ask(head + extended)

    assert answer.status == 200
    assert origin.received[0].body == body
    assert not origin.received[0].values("x-checksum")


def test_a_key_in_a_trailer_does_not_authenticate(wire: Wire, node: Node, origin: Origin) -> None:
    """A proxy in between may have checked the head, and nobody checks trailers."""
    body = call(MODEL, node.key).partition(b"\r\n\r\n")[2]
    head = request("POST", CHAT, headers=("Transfer-Encoding: chunked", "Trailer: Authorization"))
    trailer = f"Authorization: Bearer {node.key}\r\nX-API-Key: {node.key}\r\n".encode()

    answer = wire.ask(head + chunked(body, trailers=trailer))

    assert answer.status == 401
    assert not origin.received


def test_a_client_that_asks_whether_to_go_on_is_told_to(wire: Wire, node: Node, origin: Origin) -> None:
    """``curl`` and .NET hold larger bodies back until they hear ``100 Continue``."""
    head, _, body = call(MODEL, node.key, "Expect: 100-continue").partition(b"\r\n\r\n")

    go_on = wire.ask(head + b"\r\n\r\n")
    answer = wire.ask(body)

    assert go_on.status == 100
    assert (answer.status, answer.body) == (200, BODY)
    assert not origin.received[0].values("expect")


def test_a_client_that_asks_behind_a_slow_request_is_told_in_its_turn(
    wire: Wire, node: Node, origin: Origin
) -> None:
    """The interim answer has its place in the order like any other."""
    release = threading.Event()
    origin.arrange(waits_for(release), plain())
    head, _, body = call(MODEL, node.key, "Expect: 100-continue").partition(b"\r\n\r\n")

    wire.send(call(MODEL, node.key) + head + b"\r\n\r\n")
    origin.has_received(1)
    silent = wire.is_silent()
    release.set()
    first, go_on = wire.answer(), wire.answer()
    second = wire.ask(body)

    assert silent
    assert [first.status, go_on.status, second.status] == [200, 100, 200]


def test_a_client_that_asks_and_sends_at_once_hears_only_the_answer(wire: Wire, node: Node) -> None:
    """It has not waited, so there is nothing to tell it."""
    answer = wire.ask(call("demo-chat", node.key, "Expect: 100-continue"))

    assert answer.status == 200


def test_other_expectations_cannot_be_met(wire: Wire, node: Node, origin: Origin) -> None:
    """Pretending to meet one would be worse than saying no."""
    wire.send(request("POST", CHAT, key=node.key, headers=("Expect: 200-ok",), body=b"{}"))

    assert refuses_and_closes(wire, 417).code == "expectation_failed"
    assert not origin.received


# ── methods and paths ───────────────────────────────────────────────────────


def test_head_is_get_without_the_body(wire: Wire, node: Node) -> None:
    """Monitoring asks with HEAD and reads nothing behind the head."""
    for path in ("/healthz", "/v1/models"):
        get = wire.ask(request("GET", path, key=node.key))
        head = wire.ask(request("HEAD", path, key=node.key), to="HEAD")

        assert (head.status, head.headers["content-length"]) == (200, str(len(get.body)))
    assert wire.ask(HEALTH).status == 200


def test_options_tells_the_methods(wire: Wire) -> None:
    """A client may ask before it calls."""
    answer = wire.ask(request("OPTIONS", CHAT))

    assert answer.status == 204
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert wire.ask(HEALTH).status == 200


def test_a_method_that_a_path_does_not_take_is_405_with_those_it_does(wire: Wire, node: Node) -> None:
    """The answer says what to do instead."""
    answer = wire.ask(request("GET", CHAT, key=node.key))
    native = wire.ask(request("DELETE", "/v1/generate", key=node.key))
    headless = wire.ask(request("HEAD", CHAT, key=node.key), to="HEAD")

    assert (answer.status, answer.headers["allow"], answer.code) == (405, "POST", "method_not_allowed")
    assert (native.status, native.headers["allow"], native.code) == (405, "POST", "METHOD_NOT_ALLOWED")
    assert headless.status == 405
    assert wire.ask(HEALTH).status == 200


@pytest.mark.parametrize("method", ["BREW", "get", "PROPFIND", "CONNECT", "SOURCE"])
def test_a_method_nobody_takes_is_refused(node: Node, method: str) -> None:
    """Methods are case-sensitive, and this is neither a WebDAV server nor a proxy."""
    with Wire(node.port) as wire:
        answer = wire.ask(request(method, "gateway.test:443" if method == "CONNECT" else CHAT, key=node.key))

        assert answer.status == 405
        assert "POST" in answer.headers["allow"]


def test_an_unknown_path_is_404_in_the_dialect_of_its_surroundings(wire: Wire, node: Node) -> None:
    """An SDK must be able to read the error."""
    openai = wire.ask(request("POST", "/v1/nothing/here", key=node.key, body=b"{}"))
    native = wire.ask(request("GET", "/api/v1/nothing", key=node.key))

    assert (openai.status, openai.code) == (404, "path_not_found")
    assert native.json()["success"] is False


def test_the_absolute_form_names_the_same_path(wire: Wire, node: Node) -> None:
    """Clients behind a proxy setting send whole URLs (RFC 9112 3.2.2)."""
    assert wire.ask(request("GET", "http://gateway.test/healthz")).status == 200
    assert wire.ask(request("GET", "HTTP://gateway.test:80/v1/models", key=node.key)).status == 200
    assert wire.ask(request("GET", "http://gateway.test?x=1")).status == 302


def test_a_question_about_the_server_itself_has_an_answer(wire: Wire) -> None:
    """``OPTIONS *`` is a legal request (RFC 9110 9.3.7)."""
    assert wire.ask(request("OPTIONS", "*")).status < 500
    assert wire.ask(HEALTH).status == 200


def test_http_10_is_answered_and_closed(wire: Wire, node: Node) -> None:
    """Old health checkers and ``ab`` speak it."""
    answer = wire.ask(call("demo-chat", node.key).replace(b"HTTP/1.1", b"HTTP/1.0", 1))

    assert answer.status == 200
    assert wire.rest() == b""


def test_http_10_gets_a_stream_without_chunks(wire: Wire, node: Node) -> None:
    """It does not know them; the end of the connection is the end of the stream."""
    answer = wire.ask(call("demo-chat", node.key, stream=True).replace(b"HTTP/1.1", b"HTTP/1.0", 1))

    assert "transfer-encoding" not in answer.headers
    assert answer.body.startswith(b"data: {")
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_what_follows_an_http_10_request_is_dropped(wire: Wire, node: Node, origin: Origin) -> None:
    """Its connection ends with the answer, whatever its client hopes for, and nobody could be told of more."""
    old = request("GET", "/healthz", headers=("Connection: keep-alive",), version="HTTP/1.0")

    wire.ask(call(MODEL, node.key))  # the key is known here from now on
    answer = wire.ask(old + call(MODEL, node.key))

    assert answer.status == 200
    assert wire.rest() == b""
    assert len(origin.received) == 1


# ── offers to change the protocol ───────────────────────────────────────────


def test_an_offer_of_http_2_is_ignored(wire: Wire, node: Node, origin: Origin) -> None:
    """Java's client offers h2c with every first request and expects an answer in HTTP/1.1 where it is not taken."""
    offer = (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk",
    )
    with_body = call(MODEL, node.key, *offer)
    without = request("GET", "/healthz", headers=offer)

    statuses = [wire.ask(with_body).status, wire.ask(without).status, wire.ask(with_body).status]
    wire.send(with_body + without + with_body + HEALTH)
    pipelined = [wire.answer().status for _ in range(4)]

    assert statuses + pipelined == [200] * 7
    assert len({one.body for one in origin.received}) == 1
    assert len(origin.received) == 4
    assert not origin.received[0].values("upgrade")


def test_an_offer_of_websocket_is_ignored_with_a_chunked_body_too(
    wire: Wire, node: Node, origin: Origin
) -> None:
    """The framing of the request is its own, whatever it offers."""
    body = call(MODEL, node.key).partition(b"\r\n\r\n")[2]
    headers = ("Connection: upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked")
    head = request("POST", CHAT, key=node.key, headers=headers)

    answer = wire.ask(head + chunked(body[:7], body[7:]), HEALTH)

    assert answer.status == 200
    assert wire.answer().body == b'{"status":"ok"}'
    assert origin.received[0].body == body


def test_an_offer_over_http_10_does_not_keep_the_connection(wire: Wire) -> None:
    """An old client waits for the end."""
    offer = ("Connection: upgrade", "Upgrade: h2c")

    assert wire.ask(request("GET", "/healthz", headers=offer, version="HTTP/1.0")).status == 200
    assert wire.rest() == b""


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


# ── too slow ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "sent"),
    [
        (b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"),
        (b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{"),
        (b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"),
        (HEALTH, b"GET /healthz HTTP/1.1\r\nHost: a\r\n"),
        (HEALTH, b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{"),
    ],
    ids=["head", "body", "chunked body", "head behind another", "body behind another"],
)
def test_a_request_that_does_not_arrive_in_time_is_408_and_the_end(
    wire: Wire, before: bytes, sent: bytes
) -> None:
    """A connection that does nothing must not be held open at our cost."""
    wire.send(before + sent)

    if before:
        assert wire.answer().status == 200
    assert refuses_and_closes(wire, 408).code in {"request_timeout", "REQUEST_TIMEOUT"}


def test_a_head_that_comes_drop_by_drop_is_cut_off(wire: Wire) -> None:
    """Each byte must not buy more time."""
    wire.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ")

    def is_refused() -> bool:
        wire.send(b"y")
        return not wire.is_silent()

    until(is_refused, within_s=5)

    refuses_and_closes(wire, 408)


def test_a_slow_request_behind_one_in_flight_is_timed_from_its_turn(
    wire: Wire, node: Node, origin: Origin
) -> None:
    """Nobody can tell how long it would have taken while nobody was reading."""
    release = threading.Event()
    origin.arrange(waits_for(release), plain())
    wire.send(call(MODEL, node.key) + b"GET /healthz HTTP/1.1\r\n")
    origin.has_received(1)

    release.set()

    assert wire.answer().status == 200
    refuses_and_closes(wire, 408)


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
