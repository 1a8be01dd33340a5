"""Connections to providers: used again, broken, over TLS and through proxies."""

import os
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from fakes.origin import (
    BODY,
    JSON,
    Origin,
    Step,
    hangs_up,
    is_read,
    origin_server,
    plain,
    resets,
    says_goodbye,
    waits_for,
    watches_it_leave,
)
from fakes.proxy import Proxy
from gateway.pieces import CHUNKED, DONE, EVENT, SSE, chunk
from gateway.providers import MODEL, connect
from support.node import Node, until
from support.wire import Wire, call


@pytest.fixture
def wire(relay_node: Node, provider: Origin) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(relay_node.port) as wire:
        yield wire


# ── connections to the provider ─────────────────────────────────────────────


def test_one_connection_serves_request_after_request(wire: Wire, ask: bytes, provider: Origin) -> None:
    """A TLS handshake to a provider costs more than the gateway does."""
    for _ in range(5):
        assert wire.ask(ask).status == 200

    assert len({one.connection for one in provider.received}) == 1


def test_a_connection_that_died_in_the_pool_is_replaced(wire: Wire, ask: bytes, provider: Origin) -> None:
    """Providers close what lies idle, and the news may cross with the next request."""
    wire.ask(ask)
    provider.arrange(hangs_up)

    answer = wire.ask(ask)

    assert answer.status == 200
    assert len(provider.received) == 3
    assert provider.received[2].connection != provider.received[1].connection
    assert provider.received[2].body == provider.received[1].body


def test_a_connection_is_replaced_once_and_only_once(wire: Wire, ask: bytes, provider: Origin) -> None:
    """A provider that always hangs up must not be asked for ever."""
    wire.ask(ask)
    provider.arrange(hangs_up)
    provider.arrange(hangs_up)

    answer = wire.ask(ask)

    assert (answer.status, answer.code) == (502, "upstream_closed")
    assert len(provider.received) == 3


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_request_whose_answer_has_begun_is_not_sent_again(
    wire: Wire, ask: bytes, provider: Origin, begun: bytes
) -> None:
    """It has arrived and may have been charged."""
    wire.ask(ask)
    provider.arrange(begun, is_read, hangs_up)

    answer = wire.ask(ask)

    assert answer.status == 502
    assert len(provider.received) == 2


def test_a_request_that_was_worked_at_is_not_sent_again(wire: Wire, ask: bytes, provider: Origin) -> None:
    """A dead connection is known within a round trip; what ends later has ended at work."""
    release = threading.Event()
    wire.ask(ask)
    provider.arrange(waits_for(release), hangs_up)
    wire.send(ask)
    provider.has_received(2)
    began = time.monotonic()

    until(lambda: time.monotonic() > began + 1.6)
    release.set()

    assert wire.answer().status == 502
    assert len(provider.received) == 2


def test_a_second_answer_to_one_request_is_nobodys(wire: Wire, ask: bytes, provider: Origin) -> None:
    """Handed to the next client, it would be somebody else's secret."""
    stray = plain(b'{"stray":1}')
    provider.arrange(plain() + stray)
    provider.arrange(plain() + b"trailing nonsense")
    provider.arrange(plain(), is_read, stray)

    bodies = [wire.ask(ask).body for _ in range(3)]
    until(lambda: not provider.talks(), what="the end of the connection that talks out of turn")
    bodies.append(wire.ask(ask).body)

    assert bodies == [BODY] * 4
    assert len({one.connection for one in provider.received}) == 4


# ── answers that go wrong ───────────────────────────────────────────────────

UNUSABLE: dict[str, tuple[tuple[Step, ...], str]] = {
    "no answer": ((hangs_up,), "upstream_closed"),
    "a reset": ((resets,), "upstream_closed"),
    "a piece of a head": ((b"HTTP/1.1 200 OK\r\ncontent-ty", is_read, hangs_up), "upstream_closed"),
    "an interim answer only": ((b"HTTP/1.1 100 Continue\r\n\r\n", is_read, hangs_up), "upstream_closed"),
    "half a short body": ((plain()[:-10], is_read, hangs_up), "upstream_closed"),
    "half a short chunked body": ((JSON + CHUNKED + chunk(BODY), is_read, hangs_up), "upstream_closed"),
    "half a body and a reset": ((JSON + b"\r\n" + BODY, is_read, resets), "upstream_closed"),
    "another protocol": ((b"SSH-2.0-OpenSSH_9.9\r\n",), "upstream_malformed"),
    "TLS": ((b"\x15\x03\x01\x00\x02\x02\x46",), "upstream_malformed"),
    "a status above 599": ((plain(status=b"600 What"),), "upstream_malformed"),
    "a status of two digits": ((plain(status=b"20 OK"),), "upstream_malformed"),
    "another protocol's switch": (
        (b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",),
        "upstream_malformed",
    ),
    "two lengths": ((plain(BODY, b"content-length: 5"),), "upstream_malformed"),
    "both framings": ((plain(BODY, b"transfer-encoding: chunked"),), "upstream_malformed"),
    "no chunk size": ((JSON + CHUNKED + b"zz\r\n",), "upstream_malformed"),
    "a header without colon": ((plain(BODY, b"nonsense"),), "upstream_malformed"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_answer_is_502(
    wire: Wire, ask: bytes, relay_node: Node, provider: Origin, case: str
) -> None:
    """The client learns whose fault it was, nothing of how the provider is reached, and may go on."""
    steps, code = UNUSABLE[case]
    provider.arrange(*steps)

    answer = wire.ask(ask)

    assert (answer.status, answer.code) == (502, code)
    assert b"127.0.0.1" not in answer.body
    assert wire.ask(ask).status == 200
    assert len(provider.received) == 2


@pytest.mark.parametrize(
    "steps",
    [
        (plain(b"x" * 100_000)[:-10], is_read, hangs_up),
        (plain(b"x" * 100_000)[:-10], is_read, resets),
        (JSON + CHUNKED + chunk(b"x" * 100_000), is_read, hangs_up),
        (JSON + CHUNKED + chunk(b"x" * 100_000), is_read, b"zz\r\n"),
        (SSE + CHUNKED + chunk(EVENT + b"data: {"), is_read, hangs_up),
        (SSE + b"content-length: 1000\r\n\r\n" + EVENT, is_read, hangs_up),
    ],
    ids=["declared", "reset", "chunked", "bad chunk", "inside an event", "stream of declared length"],
)
def test_an_answer_that_breaks_off_is_cut_off(
    wire: Wire, ask: bytes, provider: Origin, steps: tuple[Step, ...]
) -> None:
    """A client must not take half an answer for a whole one."""
    provider.arrange(*steps)

    wire.send(ask)

    with pytest.raises(ConnectionError):
        wire.answer()


@pytest.mark.parametrize("end", [hangs_up, resets, b"zz\r\n"], ids=["hangs up", "resets", "bad chunk"])
def test_a_stream_that_breaks_off_between_events_says_so(
    wire: Wire, relay_node: Node, provider: Origin, end: Step
) -> None:
    """SDKs raise for an error event; for a stream that just ends, most do not."""
    provider.arrange(SSE + CHUNKED + chunk(EVENT), is_read, end)

    answer = wire.ask(call(MODEL, relay_node.key, stream=True))

    assert answer.body.startswith(EVENT + b'data: {"error":{')
    assert answer.body.endswith(b"\n\n")
    assert DONE not in answer.body
    assert wire.ask(call(MODEL, relay_node.key)).status == 200


def test_a_stream_that_is_not_of_events_is_not_held_back(
    wire: Wire, relay_node: Node, provider: Origin
) -> None:
    """Some local servers stream lines of JSON: each must arrive when it is sent."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n" + CHUNKED
    provider.arrange(head + chunk(b'{"n":1}\n'), watches_it_leave)

    wire.send(call(MODEL, relay_node.key, stream=True))

    assert b'{"n":1}\n' in wire.until(b'{"n":1}\n')
    wire.socket.close()
    until(lambda: provider.left == 1, what="the provider's hearing of it")


def test_a_provider_that_cannot_be_reached_is_502(relay_node: Node, wire: Wire) -> None:
    """Nobody listens there."""
    with origin_server() as gone:
        connect(relay_node, "dead", gone, "dead-model")

    answer = wire.ask(call("dead-model", relay_node.key))

    assert (answer.status, answer.code) == (502, "upstream_unreachable")
    assert str(gone.port).encode() not in answer.body


# ── TLS and proxies ─────────────────────────────────────────────────────────


def test_a_provider_is_reached_over_tls(wire: Wire, relay_node: Node, secure: Origin, proxy: Proxy) -> None:
    """Its certificate is checked against the system's authorities, and its connection is used again."""
    large = os.urandom(500_000)
    secure.arrange(plain(large))

    answers = [wire.ask(call("secure-model", relay_node.key)) for _ in range(3)]

    assert [answer.body for answer in answers] == [large, BODY, BODY]
    assert len({one.connection for one in secure.received}) == 1
    assert not proxy.heads  # 127.0.0.1 is in NO_PROXY


def test_a_tls_answer_is_whole_only_when_its_end_was_said(
    wire: Wire, relay_node: Node, secure: Origin
) -> None:
    """Anybody on the way can end a connection; only the provider can say that it is over."""
    secure.arrange(JSON + b"\r\n" + BODY, says_goodbye)
    secure.arrange(JSON + b"\r\n" + BODY, hangs_up)

    whole, cut = [wire.ask(call("secure-model", relay_node.key)) for _ in range(2)]

    assert (whole.status, whole.body) == (200, BODY)
    assert (cut.status, cut.code) == (502, "upstream_closed")


@pytest.mark.parametrize("way", ["directly", "through the proxy"])
def test_a_certificate_for_another_name_is_refused(
    wire: Wire, relay_node: Node, server_tls: ssl.SSLContext, proxy: Proxy, way: str
) -> None:
    """Whoever answers there is not who was asked for. The proxy leads every name to 127.0.0.1."""
    with origin_server(server_tls, "127.0.0.2" if way == "directly" else "127.0.0.1") as impostor:
        url = impostor.url.replace("127.0.0.1", "provider.example.net")
        name = f"impostor-{len(way)}"
        body = {"name": name, "base_url": url, "models": [name]}
        relay_node.manage("POST", "/api/v1/upstreams", body=body)

        answer = wire.ask(call(name, relay_node.key))

    assert (answer.status, answer.code) == (502, "upstream_unreachable")
    assert impostor.connections == 1
    assert len(proxy.heads) == (0 if way == "directly" else 1)
    assert not impostor.received


def test_a_provider_is_reached_through_the_proxy(
    wire: Wire, relay_node: Node, secure: Origin, proxy: Proxy
) -> None:
    """Many companies let nothing out on any other way."""
    answers = [wire.ask(call("proxied-model", relay_node.key)).status for _ in range(2)]

    assert answers == [200, 200]
    assert len(secure.received) == 2
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT localhost:{secure.port} HTTP/1.1\r\n")
    assert "proxy-authorization: Basic bWU6cEBzcw==" in head
    assert not secure.received[0].values("proxy-authorization")


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_a_proxy_that_refuses_is_502(
    wire: Wire, relay_node: Node, secure: Origin, proxy: Proxy, refusal: bytes
) -> None:
    """It stands between us and the provider, so the client sees no difference."""
    proxy.answer = refusal

    answer = wire.ask(call("proxied-model", relay_node.key))

    assert (answer.status, answer.code) == (502, "upstream_unreachable")
    assert not secure.received
    assert b"p@ss" not in answer.body + (relay_node.errors.read_bytes())
