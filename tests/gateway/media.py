"""A node whose provider has models for images, audio and moderations, and what is asked of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from fakes.origin import Origin, origin_server, plain
from gateway.providers import connect, unharmed
from support.node import Node
from support.wire import Answer, Wire, request

PRICES: dict[str, dict[str, str]] = {
    "dall-e": {"image_usd": "0.04"},
    "gpt-image": {"input_usd_per_million": "5", "output_usd_per_million": "40"},
    "whisper": {"second_usd": "0.0001"},
    "transcribe": {"input_usd_per_million": "2.5", "output_usd_per_million": "10"},
    "tts": {"characters_usd_per_million": "15"},
    "speaker": {"input_usd_per_million": "0.6", "output_usd_per_million": "12"},
}
LARGEST_BODY = 300_000
IMAGE = "/v1/images/generations"
SPEECH = "/v1/audio/speech"


@contextmanager
def media_node(folder: Path) -> Iterator[tuple[Node, Origin]]:
    """Run a node and that provider, each model with its price."""
    small: dict[str, Any] = {"server__max_body_bytes": str(LARGEST_BODY)}
    node = Node(folder, workers=1, demo=False, **small)
    with unharmed(node), origin_server() as origin:
        connect(node, "origin", origin, *PRICES, "moderation")
        node.manage(
            "POST",
            "/api/v1/models",
            body={"name": "painter", "upstream": "origin", "upstream_model": "dall-e"},
        )
        for model, price in [*PRICES.items(), ("painter", PRICES["dall-e"])]:
            node.manage("POST", "/api/v1/prices", body={"model": model, **price})
        yield node, origin


def story(node: Node, answer: Answer) -> dict[str, Any]:
    """Return what the node knows of the request with this answer."""
    found: dict[str, Any] = node.manage("GET", f"/api/v1/requests/{answer.headers['x-request-id']}")["data"]
    return found


def body(**members: object) -> bytes:
    """Return JSON."""
    return msgspec.json.encode(members)


def ask(node: Node, sent: bytes) -> Answer:
    """Send a request on a connection of its own."""
    with Wire(node.port) as wire:
        return wire.ask(sent)


def asked(node: Node, path: str, key: str = "", **members: object) -> Answer:
    """Send a JSON object."""
    return ask(
        node,
        request(
            "POST",
            path,
            key=key or node.key,
            headers=("Content-Type: application/json",),
            body=body(**members),
        ),
    )


def images(count: int, **members: object) -> bytes:
    """Return an answer with images."""
    return plain(body(created=1, data=[{"b64_json": "QUJD"}] * count, **members))


def limited(node: Node, name: str, metric: str, most: object) -> str:
    """Return the secret of a key with one limit, for a lifetime."""
    limits = [{"metric": metric, "window": "lifetime", "max": most}]
    return node.new_key(name, limits=limits)[1]
