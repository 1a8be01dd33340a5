"""Makes messages of Amazon's event streams."""

import struct
from zlib import crc32

import msgspec


def frame(kind: str, name: str, payload: object) -> bytes:
    """Return a message; ``kind`` is ``event`` or ``exception``."""
    told = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(header(key, value) for key, value in told.items())
    return message(headers, msgspec.json.encode(payload))


def header(name: str, value: str) -> bytes:
    """Return a header that is a text."""
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def message(headers: bytes, payload: bytes) -> bytes:
    """Return a message of these parts, with its checksums."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))
