"""WebSocket, without the sockets: the handshake's words, frames read and written, messages that pass as they came.

Nothing is compressed and nothing is joined: a message is kept as the very frames it came in, so that it goes on byte
for byte, and is looked into only when somebody asks. No extension is offered or accepted.
Source: RFC 6455.
"""

import re
from base64 import b64encode
from hashlib import sha1

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
VERSION = b"13"
NORMAL, GOING_AWAY, PROTOCOL_ERROR, POLICY, TOO_BIG, INTERNAL = 1000, 1001, 1002, 1008, 1009, 1011
"""Codes of a close frame (7.4.1)."""
LONGEST_REASON = 123
"""Bytes."""

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN, _OPCODE, _RESERVED, _MASKED, _LENGTH = 0x80, 0x0F, 0x70, 0x80, 0x7F
_LONG, _LONGER = 126, 127
_MOST_OF_CONTROL = 125
_ROOM = 200
"""Bytes that a fragment takes beside what was sent, so that very many empty ones are not for nothing."""
_OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})


def is_key(text: bytes) -> bool:
    """Say whether this is a client's key of a handshake: sixteen bytes in base64."""
    return _KEY.fullmatch(text) is not None


def accepts(key: bytes) -> bytes:
    """Return what a server answers to a client's key."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def protocols(value: bytes) -> list[bytes]:
    """Return the names in ``Sec-WebSocket-Protocol``."""
    return [name for one in value.split(b",") if (name := one.strip())]


def unmasked(data: bytes, mask: bytes) -> bytes:
    """Apply a mask of four bytes, or take it off."""
    length = len(data)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(length, "little")


def frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """Return a whole message in one frame; ``mask``: four bytes, of a client."""
    length, masked = len(payload), _MASKED if mask else 0
    if length < _LONG:
        head = bytes((_FIN | opcode, masked | length))
    elif length < 1 << 16:
        head = bytes((_FIN | opcode, masked | _LONG)) + length.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, masked | _LONGER)) + length.to_bytes(8, "big")
    return head + mask + (unmasked(payload, mask) if mask else payload)


def close(code: int, reason: str = "", mask: bytes = b"") -> bytes:
    """Return a close frame; the reason is cut to what fits."""
    said = reason.encode()[:LONGEST_REASON].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2, "big") + said, mask)


class Message:
    """One message, or one control frame.

    Attributes:
        opcode: ``TEXT``, ``BINARY``, ``CLOSE``, ``PING`` or ``PONG``.
        raw: Its frames, as they came.
    """

    __slots__ = ("_frames", "opcode", "raw")

    def __init__(self, opcode: int, frames: list[tuple[bytes, int, bytes]]) -> None:
        """Take its frames: each with the length of its head and with its mask, empty for none."""
        self.opcode = opcode
        self._frames = frames
        self.raw = frames[0][0] if len(frames) == 1 else b"".join([one[0] for one in frames])

    @property
    def payload(self) -> bytes:
        """What it says."""
        parts = [unmasked(raw[head:], mask) if mask else raw[head:] for raw, head, mask in self._frames]
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Reader:
    """Cuts what one side sends into messages, at whichever byte it was cut before.

    Attributes:
        fault: Why reading has stopped for good, as code and words of a close frame; ``None``: it has not.
    """

    __slots__ = ("_begun", "_buffer", "_fragments", "_held", "_limit", "_masked", "_needed", "fault")

    def __init__(self, *, masked: bool, limit: int) -> None:
        """Begin.

        Args:
            masked: It is a client's side, which masks; a server must not (5.1).
            limit: Bytes of a message, at most.
        """
        self._masked = masked
        self._limit = limit
        self._buffer = bytearray()
        self._needed = 2
        self._begun = 0
        self._fragments: list[tuple[bytes, int, bytes]] = []
        self._held = 0
        self.fault: tuple[int, str] | None = None

    def take(self, data: bytes) -> list[Message]:
        """Return the messages that are whole now; after a fault, none any more."""
        self._buffer += data
        found: list[Message] = []
        start = 0
        while self.fault is None and len(self._buffer) - start >= self._needed:
            head = self._head(start)
            if not head:
                break
            raw = bytes(self._buffer[start : start + self._needed])
            start += self._needed
            self._needed = 2
            self._add(raw, head, found)
        del self._buffer[:start]
        return found

    def _head(self, start: int) -> int:
        """Return the length of a frame's head if the frame is whole; 0: it isn't, and ``_needed`` says what it needs."""
        buffer = self._buffer
        first, second = buffer[start], buffer[start + 1]
        if not self._is_good(first, second):
            return 0
        length, head = second & _LENGTH, 2
        if length >= _LONG:
            head = 4 if length == _LONG else 10
            if len(buffer) - start < head:
                self._needed = head
                return 0
            length = int.from_bytes(buffer[start + 2 : start + head], "big")
        if self._held + length > self._limit:
            self.fault = TOO_BIG, f"a message may have {self._limit} bytes at most"
            return 0
        if self._masked:
            head += 4
        self._needed = head + length
        return head if len(buffer) - start >= self._needed else 0

    def _is_good(self, first: int, second: int) -> bool:
        opcode, problem = first & _OPCODE, ""
        if first & _RESERVED:
            problem = "a reserved bit is set"
        elif opcode not in _OPCODES:
            problem = "an opcode is unknown"
        elif bool(second & _MASKED) is not self._masked:
            problem = "a frame is not masked" if self._masked else "a frame is masked"
        elif opcode >= CLOSE:
            if not first & _FIN or second & _LENGTH > _MOST_OF_CONTROL:
                problem = "a control frame is fragmented or too long"
        elif (opcode == CONTINUATION) is not bool(self._begun):
            problem = "a fragment is out of place"
        if problem:
            self.fault = PROTOCOL_ERROR, problem
        return not problem

    def _add(self, raw: bytes, head: int, found: list[Message]) -> None:
        opcode, whole = raw[0] & _OPCODE, raw[0] & _FIN
        one = raw, head, raw[head - 4 : head] if self._masked else b""
        if opcode >= CLOSE or (whole and opcode):
            found.append(Message(opcode, [one]))
            return
        self._begun = self._begun or opcode
        self._fragments.append(one)
        self._held += len(raw) + _ROOM
        if whole:
            found.append(Message(self._begun, self._fragments))
            self._begun, self._fragments, self._held = 0, [], 0
