"""Reads answers and errors of Amazon Bedrock's ``Converse``.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import msgspec

from keyturn.dialects.canonical import (
    Answer,
    Media,
    Part,
    ProviderError,
    Reasoning,
    Stop,
    Text,
    ToolCall,
)
from keyturn.domain.usage import Usage

_STOPS = {
    "end_turn": Stop.END,
    "tool_use": Stop.TOOLS,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "guardrail_intervened": Stop.FILTERED,
    "content_filtered": Stop.FILTERED,
    "malformed_model_output": Stop.FILTERED,
    "malformed_tool_use": Stop.FILTERED,
}


class WireUsage(msgspec.Struct, rename="camel"):
    """What was used: what came from or went into the cache stands beside the input, not in it."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0


class _ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _ReasoningText(msgspec.Struct):
    text: str = ""
    signature: str = ""


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str = ""


class _Source(msgspec.Struct):
    bytes: str = ""


class _Image(msgspec.Struct):
    format: str
    source: _Source


class _Cited(msgspec.Struct):
    text: str = ""


class _Citations(msgspec.Struct):
    content: list[_Cited] = []


class _Block(msgspec.Struct, rename="camel"):
    """One of these."""

    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    image: _Image | None = None
    citations_content: _Citations | None = None


class _Message(msgspec.Struct):
    content: list[_Block] = []


class _Output(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output
    stop_reason: str
    usage: WireUsage | None = None


class _Error(msgspec.Struct):
    """The text stands under either name, by service and kind."""

    message: str = ""
    other: str = msgspec.field(name="Message", default="")
    kind: str = msgspec.field(name="__type", default="")


class _Told(msgspec.Struct):
    usage: WireUsage


_answer = msgspec.json.Decoder(_Answer)
_error = msgspec.json.Decoder(_Error)
_told = msgspec.json.Decoder(_Told)


def read_answer(body: bytes) -> Answer | None:
    """Read an answer, which names neither itself nor its model; ``None``: it is none."""
    try:
        found = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    parts = [part for block in found.output.message.content if (part := _part(block)) is not None]
    return Answer(
        id="", model="", parts=tuple(parts), stop=read_stop(found.stop_reason), usage=read_usage(found.usage)
    )


def read_error(body: bytes) -> ProviderError | None:
    """Read an error's text; its kind stands in a header (``x-amzn-errortype``), and only sometimes here."""
    try:
        found = _error.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    message = found.message or found.other
    return ProviderError(message, found.kind.rpartition("#")[2]) if message else None


def usage_of_answer(body: bytes) -> Usage | None:
    """Read what an answer says it used."""
    try:
        return read_usage(_told.decode(body).usage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_usage(usage: WireUsage | None) -> Usage | None:
    """Return it as everybody counts here."""
    if usage is None:
        return None
    cached, written = usage.cache_read_input_tokens, usage.cache_write_input_tokens
    return Usage(
        usage.input_tokens + cached + written,
        usage.output_tokens,
        cached_tokens=cached,
        cache_write_tokens=written,
    )


def read_stop(reason: str) -> Stop:
    """Return why it is over; a reason that nobody knows yet is an end."""
    return _STOPS.get(reason, Stop.END)


def _part(block: _Block) -> Part | None:
    """Return what a block says; ``None``: nothing that has a place here."""
    if block.text is not None:
        return Text(block.text)
    if block.tool_use is not None:
        use = block.tool_use
        return ToolCall(use.tool_use_id, use.name, bytes(use.input).decode())
    if block.reasoning_content is not None:
        thought = block.reasoning_content
        text = thought.reasoning_text or _ReasoningText()
        return Reasoning(text.text, text.signature, thought.redacted_content)
    if block.image is not None:
        return Media(f"image/{block.image.format}", block.image.source.bytes)
    if block.citations_content is not None:
        return Text("".join(one.text for one in block.citations_content.content))
    return None
