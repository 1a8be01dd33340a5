"""What answers with images, speech and transcripts say that they used, plain and streamed.

Sources: ``ImagesResponse``, ``ImageGenCompletedEvent``, ``ImageEditCompletedEvent``, ``SpeechAudioDoneEvent``,
``TranscriptTextUsageTokens``, ``TranscriptTextUsageDuration`` and ``CreateTranscriptionResponseVerboseJson`` of the
OpenAI API description.
"""

import math
import re
from typing import Annotated

import msgspec

from keyturn.dialects import openai_usage
from keyturn.dialects.media_requests import IMAGES, SPEECH, TRANSCRIPTS
from keyturn.domain.usage import NOTHING, Usage

MOST_SECONDS = 10**6
"""Ten days and more: a number beyond is nonsense."""

_COMPLETED = frozenset({"image_generation.completed", "image_edit.completed"})
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=MOST_SECONDS)]


class _Images(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    svg_usage: msgspec.Raw = msgspec.Raw(b"null")


class _Event(msgspec.Struct):
    type: str = ""
    usage: msgspec.Raw = msgspec.Raw(b"null")


class _Transcript(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw(b"null")
    duration: _Seconds | None = None


class _Duration(msgspec.Struct):
    seconds: _Seconds


_images = msgspec.json.Decoder(_Images)
_event = msgspec.json.Decoder(_Event)
_transcript = msgspec.json.Decoder(_Transcript, strict=False)
_duration = msgspec.json.Decoder(_Duration)
_OBJECT = re.compile(rb'"usage"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')
_LENGTH = re.compile(rb'"duration"\s*:\s*"?([0-9]{1,7}(?:\.[0-9]{1,20})?)')


def of_answer(operation: str, body: bytes) -> Usage | None:
    """Read a whole answer, or the outline of one (``dialects.outline``); ``None``: it doesn't say.

    Args:
        operation: One of ``media_requests.OPERATIONS``.
        body: What is left of the answer.
    """
    if operation in IMAGES:
        return _of_images(body) if body.lstrip()[:1] == b"{" else _of_image_events(body)
    if operation in TRANSCRIPTS:
        return _of_transcript(body)
    return None if operation == SPEECH else NOTHING


def of_stream(operation: str, head: bytes, tail: bytes, outline: bytes) -> Usage | None:
    """Read a stream, or a large answer.

    Args:
        operation: One of ``media_requests.OPERATIONS``.
        head: Its first bytes.
        tail: Its last.
        outline: What there is besides long strings.
    """
    if operation in IMAGES:
        return of_answer(operation, outline)
    if operation == SPEECH:
        return openai_usage.from_tail(tail)
    if operation not in TRANSCRIPTS:
        return NOTHING
    for match in reversed(list(_OBJECT.finditer(tail))):
        found = _of_usage(match[1])
        if found is not None:
            return found
    length = _LENGTH.search(head)
    return None if length is None else Usage(audio_ms=_ms(float(length[1])))


def _ms(seconds: float) -> int:
    return math.ceil(round(seconds * 1000, 3))


def _of_images(body: bytes) -> Usage | None:
    try:
        found = _images.decode(body)
    except _UNREADABLE:
        return None
    if found.data is None:
        return None
    images = len(found.data)
    # Who writes vector graphics before they are drawn is another model; its tokens must not be given away.
    said = [openai_usage.from_object(bytes(one)) or NOTHING for one in (found.usage, found.svg_usage)]
    return _sum(said, images)


def _of_image_events(text: bytes) -> Usage | None:
    """Read a stream of events: each image has one that completes it, with what it used."""
    images, said = 0, [NOTHING]
    for line in text.splitlines():
        if line.startswith(b"data:"):
            try:
                found = _event.decode(line[5:])
            except _UNREADABLE:
                continue
            if found.type in _COMPLETED:
                images += 1
                said.append(openai_usage.from_object(bytes(found.usage)) or NOTHING)
    return _sum(said, images) if images else None


def _sum(said: list[Usage], images: int) -> Usage:
    return Usage(
        sum(one.input_tokens for one in said),
        sum(one.output_tokens for one in said),
        sum(one.cached_tokens for one in said),
        sum(one.reasoning_tokens for one in said),
        sum(one.cache_write_tokens for one in said),
        images=images,
    )


def _of_transcript(body: bytes) -> Usage | None:
    try:
        found = _transcript.decode(body)
    except _UNREADABLE:
        return None
    said = _of_usage(bytes(found.usage))
    if said is not None or found.duration is None:
        return said
    return Usage(audio_ms=_ms(found.duration))


def _of_usage(raw: bytes) -> Usage | None:
    tokens = openai_usage.from_object(raw)
    if tokens is not None:
        return tokens
    try:
        return Usage(audio_ms=_ms(_duration.decode(raw).seconds))
    except _UNREADABLE:
        return None
