"""Answers of Gemini's dialect, whole; and the pieces that its streams are made of, which have the same form.

Source: https://ai.google.dev/api/generate-content#GenerateContentResponse.
"""

import msgspec
from msgspec import Raw, Struct

from keyturn.dialects import gemini_errors
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
from keyturn.dialects.gemini_parts import arguments_of, text_of
from keyturn.dialects.gemini_signature import pack, unpack
from keyturn.dialects.gemini_usage import UsageMetadata, metadata_of, usage_of


class InlineData(Struct, rename="camel", omit_defaults=True, gc=False):
    """A medium the model has made."""

    mime_type: str = ""
    data: str = ""


class FileData(Struct, rename="camel", omit_defaults=True, gc=False):
    """A medium by its address."""

    mime_type: str = ""
    file_uri: str = ""


class FunctionCall(Struct, rename="camel", omit_defaults=True, gc=False):
    """A call the model wants."""

    id: str = ""
    name: str = ""
    args: Raw = Raw()


class AnswerPart(Struct, rename="camel", omit_defaults=True, gc=False):
    """What the model says. Code it has run, and what that gave, come only to those who asked for it, in this dialect."""

    text: str | None = None
    thought: bool = False
    thought_signature: str = ""
    inline_data: InlineData | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None


class AnswerContent(Struct, omit_defaults=True, gc=False):
    """The model's turn."""

    parts: list[AnswerPart] = []
    role: str = ""


class Candidate(Struct, rename="camel", omit_defaults=True, gc=False):
    """One answer, or what is new of it."""

    content: AnswerContent | None = None
    finish_reason: str = ""
    finish_message: str = ""
    index: int | None = None


class PromptFeedback(Struct, rename="camel", gc=False):
    """What the provider's filter thinks of the question."""

    block_reason: str = ""
    block_reason_message: str = ""


class Status(Struct, gc=False):
    """``google.rpc.Status``."""

    code: int = 0
    message: str = ""
    status: str = ""


class Response(Struct, rename="camel", omit_defaults=True, gc=False):
    """A whole answer, or one piece of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str = ""
    response_id: str = ""
    error: Status | None = None


class _Failed(Struct):
    error: Status


_response = msgspec.json.Decoder(Response)
_failed = msgspec.json.Decoder(_Failed | list[_Failed])
_encoder = msgspec.json.Encoder()

_STOPS = {"STOP": Stop.END, "MAX_TOKENS": Stop.LENGTH}
"""Whatever else there is (SAFETY, RECITATION, MALFORMED_FUNCTION_CALL, …) has cut the answer off."""
_REASONS = {
    Stop.END: "STOP",
    Stop.LENGTH: "MAX_TOKENS",
    Stop.TOOLS: "STOP",
    Stop.SEQUENCE: "STOP",
    Stop.FILTERED: "SAFETY",
    Stop.REFUSED: "SAFETY",
    Stop.PAUSED: "OTHER",
}
_MESSAGES = {Stop.PAUSED: "The turn is not over: send it back, and the model goes on"}


def stop_of(reason: str, *, called: bool) -> Stop:
    """Return why the answer is over; Gemini doesn't say that it waits for tools."""
    stop = _STOPS.get(reason, Stop.FILTERED)
    return Stop.TOOLS if called and stop is Stop.END else stop


def ending_of(stop: Stop) -> Candidate:
    """Return the candidate that says why the answer is over, without its content."""
    return Candidate(finish_reason=_REASONS[stop], finish_message=_MESSAGES.get(stop, ""), index=0)


def malformed(call: ToolCall) -> Candidate:
    """Return the ending for a call whose arguments are no object, which Gemini has a reason for."""
    return Candidate(
        finish_reason="MALFORMED_FUNCTION_CALL",
        finish_message=f"Malformed function call: {call.name}({call.arguments})",
        index=0,
    )


def call_id(response_id: str, index: int) -> str:
    """Return an id for the ``index``-th call of an answer, from a model that gives none; no two answers share one."""
    return f"call_{response_id or 0}_{index}"


# ── whole ───────────────────────────────────────────────────────────────────


def read_answer(body: bytes) -> Answer | None:
    """Read an answer; of several candidates the first. ``None``: it is none of this dialect."""
    try:
        found = _response.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.candidates is None and found.prompt_feedback is None and found.usage_metadata is None:
        return None
    parts: list[Part] = []
    stop = Stop.END
    if found.candidates:
        first = found.candidates[0]
        if first.content is not None:
            parts = _parts(first.content.parts, found.response_id)
        called = any(isinstance(part, ToolCall) for part in parts)
        stop = stop_of(first.finish_reason or "STOP", called=called)
    elif found.prompt_feedback is not None and found.prompt_feedback.block_reason:
        stop = Stop.FILTERED
        if found.prompt_feedback.block_reason_message:
            parts = [Refusal(found.prompt_feedback.block_reason_message)]
    return Answer(
        id=found.response_id,
        model=found.model_version,
        parts=tuple(parts),
        stop=stop,
        usage=usage_of(found.usage_metadata),
    )


def _parts(found: list[AnswerPart], response_id: str) -> list[Part]:
    parts: list[Part] = []
    calls = 0
    for part in found:
        signature = part.thought_signature
        if part.function_call is not None:
            parts.append(read_call(part.function_call, signature, response_id, calls))
            calls += 1
            continue
        if part.thought:
            if part.text or signature:
                parts.append(Reasoning(part.text or "", *unpack(signature)))
            continue
        if part.text:
            parts.append(Text(part.text))
        medium = medium_of(part)
        if medium is not None:
            parts.append(medium)
        if signature:
            parts.append(Reasoning("", *unpack(signature)))
    return parts


def medium_of(part: AnswerPart) -> Media | None:
    """Return the medium that the part is, if it is one."""
    if part.inline_data is not None:
        return Media(part.inline_data.mime_type, part.inline_data.data)
    if part.file_data is not None:
        return Media(part.file_data.mime_type, url=part.file_data.file_uri)
    return None


def read_call(call: FunctionCall, signature: str, response_id: str, index: int) -> ToolCall:
    """Return a call; ``index`` counts the answer's calls."""
    one = call.id or call_id(response_id, index)
    return ToolCall(one, call.name, text_of(call.args) or "{}", unpack(signature)[0])


def write_answer(answer: Answer, *, created: int) -> bytes:  # noqa: ARG001 -- the dialect has no place for it
    """Write an answer."""
    ending = ending_of(answer.stop)
    parts = []
    for part in answer.parts:
        written = write_part(part)
        if written is not None:
            parts.append(written)
        elif isinstance(part, ToolCall):
            ending = malformed(part)
    ending.content = AnswerContent(parts, "model")
    response = Response(
        candidates=[ending],
        usage_metadata=metadata_of(answer.usage) if answer.usage is not None else None,
        model_version=answer.model,
        response_id=answer.id,
    )
    return _encoder.encode(response)


def write_part(part: Part) -> AnswerPart | None:
    """Return a part as the model says it; ``None``: it can't be said (a call whose arguments are no object)."""
    if isinstance(part, Text | Refusal):
        return AnswerPart(text=part.text)
    if isinstance(part, Reasoning):
        # Without words it is no thought that a client could show, but a signature to hand back.
        signature = pack(part.signature, part.sealed, part.id)
        return AnswerPart(part.text, bool(part.text), signature) if part.text or signature else None
    if isinstance(part, ToolCall):
        arguments = arguments_of(part)
        if arguments is None:
            return None
        call = FunctionCall(part.id, part.name, arguments)
        return AnswerPart(thought_signature=pack(part.signature), function_call=call)
    if isinstance(part, Media):
        return write_medium(part)
    raise TypeError("an answer has no results of tools")


def write_medium(medium: Media) -> AnswerPart:
    """Return a medium that the model has made."""
    if medium.url:
        return AnswerPart(file_data=FileData(medium.mime_type, medium.url))
    return AnswerPart(inline_data=InlineData(medium.mime_type, medium.data))


# ── errors ──────────────────────────────────────────────────────────────────


def read_error(body: bytes) -> ProviderError | None:
    """Read a provider's error; its streams put it into a list."""
    try:
        found = _failed.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(found, list):
        if not found:
            return None
        found = found[0]
    return ProviderError(found.error.message, found.error.status)


def write_error(status: int, error: ProviderError, request_id: str) -> bytes:  # noqa: ARG001 -- has no place in the body
    """Write an error; its status is named as Google names it."""
    name = gemini_errors.NAMES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return _encoder.encode({"error": {"code": status, "message": error.message, "status": name}})
