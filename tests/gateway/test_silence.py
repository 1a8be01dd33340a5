"""Providers that fall silent: at a node of its own, for no other test is to be hurried."""

import itertools
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fakes.authority import Authority
from fakes.origin import Origin, origin_server, plain, watches_it_leave
from gateway.faults import JSON_HEAD, TIMEOUT, Call, begun, connect_ill, sized
from gateway.pieces import CHUNKED, EVENT, SSE, chunk
from gateway.providers import MODEL, connect, unharmed
from gateway.translated import RING
from support.node import Node, until
from support.wire import Wire, call

PATIENCE_S = "4"
"""Of the node: longer than a provider that is not silent may stand still before it goes on."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Node]:
    """A node with little patience for its providers, that trusts the authority."""
    impatient: dict[str, Any] = {
        "relay__connect_timeout_s": PATIENCE_S,
        "relay__first_byte_timeout_s": PATIENCE_S,
        "relay__idle_timeout_s": PATIENCE_S,
        "routing__retries": "0",
    }
    node = Node(tmp_path_factory.mktemp("node"), workers=1, demo=False, **impatient)
    node.environment["SSL_CERT_FILE"] = str(authority.root)
    with unharmed(node):
        yield node


@pytest.fixture
def provider(node: Node) -> Iterator[Origin]:
    """A provider behind it."""
    with origin_server() as origin:
        connect(node, "provider", origin, MODEL)
        yield origin


@pytest.fixture
def secure(node: Node, server_tls: ssl.SSLContext) -> Iterator[Origin]:
    """A provider that speaks TLS."""
    with origin_server(server_tls) as origin:
        connect(node, "secure", origin, "secure-model")
        yield origin


@pytest.fixture
def ill(node: Node) -> Iterator[Origin]:
    """One server that answers in every dialect; that it was asked for its models is forgotten."""
    with origin_server() as origin:
        connect_ill(node, origin)
        origin.forget()
        yield origin


@pytest.fixture
def wire(node: Node) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(node.port) as wire:
        yield wire


def test_silence_is_ended(node: Node, provider: Origin) -> None:
    """Before the answer it is a 504, in a stream an error event, in anything else a cut; the provider is left."""
    stream = SSE + CHUNKED + chunk(EVENT)
    wires = [Wire(node.port) for _ in range(3)]
    for index, before in enumerate([(), (stream,), (plain(b"x" * 100_000)[:-10],)]):
        provider.arrange(*before, watches_it_leave)
        wires[index].send(call(MODEL, node.key))
        provider.has_received(index + 1)

    timed_out, stream_answer = wires[0].answer(), wires[1].answer()
    with pytest.raises(ConnectionError):
        wires[2].answer()

    assert (timed_out.status, timed_out.code) == (504, "upstream_timeout")
    assert b'"code":"upstream_timeout"' in stream_answer.body
    until(lambda: provider.left == 3, what="the provider's hearing of it")
    for wire in wires:
        wire.socket.close()


def test_a_provider_that_does_not_take_the_connection_in_time_is_504(node: Node, wire: Wire) -> None:
    """A firewall that drops packets says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        body = {"name": "deaf", "base_url": f"http://127.0.0.1:{port}/v1", "models": ["deaf-model"]}
        node.manage("POST", "/api/v1/upstreams", body=body)
        waiting = [socket.create_connection(("127.0.0.1", port))]  # fills the queue of those to be accepted

        answer = wire.ask(call("deaf-model", node.key))
        for one in waiting:
            one.close()

    assert (answer.status, answer.code) == (504, "upstream_timeout")


def test_silence_over_tls_is_ended_too(wire: Wire, node: Node, secure: Origin) -> None:
    """The layer in between must not hide it."""
    secure.arrange(SSE + CHUNKED + chunk(EVENT), watches_it_leave)

    answer = wire.ask(call("secure-model", node.key))

    assert b'"code":"upstream_timeout"' in answer.body
    until(lambda: secure.left == 1)


SILENT: dict[str, tuple[Any, bool, int]] = {
    "no head": (lambda _: (), False, 504),
    "no head of a stream": (lambda _: (), True, 504),
    "no body": (lambda _: (JSON_HEAD + b"content-length: 99\r\n\r\n",), False, 504),
    "shorter than it says": (
        lambda one: (JSON_HEAD + b"content-length: 9999\r\n\r\n" + one.whole,),
        False,
        504,
    ),
    "no last chunk": (lambda one: (JSON_HEAD + CHUNKED + chunk(one.whole),), True, 504),
    "no more events": (lambda one: (begun(one),), True, 200),
    "half an event": (lambda one: (begun(one) + chunk(one.end[:30]),), True, 200),
    "a stream shorter than it says": (lambda one: (sized(one.begin, 99),), True, 200),
}
"""What is sent before the silence, whether a stream was asked for, and the status that the client gets."""


class Waiting:
    """A client whose provider falls silent."""

    def __init__(self, call: Call, fault: str) -> None:
        self.call, self.fault = call, fault
        steps, self.stream, self.status = SILENT[fault]
        call.ill.arrange(*steps(call.provider), watches_it_leave)
        self.wire = Wire(call.node.port)
        model = f"wide-{call.provider.id}-model"
        self.wire.send(call.client.ask(model, call.node.key, stream=self.stream))

    def is_told(self) -> None:
        """See that it is not left waiting."""
        call, client = self.call, self.call.client
        with self.wire:
            answer = self.wire.answer()
            assert self.wire.is_silent()
        assert (self.fault, answer.status) == (self.fault, self.status)
        said = client.errors(answer.body) if answer.status == 200 else [call.error(answer)]
        assert [one.code for one in said] == [TIMEOUT]
        noted = call.noted(answer)
        assert (noted["outcome"], noted["status"]) == (TIMEOUT, self.status)
        assert bool(noted["output_tokens"]) is (answer.status == 200)


def test_a_provider_that_falls_silent_is_waited_for_so_long(node: Node, ill: Origin) -> None:
    """Then it is hung up on, and the client told; all clients wait at once, to save the time."""
    waiting: list[Waiting] = []
    with ExitStack() as wires:
        for fault, pair in itertools.product(SILENT, RING):
            waiting.append(Waiting(Call(node, ill, node.key, pair), fault))
            wires.callback(waiting[-1].wire.socket.close)
            ill.has_received(len(waiting))

        for one in waiting:
            one.is_told()

    until(lambda: ill.left == len(waiting), what="the gateway leaving the providers")
