"""Behind a reverse proxy: whose address is noted, what opens up with it, and what does not."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.providers import unharmed
from support.node import Node
from support.preambles import CLIENT, V4, version_1, version_2
from support.wire import Answer, Wire, call, request

TOKEN = "metrics-token"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that trusts a proxy on this machine, and one more before it."""
    node = Node(
        tmp_path_factory.mktemp("proxied"),
        workers=1,
        server__trusted_proxies="127.0.0.1, 10.0.0.0/8",
        metrics__token=TOKEN,
    )
    with unharmed(node):
        yield node


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node behind a load balancer that speaks the PROXY protocol."""
    node = BalancedNode(
        tmp_path_factory.mktemp("balanced"),
        workers=1,
        server__trusted_proxies="127.0.0.0/8",
        server__proxy_protocol="true",
    )
    with unharmed(node):
        yield node


class BalancedNode(Node):
    """A node whose port is asked as the load balancer asks."""

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.errors.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionError:
            return False
        try:
            with Wire(self.port) as wire:
                ready = wire.ask(version_2(0x20, 0, b"") + request("GET", "/readyz")).status == 200
        except TimeoutError:  # the port is there before the worker is
            return False
        return ready and "API and docs" in self.output.read_text()


def address_of(node: Node, answer: Answer) -> str:
    """Return the address that the node has noted for a request."""
    story = node.manage("GET", f"/api/v1/requests/{answer.headers['x-request-id']}")["data"]
    address: str = story["address"]
    return address


def ask(node: Node, *headers: str, before: bytes = b"", key: str | None = None) -> Answer:
    """Call a model as a proxy passes it on."""
    with Wire(node.port) as wire:
        return wire.ask(before + call("demo-chat", node.key if key is None else key, *headers))


# ── headers ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ((), "127.0.0.1"),
        (("X-Forwarded-For: 203.0.113.9",), "203.0.113.9"),
        (("X-Forwarded-For: 127.0.0.1, 203.0.113.9, 10.1.2.3",), "203.0.113.9"),
        (("X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.9, 10.1.2.3"), "203.0.113.9"),
        (("X-Forwarded-For: ::ffff:203.0.113.9:80",), "127.0.0.1"),
        (("X-Forwarded-For: [2001:db8::9]:4711",), "2001:db8::9"),
        (('Forwarded: for="[2001:db8::9]:4711";proto=https',), "2001:db8::9"),
        (("X-Forwarded-For: 203.0.113.9, unknown",), "127.0.0.1"),
    ],
)
def test_a_request_is_noted_with_its_clients_address(
    proxied: Node, headers: tuple[str, ...], address: str
) -> None:
    """Allow-lists, limits on guessing and the log go by it."""
    served, refused = ask(proxied, *headers), ask(proxied, *headers, key="sk-mistyped")

    assert (served.status, refused.status) == (200, 401)
    assert [address_of(proxied, answer) for answer in (served, refused)] == [address, address]


def test_each_client_behind_one_connection_has_its_own_address(proxied: Node) -> None:
    """Heads that were seen before are not parsed again; the address must not be that of the first."""
    calls = [
        call("demo-chat", proxied.key, f"X-Forwarded-For: 203.0.113.{number}") for number in (1, 2, 1, 1, 2)
    ]

    with Wire(proxied.port) as wire:
        answers = [wire.ask(one) for one in calls]

    assert [address_of(proxied, one)[-1] for one in answers] == ["1", "2", "1", "1", "2"]


def test_explain_shows_the_client(proxied: Node) -> None:
    """Whoever looks into a refusal wants to know who it was, not which proxy."""
    answer = ask(proxied, "X-Forwarded-For: 203.0.113.9", key="sk-mistyped")

    assert proxied.explain(answer.headers["x-request-id"])["address"] == "203.0.113.9"


def test_a_node_that_trusts_nobody_believes_no_header(node: Node) -> None:
    """The default: anybody could write it."""
    answer = ask(node, "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9")

    assert answer.status == 200
    assert address_of(node, answer) == "127.0.0.1"


# ── what goes by the address ────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [(), ("X-Forwarded-For: 203.0.113.9",), ("X-Forwarded-For: 127.0.0.1",), ("Forwarded: for=_hidden",)],
)
def test_metrics_are_not_shown_through_the_proxy(proxied: Node, headers: tuple[str, ...]) -> None:
    """A loopback address that is a proxy's stands for everybody behind it."""
    with Wire(proxied.port) as wire:
        answer = wire.ask(request("GET", "/metrics", headers=headers))

        assert (answer.status, answer.code) == (403, "LOOPBACK_ONLY")


def test_metrics_are_shown_to_the_holder_of_the_token(proxied: Node) -> None:
    """So that they can be read at all."""
    with Wire(proxied.port) as wire:
        answer = wire.ask(request("GET", "/metrics", key=TOKEN, headers=("X-Forwarded-For: 203.0.113.9",)))

        assert answer.status == 200
        assert b"keyturn_requests_total" in answer.body


def test_links_lead_to_the_proxy(proxied: Node) -> None:
    """The examples in the documentation are copied into programs."""
    headers = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: api.example")

    with Wire(proxied.port) as wire:
        docs = wire.ask(request("GET", "/docs", headers=headers)).body
        garbled = wire.ask(request("GET", "/docs", headers=('X-Forwarded-Host: "><script>',))).body

    assert b"https://api.example" in docs
    assert b"http://gateway.test" in garbled
    assert b'"><script>' not in garbled


# ── the PROXY protocol ──────────────────────────────────────────────────────


@pytest.mark.parametrize("preamble", [version_1(), version_2(0x21, 0x11, V4 + b"\x04\x00\x01x")])
def test_the_load_balancers_word_is_noted(balanced: Node, preamble: bytes) -> None:
    """TCP load balancers can say it in no other way; headers are the client's own then."""
    answer = ask(balanced, "X-Forwarded-For: 8.8.8.8", before=preamble)

    assert answer.status == 200
    assert address_of(balanced, answer) == CLIENT


def test_metrics_are_not_shown_through_the_load_balancer(balanced: Node) -> None:
    """Not even to somebody who claims to be on this machine."""
    with Wire(balanced.port) as wire:
        assert wire.ask(version_1("127.0.0.1") + request("GET", "/metrics")).status == 403
    with Wire(balanced.port) as wire:
        assert wire.ask(version_1() + request("GET", "/metrics")).status == 403


def test_a_request_without_a_preamble_is_closed(balanced: Node) -> None:
    """It came past the load balancer."""
    with Wire(balanced.port) as wire:
        wire.send(request("GET", "/healthz"))

        assert wire.rest() == b""


def test_settings_that_exclude_each_other_end_the_start(tmp_path: Path) -> None:
    """One line says why, before anything is listened on."""
    node = Node(tmp_path, server__proxy_protocol="true")

    ran = node.cli("serve", check=False)

    assert ran.returncode == 1
    assert (
        ran.stderr.strip()
        .splitlines()[-1]
        .endswith("server.proxy_protocol needs server.trusted_proxies: who may use it")
    )
