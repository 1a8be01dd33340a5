"""A secret scanner that publishes its public keys as GitHub does, and signs what it reports."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VECTOR_ID = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"
VECTOR_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq
kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==
-----END PUBLIC KEY-----
"""
VECTOR_BODY = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
VECTOR_SIGNATURE = (
    "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="
)


class Scanner:
    """Holds a signing key.

    Attributes:
        url: Where its public keys are.
        asked: How often they were fetched.
        broken: Answer 500 instead.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.broken = False
        self.identifier = "ours"
        self._key = generate_private_key(SECP256R1())

    def published(self) -> bytes:
        """Return the list of public keys: the vector's and its own."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        listed = [
            {"key_identifier": VECTOR_ID, "key": VECTOR_KEY, "is_current": False},
            {"key_identifier": self.identifier, "key": pem, "is_current": True},
            {"key_identifier": "damaged", "key": "no PEM", "is_current": False},
        ]
        return json.dumps({"public_keys": listed}).encode()

    def sign(self, body: bytes) -> str:
        """Return the signature of a body."""
        return base64.b64encode(self._key.sign(body, ECDSA(SHA256()))).decode()

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that a report with this body has."""
        return {
            "github-public-key-identifier": self.identifier,
            "github-public-key-signature": self.sign(body),
        }


@contextmanager
def scanner() -> Iterator[Scanner]:
    """Publish on a loopback port until the block ends."""
    found = Scanner()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            body = b"" if found.broken else found.published()
            self.send_response(500 if found.broken else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
