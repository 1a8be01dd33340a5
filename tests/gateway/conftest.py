"""Nodes for the suite: its tests leave nothing behind that another would trip over."""

import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.authority import Authority, found
from fakes.origin import Origin, origin_server
from fakes.proxy import ESTABLISHED, Proxy, proxy_server
from gateway.faults import Call, connect_ill, named
from gateway.providers import MODEL, connect, rename, unharmed
from gateway.routed import Pair
from gateway.strangers import connected_strangers
from gateway.translated import PAIRS, RING
from support.node import Node
from support.wire import call


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with the demo upstream and small limits."""
    folder = tmp_path_factory.mktemp("node")
    small: dict[str, Any] = {
        "server__max_body_bytes": "200000",
        "server__max_head_bytes": "16384",
        "server__max_headers": "50",
        "routing__retries": "0",
    }
    with unharmed(Node(folder, workers=2, **small)) as node:
        yield node


@pytest.fixture(scope="session")
def connected_origin(node: Node) -> Iterator[Origin]:
    """A provider behind that node for the whole session; tests ask for ``origin``."""
    with origin_server() as origin:
        connect(node, "origin", origin, MODEL)
        rename(node, "origin")
        yield origin


@pytest.fixture
def origin(connected_origin: Origin) -> Origin:
    """A provider behind the node, with no memory of earlier tests."""
    connected_origin.forget()
    return connected_origin


# ── a node whose provider is far away ───────────────────────────────────────


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority."""
    return found(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_tls(authority: Authority) -> ssl.SSLContext:
    """What a server speaks that has a certificate of that authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.certificate, authority.key)
    return context


@pytest.fixture(scope="session")
def connected_proxy() -> Iterator[Proxy]:
    """The proxy in the environment of ``relay_node`` for the whole session; tests ask for ``proxy``."""
    with proxy_server() as proxy:
        yield proxy


@pytest.fixture
def proxy(connected_proxy: Proxy) -> Proxy:
    """The proxy between the node and the world, with no memory of earlier tests."""
    connected_proxy.heads.clear()
    connected_proxy.answer = ESTABLISHED
    return connected_proxy


@pytest.fixture(scope="session")
def relay_node(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, connected_proxy: Proxy
) -> Iterator[Node]:
    """A node of one worker, behind a proxy, that trusts the authority."""
    node = Node(tmp_path_factory.mktemp("relay"), workers=1, demo=False, routing__retries="0")
    node.environment |= {
        "SSL_CERT_FILE": str(authority.root),
        "HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{connected_proxy.port}",
        "NO_PROXY": "example.com, 127.0.0.1, 127.0.0.2",
    }
    with unharmed(node):
        yield node


@pytest.fixture(scope="session")
def connected_provider(relay_node: Node) -> Iterator[Origin]:
    """A provider behind ``relay_node`` for the whole session; tests ask for ``provider``."""
    with origin_server() as origin:
        connect(relay_node, "provider", origin, MODEL)
        rename(relay_node, "provider")
        yield origin


@pytest.fixture
def provider(connected_provider: Origin) -> Origin:
    """A provider behind ``relay_node``, with no memory of earlier tests and no connection from them."""
    connected_provider.forget()
    connected_provider.hang_up()
    return connected_provider


@pytest.fixture
def ask(relay_node: Node) -> bytes:
    """A call of the provider's model."""
    return call(MODEL, relay_node.key)


@pytest.fixture(scope="session")
def connected_secure(relay_node: Node, server_tls: ssl.SSLContext) -> Iterator[Origin]:
    """A provider that speaks TLS: reached directly under one name, through the proxy under another."""
    with origin_server(server_tls) as origin:
        connect(relay_node, "secure", origin, "secure-model")
        body = {"name": "proxied", "base_url": origin.url.replace("127.0.0.1", "localhost")}
        relay_node.manage("POST", "/api/v1/upstreams", body=body | {"models": ["proxied-model"]})
        yield origin


@pytest.fixture
def secure(connected_secure: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    connected_secure.forget()
    connected_secure.hang_up()
    return connected_secure


# ── two providers behind one name ───────────────────────────────────────────


@pytest.fixture(scope="session")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of one worker that waits little and forgives soon, but not before a test that stood still goes on."""
    hasty: dict[str, Any] = {
        "routing__back_off_s": "0.05",
        "routing__cool_down_s": "4",
        "routing__deadline_s": "12",
        "routing__longest_wait_s": "1",
        "relay__first_byte_timeout_s": "4",
    }
    with unharmed(Node(tmp_path_factory.mktemp("routed"), workers=1, demo=True, **hasty)) as node:
        yield node


@pytest.fixture(scope="session")
def origins() -> Iterator[tuple[Origin, Origin]]:
    """Two providers for all tests."""
    with origin_server() as first, origin_server() as second:
        yield first, second


@pytest.fixture
def pair(routed: Node, origins: tuple[Origin, Origin]) -> Pair:
    """Two providers without a past."""
    for one in origins:
        one.forget()
    return Pair(routed, *origins)


# ── providers of other dialects ─────────────────────────────────────────────


@pytest.fixture(scope="session")
def strangers(node: Node) -> Iterator[Origin]:
    """Them all for the whole session; tests ask for ``stranger``."""
    with connected_strangers(node) as origin:
        yield origin


@pytest.fixture
def stranger(strangers: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    strangers.forget()
    strangers.hang_up()
    return strangers


# ── providers of every dialect that are ill ─────────────────────────────────


@pytest.fixture(scope="session")
def connected_ill(relay_node: Node) -> Iterator[Origin]:
    """One server that answers in every dialect, each with and without room for one call only; tests ask for ``ill``."""
    with origin_server() as origin:
        connect_ill(relay_node, origin)
        yield origin


@pytest.fixture
def ill(connected_ill: Origin) -> Origin:
    """The same, with no memory of earlier tests and no connection from them."""
    connected_ill.forget()
    connected_ill.hang_up()
    return connected_ill


@pytest.fixture(scope="session")
def narrow_key(relay_node: Node) -> str:
    """A key with room for one call at a time."""
    limits = [{"metric": "concurrency", "max": 1}]
    return relay_node.new_key("one at a time", preset="read-only", limits=limits)[1]


@pytest.fixture(params=RING, ids=named)
def made(request: pytest.FixtureRequest, relay_node: Node, ill: Origin, narrow_key: str) -> Call:
    """Calls of every client, each at a provider of another dialect."""
    return Call(relay_node, ill, narrow_key, request.param)


@pytest.fixture(params=[pair for pair in PAIRS if pair[1].id != "gemini"], ids=named)
def ended(request: pytest.FixtureRequest, relay_node: Node, ill: Origin, narrow_key: str) -> Call:
    """Calls at providers whose streams have a last word; Gemini's are over when their connection has ended well."""
    return Call(relay_node, ill, narrow_key, request.param)


@pytest.fixture(params=PAIRS, ids=named)
def any_made(request: pytest.FixtureRequest, relay_node: Node, ill: Origin, narrow_key: str) -> Call:
    """Calls of every client at every provider of another dialect."""
    return Call(relay_node, ill, narrow_key, request.param)
