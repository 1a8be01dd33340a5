"""What answers with images, speech and transcripts say that they used."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects import media_usage
from keyturn.domain.usage import NOTHING, Usage

USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40, "cached_tokens": 20},
    "output_tokens": 272,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
    "total_tokens": 322,
}
SVG = {"model": "m", "input_tokens": 5, "output_tokens": 7, "reasoning_tokens": 3, "total_tokens": 12}


def encoded(**members: Any) -> bytes:
    """Return a document."""
    return msgspec.json.encode(members)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (encoded(created=1, data=[{"url": "u"}, {"url": "v"}]), Usage(images=2)),
        (b" \n" + encoded(data=[{}], usage=USAGE), Usage(50, 272, 20, images=1)),
        (encoded(data=[{}], usage=USAGE, svg_usage=SVG), Usage(55, 279, 20, images=1)),
        (encoded(data=[{}], usage=None), Usage(images=1)),
        (encoded(data=[{}], usage="much"), Usage(images=1)),
        (encoded(data=[]), Usage()),
        (encoded(data=None), None),
        (encoded(data=5), None),
        (encoded(error={}), None),
        (b'{"data":[', None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_images_are_those_in_the_answer(body: bytes, usage: Usage | None) -> None:
    """With the tokens they took, where those are told."""
    for operation in ("images", "image_edits", "image_variations"):
        assert media_usage.of_answer(operation, body) == usage
        assert media_usage.of_stream(operation, b"", b"", body) == usage


def test_each_event_that_completes_an_image_is_one() -> None:
    """Partial ones and keep-alives are none."""
    usage = encoded(**USAGE).decode()
    events = (
        'event: x\r\ndata: {"type":"image_generation.partial_image","usage":{"input_tokens":9}}\r\n\r\n'
        f'data: {{"type":"image_generation.completed","usage":{usage}}}\n\n'
        f'data: {{"type":"image_edit.completed","usage":{usage}}}\n\n'
        'data: {"type":"image_edit.completed"}\n\n: nothing\n\ndata: [DONE]\n\n'
    ).encode()

    assert media_usage.of_answer("images", events) == Usage(100, 544, 40, images=3)
    assert media_usage.of_answer("images", events[:80]) is None


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (encoded(text="x", usage={"type": "tokens", "input_tokens": 14, "output_tokens": 4}), Usage(14, 4)),
        (encoded(text="x", usage={"type": "duration", "seconds": 8.4701}), Usage(audio_ms=8_471)),
        (encoded(text="x", duration=3.03), Usage(audio_ms=3_030)),
        (encoded(text="x", duration="3.5"), Usage(audio_ms=3_500)),
        (encoded(text="x", duration=9.9, usage={"type": "duration", "seconds": 10}), Usage(audio_ms=10_000)),
        (encoded(text="x"), None),
        (encoded(text="x", usage={"seconds": -1}), None),
        (encoded(text="x", usage={"seconds": 1e300}), None),
        (encoded(text="x", duration="long"), None),
        (b"1\n00:00:00,000 --> 00:00:02,000\nhi\n", None),
        (b"\xff", None),
    ],
)
def test_a_transcript_says_how_long_or_how_many_tokens(body: bytes, usage: Usage | None) -> None:
    """Whichever its model is paid by."""
    assert media_usage.of_answer("transcriptions", body) == usage
    assert media_usage.of_answer("translations", body) == usage


@pytest.mark.parametrize(
    ("head", "tail", "usage"),
    [
        (b"", b'data: {"usage":{"type":"tokens","input_tokens":1,"output_tokens":2}}', Usage(1, 2)),
        (b'{"duration":9', b'x,"usage": {"type":"duration","seconds":9}}', Usage(audio_ms=9_000)),
        (b'{"duration" : 8.5,', b'"usage":{}', Usage(audio_ms=8_500)),
        (b'{"duration":"8.5"', b"", Usage(audio_ms=8_500)),
        (b"", b"", None),
    ],
)
def test_a_long_transcript_says_it_at_one_of_its_ends(head: bytes, tail: bytes, usage: Usage | None) -> None:
    """It is not kept."""
    assert media_usage.of_stream("transcriptions", head, tail, b"") == usage


def test_speech_says_it_in_its_last_event_and_moderations_use_nothing() -> None:
    """Sound as it is says nothing."""
    tail = b'data: {"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101}}\n\n'

    assert media_usage.of_stream("speech", b"", tail, b"") == Usage(14, 101)
    assert media_usage.of_stream("speech", b"", b"ID3", b"") is None
    assert media_usage.of_answer("speech", b"ID3") is None
    assert media_usage.of_answer("moderations", b"{}") == NOTHING
    assert media_usage.of_stream("moderations", b"", b"", b"") == NOTHING
