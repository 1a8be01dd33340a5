"""What a worker writes down, and how it stands in the file.

A journal is a sequence of frames: four bytes of length, four bytes of CRC-32 over the payload (both
little-endian), then the payload, a MessagePack array whose first element names the record. A length
of zero is where the file ends for now (segments are allocated ahead, filled with zeros). A frame cut
short or with a wrong checksum is a torn tail: what was being written when the worker died.
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

ADMITTED, SERVED, REFUSED, USED = 1, 2, 3, 4
_HEADER = struct.Struct("<II")
HEADER_LENGTH = _HEADER.size
LARGEST_FRAME = 1 << 20


class Admitted(msgspec.Struct, frozen=True, array_like=True, tag=ADMITTED, gc=False):
    """A request was let in; written before anything goes upstream.

    Its estimates stand in for the usage if the worker dies before ``Served``.
    """

    request_id: str
    key_id: str
    model: str
    upstream: str
    operation: str
    started_us: int
    """Microseconds since 1970 UTC."""
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    address: str


class Served(msgspec.Struct, frozen=True, array_like=True, tag=SERVED, gc=False):
    """A request ended; written before the last byte goes to the client."""

    request_id: str
    key_id: str
    model: str
    """The name the client used."""
    upstream: str
    upstream_model: str
    operation: str
    status: int
    """What the client got; 499 when it left before the head of an answer."""
    started_us: int
    """Microseconds since 1970 UTC."""
    auth_us: int
    """From the whole request read to the key decided."""
    sent_us: int
    """From the whole request read to the request handed to the upstream connection; 0 if it never was."""
    first_byte_us: int
    """From the whole request read to the head of the upstream's answer; 0 if none came."""
    total_us: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int
    priced: bool
    source: str
    """A ``usage.Source``."""
    streamed: bool
    outcome: str
    """``ok``, ``client_left``, ``upstream_cut`` or a ``Reason``."""
    location: str
    """Where the credential stood: ``authorization``, ``x-api-key``, ``query``, ``body``, …"""
    address: str
    secret_id: str = ""
    """The secret that was presented; empty in records of older versions and in recovered ones."""
    price: str = ""
    """The version of the price that was used; empty: none, or that of an older version of this program."""
    cache_write_tokens: int = 0
    admitted_us: int = 0
    """From the whole request read to the moment there was room under its key's limits; 0: it has none."""
    images: int = 0
    audio_ms: int = 0
    characters: int = 0
    """Of text that was spoken."""
    attempts: str = ""
    """``upstream/model:outcome:milliseconds`` of each with a blank between; empty: it was one."""


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=REFUSED, gc=False):
    """A request was refused: how far it came, for whoever asks why. It used nothing. Never holds a credential."""

    request_id: str
    key_id: str
    """Empty when nobody knows whose it was."""
    reason: str
    """A ``Reason``."""
    status: int
    at_us: int
    """Microseconds since 1970 UTC."""
    operation: str
    path: str
    """Without the query."""
    model: str
    """The name the client used; empty when it was refused before that was read."""
    location: str
    """As in ``Served``."""
    address: str
    detail: str
    """Why, more closely than ``reason``: what the caller was told, the list it ran into, or a hint."""


class Used(msgspec.Struct, frozen=True, array_like=True, tag=USED, gc=False):
    """A key was good for something that is no call of a model: it lives, and nothing is charged."""

    key_id: str
    secret_id: str
    at_us: int
    """Microseconds since 1970 UTC."""
    location: str
    """As in ``Served``."""
    address: str


Record = Admitted | Served | Refused | Used


class Attempt(msgspec.Struct, frozen=True):
    """One of the attempts that a request took."""

    target: str
    """``upstream/model``, the model percent-encoded."""
    outcome: str
    """``ok``, the provider's status, or why there was no answer."""
    took_ms: int


def attempts_of(text: str) -> list[Attempt]:
    """Read ``Served.attempts``; an entry that was cut off is left out."""
    found = []
    for entry in text.split():
        target, _, ending = entry.rpartition(":")
        target, _, outcome = target.rpartition(":")
        if target and ending.endswith("ms") and ending[:-2].isdigit():
            found.append(Attempt(target, outcome, int(ending[:-2])))
    return found


_decoder = msgspec.msgpack.Decoder(Record)


def frame(payload: bytes) -> bytes:
    """Return ``payload`` as it stands in the file."""
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def read(data: bytes | memoryview) -> Iterator[tuple[Record, int]]:
    """Yield each whole record of ``data`` with the offset just behind it.

    Stops without a word at the end, at a length of zero and at a torn frame.
    """
    position, end = 0, len(data)
    while position + HEADER_LENGTH <= end:
        length, crc = _HEADER.unpack_from(data, position)
        start = position + HEADER_LENGTH
        if not 0 < length <= LARGEST_FRAME or start + length > end:
            return
        payload = data[start : start + length]
        if zlib.crc32(payload) != crc:
            return
        position = start + length
        yield _decoder.decode(payload), position


def cut(data: bytes) -> tuple[list[bytes], int]:
    """Return the payload of each whole record of ``data`` and the offset behind the last: ``read`` without decoding."""
    payloads: list[bytes] = []
    keep, unpack, crc32 = payloads.append, _HEADER.unpack_from, zlib.crc32
    position, end = 0, len(data)
    while position + HEADER_LENGTH <= end:
        length, crc = unpack(data, position)
        start = position + HEADER_LENGTH
        if not 0 < length <= LARGEST_FRAME or start + length > end:
            break
        payload = data[start : start + length]
        if crc32(payload) != crc:
            break
        keep(payload)
        position = start + length
    return payloads, position
