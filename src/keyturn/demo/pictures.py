"""Pictures without a model: PNG files whose colours depend on nothing but what they are asked to show.

Source: https://www.w3.org/TR/png-3/ (chunks 5, filters 9, palettes 11.2.2).
"""

import hashlib
import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256
_INDEXED = 3
_BAND = 16
"""How many rows are alike."""


def png(subject: str, width: int, height: int) -> bytes:
    """Return a gradient between two colours, as a PNG of so many pixels."""
    seed = hashlib.sha256(subject.encode()).digest()
    one, other = seed[:3], seed[3:6]
    last = _COLOURS - 1
    palette = bytes(
        (one[channel] * (last - at) + other[channel] * at) // last
        for at in range(_COLOURS)
        for channel in range(3)
    )
    rows = []
    for top in range(0, height, _BAND):
        shift = top * _COLOURS // height
        row = b"\x00" + bytes((at * last // width + shift) % _COLOURS for at in range(width))
        rows.append(row * min(_BAND, height - top))
    header = struct.pack(">2I5B", width, height, 8, _INDEXED, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib.compress(b"".join(rows), level=1)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
