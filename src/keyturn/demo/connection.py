"""One connection to the demo upstream: HTTP/1.1 in, prepared replies out, in order.

A request becomes a ``Turn``. The turn at the front is played: at once when it can be, by the pacer
when its reply waits or pauses, and not at all while the client reads slower than we write.
Requests that arrive meanwhile (pipelining) queue; a queue of ``QUEUE_LIMIT`` stops the reading.

| event | front turn | what happens |
|---|---|---|
| message complete | none | it is begun |
| message complete | some | it queues |
| piece due | paused by flow control | waits for ``resume_writing`` |
| last piece | any | logged, then written; the next turn is begun, or the connection closed |
"""

import asyncio
from collections import deque
from typing import Protocol, cast

import httptools
import msgspec

from keyturn.demo import replies
from keyturn.demo.pacing import Pacer
from keyturn.demo.replies import Reply, Served

BODY_LIMIT = 64 * 1024 * 1024
QUEUE_LIMIT = 16

_READ = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"x-goog-api-key",
        b"anthropic-version",
        b"x-request-id",
        b"x-demo-delay-ms",
        b"expect",
    }
)
_CLOSE = b"connection: close\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Turn(msgspec.Struct, frozen=True):
    """One request that waits for its answer."""

    reply: Reply
    request_id: bytes
    delay_ms: int
    with_body: bool
    keep: bool


class Backend(Protocol):
    """What a connection needs from its server."""

    pacer: Pacer
    date: bytes
    """``date: …`` with its line end."""

    def prepare(self, method: bytes, target: bytes, body: bytes, headers: dict[bytes, bytes]) -> Reply:
        """Return the answer to a request; of its header fields, those that matter here, names in lower case."""
        ...

    def log(self, request_id: bytes, served: Served) -> None:
        """Note an answer whose last byte is about to be sent."""
        ...

    def opened(self, connection: "Connection") -> None:
        """Count a connection in."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Count it out."""
        ...


class Connection(asyncio.Protocol):
    """A client's connection."""

    __slots__ = (
        "_at",
        "_backend",
        "_body",
        "_body_bytes",
        "_closed",
        "_draining",
        "_front",
        "_headers",
        "_parser",
        "_paused",
        "_queue",
        "_stalled",
        "_target",
        "_transport",
    )

    _transport: asyncio.Transport

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Turn] = deque()
        self._front: Turn | None = None
        self._at = 0
        self._paused = self._stalled = self._closed = self._draining = False
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0

    # ── asyncio ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._backend.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget what was still to be answered."""
        self._closed = True
        self._front = None
        self._queue.clear()
        self._backend.lost(self)

    def data_received(self, data: bytes) -> None:
        """Read on; what is not HTTP is refused once."""
        if self._draining:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._draining = True
            self._close_when_idle()
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError as error:
            self._refuse(400, f"The request is not HTTP/1.1: {error}")

    def pause_writing(self) -> None:
        """Stop playing: the client reads slower than we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """Play on."""
        self._paused = False
        if self._stalled:
            self._stalled = False
            self._play()

    # ── httptools ──

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._target = b""
        self._headers = {}
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take the target, which may come in parts."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the few header fields that matter here."""
        name = name.lower()
        if name in _READ:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Let a client send the body that it holds back."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and self._front is None:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > BODY_LIMIT:
            self._refuse(413, f"The request is larger than {BODY_LIMIT} bytes.")

    def on_message_complete(self) -> None:
        """Answer."""
        if self._draining:
            return
        headers, method = self._headers, self._parser.get_method()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        reply = self._backend.prepare(method, self._target, body, headers)
        if len(reply.pieces) > 1 and self._parser.get_http_version() == "1.0":
            reply = replies.error(505, "Streams need HTTP/1.1.")
        delay = headers.get(b"x-demo-delay-ms", b"")
        self._take(
            Turn(
                reply=reply,
                request_id=headers.get(b"x-request-id", b""),
                delay_ms=int(delay) if delay.isdigit() else reply.delay_ms,
                with_body=method != b"HEAD",
                keep=self._parser.should_keep_alive(),
            )
        )

    # ── turns ──

    def drain(self) -> None:
        """Answer what was asked, then close."""
        self._draining = True
        self._close_when_idle()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what can't be read on from, and close after it."""
        if not self._draining:
            self._draining = True
            self._take(Turn(replies.error(status, message), b"", 0, with_body=True, keep=False))

    def _take(self, turn: Turn) -> None:
        if self._front is not None:
            self._queue.append(turn)
            if len(self._queue) == QUEUE_LIMIT:
                self._transport.pause_reading()
            return
        self._front = turn
        if turn.delay_ms:
            self._backend.pacer.after(turn.delay_ms, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        turn = self._front
        if turn is None:
            return
        self._at = 0
        if len(turn.reply.pieces) == 1:
            self._finish(turn, self._head(turn) + (turn.reply.pieces[0] if turn.with_body else b""))
            return
        self._at = 1
        self._transport.write(self._head(turn) + turn.reply.pieces[0])
        if turn.reply.interval_ms:
            self._backend.pacer.after(turn.reply.interval_ms, self._play)
        else:
            self._play()

    def _head(self, turn: Turn) -> bytes:
        close = b"" if turn.keep and not self._draining else _CLOSE
        return b"%b%b%b\r\n" % (turn.reply.head, self._backend.date, close)

    def _play(self) -> None:
        """Write the next piece, or all that are left when there is no pause between them."""
        turn = self._front
        if turn is None:
            return
        pieces, interval = turn.reply.pieces, turn.reply.interval_ms
        while self._at < len(pieces) - 1:
            if self._paused:
                self._stalled = True
                return
            self._transport.write(pieces[self._at])
            self._at += 1
            if interval:
                self._backend.pacer.after(interval, self._play)
                return
        self._finish(turn, pieces[-1])

    def _finish(self, turn: Turn, rest: bytes) -> None:
        reply = turn.reply
        if reply.cut:
            self._transport.close()
            return
        if reply.served is not None:
            self._backend.log(turn.request_id, reply.served)
        self._transport.write(rest)
        self._front = None
        if not turn.keep:
            self._draining = True
            self._queue.clear()
        if self._queue:
            self._next()
        else:
            self._close_when_idle()

    def _next(self) -> None:
        if len(self._queue) == QUEUE_LIMIT:
            self._transport.resume_reading()
        self._take(self._queue.popleft())

    def _close_when_idle(self) -> None:
        if self._draining and self._front is None and not self._closed:
            self._transport.close()
