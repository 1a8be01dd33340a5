"""Chat completions: whole answers, read and written, and errors, read.

Thoughts are told in ``reasoning_content``, as most hosts do it and clients look for it, and with their proofs in
``reasoning_details``, so that a client can send them back. Texts are one text here.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from keyturn.dialects import openai_chat_shapes as shapes, openai_usage
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
from keyturn.dialects.openai_chat_parts import (
    arguments_of,
    call_of,
    details_of,
    image_of,
    images_of,
    reasoning_of,
    signature_of,
)
from keyturn.domain.usage import Usage

_decoder = msgspec.json.Decoder(shapes.Answer)
_encoder = msgspec.json.Encoder()

_STOPS = {
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "model_length": Stop.LENGTH,  # Mistral
    "insufficient_system_resource": Stop.LENGTH,  # DeepSeek: cut off
    "network_error": Stop.LENGTH,  # Zhipu: cut off
    "tool_calls": Stop.TOOLS,
    "function_call": Stop.TOOLS,
    "content_filter": Stop.FILTERED,
    "sensitive": Stop.FILTERED,  # Zhipu
}
_REASONS = {
    Stop.END: "stop",
    Stop.LENGTH: "length",
    Stop.TOOLS: "tool_calls",
    Stop.SEQUENCE: "stop",
    Stop.FILTERED: "content_filter",
    Stop.REFUSED: "content_filter",
    Stop.PAUSED: "stop",
}


def stop_of(reason: str | None, *, called: bool, refused: bool) -> Stop:
    """Say why an answer is over. Many hosts say ``stop`` of an answer with calls, some say nothing or words of their own."""
    stop = _STOPS.get(reason or "", Stop.END)
    if stop is Stop.END and called:
        return Stop.TOOLS
    return Stop.REFUSED if stop is Stop.END and refused else stop


def reason_of(stop: Stop, *, refused: bool) -> str:
    """Return the word for the end of an answer; a refusal that has words of its own is an end like any other."""
    return "stop" if stop is Stop.REFUSED and refused else _REASONS[stop]


def read_answer(body: bytes) -> Answer | None:
    """Read an answer, the first where there are several; ``None`` when it is none of this dialect."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not found.choices or found.choices[0].message is None:
        return None
    choice = found.choices[0]
    parts = tuple(parts_of(found.choices[0].message))
    stop = stop_of(
        choice.finish_reason,
        called=any(isinstance(part, ToolCall) for part in parts),
        refused=any(isinstance(part, Refusal) for part in parts),
    )
    return Answer(
        id=found.id or "",
        model=found.model or "",
        parts=parts,
        stop=stop,
        usage=usage_of(found),
        created=int(found.created or 0),
    )


def usage_of(found: shapes.Answer) -> Usage | None:
    """Return the usage that an answer or a piece of a stream tells."""
    if isinstance(found.usage, msgspec.UnsetType):
        return None
    usage = bytes(found.usage)
    return None if usage == b"null" else openai_usage.from_object(usage)


def parts_of(message: shapes.Delta) -> Iterable[Part]:
    """Return what an answer is made of."""
    yield from reasoning_of(message)
    yield from spoken_of(message.content)
    if isinstance(message.refusal, str) and message.refusal:
        yield Refusal(message.refusal)
    yield from images_of(message)
    for index, call in enumerate(message.tool_calls or ()):
        function = call.function or shapes.Function()
        yield ToolCall(
            call.id or f"call_0_{index}", function.name or "", arguments_of(function), signature_of(call)
        )
    if message.function_call is not None:
        yield ToolCall("call_0_0", message.function_call.name or "", arguments_of(message.function_call))


def spoken_of(content: str | list[shapes.Spoken] | msgspec.UnsetType | None) -> Iterable[Text | Reasoning]:
    """Return the words and thoughts of a content."""
    if isinstance(content, str):
        if content:
            yield Text(content)
    elif isinstance(content, list):
        for one in content:
            thought = one.thinking
            if isinstance(thought, list):
                thought = "".join(inner.text or "" for inner in thought)
            if thought:
                yield Reasoning(thought)
            if one.text:
                yield Text(one.text)


def write_answer(answer: Answer, *, created: int) -> bytes:
    """Write an answer.

    Args:
        answer: The answer.
        created: Seconds since 1970 UTC, where the answer doesn't say.
    """
    texts = [part.text for part in answer.parts if isinstance(part, Text)]
    refusals = [part.text for part in answer.parts if isinstance(part, Refusal)]
    thoughts = [part for part in answer.parts if isinstance(part, Reasoning)]
    message = shapes.Delta(
        role="assistant",
        content="".join(texts) if texts else None,
        refusal="".join(refusals) if refusals else None,
        reasoning_content="".join(thought.text for thought in thoughts) or None,
        reasoning_details=details_of(thoughts),
        images=[image_of(part) for part in answer.parts if isinstance(part, Media)] or None,
        tool_calls=[
            call_of(part, signature=part.signature) for part in answer.parts if isinstance(part, ToolCall)
        ]
        or None,
    )
    reason = reason_of(answer.stop, refused=bool(refusals))
    choice = shapes.Choice(index=0, message=message, logprobs=None, finish_reason=reason)
    return _encoder.encode(
        shapes.Answer(
            id=answer.id,
            object="chat.completion",
            created=answer.created or created,
            model=answer.model,
            choices=[choice],
            usage=msgspec.UNSET if answer.usage is None else write_usage(answer.usage),
        )
    )


def write_usage(usage: Usage) -> msgspec.Raw:
    """Write usage; a detail that is zero too, since clients look for it."""
    return msgspec.Raw(
        b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":'
        b'{"cached_tokens":%d,"cache_write_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}'
        % (
            usage.input_tokens,
            usage.output_tokens,
            usage.input_tokens + usage.output_tokens,
            usage.cached_tokens,
            usage.cache_write_tokens,
            usage.reasoning_tokens,
        )
    )


# ── errors ──────────────────────────────────────────────────────────────────


class _Error(msgspec.Struct, gc=False):
    """OpenAI puts it into ``error``; Mistral, FastAPI and some more tell it at the top."""

    error: Any = None
    message: Any = None
    detail: Any = None
    code: Any = None
    type: Any = None


_error = msgspec.json.Decoder(_Error)


def read_error(body: bytes) -> ProviderError | None:
    """Read the body of an error, in the words of any compatible host; ``None`` when it is none."""
    try:
        found = _error.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.error is not None:
        return error_of(found.error)
    return error_of({"message": found.message or found.detail, "code": found.code, "type": found.type})


def error_of(error: object) -> ProviderError | None:
    """Read what stands in ``error``; ``None`` when it says nothing."""
    if isinstance(error, str):
        return ProviderError(error) if error else None
    if not isinstance(error, dict):
        return None
    message = error.get("message")
    if not message:
        return None
    if not isinstance(message, str):
        message = msgspec.json.encode(message).decode()  # a list of what is wrong, in FastAPI's words
    words = [word for word in (error.get("code"), error.get("type")) if isinstance(word, str) and word]
    return ProviderError(message, words[0] if words else "")
