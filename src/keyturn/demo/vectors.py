"""Embeddings without a model: unit vectors that depend on nothing but the text."""

import base64
import hashlib
import itertools
import math
import struct
from collections.abc import Iterator

DIMENSIONS = 256
"""Length of a vector unless a client asks for another."""

MAX_DIMENSIONS = 3_072


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return the unit vector of ``text``: the same on every machine, in every version.

    A shorter vector is the beginning of a longer one, scaled to length one, as with models that
    are trained to be cut.
    """
    raw = list(itertools.islice(_components(text), dimensions))
    length = math.sqrt(sum(component * component for component in raw))
    return [component / length for component in raw]


def _components(text: str) -> Iterator[float]:
    """Yield numbers in (-1, 1), never 0, from SHA-256 of the text's digest and a counter."""
    seed = hashlib.sha256(text.encode()).digest()
    for counter in itertools.count():
        block = hashlib.sha256(seed + counter.to_bytes(4, "big")).digest()
        for number in struct.unpack(">8I", block):
            yield (number + 0.5) / 2**31 - 1


def as_base64(vector: list[float]) -> str:
    """Encode as OpenAI does for ``encoding_format: base64``: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
