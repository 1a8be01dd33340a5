"""A provider's side of a WebSocket, and a client's, frame by frame on blocking sockets."""

import base64
import hashlib
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from fakes.origin import Line, Received, Step

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "cached_tokens": 64},
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def written(opcode: int, payload: bytes, *, mask: bytes = b"", last: bool = True) -> bytes:
    """Return a frame."""
    length = len(payload)
    bit = 0x80 if mask else 0
    head = bytes([(0x80 if last else 0) | opcode])
    if length < 126:
        head += bytes([bit | length])
    elif length < 65_536:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + mask + payload


class Frames:
    """One end of a WebSocket.

    Attributes:
        masks: It is the client's end.
    """

    def __init__(self, connection: socket.socket, *, masks: bool, buffer: bytes = b"") -> None:
        self.socket = connection
        self.masks = masks
        self.buffer = buffer

    def _exactly(self, length: int) -> bytes:
        while len(self.buffer) < length:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self.buffer += data
        found, self.buffer = self.buffer[:length], self.buffer[length:]
        return found

    def read(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame."""
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._exactly(8))
        assert bool(second & 0x80) is not self.masks, "masked, or not masked, against the rules"
        mask = self._exactly(4) if second & 0x80 else b""
        payload = self._exactly(length)
        if mask:
            payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        return first & 0x0F, payload

    def event(self) -> dict[str, Any]:
        """Return the next text, read as JSON."""
        opcode, payload = self.read()
        assert opcode == TEXT, (opcode, payload)
        found: dict[str, Any] = msgspec.json.decode(payload)
        return found

    def closed(self) -> tuple[int, str]:
        """Return code and reason of the close frame that comes next."""
        opcode, payload = self.read()
        assert opcode == CLOSE, (opcode, payload)
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    def send(self, opcode: int, payload: bytes, *, last: bool = True) -> None:
        """Send a frame."""
        self.socket.sendall(self.frame(opcode, payload, last=last))

    def frame(self, opcode: int, payload: bytes, *, last: bool = True) -> bytes:
        """Return a frame as this end writes it."""
        return written(opcode, payload, mask=os.urandom(4) if self.masks else b"", last=last)

    def say(self, kind: str, **members: Any) -> None:
        """Send an event."""
        self.send(TEXT, msgspec.json.encode({"type": kind, **members}))

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame."""
        self.send(CLOSE, code.to_bytes(2, "big") + reason.encode())


def accepts(received: Received) -> bytes:
    """Return the answer to a handshake."""
    (key,) = received.values("sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: Upgrade"]
    lines.append(f"sec-websocket-accept: {accept}")
    if received.values("sec-websocket-protocol"):
        lines.append("sec-websocket-protocol: realtime")
    return "\r\n".join([*lines, "", ""]).encode()


Script = Callable[[Frames], None]


def plays(script: Script) -> Sequence[Step]:
    """Return the steps of a provider that takes the handshake and then does what a script says."""

    def play(line: Line) -> None:
        line.socket.sendall(accepts(line.origin.received[-1]))
        script(Frames(line.socket, masks=False))
        line.socket.close()
        raise EOFError

    return (play,)


def answers_each(frames: Frames) -> None:
    """Greet, then answer each request for a response, until the client closes; as a script."""
    frames.say("session.created", event_id="event_1", session={"id": "sess_1"})
    count = 0
    while True:
        opcode, payload = frames.read()
        if opcode == CLOSE:
            frames.send(CLOSE, payload)
            return
        if opcode == PING:
            frames.send(PONG, payload)
        if opcode == TEXT and msgspec.json.decode(payload)["type"] == "response.create":
            count += 1
            respond(frames, f"resp_{count}")


def respond(frames: Frames, name: str) -> None:
    """Send a response."""
    frames.say("response.created", event_id="e", response={"id": name, "status": "in_progress"})
    frames.say("response.output_text.delta", event_id="e", response_id=name, delta="Hello")
    frames.say("response.done", event_id="e", response={"id": name, "status": "completed", "usage": USAGE})
