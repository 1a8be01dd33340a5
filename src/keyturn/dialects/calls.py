"""What the gateway reads of a request: the model, whether to stream, how much may come back."""

from collections.abc import Sequence

import msgspec

from keyturn.dialects import media_requests
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage

MOST_OUTPUT_TOKENS = 10**9
MOST_ANSWERS = 1_000
_CHAT_CAPS = ("max_completion_tokens", "max_tokens")
_CAPS = {
    "chat": _CHAT_CAPS,
    "generate": _CHAT_CAPS,
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
"""By operation, what a provider goes by: it passes over a member of another one, and so must what is reserved."""
_items = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)
_integer: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)


class _Settings(msgspec.Struct):
    camel: int | None = msgspec.field(default=None, name="maxOutputTokens")
    snake: int | None = msgspec.field(default=None, name="max_output_tokens")
    answers: int | None = msgspec.field(default=None, name="candidateCount")
    snake_answers: int | None = msgspec.field(default=None, name="candidate_count")


_settings = msgspec.json.Decoder(_Settings, strict=False)
"""Google takes numbers in quotes, too."""


class Call(msgspec.Struct, frozen=True):
    """The facts of one request body.

    Attributes:
        model: The name the client uses.
        stream: Whether the answer comes in pieces.
        output_cap: The most tokens of one answer; ``None``: the request does not say.
        answers: How many answers it asks for.
        expected: What it will use at most, where that is not text only; ``None``: it is.
    """

    model: str
    stream: bool
    output_cap: int | None
    answers: int = 1
    expected: Usage | None = None


def read(found: Members, operation: str, model: str = "") -> Call | Refused:
    """Read the members the gateway acts on.

    Args:
        found: The body's top-level members.
        operation: What is asked for, as ``gateway.paths`` calls it.
        model: The model named by the path, where the path names one; the body may then leave it out or agree.
    """
    raw = found.get("model")
    if raw is None:
        if not model:
            return Refused(Reason.INVALID_MEMBER, "You must provide a model parameter", "model")
        named = model
    else:
        try:
            named = _string.decode(raw)
        except msgspec.DecodeError:
            return Refused(Reason.INVALID_MEMBER, "'model' must be a string", "model")
    if model and named != model:
        return Refused(
            Reason.INVALID_MEMBER, f"'model' must be '{model}', as in the path, or left out", "model"
        )
    if not named:
        return Refused(Reason.INVALID_MEMBER, "You must provide a model parameter", "model")
    raw = found.get("stream")
    stream = False
    if raw is not None:
        text = bytes(raw)
        stream = text == b"true"
        if not stream and text not in {b"false", b"null"}:
            return Refused(Reason.INVALID_MEMBER, "'stream' must be true or false", "stream")
    cap = _cap(found, _CAPS.get(operation, ()))
    if isinstance(cap, Refused):
        return cap
    answers = _answers(found)
    if operation not in media_requests.OPERATIONS:
        return Call(named, stream, cap, answers)
    expected = media_requests.of_document(operation, found, answers=answers)
    return Call(named, stream, cap, answers, expected)


def read_gemini(found: Members, model: str, *, stream: bool) -> Call | Refused:
    """Read the same of a request whose path names the model and says whether to stream."""
    raw, snake = found.get("generationConfig"), found.get("generation_config")
    if raw is None:
        if snake is None:
            return Call(model, stream, None)
        raw = snake
    elif snake is not None:  # which of them the provider goes by, it alone knows
        message = "The request body has the member 'generationConfig' twice"
        return Refused(Reason.DUPLICATE_MEMBER, message, "generation_config")
    try:
        settings = _settings.decode(raw)
    except msgspec.DecodeError:
        message = "'generationConfig' must be an object, and its 'maxOutputTokens' an integer"
        return Refused(Reason.INVALID_MEMBER, message, "generationConfig")
    caps = [cap for cap in (settings.camel, settings.snake) if cap is not None]
    if any(cap < 0 for cap in caps):
        message = "'maxOutputTokens' must not be negative"
        return Refused(Reason.INVALID_MEMBER, message, "generationConfig.maxOutputTokens")
    answers = max(1, min(max(settings.answers or 1, settings.snake_answers or 1), MOST_ANSWERS))
    return Call(model, stream, min(max(caps), MOST_OUTPUT_TOKENS) if caps else None, answers)


def _answers(found: Members) -> int:
    """Return how many answers are asked for; what makes no sense is the provider's to refuse."""
    answers = 1
    for name in ("n", "best_of"):
        raw = found.get(name)
        if raw is not None and bytes(raw).isdigit():
            answers = max(answers, min(int(bytes(raw)[:9]), MOST_ANSWERS))
    prompt = found.get("prompt")
    if prompt is not None and bytes(prompt)[:1] == b"[":
        try:
            prompts = _items.decode(prompt)
        except msgspec.DecodeError:
            return answers
        if prompts and bytes(prompts[0])[:1] in {b'"', b"["}:
            answers *= len(prompts)
    return answers


def _cap(found: Members, names: Sequence[str]) -> int | Refused | None:
    """Return the largest that is named: which of two a provider goes by, it alone knows."""
    largest = None
    for name in names:
        raw = found.get(name)
        if raw is None:
            continue
        try:
            value = _integer.decode(raw)
        except msgspec.DecodeError:
            return Refused(Reason.INVALID_MEMBER, f"'{name}' must be an integer", name)
        if value is not None:
            if value < 0:
                return Refused(Reason.INVALID_MEMBER, f"'{name}' must not be negative", name)
            largest = max(largest or 0, min(value, MOST_OUTPUT_TOKENS))
    return largest
