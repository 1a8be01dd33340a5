"""Answers and errors of ``/v1/messages``, whole.

Blocks of server tools are passed over: nobody asks for them in another dialect. Anthropic's answers can't hold some of
what others can: a refusal is told as text, a picture as Markdown with its data in the address, and what a provider
wants back with a tool call travels in a thinking block (``anthropic_request.CARRIED``).

Source: https://platform.claude.com/docs/en/api/messages/create ("Returns"), https://platform.claude.com/docs/en/api/errors
"""

from typing import Literal

import msgspec

from keyturn.dialects import anthropic_errors as errors, anthropic_wire as wire
from keyturn.dialects.anthropic_conversation import write_call
from keyturn.dialects.anthropic_request import CARRIED
from keyturn.dialects.anthropic_usage import WireUsage, convert, write
from keyturn.dialects.canonical import (
    Answer,
    Media,
    Part,
    ProviderError,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from keyturn.dialects.conversation import write_id

STOPS: dict[str, Stop] = {
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOLS,
    "pause_turn": Stop.PAUSED,
    "refusal": Stop.REFUSED,
}
STOP_REASONS: dict[Stop, str] = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.TOOLS: "tool_use",
    Stop.SEQUENCE: "stop_sequence",
    # A filter of the provider's is how Anthropic's own refusals come about.
    Stop.FILTERED: "refusal",
    Stop.REFUSED: "refusal",
    Stop.PAUSED: "pause_turn",
}
_NOTHING = msgspec.Raw(b"{}")


class FoundBlock(msgspec.Struct):
    """A block of any type, as a provider sends it."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = _NOTHING


class StopDetails(msgspec.Struct):
    """Why the model will not."""

    explanation: str | None = None


class _Found(msgspec.Struct):
    type: Literal["message"]
    content: list[FoundBlock]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None


class _Written(msgspec.Struct, tag_field="type", tag="message"):
    id: str
    model: str
    content: list[wire.Block]
    stop_reason: str
    stop_sequence: str | None
    usage: WireUsage
    role: str = "assistant"


_found = msgspec.json.Decoder(_Found)
_encoder = msgspec.json.Encoder()


def read_part(block: FoundBlock) -> Text | ToolCall | Reasoning | None:
    """Return the part that a block is; ``None`` for one that is no part of an answer elsewhere."""
    match block.type:
        case "text":
            return Text(block.text)
        case "tool_use":
            return ToolCall(block.id or "call", block.name, bytes(block.input).decode())
        case "thinking":
            return Reasoning(block.thinking, block.signature)
        case "redacted_thinking":
            return Reasoning("", sealed=block.data)
    return None


def read_stop(reason: str | None) -> Stop:
    """Return why the answer is over; an end, where the reason is new."""
    return STOPS.get(reason or "", Stop.END)


def read_answer(body: bytes) -> Answer | None:
    """Read an answer; ``None`` for what is none."""
    try:
        found = _found.decode(body)
        parts: list[Part] = [part for block in found.content if (part := read_part(block))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.stop_details and found.stop_details.explanation:
        parts.append(Refusal(found.stop_details.explanation))
    return Answer(
        id=found.id,
        model=found.model,
        parts=tuple(parts),
        stop=read_stop(found.stop_reason),
        stop_sequence=found.stop_sequence or "",
        usage=convert(found.usage),
    )


def write_answer(answer: Answer, *, created: int) -> bytes:  # noqa: ARG001 -- one signature for all dialects; here no time is told
    """Write an answer."""
    content: list[wire.Block] = []
    for part in answer.parts:
        content.extend(_blocks(part))
    sequence = answer.stop_sequence or None
    reason = STOP_REASONS[answer.stop]
    return _encoder.encode(_Written(answer.id, answer.model, content, reason, sequence, write(answer.usage)))


def _blocks(part: Part) -> list[wire.Block]:
    match part:
        case Text() | Refusal():
            return [wire.TextBlock(part.text)] if part.text else []
        case Media():
            return [wire.TextBlock(picture(part))]
        case ToolCall():
            call: list[wire.Block] = [write_call(part, [])]
            return (
                [*call, wire.ThinkingBlock("", carried(part.id, part.signature))] if part.signature else call
            )
        case Reasoning():
            found: list[wire.Block] = [wire.RedactedThinkingBlock(part.sealed)] if part.sealed else []
            if part.text or part.signature or not found:
                found.append(wire.ThinkingBlock(part.text, part.signature))
            return found
    raise TypeError("an answer has no results of tools")


def picture(part: Media) -> str:
    """Return what is shown as Markdown."""
    address = part.url or f"data:{part.mime_type};base64,{part.data}"
    return f"![{part.name}]({address})"


def carried(call: str, signature: str) -> str:
    """Return the signature of a thinking block that carries that of a tool call."""
    return f"{CARRIED}{write_id(call)}:{signature}"


# ── errors ──────────────────────────────────────────────────────────────────


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


_error = msgspec.json.Decoder(_ErrorBody)
TYPES = frozenset(errors.TYPES.values())


def read_error(body: bytes) -> ProviderError | None:
    """Read an error; ``None`` for what is none."""
    try:
        found = _error.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return ProviderError(found.message, found.type)


def write_error(status: int, error: ProviderError, request_id: str) -> bytes:
    """Write a provider's error; its type goes by the status, unless the code is one of Anthropic's own."""
    body: dict[str, object] = {
        "type": error.code if error.code in TYPES else errors.type_of(status),
        "message": error.message,
    }
    if error.code and error.code not in TYPES:
        body["details"] = {"error_code": error.code}
    return _encoder.encode({"type": "error", "error": body, "request_id": request_id})


# ── counted tokens ──────────────────────────────────────────────────────────


class _Counted(msgspec.Struct):
    input_tokens: int


_counted = msgspec.json.Decoder(_Counted)


def read_counted(body: bytes) -> int | None:
    """Read how many tokens were counted; ``None`` when it doesn't say."""
    try:
        return _counted.decode(body).input_tokens
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def write_count(tokens: int) -> bytes:
    """Write how many tokens were counted."""
    return b'{"input_tokens":%d}' % tokens
