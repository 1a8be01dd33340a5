"""What requests and answers of chat completions share."""

import pytest

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import Media, Reasoning
from keyturn.dialects.openai_chat_parts import (
    arguments_of,
    data_url,
    details_of,
    images_of,
    reasoning_of,
    signature_of,
    signed,
    sound_format,
    sound_type,
    type_of_file,
)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (None, "{}"),
        ("", "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ({}, "{}"),
        ({"a": [1]}, '{"a":[1]}'),
        ("{brok", "{brok"),
    ],
)
def test_arguments_are_json_as_the_model_wrote_it(
    arguments: str | dict[str, object] | None, text: str
) -> None:
    """Some hosts give an object; none at all is an empty one."""
    assert arguments_of(shapes.Function(arguments=arguments)) == text


def test_media_are_written_as_the_address_they_have() -> None:
    """At hand or elsewhere."""
    assert data_url(Media("image/png", "AAAA")) == "data:image/png;base64,AAAA"
    assert data_url(Media("", url="https://example.com/a.png")) == "https://example.com/a.png"


def test_sounds_keep_their_format() -> None:
    """The dialect names it in a word."""
    assert [sound_type(word) for word in ("wav", "mp3", "flac")] == ["audio/wav", "audio/mpeg", "audio/flac"]
    assert [sound_format(kind) for kind in ("audio/wav", "audio/mpeg", "audio/ogg")] == ["wav", "mp3", ""]


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.PDF", "application/pdf"),
        ("", "application/pdf"),
        ("notes.txt", "text/plain"),
        ("shot.png", "image/png"),
        ("a.xyz", "application/octet-stream"),
    ],
)
def test_a_bare_file_is_known_by_its_name(name: str, mime_type: str) -> None:
    """PDF is what the dialect was made for."""
    assert type_of_file(name) == mime_type


@pytest.mark.parametrize(
    ("message", "thoughts"),
    [
        (shapes.Delta(), []),
        (shapes.Delta(reasoning_content="a", reasoning="b"), [Reasoning("a", path="m.reasoning_content")]),
        (shapes.Delta(reasoning="b"), [Reasoning("b", path="m.reasoning")]),
        (
            shapes.Delta(
                reasoning="b",
                reasoning_details=[
                    shapes.Detail(type="reasoning.text", text="b", signature="s"),
                    shapes.Detail(type="reasoning.summary", summary="c", id="r_1"),
                    shapes.Detail(type="reasoning.encrypted", data="d"),
                ],
            ),
            [
                Reasoning("b", "s", path="m.reasoning_details[0]"),
                Reasoning("c", id="r_1", path="m.reasoning_details[1]"),
                Reasoning("", sealed="d", path="m.reasoning_details[2]"),
            ],
        ),
    ],
)
def test_thoughts_are_read_from_every_place(message: shapes.Delta, thoughts: list[Reasoning]) -> None:
    """Each host has its own; where there is a proof, it counts."""
    assert list(reasoning_of(message, "m")) == thoughts
    assert [thought.path for thought in reasoning_of(message)] == [""] * len(thoughts)


def test_plain_thoughts_need_no_details() -> None:
    """Only a proof does."""
    assert details_of([Reasoning("a")]) is None
    assert details_of([Reasoning("a"), Reasoning("", sealed="x")]) == [
        shapes.Detail(type="reasoning.text", text="a", index=0),
        shapes.Detail(type="reasoning.encrypted", data="x", index=1),
    ]


def test_a_signature_is_found_where_it_was_put() -> None:
    """Gemini wants it back with the call."""
    assert signature_of(shapes.Call(extra_content=signed("s"))) == "s"
    assert signature_of(shapes.Call(extra_content=shapes.Extra(google=shapes.Google()))) == ""
    assert signature_of(shapes.Call(extra_content=shapes.Extra())) == ""
    assert signature_of(shapes.Call()) == ""
    assert signed("") is None


def test_images_are_read_by_address_and_by_data() -> None:
    """As OpenRouter gives them."""
    urls = ["data:image/png;base64,AAAA", "https://example.com/a.png"]
    message = shapes.Delta(images=[shapes.Image(image_url=shapes.ImageUrl(url=url)) for url in urls])

    assert list(images_of(message)) == [Media("image/png", "AAAA"), Media("", url=urls[1])]
    assert list(images_of(shapes.Delta())) == []
