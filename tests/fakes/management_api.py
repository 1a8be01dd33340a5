"""A management API that answers what a test has laid down, over a real socket, and remembers what it was asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """One request."""

    method: str
    path: str
    body: Any
    authorization: str | None
    headers: dict[str, str] = {}
    """Names in lower case."""


class ManagementApi:
    """What to answer, and what was asked.

    Attributes:
        asked: The requests, in order.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[tuple[int, bytes]]] = {}

    def answers(self, method: str, path: str, body: object, *, status: int = 200) -> None:
        """Lay down the next answer to a request; the last one stays."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self._answers.setdefault((method, path), []).append((status, raw))

    def data(self, method: str, path: str, data: object, **more: object) -> None:
        """Lay down an answer in the envelope."""
        self.answers(method, path, {"success": True, "data": data, **more})

    def refuses(self, method: str, path: str, status: int, code: str, message: str, **details: str) -> None:
        """Lay down a refusal."""
        error = {"code": code, "message": message, "details": details}
        self.answers(method, path, {"success": False, "error": error}, status=status)

    def take(self, method: str, path: str) -> tuple[int, bytes]:
        """Return the next answer to a request."""
        laid_down = self._answers.get((method, path), [(404, b'{"success":false}')])
        return laid_down.pop(0) if len(laid_down) > 1 else laid_down[0]


def _handler(api: ManagementApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = msgspec.json.decode(self.rfile.read(length)) if length else None
            sent = {name.lower(): value for name, value in self.headers.items()}
            api.asked.append(Asked(self.command, self.path, body, self.headers.get("authorization"), sent))
            status, raw = api.take(self.command, self.path)
            self.send_response(status)
            self.send_header("x-request-id", "req_00000000000000000001")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 -- the library's names

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    pass


@contextmanager
def over_socket(path: Path) -> Iterator[ManagementApi]:
    """Serve on a unix socket."""
    api = ManagementApi()
    with _UnixServer(str(path), _handler(api)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def over_tcp() -> Iterator[tuple[ManagementApi, str]]:
    """Serve on a port of this machine; also gives the address."""
    api = ManagementApi()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(api)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
