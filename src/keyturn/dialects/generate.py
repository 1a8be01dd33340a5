"""The native route ``/v1/generate``: a prompt in, a text out; carried by the chat dialect."""

import msgspec

from keyturn.dialects import envelope
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused

_string = msgspec.json.Decoder(str)


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class _Answer(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None


class _Error(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None


class _Failed(msgspec.Struct):
    error: _Error


_answer = msgspec.json.Decoder(_Answer)
_failed = msgspec.json.Decoder(_Failed)


def to_chat(found: Members) -> bytes | Refused:
    """Return the chat request that a native one stands for; other members (``max_tokens``, …) are carried along."""
    raw = found.get("prompt")
    if raw is None:
        return Refused(Reason.INVALID_MEMBER, "You must provide a prompt", "prompt")
    try:
        prompt = _string.decode(raw)
    except msgspec.DecodeError:
        return Refused(Reason.INVALID_MEMBER, "'prompt' must be a string", "prompt")
    if "stream" in found and bytes(found["stream"]) not in {b"false", b"null"}:
        return Refused(
            Reason.INVALID_MEMBER, "/v1/generate answers at once; stream with /v1/chat/completions", "stream"
        )
    if "messages" in found:
        return Refused(
            Reason.INVALID_MEMBER, "Send 'prompt' here; 'messages' go to /v1/chat/completions", "messages"
        )
    rest = {name: value for name, value in found.items() if name not in {"prompt", "stream"}}
    return msgspec.json.encode({**rest, "messages": [{"role": "user", "content": prompt}]})


def from_chat(body: bytes, request_id: str) -> bytes | None:
    """Return the native answer for a chat answer; ``None`` when it can't be read as one."""
    try:
        found = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not found.choices:
        return None
    choice, usage = found.choices[0], found.usage
    answer: dict[str, object] = {
        "success": True,
        "id": request_id,
        "model": found.model,
        "text": choice.message.content or "",
        "finish_reason": choice.finish_reason,
    }
    if usage is not None:
        answer["usage"] = {
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        }
    return msgspec.json.encode(answer)


def from_error(body: bytes) -> bytes:
    """Return an upstream's error in the native envelope, keeping its message."""
    try:
        error = _failed.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return envelope.render(
            Refused(Reason.UPSTREAM_MALFORMED, "The model's provider answered with an error")
        )
    code = str(error.code or error.type or "upstream_error").upper()
    return msgspec.json.encode(
        {"success": False, "error": {"code": code, "message": error.message, "details": {}}}
    )
