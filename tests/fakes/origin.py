"""A provider that answers byte for byte what it is told, on a real socket, and keeps what it was sent."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from support.node import until
from support.wire import wait_until_read

PATIENCE_S = 30.0
READ_LENGTH = 65_536
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
BODY = b'{"id":"chatcmpl-1","object":"chat.completion","choices":[],' + USAGE + b"}"


def plain(body: bytes = BODY, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an answer with a declared length; ``lines`` are further header lines without their ends."""
    head = [b"HTTP/1.1 " + status, b"content-type: application/json", *lines]
    return b"\r\n".join([*head, b"content-length: %d" % len(body), b"", body])


class Received(msgspec.Struct, frozen=True):
    """One request, whole."""

    connection: int
    """Which of the connections it came on, from 1."""
    line: str
    headers: list[tuple[str, str]]
    """Names in lower case, in order."""
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for one, value in self.headers if one == name]


class Seen:
    """What steps have counted in one test: those that outlive it, as its connections end, count nothing for the next."""

    def __init__(self) -> None:
        self.left = self.sent = 0
        self._lock = threading.Lock()

    def add(self, *, left: int = 0, sent: int = 0) -> None:
        """Count; several connections may at once."""
        with self._lock:
            self.left += left
            self.sent += sent


class Line:
    """One connection, from the provider's side.

    Attributes:
        seen: Where the steps of the answer that is being given count.
    """

    def __init__(self, number: int, connection: socket.socket, origin: "Origin") -> None:
        self.number = number
        self.socket = connection
        self.origin = origin
        self.seen = origin.seen
        self._buffer = b""

    def serve(self) -> None:
        """Answer request after request, until one of both sides hangs up."""
        with self.socket, contextlib.suppress(OSError, EOFError):
            while True:
                received = self._receive()
                self.seen, steps = self.origin.take(received)
                for step in steps:
                    if isinstance(step, bytes):
                        self.socket.sendall(step)
                    else:
                        step(self)

    def _receive(self) -> Received:
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])
        ]
        length = int(dict(headers).get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Received(self.number, head[0], headers, body)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        end = self._buffer.index(mark) + len(mark)
        found, self._buffer = self._buffer[:end], self._buffer[end:]
        return found

    def _more(self) -> None:
        data = self.socket.recv(READ_LENGTH)
        if not data:
            raise EOFError
        self._buffer += data


Step = bytes | Callable[[Line], None]


def hangs_up(line: Line) -> None:
    """Close the connection; as a step."""
    line.socket.close()
    raise EOFError


def says_goodbye(line: Line) -> None:
    """Close the connection as TLS wants it, with a word before; as a step."""
    if isinstance(line.socket, ssl.SSLSocket):
        with contextlib.suppress(OSError):
            line.socket.unwrap()
    hangs_up(line)


def resets(line: Line) -> None:
    """End the connection with a reset; as a step."""
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.socket.close()
    raise EOFError


def is_read(line: Line) -> None:
    """Wait until the gateway has read what was sent, so that what follows is a read of its own; as a step."""
    wait_until_read(line.socket)


def watches_it_leave(line: Line) -> None:
    """Wait until the gateway ends the connection, and count that; as a step."""
    with contextlib.suppress(ConnectionResetError):
        while line.socket.recv(READ_LENGTH):
            pass
    line.seen.add(left=1)
    raise EOFError


def waits_for(event: threading.Event) -> Step:
    """Return a step that waits until a test lets it go on."""

    def wait(_line: Line) -> None:
        assert event.wait(PATIENCE_S)

    return wait


def floods(piece: bytes, times: int) -> Step:
    """Return a step that sends a piece many times as fast as it is taken, and counts the bytes."""

    def flood(line: Line) -> None:
        for _ in range(times):
            line.socket.sendall(piece)
            line.seen.add(sent=len(piece))

    return flood


class Origin:
    """A provider.

    Attributes:
        received: The requests so far, in the order in which they were whole.
        connections: How many were made so far.
        seen: What steps have counted.
        otherwise: How requests are answered that nothing was arranged for.
    """

    def __init__(self, tls: ssl.SSLContext | None, address: str) -> None:
        """Bind a port; nothing is answered yet."""
        self._tls = tls
        self._listener = socket.create_server((address, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{address}:{self.port}/v1"
        self.connections = 0
        self._lines: list[Line] = []
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin a new test."""
        self.received: list[Received] = []
        self.otherwise: tuple[Step, ...] = (plain(),)
        self.seen = Seen()
        self._arranged: list[tuple[Step, ...]] = []

    def arrange(self, *steps: Step) -> None:
        """Say how the next request that nothing was arranged for will be answered."""
        self._arranged.append(steps)

    @property
    def left(self) -> int:
        """How often a step has seen the gateway end its connection."""
        return self.seen.left

    @property
    def sent(self) -> int:
        """Bytes that floods have got rid of."""
        return self.seen.sent

    def take(self, received: Received) -> tuple[Seen, tuple[Step, ...]]:
        """Note a request; return where its answer's steps count, and these."""
        with self._lock:
            self.received.append(received)
            return self.seen, self._arranged.pop(0) if self._arranged else self.otherwise

    def has_received(self, count: int) -> list[Received]:
        """Wait for so many requests and return them."""
        until(lambda: len(self.received) >= count, what=f"request {count} at the provider")
        return self.received

    def accept(self) -> None:
        """Take connections until closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(self.connections, connection), daemon=True).start()

    def _talk(self, number: int, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        line = Line(number, connection, self)
        self._lines.append(line)
        line.serve()

    def talks(self) -> bool:
        """Say whether a connection stands."""
        return any(line.socket.fileno() >= 0 for line in self._lines)

    def hang_up(self) -> None:
        """End every connection."""
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)
        self._lines.clear()

    def close(self) -> None:
        """End."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()


@contextmanager
def origin_server(tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Origin]:
    """Run a provider."""
    origin = Origin(tls, address)
    threading.Thread(target=origin.accept, daemon=True).start()
    try:
        yield origin
    finally:
        origin.close()
