"""Calls of models that carry an Idempotency-Key, and what came of them."""

from typing import Any

import httpx

from gateway.providers import MODEL
from support.conversations import HELLO
from support.node import Node
from support.wire import Answer, call


def chat(node: Node, once: str, *, key: str = "", **members: Any) -> httpx.Response:
    """Ask for a chat completion, once."""
    headers = {"authorization": f"Bearer {key or node.key}", "idempotency-key": once}
    body = {"model": "demo-chat", "messages": HELLO, **members}
    return node.send("POST", "/v1/chat/completions", headers=headers, json=body)


def asked(node: Node, once: str, **members: Any) -> bytes:
    """Return the bytes of a call of the other provider's model."""
    return call(MODEL, node.key, f"Idempotency-Key: {once}", **members)


def charged(node: Node, key_id: str) -> tuple[int, int]:
    """Return requests and nano-dollars of a key."""
    rows = node.manage("GET", "/api/v1/usage?by=key")["data"]["rows"]
    found = [one for one in rows if one["key_id"] == key_id]
    return (int(found[0]["requests"]), round(float(found[0]["cost_usd"]) * 10**9)) if found else (0, 0)


def code(answer: httpx.Response | Answer) -> tuple[int, str]:
    """Return what a refusal says."""
    status = answer.status if isinstance(answer, Answer) else answer.status_code
    return status, str(answer.json()["error"]["code"])
