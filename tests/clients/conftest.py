"""Nodes for the suite: its tests leave nothing behind that another would trip over."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from fakes.recording_provider import RecordingProvider, recording_provider
from support.node import NO_TLS, Node, running

SMALL_BODY = 20_000


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with the demo upstream."""
    folder = tmp_path_factory.mktemp("node")
    with running(Node(folder, workers=2)) as node:
        yield node


@pytest.fixture(scope="session")
def strict_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that takes keys in headers only and bodies of up to ``SMALL_BODY`` bytes."""
    folder = tmp_path_factory.mktemp("strict")
    strict = Node(folder, workers=1, auth__locations="header", server__max_body_bytes=str(SMALL_BODY))
    with running(strict) as node:
        yield node


@pytest.fixture(scope="session")
def recorder(node: Node) -> Iterator[RecordingProvider]:
    """A provider that keeps what it was sent, behind ``node`` as the models ``recorded`` and ``endless``."""
    with recording_provider() as provider:
        body = {
            "name": "recorder",
            "base_url": provider.url,
            "api_key": provider.credential,
            "models": ["recorded", "endless"],
        }
        node.manage("POST", "/api/v1/upstreams", body=body)
        yield provider
        node.manage("DELETE", "/api/v1/upstreams/recorder")


@pytest.fixture
def key(node: Node, request: pytest.FixtureRequest) -> Iterator[str]:
    """A key of the test's own, so that its usage is nobody else's."""
    key_id, secret = node.new_key(f"key of {request.node.name}"[:200])
    yield secret
    node.manage("DELETE", f"/api/v1/keys/{key_id}")


@pytest.fixture
def client(node: Node, key: str) -> Iterator[openai.OpenAI]:
    """An SDK client with a key of the test's own, that does not retry."""
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=key, max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture(scope="session")
def api(node: Node) -> Iterator[httpx.Client]:
    """The management API over the network, with a management key."""
    _, secret = node.new_key("the suite's management key", kind="management")
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"{node.url}/api/v1", headers=headers, verify=NO_TLS, timeout=20) as client:
        yield client
