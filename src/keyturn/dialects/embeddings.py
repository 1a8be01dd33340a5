"""Embeddings, between OpenAI's words and Gemini's: texts in, a vector for each out.

Source: ``CreateEmbeddingRequest`` and ``CreateEmbeddingResponse`` of the OpenAI API description;
https://ai.google.dev/api/embeddings.
"""

import base64
import binascii
import struct
from enum import StrEnum

import msgspec

from keyturn.dialects.canonical import Loss
from keyturn.domain.usage import Usage


class Encoding(StrEnum):
    """How a client reads vectors."""

    FLOAT = "float"
    BASE64 = "base64"
    """Of 32-bit floats, the lowest byte first."""


class Embedding(msgspec.Struct, frozen=True):
    """What is to be embedded.

    Attributes:
        model: Whom to ask.
        inputs: The texts, at least one.
        dimensions: How long the vectors shall be; ``None``: as the model makes them.
        encoding: How the client reads them.
    """

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    encoding: Encoding = Encoding.FLOAT


class Vectors(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        model: The provider's name for it; empty: it doesn't say.
        vectors: One for each input, in order.
        usage: As far as it is told.
    """

    model: str
    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None


class ReadEmbedding(msgspec.Struct, frozen=True):
    """A request that was read, and what of it has no place in ``Embedding``."""

    embedding: Embedding
    losses: tuple[Loss, ...] = ()


def packed(vector: tuple[float, ...]) -> str:
    """Return a vector as base64.

    Raises:
        OverflowError: A number is too large for 32 bits.
    """
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def unpacked(text: str) -> tuple[float, ...]:
    """Return the vector in base64.

    Raises:
        ValueError: It is none.
    """
    try:
        data = base64.b64decode(text, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (binascii.Error, struct.error) as error:
        raise ValueError("no vector of 32-bit floats") from error
