"""The events of a streamed chat completion, as OpenAI and its compatible hosts send them."""

import json
from typing import Any

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m"}
DONE = b"data: [DONE]\n\n"
FIGURES = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
ROLE = {"role": "assistant", "content": "", "refusal": None}


def chunk(delta: dict[str, Any], reason: str | None = None, **members: Any) -> bytes:
    """Return one event."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return b"data: " + json.dumps(HEAD | {"choices": [choice]} | members).encode() + b"\n\n"


def usage_chunk(**figures: Any) -> bytes:
    """Return the event that tells the usage alone."""
    return b"data: " + json.dumps(HEAD | {"choices": [], "usage": FIGURES | figures}).encode() + b"\n\n"


def call(index: int | None, **members: Any) -> dict[str, Any]:
    """Return a delta with a piece of one call."""
    return {"tool_calls": [({} if index is None else {"index": index}) | members]}


def function(name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    """Return what is called, or a piece of it."""
    return {"name": name, "arguments": arguments}


def detail(**members: Any) -> dict[str, Any]:
    """Return a delta with a thought in OpenRouter's way."""
    return {"reasoning_details": [members]}
