"""What requests for images, speech and transcripts use at most."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects import calls, json_scan, media_requests
from keyturn.dialects.calls import Call
from keyturn.domain.usage import NOTHING, Usage


def expected(operation: str, **members: Any) -> Usage | None:
    """Return what a request with these members uses."""
    found = json_scan.members(msgspec.json.encode({"model": "m", **members}))
    assert isinstance(found, dict)
    call = calls.read(found, operation)
    assert isinstance(call, Call)
    return call.expected


@pytest.mark.parametrize(
    ("members", "tokens", "images"),
    [
        ({}, 6_240, 1),
        ({"n": 3}, 18_720, 3),
        ({"n": None}, 6_240, 1),
        ({"n": "3"}, 6_240, 1),
        ({"n": 10**30}, 6_240_000, 1_000),
        ({"quality": "low"}, 408, 1),
        ({"quality": "medium", "n": 2}, 3_168, 2),
        ({"quality": "high", "size": "1024x1024"}, 6_240, 1),
        ({"quality": "low", "size": "2048x3072"}, 1_632, 1),
        ({"quality": 1, "size": 2}, 6_240, 1),
        ({"size": "auto"}, 6_240, 1),
        ({"size": "1x²"}, 6_240, 1),
    ],
)
def test_images_take_tokens_by_number_quality_and_size(
    members: dict[str, Any], tokens: int, images: int
) -> None:
    """Which of both is paid for, the price says."""
    found = expected("images", **members)

    assert found is not None
    assert (found.output_tokens, found.images) == (tokens, images)


def test_the_sides_of_an_image_are_bounded() -> None:
    """A figure without bounds would need more than any budget has, and be slow to multiply."""
    found = expected("images", size="9" * 5_000 + "x" + "9" * 5_000)

    assert found is not None
    assert found.output_tokens < 6_240 * 70


@pytest.mark.parametrize(
    ("members", "pictures"),
    [
        ({"images": [{"image_url": "data:" + "A" * 10_000}, {"file_id": "f"}]}, 2),
        ({"images": "x"}, 1),
        ({"image": "x" * 10_000, "mask": {}}, 2),
        ({}, 0),
    ],
)
def test_images_that_come_with_a_request_are_not_counted_as_text(
    members: dict[str, Any], pictures: int
) -> None:
    """A picture of some megabytes has some thousand tokens."""
    found = expected("image_edits", prompt="x" * 40, **members)

    assert found is not None
    assert 6_500 * pictures + 11 <= found.input_tokens <= 6_500 * pictures + 12


@pytest.mark.parametrize(
    ("members", "usage"),
    [
        ({"input": "Grüße!"}, Usage(2, 9, characters=6)),
        ({"input": "abc", "instructions": "soft"}, Usage(2, 5, characters=3)),
        ({"input": 5}, Usage()),
        ({}, Usage()),
    ],
)
def test_speech_has_the_characters_of_its_text(members: dict[str, Any], usage: Usage) -> None:
    """As people count them, not bytes."""
    assert expected("speech", **members) == usage


def test_moderations_are_free_and_other_operations_are_counted_in_tokens() -> None:
    """``None`` stands for those."""
    assert expected("moderations", input="x") == NOTHING
    assert expected("embeddings", input="x") is None
    assert expected("transcriptions", prompt="x" * 10) == Usage(4)


def test_recordings_take_tokens_by_the_second() -> None:
    """And their length is what others are paid for."""
    assert media_requests.of_recordings([1_500, 1_000], text=5) == Usage(32, 15, audio_ms=2_500)
