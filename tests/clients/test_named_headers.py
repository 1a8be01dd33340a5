"""Keys in header fields of the operator's choice, on a real node."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fakes.recording_provider import RecordingProvider, recording_provider
from support.node import Node, running

FIELD = "X-Gateway-Key"
BODY = {"model": "recorded", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def recorder() -> Iterator[RecordingProvider]:
    """A provider that keeps what it was sent."""
    with recording_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, recorder: RecordingProvider) -> Iterator[Node]:
    """A node that takes keys in a field of its own, in front of that provider."""
    folder: Path = tmp_path_factory.mktemp("named")
    body = {
        "name": "recorder",
        "base_url": recorder.url,
        "api_key": recorder.credential,
        "models": ["recorded"],
    }
    with running(Node(folder, workers=1, demo=False, auth__headers=FIELD)) as node:
        node.manage("POST", "/api/v1/upstreams", body=body)
        yield node


def ask(node: Node, **headers: str) -> httpx.Response:
    """Ask for a completion, with these fields."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return node.send("POST", "/v1/chat/completions", headers=named, json=BODY)


def test_a_key_in_a_named_field_calls_models_and_is_kept_from_the_provider(
    node: Node, recorder: RecordingProvider
) -> None:
    """The name is the operator's; that it carries a secret is as true as of the usual ones."""
    before = len(recorder.requests)

    first, again = ask(node, x_gateway_key=node.key), ask(node, X_Gateway_Key=node.key)

    assert [first.status_code, again.status_code] == [200, 200]
    assert node.story(first)["location"] == FIELD.lower()
    assert len(recorder.requests) == before + 2
    for sent in recorder.requests[before:]:
        assert node.key[3:].encode() not in sent
        assert FIELD.lower().encode() not in sent.lower()


def test_another_key_in_a_named_field_is_one_too_many(node: Node) -> None:
    """Nobody could say which of them the request is charged to."""
    _, other = node.new_key("other")

    same = ask(node, authorization=f"Bearer {node.key}", x_gateway_key=node.key)
    two = ask(node, authorization=f"Bearer {node.key}", x_gateway_key=other)

    assert same.status_code == 200
    assert (two.status_code, two.json()["error"]["code"]) == (400, "multiple_credentials")
