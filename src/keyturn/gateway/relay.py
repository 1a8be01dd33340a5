"""Connections to the other side: providers over TCP or TLS, the control process over its unix socket.

One pool of idle keep-alive connections per origin. A request is one write; the answer is read under flow control
and handed on as it comes, in the same turn of the loop. A pooled connection that turns out to be dead before a byte
of the answer has come is replaced once. Origins differ only in how they are dialled.
"""

import asyncio
from typing import Any, Protocol, cast

import httptools

from keyturn.config.sections import Relay as Settings
from keyturn.domain.refusals import Reason
from keyturn.gateway.origin import Origin
from keyturn.system import Tasks

STALE_S = 1.0
"""A pooled connection that ends within this time of a request was dead before it; later it has died at work."""
FRAMING = frozenset({b"content-type", b"content-length", b"transfer-encoding"})


class Receiver(Protocol):
    """Takes an answer; the calls come in this order, and none after ``answer_end`` or ``answer_failed``."""

    def answer_head(self, upstream: "Upstream") -> None:
        """Take the head: ``upstream.status``, ``upstream.lines`` and its framing."""

    def answer_pieces(self, pieces: list[bytes]) -> None:
        """Take bytes of the body, never none; more will come or the end will."""

    def answer_end(self, pieces: list[bytes]) -> None:
        """Take the last bytes of the body, perhaps none."""

    def answer_failed(self, reason: Reason, detail: str) -> None:
        """Learn that the answer will not come, or not to its end."""


class Pool:
    """The connections to one origin."""

    def __init__(self, origin: Origin, settings: Settings, tasks: Tasks, withheld: frozenset[bytes]) -> None:
        """Take in what its connections need; answer headers in ``withheld`` (lower case) are dropped."""
        self.withheld = withheld
        self.origin = origin
        self.settings = settings
        self.closed = False
        self._tasks = tasks
        self._idle: list[Upstream] = []
        self._all: set[Upstream] = set()

    def send(self, request: bytes, receiver: Receiver, *, head_only: bool = False) -> "Upstream":
        """Send a whole request; the answer goes to ``receiver``.

        Returns:
            The exchange with the origin, to pause, resume or cancel it.
        """
        if not self._idle:
            return self._dial(request, receiver, head_only=head_only)
        upstream = self._idle.pop()
        upstream.reused = True
        upstream.begin(request, receiver, head_only)
        return upstream

    def _dial(self, request: bytes, receiver: Receiver, *, head_only: bool) -> "Upstream":
        upstream = Upstream(self)
        upstream.prepare(request, receiver, head_only=head_only)
        self._tasks.spawn(self._connect(upstream), name=f"connect to {self.origin.name}")
        return upstream

    async def _connect(self, upstream: "Upstream") -> None:
        self._all.add(upstream)
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await self.origin.connect(lambda: cast("asyncio.Protocol", upstream))
        except TimeoutError:
            upstream.fail(Reason.UPSTREAM_TIMEOUT, f"{self.origin.name} did not take the connection in time")
        except (OSError, ValueError) as error:
            upstream.fail(Reason.UPSTREAM_UNREACHABLE, f"{self.origin.name}: {error}")

    def again(self, upstream: "Upstream", request: bytes, receiver: Receiver) -> bool:
        """Replace a pooled connection that had died before the request came; ``False`` when it died later."""
        if self.closed or upstream.quiet_for(asyncio.get_running_loop().time()) > STALE_S:
            return False
        fresh = Upstream(self)
        fresh.prepare(request, receiver, head_only=upstream.head_only)
        upstream.replacement = fresh
        self._tasks.spawn(self._connect(fresh), name=f"reconnect to {self.origin.name}")
        return True

    def put_back(self, upstream: "Upstream") -> None:
        """Keep a connection for the next request."""
        if self.closed or len(self._idle) >= self.settings.max_idle:
            upstream.close()
        else:
            self._idle.append(upstream)

    def discard(self, upstream: "Upstream") -> None:
        """Forget a connection that is gone."""
        self._all.discard(upstream)
        if upstream in self._idle:
            self._idle.remove(upstream)

    def sweep(self, now: float) -> None:
        """End what takes too long or lies idle too long."""
        for upstream in list(self._all):
            upstream.sweep(now)

    def close(self) -> None:
        """Let no connection be kept from here on; those in use end with their answers."""
        self.closed = True
        for upstream in list(self._idle):
            upstream.close()
        self._idle.clear()


class Upstream:
    """One connection to an origin (an ``asyncio.Protocol``), serving one request at a time.

    Attributes:
        status: Of the answer, from its head on.
        lines: The answer's header lines that are handed on, in order, in pieces ready to be joined.
        content_length: Of the answer; -1 for chunked or until the connection closes.
        event_stream: The answer is ``text/event-stream``.
    """

    __slots__ = (
        "_body_done",
        "_chunked",
        "_ended",
        "_in_head",
        "_keep",
        "_parser",
        "_paused",
        "_pieces",
        "_pool",
        "_quiet_since",
        "_receiver",
        "_request",
        "_transport",
        "_withheld",
        "content_length",
        "event_stream",
        "head_only",
        "lines",
        "replacement",
        "reused",
        "status",
    )

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._withheld = pool.withheld
        self._transport: Any = None
        self._parser: Any = None
        self._receiver: Receiver | None = None
        self._request: bytes | None = None
        self.replacement: Upstream | None = None
        self.reused = False
        self._keep = self._paused = self._ended = False
        self._quiet_since = 0.0

    # ── the exchange's side ─────────────────────────────────────────────────

    def prepare(self, request: bytes, receiver: Receiver, *, head_only: bool) -> None:
        """Hold a request until the connection stands."""
        self._request, self._receiver, self.head_only = request, receiver, head_only

    def begin(self, request: bytes, receiver: Receiver, head_only: bool) -> None:  # noqa: FBT001 -- measured
        """Send a request on a standing connection.

        One that has died unnoticed takes the bytes and then reports its end, which is a reason to replace it.
        """
        self._request, self._receiver, self.head_only = request, receiver, head_only
        self.lines: list[bytes] = []
        self._pieces: list[bytes] = []
        self.content_length = -1
        self.event_stream = self._chunked = self._body_done = False
        self._in_head = True
        self._quiet_since = 0.0
        self._transport.write(request)

    def cancel(self) -> None:
        """Give up: the receiver hears nothing more and the origin is told by the connection's end."""
        target = self.replacement or self
        target._receiver = target._request = None  # noqa: SLF001 -- the same class
        if target._transport is not None:  # noqa: SLF001 -- the same class
            target._transport.abort()  # noqa: SLF001 -- the same class

    def hand_to(self, receiver: Receiver) -> None:
        """Let somebody else take the rest of the answer; to be called with its head."""
        self._receiver = receiver

    def pause(self) -> None:
        """Stop reading: the client is slow."""
        target = self.replacement or self
        target._paused = True  # noqa: SLF001 -- the same class
        if target._transport is not None and not target._transport.is_closing():  # noqa: SLF001 -- the same class
            target._transport.pause_reading()  # noqa: SLF001 -- the same class

    def resume(self) -> None:
        """Read on."""
        target = self.replacement or self
        target._paused = False  # noqa: SLF001 -- the same class
        if target._transport is not None and not target._transport.is_closing():  # noqa: SLF001 -- the same class
            target._transport.resume_reading()  # noqa: SLF001 -- the same class

    # ── called by the transport ─────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Send what was prepared, unless nobody wants it any more."""
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        if self._request is None or self._receiver is None:
            self._receiver = None
            self._in_head = True
            self._pool.put_back(self)
        else:
            self.begin(self._request, self._receiver, self.head_only)

    def data_received(self, data: bytes) -> None:
        """Parse, and hand on what came in one piece."""
        self._quiet_since = 0.0
        self._request = None  # it has arrived: sending it again would be sending it twice
        receiver = self._receiver
        if receiver is None:  # nobody has asked: an origin that talks out of turn is not kept
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(Reason.UPSTREAM_MALFORMED, "it switched protocols unasked")
            return
        except httptools.HttpParserError as error:
            if self._body_done and self._receiver is not None:
                self._keep = False
            else:
                self.fail(Reason.UPSTREAM_MALFORMED, str(error))
                return
        receiver = self._receiver  # it may have been handed over with the head
        if receiver is None:
            return
        if self._body_done:
            self._receiver = None
            if self._keep and not self._paused:
                self._pool.put_back(self)
            else:
                self._transport.close()
            receiver.answer_end(self._pieces)
        elif self._pieces:
            pieces, self._pieces = self._pieces, []
            receiver.answer_pieces(pieces)

    def eof_received(self) -> None:
        """Note a proper end and let the transport close. TLS without ``close_notify`` never gets here (RFC 9112 9.8)."""
        self._ended = True

    def pause_writing(self) -> None:
        """Nothing to hold back: a request is one write, and its length is bounded by the edge."""

    def resume_writing(self) -> None:
        """See ``pause_writing``."""

    def connection_lost(self, error: Exception | None) -> None:
        """Decide what the end of the connection means for the answer."""
        self._pool.discard(self)
        self._parser = None
        receiver = self._receiver
        if receiver is None:
            return
        if self._ended and not self._in_head and not self._chunked and self.content_length < 0:
            self._receiver = None
            receiver.answer_end(self._pieces)  # delimited by the connection's end (RFC 9112 6.3)
        elif self.reused and self._request is not None and self._pool.again(self, self._request, receiver):
            self._receiver = self._request = None
        else:
            self.fail(Reason.UPSTREAM_CLOSED, str(error or "it closed the connection"))

    def fail(self, reason: Reason, detail: str) -> None:
        """Tell the receiver, once, and drop the connection."""
        receiver, self._receiver = self._receiver, None
        self._request = None
        if self._transport is not None:
            self._transport.abort()
        else:
            self._pool.discard(self)
        if receiver is not None:
            receiver.answer_failed(reason, detail)

    def close(self) -> None:
        """Close an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def quiet_for(self, now: float) -> float:
        """Return the seconds without a byte of the answer; the first sweep in silence starts the clock."""
        if not self._quiet_since:
            self._quiet_since = now
        return now - self._quiet_since

    def sweep(self, now: float) -> None:
        """End the exchange when the origin has been silent too long."""
        settings = self._pool.settings
        quiet = self.quiet_for(now)
        if self._receiver is None:
            if quiet > settings.keepalive_s:
                self.close()
        elif self._transport is not None and self._transport.is_reading():
            limit = settings.first_byte_timeout_s if self._in_head else settings.idle_timeout_s
            if quiet > limit:
                self.fail(Reason.UPSTREAM_TIMEOUT, f"silent for {quiet:.0f} s")

    # ── called by the parser ────────────────────────────────────────────────

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field; a trailer field is dropped."""
        if not self._in_head:
            return
        name = name.lower()
        if name not in self._withheld:
            self.lines += (name, b": ", value, b"\r\n")
        if name in FRAMING:
            if name == b"content-type":
                self.event_stream = value[:17].lower() == b"text/event-stream"
            elif name == b"content-length":
                self.content_length = int(value)
            else:
                self._chunked = True

    def on_headers_complete(self) -> None:
        """Hand the head on; an interim answer (1xx) is passed over."""
        if self._body_done:  # a second answer to one request
            self._keep = False
            return
        status = self._parser.get_status_code()
        if status < 200:
            self.lines = []
            self.content_length = -1
            self.event_stream = self._chunked = False
            return
        if status > 599:
            self.fail(Reason.UPSTREAM_MALFORMED, f"status {status}")
            return
        self.status = status
        self._in_head = False
        self._keep = self._parser.should_keep_alive() and not self.head_only
        self._body_done = self.head_only
        if self._receiver is not None:
            self._receiver.answer_head(self)

    def on_body(self, piece: bytes) -> None:
        """Collect a piece of the body."""
        if not self._body_done:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it was an interim one."""
        if not self._in_head:
            self._body_done = True
