"""Amazon's event streams, cut out of bytes that may break anywhere.

A message is its whole length and the length of its headers (four bytes each, big-endian), a checksum of these eight
bytes, the headers, the payload, a checksum of everything before it. Both are CRC-32. A header is the length of its name
(one byte), the name, the kind of its value (one byte), the value; texts (kind 7) have their length before them.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html ("Event stream encoding")
"""

import struct
from zlib import crc32

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"
LARGEST_MESSAGE = 24 << 20
"""Of the service's own, with some room."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a value by its kind; kinds 6 and 7, bytes and texts, say theirs."""
_WITH_LENGTH = frozenset({6, 7})


class AwsEvent(msgspec.Struct, frozen=True, gc=False):
    """One message.

    Attributes:
        kind: ``event``, ``exception`` or ``error``.
        name: Of the event or the exception.
        payload: JSON, mostly.
    """

    kind: str
    name: str
    payload: bytes


class Splitter:
    """Cuts a stream into its messages, whatever pieces it comes in."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def rest(self) -> bytes:
        """The beginning of a message that has not ended; a stream that ends with one was cut off."""
        return bytes(self._rest)

    def take(self, data: bytes) -> list[AwsEvent]:
        """Return the messages that are whole now.

        Raises:
            ValueError: The bytes are no such stream, or damaged; nothing more can be read.
        """
        rest = self._rest
        rest += data
        events, start = [], 0
        while len(rest) - start >= _PRELUDE.size:
            length, headers, checksum = _PRELUDE.unpack_from(rest, start)
            if crc32(rest[start : start + 8]) != checksum or not _PRELUDE.size + 4 + headers <= length:
                raise ValueError("a message has a damaged beginning")
            if length > LARGEST_MESSAGE:
                raise ValueError(f"a message of {length} bytes")
            if len(rest) - start < length:
                break
            events.append(_read(bytes(rest[start : start + length]), headers))
            start += length
        del rest[:start]
        return events


def _read(message: bytes, headers_length: int) -> AwsEvent:
    end = len(message) - _CHECKSUM.size
    if crc32(message[:end]) != _CHECKSUM.unpack_from(message, end)[0]:
        raise ValueError("a message is damaged")
    payload = _PRELUDE.size + headers_length
    found = _headers(message[_PRELUDE.size : payload])
    kind = found.get(":message-type", "event")
    name = found.get(f":{kind}-type") or found.get(":error-code", "")
    return AwsEvent(kind, name, message[payload:end])


def _headers(data: bytes) -> dict[str, str]:
    """Return the headers that are texts."""
    found: dict[str, str] = {}
    position = 0
    try:
        while position < len(data):
            name_end = position + 1 + data[position]
            name = data[position + 1 : name_end].decode()
            kind, position = data[name_end], name_end + 1
            if kind in _WITH_LENGTH:
                (size,) = _LENGTH.unpack_from(data, position)
                position += _LENGTH.size
            else:
                size = _SIZES[kind]
            if kind == _TEXT:
                found[name] = data[position : position + size].decode()
            position += size
    except (IndexError, KeyError, struct.error):
        raise ValueError("a message has damaged headers") from None
    return found
