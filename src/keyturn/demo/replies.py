"""Answers ready for the socket: head, body and pace. Made once per distinct request, played many times."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from keyturn.demo.bodies import Invalid, Paced
from keyturn.demo.models import Behaviour

JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
LAST_CHUNK = b"0\r\n\r\n"


class Served(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the demo's own log says of an answer; figures that have a default only where they are not zero."""

    model: str
    input_tokens: int
    output_tokens: int
    streamed: bool
    status: int
    cached_tokens: int = 0
    """Of the input."""
    reasoning_tokens: int = 0
    """Of the output."""
    images: int = 0
    audio_ms: int = 0
    """Heard."""
    characters: int = 0
    """Spoken."""


class Reply(msgspec.Struct, frozen=True):
    """An answer as the socket gets it."""

    head: bytes
    """Status line and header fields, each with its line end, but not the empty line after them."""
    pieces: tuple[bytes, ...]
    """What follows, at least one piece, framed already. The last goes out when the answer is logged."""
    served: Served | None = None
    """What to log; ``None`` for answers that no model gave."""
    delay_ms: int = 0
    """Before the first byte."""
    interval_ms: int = 0
    """Between two pieces."""
    cut: bool = False
    """Drop the connection in the place of the last piece."""

    def size(self) -> int:
        """Return how many bytes it has."""
        return len(self.head) + sum(map(len, self.pieces))


def plain(
    body: bytes, *, status: int = 200, headers: Sequence[tuple[str, str]] = (), content_type: bytes = JSON
) -> Reply:
    """Return an answer in one piece."""
    head = _head(status, content_type, headers) + b"content-length: %d\r\n" % len(body)
    return Reply(head=head, pieces=(body,))


def stream(
    pieces: Sequence[bytes],
    tail: bytes,
    *,
    headers: Sequence[tuple[str, str]] = (),
    content_type: bytes = EVENTS,
) -> Reply:
    """Return an answer in chunks.

    Args:
        pieces: One chunk each.
        tail: The events that end the stream, one chunk.
        headers: Further header fields.
        content_type: Of the whole.
    """
    head = _head(200, content_type, [("cache-control", "no-cache"), *headers])
    head += b"transfer-encoding: chunked\r\n"
    return Reply(head=head, pieces=(*map(_chunk, pieces), _chunk(tail) + LAST_CHUNK))


def pace(reply: Reply, asked: Paced, behaviour: Behaviour, served: Served) -> Reply:
    """Give an answer the pace that its model has or its client asked for."""
    paced = msgspec.structs.replace(
        reply,
        served=served,
        delay_ms=behaviour.delay_ms if asked.demo_delay_ms is None else asked.demo_delay_ms,
        interval_ms=behaviour.interval_ms if asked.demo_interval_ms is None else asked.demo_interval_ms,
    )
    return cut_in_half(paced) if behaviour.cuts else paced


def cut_in_half(reply: Reply) -> Reply:
    """Make an answer break off in its middle."""
    if len(reply.pieces) == 1:
        body = reply.pieces[0]
        pieces: tuple[bytes, ...] = (body[: len(body) // 2],)
    else:
        pieces = reply.pieces[: max(1, len(reply.pieces) // 2)]
    return msgspec.structs.replace(reply, pieces=(*pieces, b""), cut=True)


def error(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> Reply:
    """Return an error as OpenAI words it."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return plain(msgspec.json.encode(body), status=status, headers=headers)


def invalid(why: Invalid) -> Reply:
    """Return the 400 for a body that can't be answered."""
    return error(400, why.message, param=why.param, code=why.code)


def _head(status: int, content_type: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    lines = [
        b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n" % (status, HTTPStatus(status).phrase.encode(), content_type)
    ]
    lines += [f"{name}: {value}\r\n".encode() for name, value in headers]
    return b"".join(lines)


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)
