"""What a request for images, speech or a transcript will use at most, before a provider says what it did use.

Tokens are reserved beside what is asked for, because some of these models are priced by token and some by the piece;
the figures are what they come to at most, roughly, or a little more. Sources: OpenAI's guides "Image generation" (tokens by
quality and size), "Images and vision" (tokens of input images) and "Speech to text".
"""

from collections.abc import Sequence

import msgspec

from keyturn.dialects.json_scan import Members
from keyturn.domain.usage import NOTHING, Usage, tokens_in

IMAGES = frozenset({"images", "image_edits", "image_variations"})
TRANSCRIPTS = frozenset({"transcriptions", "translations"})
SPEECH, MODERATIONS = "speech", "moderations"
OPERATIONS = IMAGES | TRANSCRIPTS | {SPEECH, MODERATIONS}
"""Those that are not counted in tokens only, or not at all."""

TOKENS_BY_QUALITY = {"low": 408, "medium": 1_584}
"""Of an image, at its largest ordinary size."""
TOKENS_OF_IMAGE = 6_240
"""Of any other quality."""
ORDINARY_PIXELS = 1_024 * 1_536
MOST_SIDE = 10_000
TOKENS_OF_INPUT_IMAGE = 6_500
"""Of one that is read with high fidelity."""
TOKENS_HEARD, TOKENS_WRITTEN = 10, 5
"""A second of a recording, and of its transcript."""
MOST_CHARACTERS = 10**9

_string = msgspec.json.Decoder(str)
_items = msgspec.json.Decoder(list[msgspec.Raw])


def _text(found: Members, name: str) -> str:
    raw = found.get(name)
    if raw is None:
        return ""
    try:
        return _string.decode(raw)
    except msgspec.DecodeError:
        return ""  # the provider's to refuse


def of_images(found: Members, *, answers: int, text: int, pictures: int) -> Usage:
    """Return what a request for images uses.

    Args:
        found: Its members.
        answers: How many images it asks for.
        text: Bytes of what is written in it.
        pictures: How many images come with it.
    """
    each = TOKENS_BY_QUALITY.get(_text(found, "quality"), TOKENS_OF_IMAGE)
    width, _, height = _text(found, "size").partition("x")
    if width.isdecimal() and height.isdecimal():
        sides = (min(int(one[:6]), MOST_SIDE) for one in (width, height))
        pixels = next(sides) * next(sides)
        each = max(each, -(-each * pixels // ORDINARY_PIXELS))
    read = tokens_in(text) + pictures * TOKENS_OF_INPUT_IMAGE
    return Usage(read, each * answers, images=answers)


def of_image_document(found: Members, *, answers: int) -> Usage:
    """Return what a request for images uses that is a JSON object, perhaps with images in it."""
    pictures = 0
    text = 0
    for name, raw in found.items():
        if name == "images":
            try:
                pictures += len(_items.decode(raw))
            except msgspec.DecodeError:
                pictures += 1
        elif name in {"image", "mask"}:
            pictures += 1
        else:
            text += len(raw)
    return of_images(found, answers=answers, text=text, pictures=pictures)


def of_speech(found: Members) -> Usage:
    """Return what a request to speak a text uses."""
    spoken = _text(found, "input")
    written = len(spoken.encode()) + len(_text(found, "instructions").encode())
    return Usage(tokens_in(written), -(-3 * len(spoken) // 2), characters=len(spoken))


def of_recordings(durations_ms: Sequence[int], *, text: int) -> Usage:
    """Return what a request for a transcript uses.

    Args:
        durations_ms: Of the recordings that come with it.
        text: Bytes of what is written in it.
    """
    heard_ms = sum(durations_ms)
    seconds = -(-heard_ms // 1000)
    return Usage(tokens_in(text) + TOKENS_HEARD * seconds, TOKENS_WRITTEN * seconds, audio_ms=heard_ms)


def of_document(operation: str, found: Members, *, answers: int) -> Usage | None:
    """Return what a request uses that is a JSON object; ``None``: it is counted in tokens, as any other.

    Args:
        operation: A name of ``gateway.paths``.
        found: Its members.
        answers: How many it asks for.
    """
    if operation == SPEECH:
        return of_speech(found)
    if operation in IMAGES:
        return of_image_document(found, answers=answers)
    if operation == MODERATIONS:
        return NOTHING
    return of_recordings((), text=sum(map(len, found.values()))) if operation in TRANSCRIPTS else None
