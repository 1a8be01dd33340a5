"""Images: made, edited and varied."""

import base64
import struct
import zlib

import pytest

from keyturn.demo import pictures
from keyturn.demo.replies import Served
from openai_schema import problems
from support.demo_answers import events, form, post, send, value

GENERATIONS, EDITS, VARIATIONS = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"


def pixels_of(png: bytes) -> tuple[int, int]:
    """Read a PNG, check its sums and its length, and return how many pixels it has."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks = {}
    at = 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    width, height, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert list(chunks)[-1] == b"IEND"
    assert (depth, colours, len(chunks[b"PLTE"])) == (8, 3, 768)
    assert len(zlib.decompress(chunks[b"IDAT"])) == (width + 1) * height
    return width, height


def test_an_image_is_a_png_of_the_size_that_was_asked_for() -> None:
    """A browser shows it; the same words are the same picture."""
    answer = value(post(GENERATIONS, model="demo-image", prompt="a red cat", size="40x50", n=2))

    made = [base64.b64decode(one["b64_json"]) for one in answer["data"]]
    assert [pixels_of(png) for png in made] == [(40, 50), (40, 50)]
    assert made[0] != made[1]
    assert made[0] == pictures.png("a red cat#0", 40, 50)
    assert problems(answer | {"size": "1024x1024"}, "ImagesResponse") == []
    assert answer["usage"]["input_tokens"] == 3


@pytest.mark.parametrize("size", [None, "auto"])
def test_an_image_has_a_size_of_its_own(size: str | None) -> None:
    """Most clients do not say one."""
    answer = value(post(GENERATIONS, prompt="a cat", response_format="url", size=size))

    kind, _, data = answer["data"][0]["url"].partition(",")
    assert kind == "data:image/png;base64"
    assert pixels_of(base64.b64decode(data)) == (1024, 1024)
    assert problems(answer, "ImagesResponse") == []


def test_an_edit_reads_images_and_words_from_a_form() -> None:
    """Several images come as ``image[]``."""
    body = form(
        ("image[]", b"1"),
        ("image[]", b"2"),
        ("mask", b"3"),
        prompt="blue",
        n="2",
        size="8x8",
        model="demo-image",
    )

    edited = send(EDITS, body)
    varied = send(VARIATIONS, form(("image", b"1"), size="8x8"))

    assert len(value(edited)["data"]) == 2
    assert value(edited)["usage"]["input_tokens_details"] == {"text_tokens": 1, "image_tokens": 3 * 85}
    assert value(varied)["usage"]["input_tokens"] == 85
    assert edited.served == Served(
        model="demo-image", input_tokens=256, output_tokens=544, streamed=False, status=200, images=2
    )


def test_images_stream_when_they_are_asked_to() -> None:
    """One event each, the last with the end of the stream."""
    made = events(post(GENERATIONS, prompt="a cat", size="8x8", n=2, stream=True))
    edited = events(send(EDITS, form(("image", b"1"), prompt="x", size="8x8", stream="true")))

    assert [event["type"] for event in made] == ["image_generation.completed"] * 2
    assert [event["type"] for event in edited] == ["image_edit.completed"]
    assert pixels_of(base64.b64decode(made[1]["b64_json"])) == (8, 8)
    assert made[1]["usage"]["output_tokens"] == 544
