"""The port as an unusual but well-meaning client sees it."""

import threading
from collections.abc import Iterator

import pytest

from fakes.origin import BODY, Origin, plain, waits_for
from gateway.providers import LARGEST_HEAD, MODEL
from support.node import Node
from support.wire import CHAT, HEALTH, Wire, call, chunked, refuses_and_closes, request


@pytest.fixture
def wire(node: Node) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(node.port) as wire:
        yield wire


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
