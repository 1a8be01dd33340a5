"""Forms with files, as the bytes that clients send."""

from collections.abc import Sequence

from keyturn.domain.usage import Usage
from support.wire import request

BOUNDARY = "----KeyturnTest7MA4YWxk"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
EDITS, TRANSCRIPTIONS = "/v1/images/edits", "/v1/audio/transcriptions"


def field(name: str, value: str, *lines: str) -> bytes:
    """Return a field; ``lines`` are further header fields."""
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *lines])
    return f"{head}\r\n\r\n{value}".encode()


def file(name: str, data: bytes, filename: str = "a.png", kind: str = "image/png") -> bytes:
    """Return a file."""
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}'
    return head.encode() + b"\r\n\r\n" + data


def form(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    """Return a body."""
    mark = boundary.encode()
    return b"".join(b"--%b\r\n%b\r\n" % (mark, part) for part in parts) + b"--%b--\r\n" % mark


def content_type(boundary: str = BOUNDARY) -> str:
    """Return the header line that goes with it."""
    return f"Content-Type: multipart/form-data; boundary={boundary}"


def post(path: str, key: str, *parts: bytes, headers: Sequence[str] = (), boundary: str = BOUNDARY) -> bytes:
    """Return the bytes of a request with a form."""
    body = form(*parts, boundary=boundary)
    return request("POST", path, key=key, headers=(content_type(boundary), *headers), body=body)


def wave(seconds: int) -> bytes:
    """Return a recording of silence: 8 kHz, 8 bits, mono."""
    length = seconds * 8_000
    head = b"RIFF" + (36 + length).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += b"\x01\x00\x01\x00" + (8_000).to_bytes(4, "little") * 2 + b"\x01\x00\x08\x00"
    return head + b"data" + length.to_bytes(4, "little") + b"\x80" * length


def used(story: dict[str, object]) -> Usage:
    """Return what a request's story says of its use."""
    return Usage(
        **{name: int(str(story[name])) for name in Usage.__struct_fields__ if name != "cache_write_tokens"}
    )
