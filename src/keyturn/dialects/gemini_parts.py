"""Parts of messages, between Gemini's words and the meeting point's.

Gemini knows no message of a tool: calls and responses are parts, with ids in newer models only. Without one a response
answers the first call of its name that has none yet.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from keyturn.dialects import gemini_shapes as wire, json_scan
from keyturn.dialects.canonical import (
    Loss,
    Media,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.gemini_signature import NO_SIGNATURE, standard, unpack
from keyturn.dialects.media_types import type_of
from keyturn.domain.refusals import Reason, Refused

_DETAILS = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}
_LEVELS = {detail: level for level, detail in _DETAILS.items()}
_NULL = b"null"
_fields = msgspec.json.Decoder(dict[str, Raw])
_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(list[str])


class RefusedPart(Exception):
    """A part that can't be read."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.refused = Refused(Reason.INVALID_MEMBER, message, path)


def text_of(raw: Raw) -> str:
    """Return JSON as text; empty where there is none."""
    found = bytes(raw)
    return "" if not found or found == _NULL else found.decode()


# ── reading ─────────────────────────────────────────────────────────────────


class PartReader:
    """Reads the parts of one conversation, in order.

    Attributes:
        losses: What of them has no place, so far.
    """

    __slots__ = ("_names", "_waiting", "losses")

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self._waiting: list[tuple[str, str]] = []
        self._names: dict[str, str] = {}

    def read(self, content: wire.Content, role: Role, path: str, place: int) -> tuple[Part, ...]:
        """Return what a content holds.

        Args:
            content: It.
            role: Whose it is.
            path: Where it stands.
            place: The same as a number, for the ids of calls that have none.

        Raises:
            RefusedPart: One is wrong.
        """
        parts: list[Part] = []
        for index, part in enumerate(content.parts):
            where = f"{path}.parts[{index}]"
            if part.text is not None and _is_text_alone(part):
                if part.text:
                    parts += _words(part, part.text, where)
                else:
                    _empty(part, role, where, parts)
            else:
                parts += self._other(part, role, where, f"call_{place}_{index}")
        return tuple(parts)

    def _other(self, part: wire.Part, role: Role, path: str, made_id: str) -> Iterable[Part]:
        if _kinds(part) > 1:
            raise RefusedPart(f"'{path}' must hold one kind of data", path)
        medium = part.inline_data or part.file_data
        if part.function_call is not None:
            if role is not Role.ASSISTANT:
                raise RefusedPart("A function is called by the model", f"{path}.functionCall")
            yield self._call(part.function_call, part.thought_signature, path, made_id)
        elif part.function_response is not None:
            if role is Role.ASSISTANT:
                raise RefusedPart("A function's response is not the model's", f"{path}.functionResponse")
            yield self._result(part.function_response, path, made_id)
        elif medium is not None:
            yield from self._seen(part, medium, path)
        elif part.text is not None or part.thought_signature:
            if part.media_resolution is not None:
                self.losses.append(Loss(f"{path}.mediaResolution", "it says nothing of a text"))
            yield from _words(part, part.text or "", path)
        elif not any(loss.path.startswith(f"{path}.") for loss in self.losses):
            raise RefusedPart(f"'{path}' must hold text, inlineData, fileData or a function's", path)

    def _seen(self, part: wire.Part, medium: wire.Blob | wire.FileData, path: str) -> Iterable[Part]:
        if part.thought:
            self.losses.append(Loss(f"{path}.thought", "only words can be thoughts elsewhere"))
        yield self._medium(medium, part.media_resolution, path)
        if part.thought_signature:
            yield Reasoning("", *unpack(standard(part.thought_signature)), path=path)

    def _call(self, call: wire.FunctionCall, signature: str, path: str, made_id: str) -> ToolCall:
        if not call.name:
            raise RefusedPart("A function's call needs its name", f"{path}.functionCall.name")
        one = call.id or made_id
        self._waiting.append((one, call.name))
        self._names[one] = call.name
        if signature == NO_SIGNATURE:
            signature = ""
        return ToolCall(one, call.name, text_of(call.args) or "{}", unpack(standard(signature))[0], path)

    def _result(self, response: wire.FunctionResponse, path: str, made_id: str) -> ToolResult:
        one = response.id
        if not one:
            one = next((waiting for waiting, name in self._waiting if name == response.name), made_id)
        self._waiting = [waiting for waiting in self._waiting if waiting[0] != one]
        parts, failed = _response(text_of(response.response) or "{}", f"{path}.functionResponse.response")
        media = [
            self._medium(medium, None, f"{path}.functionResponse.parts[{index}]")
            for index, inner in enumerate(response.parts)
            if (medium := inner.inline_data or inner.file_data) is not None
        ]
        return ToolResult(one, response.name or self._names.get(one, ""), (*parts, *media), failed, path)

    def _medium(
        self, medium: wire.Blob | wire.FileData, resolution: wire.Resolution | None, path: str
    ) -> Media:
        detail = ""
        if resolution is not None:
            detail = _DETAILS.get(resolution.level.upper(), "")
            if not detail:
                self.losses.append(
                    Loss(f"{path}.mediaResolution", "other dialects know low and high resolution only")
                )
        if isinstance(medium, wire.FileData):
            if not medium.file_uri:
                raise RefusedPart("A file needs its address", f"{path}.fileData.fileUri")
            return Media(medium.mime_type, "", medium.file_uri, medium.display_name, detail, path)
        if not medium.data or not medium.mime_type:
            raise RefusedPart("Inline data needs its media type and its bytes", f"{path}.inlineData")
        return Media(medium.mime_type, standard(medium.data), "", medium.display_name, detail, path)


def _is_text_alone(part: wire.Part) -> bool:
    return (
        part.inline_data is None
        and part.function_call is None
        and part.function_response is None
        and part.file_data is None
        and part.media_resolution is None
    )


def _empty(part: wire.Part, role: Role, path: str, parts: list[Part]) -> None:
    """Take a part without words: a signature of the thought before it, or nothing that a model has said."""
    if part.thought and parts:
        last = parts[-1]
        (proof,) = _words(part, "", path)
        if isinstance(last, Reasoning) and isinstance(proof, Reasoning) and not last.signature:
            parts[-1] = together(last, proof)
            return
    if role is not Role.ASSISTANT or part.thought_signature:
        parts += _words(part, "", path)


def together(before: Reasoning, after: Reasoning) -> Reasoning:
    """Return one thought for two pieces of it, of which the second may be signed."""
    return Reasoning(
        before.text + after.text, after.signature, after.sealed, before.id or after.id, before.path
    )


def joined(before: tuple[Part, ...], after: tuple[Part, ...], *, thought: bool) -> tuple[Part, ...]:
    """Return the parts of one turn that comes as two, because a client keeps every piece of a stream as it came.

    Args:
        before: Those of the first.
        after: Those of the second.
        thought: The second begins with a thought, be it without words.
    """
    if not before or not after:
        return before + after
    last, first = before[-1], after[0]
    if isinstance(last, Text) and isinstance(first, Text):
        return (*before[:-1], Text(last.text + first.text, last.path), *after[1:])
    if thought and isinstance(last, Reasoning) and isinstance(first, Reasoning) and not last.signature:
        return (*before[:-1], together(last, first), *after[1:])
    return before + after


def _kinds(part: wire.Part) -> int:
    """Return how many kinds of data a part holds."""
    held = (part.text, part.inline_data, part.file_data, part.function_call, part.function_response)
    return 5 - held.count(None)


def _words(part: wire.Part, text: str, path: str) -> Iterable[Part]:
    """Yield a text or a thought; a text's signature stands behind it, as a thought without words."""
    if not part.thought_signature:
        return (Reasoning(text, path=path) if part.thought else Text(text, path),)
    proof = Reasoning(text if part.thought else "", *unpack(standard(part.thought_signature)), path=path)
    return (proof,) if part.thought or not text else (Text(text, path), proof)


def _response(text: str, path: str) -> tuple[tuple[Text, ...], bool]:
    """Return a function's response as texts, and whether it failed; the two members that Gemini knows are opened."""
    try:
        fields = _fields.decode(text)
    except msgspec.ValidationError:
        raise RefusedPart(f"'{path}' must be an object", path) from None
    if not fields:
        return (), False
    failed = "error" in fields
    inner = _opened(fields)
    if inner is None:
        return (Text(text, path),), False
    return tuple(Text(one, path) for one in inner), failed


def _opened(fields: dict[str, Raw]) -> list[str] | None:
    """Return the texts in a response that was written by ``response_of``, or could have been."""
    raw = fields.get("output", fields.get("error")) if len(fields) == 1 else None
    if raw is None:
        return None
    try:
        if bytes(raw).startswith(b'"'):
            return [_text.decode(raw)]
        found = _texts.decode(raw)
    except msgspec.DecodeError:
        return None
    return found if len(found) > 1 else None


# ── writing ─────────────────────────────────────────────────────────────────


def arguments_of(call: ToolCall) -> Raw | None:
    """Return the arguments as an object; ``None`` when they are none."""
    text = call.arguments.encode()
    if not text or text == b"{}":
        return Raw(b"{}")
    return None if isinstance(json_scan.members(text), Refused) else Raw(text)


def response_of(result: ToolResult) -> wire.FunctionResponse:
    """Return a tool's result as a function's response: the object it is, or its texts in ``output`` or ``error``."""
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    media = [
        wire.ResponsePart(inline_data=written.inline_data, file_data=written.file_data)
        for part in result.parts
        if isinstance(part, Media)
        for written in (medium_of(part),)
    ]
    return wire.FunctionResponse(result.call_id, result.name, _object(texts, failed=result.failed), media)


def _object(texts: list[str], *, failed: bool) -> Raw:
    if not texts and not failed:
        return Raw(b"{}")
    if len(texts) == 1 and not failed and texts[0].startswith("{"):
        text = texts[0].encode()
        fields = json_scan.members(text)
        if not isinstance(fields, Refused) and fields and _opened(fields) is None:
            return Raw(text)
    told = texts[0] if len(texts) == 1 else texts or ""
    return Raw(msgspec.json.encode({"error" if failed else "output": told}))


def medium_of(part: Media) -> wire.Part:
    """Return a medium; the file's name has no place (Gemini takes it on Vertex AI only) and says nothing to the model."""
    resolution = wire.Resolution(_LEVELS[part.detail]) if part.detail in _LEVELS else None
    if part.url:
        # Older models ask for the type.
        file = wire.FileData(part.mime_type or type_of(part.url), part.url)
        return wire.Part(file_data=file, media_resolution=resolution)
    return wire.Part(inline_data=wire.Blob(part.mime_type, part.data), media_resolution=resolution)
