"""A provider that repeats the credential it was given, in every way there is, and remembers what it heard."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class IndiscreetProvider(BaseHTTPRequestHandler):
    """Answers a model named ``says-N`` with status N."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[bytes]]
    """Request line, headers but ``Authorization``, and body of each request."""

    def do_GET(self) -> None:
        """Refuse to list models."""
        self._hear(b"")
        self._tell(401)

    def do_POST(self) -> None:
        """Do what the model's name says."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self._hear(body)
        self._tell(int(json.loads(body)["model"].removeprefix("says-")))

    def _hear(self, body: bytes) -> None:
        headers = [f"{name}: {value}" for name, value in self.headers.items() if name != "authorization"]
        self.heard.append("\n".join([self.requestline, *headers]).encode() + b"\n\n" + body)

    def _tell(self, status: int) -> None:
        credential = self.headers.get("authorization", "").removeprefix("Bearer ")
        told = json.dumps({"error": {"message": f"Incorrect API key provided: {credential}", "code": None}})
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(told)))
        self.send_header("www-authenticate", f'Bearer realm="{credential}"')
        self.send_header("set-cookie", f"session={credential}")
        self.end_headers()
        self.wfile.write(told.encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def indiscreet_provider() -> Iterator[tuple[str, list[bytes]]]:
    """Run one; gives its base URL and what it hears."""
    heard: list[bytes] = []
    handler = type("Handler", (IndiscreetProvider,), {"heard": heard})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", heard
        finally:
            server.shutdown()
            thread.join()
