"""How a stream ends that may not go on: with the event that clients know from an answer that had become long enough.

Source: ``CreateChatCompletionStreamResponse``, ``CreateCompletionResponse`` and ``ResponseIncompleteEvent`` of the OpenAI
API description.
"""

from typing import Any

import msgspec

_DATA = b"data:"
_DONE = b"data: [DONE]\n\n"
_SHARED = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


def cut_short(begun: bytes) -> bytes:
    """Return the last events of a stream that ends because no more output is allowed.

    Args:
        begun: The first bytes of the stream; its first event says what it is. Where that can't be read, the end is
            marked and no reason is told.
    """
    first = _first_event(begun)
    if first is None:
        return _DONE
    if "response" in first:
        return _response(first["response"])
    shared = {name: first[name] for name in _SHARED if name in first}
    choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "logprobs": None}
    if first.get("object") == "text_completion":
        choice["text"] = ""
    else:
        choice["delta"] = {}
    return _DATA + b" " + msgspec.json.encode(shared | {"choices": [choice]}) + b"\n\n" + _DONE


def _response(begun: Any) -> bytes:  # noqa: ANN401 -- JSON is of any type
    response = dict(begun) if isinstance(begun, dict) else {}
    response |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    event = {"type": "response.incomplete", "response": response}
    return b"event: response.incomplete\ndata: " + msgspec.json.encode(event) + b"\n\n"


def _first_event(begun: bytes) -> dict[str, Any] | None:
    start = begun.find(_DATA)
    end = begun.find(b"\n", start)
    if start < 0 or end < 0:
        return None
    try:
        found = msgspec.json.decode(begun[start + len(_DATA) : end])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
