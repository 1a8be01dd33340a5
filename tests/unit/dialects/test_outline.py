"""The outline of an answer: everything but its long strings."""

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from keyturn.dialects.outline import LONGEST, MOST_KEPT, Outline

LONG = "QUJD" * LONGEST
TEXTS = st.sampled_from(["", "short", LONG, '"', "\\", LONG + '"', LONG + "\\", "\\" * 2_001, '\\"' * 700])


def outline(data: bytes, size: int = 1 << 30) -> bytes:
    """Return the outline of an answer that comes in pieces of a size."""
    found = Outline()
    for start in range(0, len(data), size):
        found.take(data[start : start + size])
    return found.text


@settings(max_examples=150, derandomize=True, deadline=None)
@given(texts=st.lists(TEXTS, max_size=5), size=st.sampled_from([1, 7, 1_000, 1_025, 100_000]))
def test_an_outline_is_the_document_with_shorter_strings_wherever_it_is_cut(
    texts: list[str], size: int
) -> None:
    """Escaped quotes and backslashes end no string."""
    data = msgspec.json.encode({"data": [{"b64_json": text} for text in texts], "usage": {"n": 1}})

    found = outline(data, size)

    assert found == outline(data)
    document = msgspec.json.decode(found)
    assert document["usage"] == {"n": 1}
    assert len(document["data"]) == len(texts)
    for one, text in zip(document["data"], texts, strict=True):
        if len(msgspec.json.encode(text)) <= LONGEST:
            assert one["b64_json"] == text


def test_an_outline_of_megabytes_is_short() -> None:
    """That is what it is for."""
    data = msgspec.json.encode({"data": [{"b64_json": "QUJD" * 1_000_000}] * 4})

    assert (
        outline(data, 65_536) == b'{"data":[{"b64_json":""},{"b64_json":""},{"b64_json":""},{"b64_json":""}]}'
    )


@pytest.mark.parametrize("data", [b'"' * (MOST_KEPT + 1), b'"abcdefgh' * MOST_KEPT], ids=["quotes", "text"])
def test_what_has_no_long_strings_has_no_outline(data: bytes) -> None:
    """What it keeps is bounded, whatever a provider sends."""
    assert outline(data, 65_536) == b""
