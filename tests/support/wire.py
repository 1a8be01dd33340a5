"""HTTP/1.1 as bytes: a client that sends exactly what a test says, and reads what comes back."""

import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Self

import msgspec

from support.node import until

PATIENCE_S = 15.0
"""How long an answer may take before the test gives up."""
READ_LENGTH = 65_536
_SOCK_DIAG = 4
"""The netlink protocol of that name, which the standard library has no name for."""
_EAGER_LOOKS = 200


class Answer(msgspec.Struct, frozen=True):
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    """Lower-case name → value; of repeated ones the last."""
    body: bytes
    """Without chunk framing."""
    head: bytes

    def json(self) -> dict[str, Any]:
        """Return the body, read as JSON."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    @property
    def code(self) -> object:
        """The error's code, in either dialect."""
        return self.json()["error"]["code"]


def request(
    method: str,
    path: str,
    *,
    key: str = "",
    headers: Sequence[str] = (),
    body: bytes | None = None,
    version: str = "HTTP/1.1",
) -> bytes:
    """Return the bytes of a request; ``headers`` are whole lines."""
    lines = [f"{method} {path} {version}", "Host: gateway.test"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines += headers
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


CHAT = "/v1/chat/completions"
HEALTH = request("GET", "/healthz")


def call(model: str, key: str, *headers: str, path: str = CHAT, **members: object) -> bytes:
    """Return the bytes of a call of a model."""
    body = msgspec.json.encode(
        {"model": model, "messages": [{"role": "user", "content": "hello"}], **members}
    )
    return request("POST", path, key=key, headers=("Content-Type: application/json", *headers), body=body)


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """Return a body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


class Wire:
    """One connection to a port of this machine."""

    def __init__(
        self,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        name: str = "localhost",
        buffer: int = 0,
        source: str = "",
    ) -> None:
        """Connect.

        Args:
            port: On 127.0.0.1.
            tls: Speak TLS, and check the certificate against ``name``.
            name: See ``tls``.
            buffer: Bytes the kernel may take in for us (about); 0 for its own choice.
            source: The address of this machine to connect from; empty for the kernel's choice.
        """
        plain = socket.socket()
        plain.settimeout(PATIENCE_S)
        if buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            plain.bind((source, 0))
        plain.connect(("127.0.0.1", port))
        self.socket = plain if tls is None else tls.wrap_socket(plain, server_hostname=name)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        """Send; of several parts each only when the node has read the one before it."""
        for index, part in enumerate(parts):
            if index:
                wait_until_read(self.socket)
            self.socket.sendall(part)

    def reset(self) -> None:
        """Leave without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _more(self) -> bool:
        data = self.socket.recv(READ_LENGTH)
        self._buffer += data
        return bool(data)

    def until(self, mark: bytes) -> bytes:
        """Read up to a mark and return everything including it."""
        while (end := self._buffer.find(mark)) < 0:
            if not self._more():
                raise ConnectionError(f"ended before {mark!r}, after {bytes(self._buffer[-200:])!r}")
        return self._take(end + len(mark))

    def exactly(self, length: int) -> bytes:
        """Read so many bytes."""
        while len(self._buffer) < length:
            if not self._more():
                raise ConnectionError(f"ended {length - len(self._buffer)} bytes early")
        return self._take(length)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def rest(self) -> bytes:
        """Read to the end of the connection; a reset is an end, too."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        return self._take(len(self._buffer))

    def is_silent(self) -> bool:
        """Say whether nothing has come that has not been read."""
        self.socket.setblocking(False)
        try:
            return not self._buffer and not self._more()
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)

    def head(self) -> Answer:
        """Read the head of an answer."""
        head = self.until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(first.split(" ")[1]), headers, b"", head)

    def chunks(self) -> Iterator[bytes]:
        """Read chunk by chunk, up to the last."""
        while length := int(self.until(b"\r\n"), 16):
            yield self.exactly(length + 2)[:-2]
        assert self.until(b"\r\n") == b"\r\n"

    def answer(self, *, to: str = "POST") -> Answer:
        """Read a whole answer; to HEAD it has no body."""
        answer = self.head()
        if to == "HEAD" or answer.status < 200 or answer.status in {204, 304}:
            body = b""
        elif "transfer-encoding" in answer.headers:
            body = b"".join(self.chunks())
        elif "content-length" in answer.headers:
            body = self.exactly(int(answer.headers["content-length"]))
        else:
            body = self.rest()
        return msgspec.structs.replace(answer, body=body)

    def ask(self, *parts: bytes, to: str = "POST") -> Answer:
        """Send, and read the answer."""
        self.send(*parts)
        return self.answer(to=to)


def refuses_and_closes(wire: Wire, status: int) -> Answer:
    """Read a refusal and the end of the connection behind it."""
    answer = wire.answer()
    assert answer.status == status, answer
    assert answer.headers["connection"] == "close"
    assert wire.rest() == b""
    return answer


def wait_until_read(connection: socket.socket) -> None:
    """Wait until the program at the other end, on this machine, has read everything that was sent to it.

    What goes out next is a read of its own there.
    """
    for _ in range(_EAGER_LOOKS):
        if _unread(connection) == 0:
            return
        os.sched_yield()
    until(lambda: _unread(connection) == 0, within_s=PATIENCE_S, what="the other side's reading")


def _unread(connection: socket.socket) -> int:
    """Ask the kernel what lies unread at the other end; 0 when that end is gone. Source: ``sock_diag(7)``."""
    here, there = connection.getsockname(), connection.getpeername()
    end = struct.pack(
        ">HH4s12x4s12xI8s",
        *(there[1], here[1], socket.inet_aton(there[0]), socket.inet_aton(here[0])),
        *(0, b"\xff" * 8),
    )
    by_family, is_request, all_states = 20, 1, 0xFFFFFFFF
    question = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, all_states) + end
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(question), by_family, is_request, 0, 0) + question)
        answer = kernel.recv(READ_LENGTH)
    (kind,) = struct.unpack_from("=H", answer, 4)
    unread: int = struct.unpack_from("=I", answer, 72)[0] if kind == by_family else 0
    return unread
