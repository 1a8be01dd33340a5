"""The port as a client sees it that takes too long: at a node of its own, for no other test is to be hurried."""

import threading
from collections.abc import Iterator

import pytest

from fakes.origin import Origin, origin_server, plain, waits_for
from gateway.providers import MODEL, connect, unharmed
from support.node import Node, until
from support.wire import HEALTH, Wire, call, refuses_and_closes


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with little patience for its clients."""
    folder = tmp_path_factory.mktemp("node")
    with unharmed(
        Node(folder, workers=1, demo=False, server__head_timeout_s="1.0", server__body_timeout_s="1.0")
    ) as node:
        yield node


@pytest.fixture(scope="module")
def origin(node: Node) -> Iterator[Origin]:
    """A provider behind it."""
    with origin_server() as origin:
        connect(node, "origin", origin, MODEL)
        yield origin


@pytest.fixture
def wire(node: Node) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(node.port) as wire:
        yield wire


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

    until(is_refused)

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
