"""An HTTP proxy as companies have them: CONNECT and nothing else."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
READ_LENGTH = 65_536


class Proxy:
    """The proxy.

    Attributes:
        heads: Of the requests so far.
        answer: Sent to each; the tunnel is made when it is ``ESTABLISHED``.
    """

    def __init__(self) -> None:
        """Bind a port of 127.0.0.1; nothing is answered yet."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[str] = []
        self.answer = ESTABLISHED

    def accept(self) -> None:
        """Take connections until closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(connection,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        with client, contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head:
                head += client.recv(READ_LENGTH)
            self.heads.append(head.decode())
            if self.answer != ESTABLISHED:
                client.sendall(self.answer)
                return
            port = int(head.split(b" ")[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port)) as target:
                client.sendall(self.answer)
                back = threading.Thread(target=_copy, args=(target, client), daemon=True)
                back.start()
                _copy(client, target)
                back.join()

    def close(self) -> None:
        """End."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(READ_LENGTH):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_server() -> Iterator[Proxy]:
    """Run a proxy."""
    proxy = Proxy()
    threading.Thread(target=proxy.accept, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
