"""Answers in the shapes of OpenAI's Responses API: one message of text, plain or as events.

Source: https://github.com/openai/openai-openapi (API version 2.3.0).
"""

from typing import Any

from keyturn.demo.prose import spoken_pieces
from keyturn.demo.shapes import Events, Told, encode


def response(told: Told) -> bytes:
    """Return a finished response."""
    return encode(_finished(told))


def response_events(told: Told) -> Events:
    """Return a response as a stream of typed, numbered events."""

    def event(kind: str, **members: object) -> bytes:
        numbered = {"type": kind, "sequence_number": len(pieces), **members}
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(numbered))

    text = told.passages[0].text
    place = {"item_id": f"msg_{told.stamp}", "output_index": 0, "content_index": 0}
    begun = _response(told, status="in_progress", output=[])
    pieces: list[bytes] = []
    pieces.append(event("response.created", response=begun))
    pieces.append(event("response.in_progress", response=begun))
    pieces.append(event("response.output_item.added", output_index=0, item=_message(told, "in_progress", [])))
    pieces.append(event("response.content_part.added", **place, part=_part("")))
    for word in spoken_pieces(text):
        pieces.append(event("response.output_text.delta", **place, delta=word, logprobs=[]))  # noqa: PERF401 - each counts the ones before
    last = len(pieces)
    finished = _finished(told)
    pieces.append(event("response.output_text.done", **place, text=text, logprobs=[]))
    pieces.append(event("response.content_part.done", **place, part=_part(text)))
    pieces.append(event("response.output_item.done", output_index=0, item=finished["output"][0]))
    pieces.append(event(f"response.{finished['status']}", response=finished))
    return Events(pieces[:last], b"".join(pieces[last:]))


def _finished(told: Told) -> dict[str, Any]:
    passage = told.passages[0]
    status = "incomplete" if passage.cut_short else "completed"
    answer = _response(told, status=status, output=[_message(told, status, [_part(passage.text)])])
    if passage.cut_short:
        answer["incomplete_details"] = {"reason": "max_output_tokens"}
    else:
        answer["completed_at"] = told.created
    if told.says_usage:
        answer["usage"] = _usage(told)
    return answer


def _response(told: Told, *, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"resp_{told.stamp}",
        "object": "response",
        "created_at": told.created,
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": told.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def _message(told: Told, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{told.stamp}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(told: Told) -> dict[str, Any]:
    return {
        "input_tokens": told.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": told.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": told.input_tokens + told.output_tokens,
    }
