"""An answer in OpenAI's responses dialect, whole.

A response repeats what was asked; whoever writes one here does not know it, so those members have their defaults.
Source: ``Response``, ``OutputItem`` of the OpenAI API description.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from keyturn.dialects import openai_responses_signatures as signatures, openai_usage
from keyturn.dialects.canonical import Answer, Media, Part, Reasoning, Refusal, Stop, Text, ToolCall
from keyturn.dialects.openai_responses_conversation import WORDS_BETWEEN, thoughts
from keyturn.domain.usage import Usage

Json = dict[str, Any]
_REASONS = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.FILTERED}
_INCOMPLETE = {
    Stop.LENGTH: "max_output_tokens",
    Stop.PAUSED: "max_output_tokens",
    Stop.FILTERED: "content_filter",
    Stop.REFUSED: "content_filter",
}
"""What an answer is told as that is not complete. A refusal in words is complete."""


_KNOWN = frozenset({"output_text", "refusal"})
"""What a message is made of; of another kind, what has words is read as such."""


class _Words(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class OutputItem(msgspec.Struct, gc=False):
    """An item of an answer, as far as it is read."""

    type: str = ""
    id: str | None = None
    content: list[_Words] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    summary: list[_Words] | None = None
    encrypted_content: str | None = None
    result: str | None = None


class _Details(msgspec.Struct, gc=False):
    reason: str | None = None


class _Error(msgspec.Struct, gc=False):
    code: str | None = None
    message: str | None = None


class ResponseHead(msgspec.Struct, gc=False):
    """A response without its items."""

    id: str = ""
    object: str = ""
    model: str = ""
    created_at: float = 0
    status: str | None = None
    incomplete_details: _Details | None = None
    error: _Error | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")


class _Response(ResponseHead, gc=False):
    output: list[OutputItem] | None = None


_response = msgspec.json.Decoder(_Response)


def read_answer(body: bytes) -> Answer | None:
    """Read a whole answer; ``None``: it is none, or it has failed and ``read_error`` knows why."""
    try:
        found = _response.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.object != "response" or found.status not in {"completed", "incomplete", None}:
        return None
    parts: list[Part] = []
    for item in found.output or ():
        _read(item, parts)
    return Answer(
        id=found.id,
        model=found.model,
        parts=tuple(parts),
        stop=stop_of(found, parts),
        usage=usage_of(found),
        created=int(found.created_at),
    )


def usage_of(head: ResponseHead) -> Usage | None:
    """Return what the response says it used."""
    return openai_usage.from_answer(b'{"usage":%b}' % bytes(head.usage))


def stop_of(head: ResponseHead, parts: Sequence[Part]) -> Stop:
    """Return why the answer is over. A reason that is new here is told as length: there would have been more."""
    if head.status == "incomplete":
        reason = head.incomplete_details.reason if head.incomplete_details else None
        return _REASONS.get(reason or "", Stop.LENGTH)
    kinds = {type(part) for part in parts}
    if ToolCall in kinds:
        return Stop.TOOLS
    return Stop.REFUSED if Refusal in kinds else Stop.END


def words_of(item: OutputItem) -> str:
    """Return the words of an item of type ``reasoning``: the summary, or where there is none the thoughts."""
    summary = WORDS_BETWEEN.join(one.text or "" for one in item.summary or ())
    return summary or WORDS_BETWEEN.join(one.text or "" for one in item.content or ())


def _read(item: OutputItem, parts: list[Part]) -> None:
    """Append what an item says. Items of OpenAI's own tools say nothing: no translated request can ask for them."""
    if item.type == "message":
        parts += (
            Refusal(one.refusal or "") if one.type == "refusal" else Text(one.text or "")
            for one in item.content or ()
            if one.text or one.type in _KNOWN
        )
    elif item.type == "function_call":
        call_id = item.call_id or item.id or f"call_{len(parts)}"
        parts.append(ToolCall(call_id, item.name or "", item.arguments or "{}"))
    elif item.type == "reasoning":
        signed = signatures.call_of(item.encrypted_content or "")
        if signed is None:
            parts += thoughts(words_of(item), item.encrypted_content or "", item.id or "")
            return
        parts[:] = [
            msgspec.structs.replace(part, signature=signed[1])
            if isinstance(part, ToolCall) and part.id == signed[0]
            else part
            for part in parts
        ]
    elif item.type == "image_generation_call" and item.result:
        parts.append(Media("image/png", item.result))


# ── written ─────────────────────────────────────────────────────────────────


def write_answer(answer: Answer, *, created: int) -> bytes:
    """Write a whole answer.

    Args:
        answer: What was answered.
        created: Seconds since 1970 UTC; used where the answer doesn't say.
    """
    items: list[Json] = []
    content: list[Json] | None = None
    reason = incomplete(answer.stop, refused=any(isinstance(part, Refusal) for part in answer.parts))
    status = "incomplete" if reason else "completed"
    for part in answer.parts:
        words = content_of(part)
        if words is None:
            content = None
            items += _items(part, answer.id, len(items))
        elif content is None:
            content = [words]
            items.append(message(item_id("msg", answer.id, len(items)), content, status))
        else:
            content.append(words)
    body = response(
        answer.id,
        answer.model,
        answer.created or created,
        status=status,
        output=items,
        usage=answer.usage,
        reason=reason,
    )
    return msgspec.json.encode(body)


def response(
    response_id: str,
    model: str,
    created: int,
    *,
    status: str,
    output: Sequence[Json | msgspec.Raw] = (),
    usage: Usage | None = None,
    reason: str = "",
    error: Json | None = None,
) -> Json:
    """Return a response object; ``reason`` says why it is incomplete."""
    found: Json = {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": status,
        "background": False,
        "error": error,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": (),
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "metadata": {},
    }
    if usage is not None:
        found["usage"] = {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {
                "cached_tokens": usage.cached_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
    return found


def incomplete(stop: Stop, *, refused: bool) -> str:
    """Return the reason why a response is incomplete; empty: it is complete."""
    return "" if stop is Stop.REFUSED and refused else _INCOMPLETE.get(stop, "")


def item_id(prefix: str, response_id: str, index: int) -> str:
    """Return an id that is the same whenever the same answer is told, and no other answer's."""
    return f"{prefix}_{response_id}_{index}"


def message(name: str, content: Sequence[Json], status: str) -> Json:
    """Return an item of words."""
    return {"id": name, "type": "message", "status": status, "role": "assistant", "content": content}


def content_of(part: Part) -> Json | None:
    """Return what stands in a message; ``None``: the part is an item of its own.

    What is neither words nor an image has no place in this dialect, so its address is told in words.
    """
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Text):
        return {"type": "output_text", "text": part.text, "annotations": (), "logprobs": ()}
    if isinstance(part, Media) and not is_image(part):
        text = part.url or f"data:{part.mime_type};base64,{part.data}"
        return {"type": "output_text", "text": text, "annotations": (), "logprobs": ()}
    return None


def is_image(media: Media) -> bool:
    """Whether it can be told as an image that was made."""
    return media.mime_type.startswith("image/") and bool(media.data)


def call_item(name: str, call: ToolCall, status: str = "completed") -> Json:
    """Return an item that is a call."""
    return {
        "id": name,
        "type": "function_call",
        "status": status,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def reasoning_item(name: str, text: str, encrypted: str) -> Json:
    """Return an item that is a thought; a signature or the seal stands in ``encrypted_content``."""
    return {
        "id": name,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if text else (),
        "encrypted_content": encrypted or None,
    }


def image_item(name: str, data: str | None, status: str = "completed") -> Json:
    """Return an item that is an image."""
    return {"id": name, "type": "image_generation_call", "status": status, "result": data}


def _items(part: Part, response_id: str, index: int) -> list[Json]:
    """Return the items that a part is; ``index`` is the first one's place."""
    if isinstance(part, Reasoning):
        sealed = signatures.seal(part.signature, part.sealed)
        return [reasoning_item(item_id("rs", response_id, index), part.text, sealed)]
    if isinstance(part, ToolCall):
        items = [call_item(item_id("fc", response_id, index), part)]
        if part.signature:
            sealed = signatures.of_call(part.id, part.signature)
            items.append(reasoning_item(item_id("rs", response_id, index + 1), "", sealed))
        return items
    if isinstance(part, Media):
        return [image_item(item_id("ig", response_id, index), part.data)]
    raise TypeError("an answer has no results of tools")
