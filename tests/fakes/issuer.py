"""An OpenID provider whose every answer a test sets: for what a real one never says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey, RSAKey

DISCOVERY = "/.well-known/openid-configuration"


class Issuer:
    """A provider.

    Attributes:
        url: What it calls itself.
        answers: What it says, by path.
        asked: Paths and headers of what it was asked, in order.
        key: What it signs with.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self.answers: dict[str, object] = {}
        self.key: RSAKey | OKPKey = RSAKey.generate_key(2048)
        self.describe()
        self.rotate()

    def describe(self, **others: object) -> None:
        """Say of itself what providers say; ``others`` takes its place."""
        self.answers[DISCOVERY] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/me",
            **others,
        }

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.key = RSAKey.generate_key(2048)
        self.key.ensure_kid()
        self.answers["/keys"] = {"keys": [self.key.as_dict(private=False, use="sig")]}

    def token(self, claims: dict[str, Any]) -> str:
        """Return an ID token."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def give(self, id_token: str) -> None:
        """Give this ID token for a code."""
        self.answers["/token"] = {"id_token": id_token, "access_token": "access", "token_type": "Bearer"}

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return [one for one, _, _ in self.asked].count(path)


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Run a provider until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(length).decode()
            found.asked.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            answer = found.answers.get(self.path)
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 -- the name that the server asks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
