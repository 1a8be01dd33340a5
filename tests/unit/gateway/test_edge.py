"""Whom a connection is taken for; the rest of the edge is tested with whole nodes in tests/gateway."""

from collections.abc import Iterator

import pytest

from fakes.edge_server import BROKEN, LOOPBACK, EdgeServer, edge_server
from keyturn.config.sections import Server
from support.preambles import CLIENT, CLIENT_V6, V4, V6, version_1, version_2
from support.wire import Wire, request

PLAIN = request("GET", "/")
SPOOF = request("GET", "/", headers=("X-Forwarded-For: 8.8.8.8",))
LOCAL = version_2(0x20, 0x00, b"")


@pytest.fixture(scope="module")
def direct() -> Iterator[EdgeServer]:
    """A server that trusts nobody."""
    with edge_server(Server()) as server:
        yield server


@pytest.fixture(scope="module")
def behind() -> Iterator[EdgeServer]:
    """A server behind proxies on this machine."""
    with edge_server(Server(trusted_proxies=LOOPBACK)) as server:
        yield server


@pytest.fixture(scope="module")
def balanced() -> Iterator[EdgeServer]:
    """A server behind a load balancer on this machine that speaks the PROXY protocol, and another proxy before it."""
    trusted = LOOPBACK | {"192.0.2.1/32"}
    with edge_server(Server(trusted_proxies=trusted, proxy_protocol=True)) as server:
        yield server


def told(server: EdgeServer, *parts: bytes) -> str:
    """Send, each part a read of its own, and return whom the client is taken for."""
    with Wire(server.port) as wire:
        return wire.ask(*parts).body.decode()


# ── headers ─────────────────────────────────────────────────────────────────


def test_nobody_is_believed_who_is_not_trusted(direct: EdgeServer) -> None:
    """An address that the client may choose is none (Traefik#3646)."""
    assert told(direct, SPOOF) == "127.0.0.1 direct"


def test_a_trusted_proxy_is_believed(behind: EdgeServer) -> None:
    """The address is the one that the nearest proxy saw."""
    lines = ("X-Forwarded-For: 127.0.0.1, 203.0.113.9", "X-Forwarded-For: 127.0.0.2")

    assert told(behind, request("GET", "/", headers=lines)) == "203.0.113.9 proxied"
    assert told(behind, PLAIN) == "127.0.0.1 proxied"


def test_each_request_of_a_connection_has_its_own_address(behind: EdgeServer) -> None:
    """A proxy sends the requests of many clients over one connection, one behind the other."""
    clients = [f"203.0.113.{number}" for number in range(5)]

    with Wire(behind.port) as wire:
        wire.send(b"".join(request("GET", "/", headers=(f"X-Forwarded-For: {one}",)) for one in clients))
        seen = [wire.answer().body.decode() for _ in clients]

    assert seen == [f"{one} proxied" for one in clients]


# ── the PROXY protocol ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("preamble", "client"),
    [
        (version_1(), f"{CLIENT} direct"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1 direct"),
        (version_2(0x21, 0x11, V4), f"{CLIENT} direct"),
        (version_2(0x21, 0x21, V6 + b"\x04\x00\x01x"), f"{CLIENT_V6} direct"),
        (LOCAL, "127.0.0.1 direct"),
        (version_2(0x21, 0x00, b""), "127.0.0.1 direct"),
    ],
)
def test_the_preamble_may_come_in_two_pieces_cut_anywhere(
    balanced: EdgeServer, preamble: bytes, client: str
) -> None:
    """And together with the request, or before it."""
    data = preamble + PLAIN

    seen = {told(balanced, data[:place], data[place:]) for place in range(1, len(preamble) + 3)}

    assert seen | {told(balanced, data)} == {client}


def test_the_preamble_may_come_byte_by_byte(balanced: EdgeServer) -> None:
    """The slowest of load balancers."""
    preamble = version_2(0x21, 0x11, V4)

    assert (
        told(balanced, *(preamble[place : place + 1] for place in range(len(preamble))), PLAIN)
        == f"{CLIENT} direct"
    )


def test_it_holds_for_the_whole_connection(balanced: EdgeServer) -> None:
    """It stands before the first request only."""
    with Wire(balanced.port) as wire:
        first, second = wire.ask(version_1(), PLAIN), wire.ask(PLAIN)

    assert (first.body, second.body) == (f"{CLIENT} direct".encode(),) * 2


def test_a_client_behind_the_load_balancer_is_not_believed(balanced: EdgeServer) -> None:
    """The balancer passes bytes on, so the headers are the client's own; also where it does not know the client."""
    assert told(balanced, version_1(), SPOOF) == f"{CLIENT} direct"
    assert told(balanced, b"PROXY UNKNOWN\r\n", SPOOF) == "127.0.0.1 direct"
    assert told(balanced, LOCAL, SPOOF) == "127.0.0.1 direct"


def test_a_proxy_behind_the_load_balancer_is_believed(balanced: EdgeServer) -> None:
    """A balancer in front of a trusted proxy in front of the node."""
    assert told(balanced, version_1("192.0.2.1"), SPOOF) == "8.8.8.8 proxied"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"PROXY TCP4 a b 1 2\r\n" + PLAIN,
        version_2(0x22, 0x11, V4) + PLAIN,
        b"\x16\x03\x01\x02\x00",
        b"\r\n\r\n\r\n",
    ],
)
def test_a_connection_without_a_preamble_is_closed_without_a_word(balanced: EdgeServer, data: bytes) -> None:
    """Whoever reaches the port past the balancer could say to be anybody."""
    before = balanced.refused
    with Wire(balanced.port) as wire:
        wire.send(data)

        assert wire.rest() == b""
    assert balanced.refused == before + 1


def test_who_is_not_trusted_is_closed_even_with_a_preamble() -> None:
    """A preamble is the right to name any address."""
    with (
        edge_server(Server(trusted_proxies=frozenset({"192.0.2.1"}), proxy_protocol=True)) as server,
        Wire(server.port) as wire,
    ):
        assert wire.rest() == b""
        assert server.refused == 1


def test_a_preamble_that_never_ends_is_given_up() -> None:
    """Connections are not kept for free."""
    hurried = Server(trusted_proxies=LOOPBACK, proxy_protocol=True, head_timeout_s=0.2)
    with edge_server(hurried) as server, Wire(server.port) as wire:
        wire.send(b"PROXY TCP4 ")

        assert wire.rest() == b""


# ── mistakes of ours ────────────────────────────────────────────────────────


def test_a_handler_that_fails_ends_the_connection(direct: EdgeServer) -> None:
    """The parser takes its failure for malformed HTTP: the client would wait for an answer for ever."""
    with Wire(direct.port) as wire:
        wire.send(PLAIN + request("GET", BROKEN.decode()))
        first, rest = wire.answer(), wire.rest()

    assert (first.status, rest) == (200, b"")
    assert told(direct, PLAIN) == "127.0.0.1 direct"
