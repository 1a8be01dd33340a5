"""Embeddings without a model."""

import base64
import math
import struct

import pytest

from keyturn.demo import vectors

HELLO = [-0.087461193, 0.104710412, -0.055272423]
"""How the embedding of ``hello`` begins."""


@pytest.mark.parametrize("dimensions", [1, 8, 256, 3072])
def test_a_vector_has_length_one(dimensions: int) -> None:
    """Clients compare embeddings by dot product and rely on unit length."""
    vector = vectors.embed("hello", dimensions)

    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-12)


def test_a_vector_is_the_same_everywhere() -> None:
    """Stored embeddings must fit those made by another machine or a later version."""
    vector = vectors.embed("hello")

    assert vector[:3] == pytest.approx(HELLO)


def test_different_texts_have_different_vectors() -> None:
    """A vector says which text it belongs to."""
    assert vectors.embed("hello") != vectors.embed("hello ")


def test_a_short_vector_points_where_the_long_one_begins() -> None:
    """``dimensions`` cuts, as with models that are trained for it."""
    short, long = vectors.embed("hello", 2), vectors.embed("hello", 4)

    assert short[0] / short[1] == pytest.approx(long[0] / long[1])


def test_base64_is_little_endian_floats() -> None:
    """The OpenAI SDK asks for base64 by default and reads it so."""
    vector = vectors.embed("hello", 4)

    decoded = struct.unpack("<4f", base64.b64decode(vectors.as_base64(vector)))

    assert decoded == pytest.approx(vector, rel=1e-6)
