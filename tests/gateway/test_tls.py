"""The node's own port over TLS."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fakes.authority import Authority
from fakes.origin import Origin, floods, hangs_up, origin_server
from gateway.flow import SMALL, comes_to_rest, resident_mib
from gateway.providers import MODEL, connect, unharmed
from support.node import Node
from support.wire import Wire, call, request

PIECE = os.urandom(65_536)
TIMES = 400


class SecureNode(Node):
    """A node that is spoken to over TLS only."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        certificate, key = str(authority.certificate), str(authority.key)
        super().__init__(
            folder,
            workers=1,
            server__tls_cert=certificate,
            server__tls_key=key,
            server__max_body_bytes="200000",
            server__head_timeout_s="4.0",
        )
        self.trust = ssl.create_default_context(cafile=str(authority.root))

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"https://localhost:{self.port}"

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.errors.read_text()
        try:
            ready = httpx.get(f"{self.url}/readyz", timeout=1, verify=self.trust).status_code == 200
        except httpx.TransportError:
            return False
        return ready and "API and docs" in self.output.read_text()

    def wire(self, *, buffer: int = 0) -> Wire:
        """Connect."""
        return Wire(self.port, tls=self.trust, buffer=buffer)


@pytest.fixture(scope="module")
def secure_node(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecureNode]:
    """A node with a certificate."""
    node = SecureNode(tmp_path_factory.mktemp("secure"), authority)
    with unharmed(node):
        yield node


@pytest.fixture(scope="module")
def provider(secure_node: SecureNode) -> Iterator[Origin]:
    """A provider behind it."""
    with origin_server() as origin:
        connect(secure_node, "origin", origin, MODEL)
        yield origin


def test_requests_and_streams_are_answered_over_tls(secure_node: SecureNode) -> None:
    """Keys must not travel in the clear."""
    with secure_node.wire() as wire:
        plain = [wire.ask(call("demo-chat", secure_node.key)).status for _ in range(3)]
        wire.send(call("demo-chat", secure_node.key) * 3)
        pipelined = [wire.answer().status for _ in range(3)]
        stream = wire.ask(call("demo-chat", secure_node.key, stream=True))

    assert plain + pipelined == [200] * 6
    assert stream.body.endswith(b"data: [DONE]\n\n")


def test_the_printed_address_and_the_documentation_say_https(secure_node: SecureNode) -> None:
    """What is copied from there must work."""
    with secure_node.wire() as wire:
        docs = wire.ask(request("GET", "/docs"))

    assert f"https://127.0.0.1:{secure_node.port}/v1" in secure_node.output.read_text()
    assert b"https://gateway.test" in docs.body


def test_the_connection_ends_properly_after_the_last_answer(secure_node: SecureNode) -> None:
    """Without ``close_notify`` a client can't tell the end from an attack."""
    with secure_node.wire() as wire:
        answer = wire.ask(call("demo-chat", secure_node.key, "Connection: close"))

        assert answer.status == 200
        assert wire.rest() == b""  # an improper end would raise


def test_a_client_that_keeps_sending_still_reads_the_413(secure_node: SecureNode) -> None:
    """As it does without TLS."""
    with secure_node.wire() as wire:
        wire.send(request("POST", "/v1/embeddings", headers=("Content-Length: 4000000",)))
        for _ in range(8):
            wire.send(b"x" * 250_000)

        answer = wire.answer()

    assert (answer.status, answer.code) == (413, "body_too_large")


def test_slow_heads_and_slow_handshakes_do_not_stay(secure_node: SecureNode) -> None:
    """The time-out is the same with TLS, and holds for what comes before the first byte of HTTP."""
    with secure_node.wire() as wire, Wire(secure_node.port) as silent, Wire(secure_node.port) as begun:
        wire.send(b"GET /healthz HTTP/1.1\r\n")
        begun.send(b"\x16\x03\x01")

        assert wire.answer().status == 408
        assert wire.rest() == silent.rest() == begun.rest() == b""


@pytest.mark.parametrize("sent", [request("GET", "/healthz"), b"\x00" * 100, b"\x16\x03\x01\x00\x05nonse"])
def test_what_is_not_tls_is_sent_away(secure_node: SecureNode, sent: bytes) -> None:
    """A client with ``http://`` in its settings must not wait for ever."""
    with Wire(secure_node.port) as wire:
        wire.send(sent)
        assert b"HTTP" not in wire.rest()

    with secure_node.wire() as wire:
        assert wire.ask(request("GET", "/healthz")).status == 200


def test_a_large_stream_to_a_slow_reader_is_held_back_and_whole(
    secure_node: SecureNode, provider: Origin
) -> None:
    """Encryption has buffers of its own, and they must not grow without end."""
    provider.arrange(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", floods(PIECE, TIMES), hangs_up
    )
    before = resident_mib(secure_node)
    with secure_node.wire(buffer=SMALL) as wire:
        wire.send(call(MODEL, secure_node.key))
        stuck = comes_to_rest(lambda: provider.sent)
        growth = resident_mib(secure_node) - before
        body = wire.answer().body
        growth = max(growth, resident_mib(secure_node) - before)

    assert stuck < TIMES * len(PIECE) // 2
    assert growth < 8
    assert body == PIECE * TIMES
