"""The configuration of nginx that the documentation shows, in front of a node."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.providers import unharmed
from support.node import Node, free_port, until
from support.servers import program
from support.wire import Answer, Wire, call, request

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-behind-a-proxy.md"
CLIENT = "127.0.0.2"
"""An address of this machine that is not the proxy's."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that trusts nginx, and nobody else on this machine."""
    folder = tmp_path_factory.mktemp("node")
    with unharmed(Node(folder, workers=1, server__trusted_proxies="127.0.0.1")) as node:
        yield node


@pytest.fixture(scope="module")
def nginx(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of nginx in front of it, set up as the page says, but for TLS and the paths of files."""
    executable, folder, port = program("nginx", "nginx"), tmp_path_factory.mktemp("nginx"), free_port()
    shown = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    text = re.sub(r" *ssl_certificate.*\n", "", shown[0])
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{node.port}").replace("/var/log/nginx", str(folder))
    paths = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid;\nevents {{}}\nhttp {{ {paths}\n{text} }}\n"
    )
    log = folder / "error.log"
    process = subprocess.Popen([executable, "-p", folder, "-c", folder / "nginx.conf", "-e", log])
    try:
        until(lambda: _listens(port), what="nginx")
        yield port
        assert node.key not in (folder / "ai.log").read_text()
        assert "/v1/chat/completions" in (folder / "ai.log").read_text()
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


def ask(port: int, data: bytes) -> Answer:
    """Send a request from another address than nginx's."""
    with Wire(port, source=CLIENT) as wire:
        return wire.ask(data)


@pytest.mark.parametrize(
    "spoof", [(), ("X-Forwarded-For: 127.0.0.1",), ("Forwarded: for=8.8.8.8", "X-Real-IP: 8.8.8.8")]
)
def test_the_clients_address_is_noted(node: Node, nginx: int, spoof: tuple[str, ...]) -> None:
    """Whatever the client claims."""
    answer = ask(nginx, call("demo-chat", node.key, *spoof))

    story = node.manage("GET", f"/api/v1/requests/{answer.headers['x-request-id']}")["data"]
    assert (answer.status, story["address"]) == (200, CLIENT)


def test_metrics_go_by_the_clients_address(node: Node, nginx: int) -> None:
    """On this machine, or not: the proxy's own address says nothing about it."""
    metrics = request("GET", "/metrics", headers=("X-Forwarded-For: 127.0.0.2",))

    with Wire(nginx) as through, Wire(node.port) as past:
        hidden = [wire.ask(request("GET", "/metrics")).status for wire in (through, past)]
        spoofed = through.ask(metrics).status

    assert (hidden, spoofed) == ([403, 403], 403)
    assert ask(nginx, metrics).status == 200


def test_links_lead_to_nginx(nginx: int) -> None:
    """And not where a client would like them to."""
    docs = ask(nginx, request("GET", "/docs", headers=("X-Forwarded-Host: evil.example",)))

    assert b"http://gateway.test" in docs.body
    assert b"evil.example" not in docs.body


def test_a_stream_arrives_in_pieces(node: Node, nginx: int) -> None:
    """And a key in the URL is not in nginx's log."""
    answer = ask(nginx, call("demo-chat", "", path=f"/v1/chat/completions?api_key={node.key}", stream=True))

    assert answer.status == 200
    assert answer.body.endswith(b"data: [DONE]\n\n")
