"""A model provider that keeps every byte it was sent, and notices when it is left."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 20.0

_ANSWER = {
    "id": "chatcmpl-recorded",
    "object": "chat.completion",
    "created": 1,
    "model": "recorded",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "noted"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
_CHUNK = {
    "id": "chatcmpl-endless",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "endless",
    "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}],
}


class RecordingProvider:
    """Serves one request per connection: the model ``endless`` streams one word and then waits for the end.

    Attributes:
        url: Its base URL.
        credential: What the gateway is to authenticate with; it is not checked.
        requests: Each request, head and body, as it came.
        left: Set when the gateway has closed the connection of an endless stream.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self.credential = "the-provider's-own-credential"
        self.requests: list[bytes] = []
        self.left = threading.Event()
        self._listener = listener

    def serve(self) -> None:
        """Answer until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_S)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head, body = _read(connection)
            self.requests.append(head + body)
            if b'"endless"' in body:
                self._stream(connection)
            else:
                answer = json.dumps(_ANSWER).encode()
                lines = (
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
                    b"content-length: %d\r\n\r\n"
                )
                connection.sendall(lines % len(answer) + answer)

    def _stream(self, connection: socket.socket) -> None:
        event = b"data: " + json.dumps(_CHUNK).encode() + b"\n\n"
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            b"%x\r\n%b\r\n" % (len(event), event)
        )
        with suppress(ConnectionResetError):
            connection.recv(1)
        self.left.set()


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionResetError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0:
        piece = connection.recv(65_536)
        body += piece
        missing -= len(piece)
    return head + b"\r\n\r\n", body


@contextmanager
def recording_provider() -> Iterator[RecordingProvider]:
    """Run one on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = RecordingProvider(listener)
        thread = threading.Thread(target=provider.serve, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
