"""Providers that speak other dialects than their clients, played by one server, and calls of their models."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec

from fakes.origin import Origin, origin_server
from gateway.providers import MODEL, UPSTREAM_SECRET
from support.conversations import HELLO
from support.node import Node, until
from support.wire import CHAT, request

CLAUDE, BARD, PLAIN, THINKER = "claude-model", "gemini-model", "plain-model", "thinking-model"
CONTENT = (
    b'{"candidates":[{"content":{"role":"model","parts":[{"text":"Servus"}]},"finishReason":"STOP","index":0}],'
    b'"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":11},'
    b'"modelVersion":"gemini-x","responseId":"r1"}'
)


@contextmanager
def connected_strangers(node: Node) -> Iterator[Origin]:
    """Run one server that answers as Anthropic, as Gemini and as hosts of OpenAI's dialect."""
    with origin_server() as origin:
        for provider, model in (
            ("anthropic", CLAUDE),
            ("gemini", BARD),
            ("compatible", PLAIN),
            ("deepseek", THINKER),
        ):
            name = f"as-{provider}"
            body = {"name": name, "provider": provider, "base_url": origin.url, "api_key": UPSTREAM_SECRET}
            node.manage("POST", "/api/v1/upstreams", body=body | {"models": [f"own-of-{name}"]})
            node.manage(
                "POST", "/api/v1/models", body={"name": model, "upstream": name, "upstream_model": MODEL}
            )
        yield origin


def chat(node: Node, model: str, *, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    """Ask in OpenAI's dialect."""
    sent = {"authorization": f"Bearer {node.key}"} | (headers or {})
    return node.send("POST", CHAT, headers=sent, json={"model": model, "messages": HELLO, **members})


def served(node: Node, answer: httpx.Response) -> dict[str, Any]:
    """Return what was noted of a request."""
    path = f"/api/v1/requests/{answer.headers['x-request-id']}"
    found: dict[str, Any] = until(lambda: node.manage("GET", path)["data"], what="the request in the log")
    return found


def ask_for_stream(node: Node, model: str, **members: Any) -> bytes:
    """Return the bytes of a request for a stream in OpenAI's dialect."""
    body = msgspec.json.encode({"model": model, "messages": HELLO, "stream": True, **members})
    return request("POST", CHAT, key=node.key, headers=("content-type: application/json",), body=body)
