"""A server that answers every request with the same bytes, and counts them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 20.0


class RefusingServer:
    """Serves one request per connection.

    Attributes:
        url: Where it listens.
        moments: When each request had come, on the monotonic clock.
    """

    def __init__(self, listener: socket.socket, answer: bytes) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.moments: list[float] = []
        self._listener = listener
        self._answer = answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)

    @property
    def asked(self) -> int:
        """How many requests have come."""
        return len(self.moments)

    def serve(self) -> None:
        """Answer until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_S)
            with connection, suppress(OSError):
                _read(connection)
                self.moments.append(time.monotonic())
                connection.sendall(self._answer)


def _read(connection: socket.socket) -> None:
    with connection.makefile("rb") as lines:
        length = 0
        for line in lines:
            name, _, value = line.lower().partition(b":")
            if name == b"content-length":
                length = int(value)
            if line == b"\r\n":
                break
        lines.read(length)


@contextmanager
def refusing_server(answer: bytes) -> Iterator[RefusingServer]:
    """Run one on a free port; ``answer`` is a whole answer that keeps the connection open."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RefusingServer(listener, answer)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
