"""The HTTP/1.1 server: a client's connection, its phases, time-outs and the order of answers.

Theory. A connection is in one of five phases. A request in flight holds what arrives behind it, unparsed, so that
pipelined requests are answered in order and cost bounded memory; only those that came in the same read as the
request before them are parsed already, and wait in a queue.

| phase    | waits for                   | ends with                                              | when too slow |
|----------|-----------------------------|--------------------------------------------------------|---------------|
| PREAMBLE | the PROXY protocol, if used | IDLE, or closed                                        | closed        |
| IDLE     | the first byte              | HEAD                                                   | closed        |
| HEAD     | the empty line              | BODY, or a refusal and LINGER                          | 408, LINGER   |
| BODY     | the last byte               | IDLE with a request in flight, or a refusal and LINGER | 408, LINGER   |
| LINGER   | the client to go away       | closed                                                 | closed        |

LINGER reads and drops what the client is still sending, so that it can read the refusal before the reset.
One sweep over all connections twice a second does for timers.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

import structlog

from keyturn import system
from keyturn.config.sections import Server
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import client_address, proxy_protocol
from keyturn.gateway.head_memo import HeadMemo
from keyturn.gateway.proxy_protocol import BadPreambleError
from keyturn.gateway.request import Request
from keyturn.gateway.request_reader import BODY, CREDENTIAL_HEADERS, HEAD, IDLE, LINGER, RequestReader

PREAMBLE = 4
"""Before the first request; the other phases are the reader's."""
HELD_LIMIT = 65_536
"""Bytes of pipelined requests taken in while one is in flight; beyond it reading stops."""
WRITE_HIGH = 4_096
"""Unsent bytes at which the other side is paused. One read of the other side (uvloop: 250 KiB) may come on top."""
LINGER_S = 2.0
BODY_BYTES_PER_S = 65_536
"""A body may take ``body_timeout_s`` and a second more for each of these many bytes."""
STALLED_S = 60.0
"""How long a client may take nothing of an answer before it is cut off."""
DRAIN_IDLE_S = 0.3
"""How long idle connections stay during a drain, so that a request on its way is answered and not reset."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Edge:
    """What all connections of a worker share."""

    def __init__(
        self,
        settings: Server,
        handle: Callable[[Request], None],
        refuse: Callable[[Refused, bytes], bytes],
        *,
        key_headers: Iterable[bytes] = (),
    ) -> None:
        """Take in what a connection needs.

        Args:
            settings: Limits and time-outs.
            handle: Answers a whole request, now or later.
            refuse: Renders a refusal that comes before there is a request; takes the path as far as it is known.
            key_headers: Lower-case names of further headers that carry a key.
        """
        self.settings = settings
        self.handle = handle
        self.refuse = refuse
        self.connections: set[Connection] = set()
        self.draining = False
        self.memo = HeadMemo(settings.max_body_bytes)
        self.proxies = client_address.Proxies(settings.trusted_proxies)
        self.credential_headers = CREDENTIAL_HEADERS.union(key_headers)

    def accept(self) -> asyncio.Protocol:
        """Make the protocol of a new connection."""
        return cast("asyncio.Protocol", Connection(self))

    def sweep(self, now: float) -> None:
        """End what takes too long; called about twice a second with the loop's time."""
        for connection in list(self.connections):
            connection.sweep(now)

    def drain(self, now: float) -> None:
        """Answer what is in flight with ``connection: close``; idle connections end within ``DRAIN_IDLE_S``."""
        self.draining = True
        for connection in self.connections:
            connection.hurry(now + DRAIN_IDLE_S)

    def close(self) -> None:
        """Cut every connection."""
        for connection in list(self.connections):
            connection.abort()


class Connection(RequestReader):
    """One client connection: an ``asyncio.Protocol`` and a ``Transmitter``."""

    __slots__ = (
        "_address",
        "_deadline",
        "_edge",
        "_feeding",
        "_held",
        "_loop",
        "_only",
        "_paused",
        "_queue",
        "_stalled_since",
        "_take",
        "_timed",
        "_transport",
        "current",
        "proxied",
        "write",
    )

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge.settings, edge.credential_headers)
        self._edge = edge
        self.current: Request | None = None
        self._queue: deque[Request] | None = None
        self._held = b""
        self._paused = self._feeding = False
        self._stalled_since = 0.0
        self._only: Request | None = None
        self._take: Callable[[bytes], None] | None = None  # gets what comes from a client that has left HTTP
        self._timed: dict[bytes, bytes] | None = None  # headers of the head whose clock runs

    # ── called by the transport ─────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take up a new connection."""
        self._transport = transport
        self.write: Callable[[bytes], None] = transport.write
        transport.set_write_buffer_limits(high=WRITE_HIGH)
        self._address = client_address.of_peer(transport.get_extra_info("peername"))
        self.proxied = False
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + self._edge.settings.idle_timeout_s
        self._edge.connections.add(self)
        if self._edge.proxies:
            self._meet_proxy()

    def _meet_proxy(self) -> None:
        """See whether the peer is believed when it says who the client is."""
        self.proxied = self._edge.proxies.trusts(self._address)
        if self._settings.proxy_protocol:
            if self.proxied:
                self.phase = PREAMBLE
                self._deadline = self._loop.time() + self._settings.head_timeout_s
            else:
                self._cut()

    def _cut(self) -> None:
        """End a connection that does not begin as it has to: what it sends is for nobody (PROXY protocol, 2)."""
        self._edge.refuse(Refused(Reason.MALFORMED_REQUEST), b"")  # counted, and not said
        self.phase = LINGER
        self._held = b""
        self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell whoever is answering, and forget the connection."""
        self._edge.connections.discard(self)
        self.phase = LINGER
        request, self.current = self.current, None
        self._queue = None
        self._held = b""
        self._parser = self._take = None
        if request is not None and request.handling is not None:
            request.handling.client_left()

    def eof_received(self) -> None:
        """Close: a client that has stopped sending is taken to have left, as nginx does."""

    def pause_writing(self) -> None:
        """Pass on that the client reads slowly."""
        self._stalled_since = self._loop.time()
        if self.current is not None and self.current.handling is not None:
            self.current.handling.client_slow()

    def resume_writing(self) -> None:
        """Pass on that the client reads again."""
        self._stalled_since = 0.0
        if self.phase == LINGER:
            self._deadline = self._loop.time() + LINGER_S
        if self.current is None:
            return
        if self.current.handling is not None:
            self.current.handling.client_ready()
        else:  # its answer was complete before the client had taken it
            self.finish(self.current.keep_alive)

    def data_received(self, data: bytes) -> None:
        """Parse, or hold while a request is in flight."""
        if self.current is not None:
            self._hold(data)
        elif self.phase == IDLE and (request := self._edge.memo.recall(data)) is not None:
            self.completed(request)
        elif self.phase != LINGER:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self.phase == PREAMBLE:
            self._read_preamble(self._held + data)
            return
        was_idle = self.phase == IDLE
        self._feeding = True
        self.feed(data)
        self._feeding = False
        if self.switching:
            self._hold(self.beyond)
        only, self._only = self._only, None
        if self.phase != IDLE:
            self._give_time()
        elif was_idle and only is not None and only.plan is not None:
            self._edge.memo.learn(data, only.plan)
        if self.current is None and (self.refusal is not None or self._queue or self._held):
            self._advance()

    def _read_preamble(self, data: bytes) -> None:
        try:
            preamble = proxy_protocol.read(data)
        except BadPreambleError:
            self._cut()
            return
        if preamble is None:
            self._held = data
            return
        self._held = b""
        self.phase = IDLE
        self._deadline = self._loop.time() + self._settings.idle_timeout_s
        self._address = preamble.address or self._address
        self.proxied = self._edge.proxies.trusts(preamble.address)  # the peer only carries bytes
        if len(data) > preamble.length:
            self.data_received(data[preamble.length :])

    def _hold(self, data: bytes) -> None:
        if self._take is not None:
            self._take(data)
        elif self.phase != LINGER:
            self._held += data
            if len(self._held) > HELD_LIMIT:
                self.pause()

    def switch(self, take: Callable[[bytes], None]) -> None:
        """Give what the client sends from here on to ``take``, and what is held already."""
        self._take = take
        held, self._held = self._held, b""
        self.resume()
        take(held)

    def pause(self) -> None:
        """Stop reading what the client sends."""
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _give_time(self) -> None:
        """Start the clock of what has not arrived whole, when its turn comes; what comes in one read never needs one."""
        if self.current is not None:
            return
        if self.phase == HEAD:
            if self._timed is not self._headers:
                self._timed = self._headers
                self._deadline = self._loop.time() + self._settings.head_timeout_s
        elif self.phase == BODY and not self.body_announced:
            self.body_announced = True
            allowed = self._settings.body_timeout_s + self.body_expected / BODY_BYTES_PER_S
            self._deadline = self._loop.time() + allowed
            if self.wants_continue and self.refusal is None:
                self._transport.write(_CONTINUE)

    # ── called by the reader ────────────────────────────────────────────────

    def completed(self, request: Request) -> None:
        """Start the request, or queue it behind the one in flight."""
        request.client = self
        request.address = (
            self._edge.proxies.client(self._address, request.headers) if self.proxied else self._address
        )
        request.handling = None
        if self._edge.draining:
            request.keep_alive = False
        if self.current is None and not self._queue:
            self.current = self._only = request
            request.received = system.monotonic()
            self._handle(request)
        elif self._queue is None:
            self._queue = deque((request,))
        else:
            self._queue.append(request)
        if self.current is not request:
            self._only = None

    # ── answering ───────────────────────────────────────────────────────────

    def _start(self, request: Request) -> None:
        self.current = request
        request.received = system.monotonic()
        self._handle(request)

    def _handle(self, request: Request) -> None:
        """Have a request answered; a mistake of ours ends the connection instead of leaving the client to wait for ever."""
        try:
            self._edge.handle(request)
        except Exception:  # noqa: BLE001 -- the parser that calls us would take it for malformed HTTP, and say nothing
            structlog.get_logger().exception("a request could not be handled")
            self.abort()

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- see ``Transmitter``
        """End the answer to the current request and go on to the next, once the client has taken enough of it."""
        current = self.current
        if current is not None:
            current.handling = None  # it holds the request: broken here, the ring needs no garbage collection
            if self._stalled_since and keep_alive:
                return
        self.current = None
        if not keep_alive:
            self._linger()
            return
        idle_s = DRAIN_IDLE_S if self._edge.draining else self._settings.idle_timeout_s
        self._deadline = self._loop.time() + idle_s
        if not self._feeding and (self._queue or self._held or self.phase or self.refusal is not None):
            self._advance()

    def abort(self) -> None:
        """Cut the connection at once."""
        self._transport.abort()

    def _advance(self) -> None:
        # What is answered at once comes back to this loop: inside of one another, a few hundred would be too many.
        self._feeding = True
        while self.current is None and self.phase != LINGER:
            if self._queue:
                self._start(self._queue.popleft())
            elif self.refusal is not None:
                self._refuse_and_linger(self.refusal)
            elif self._held:
                data, self._held = self._held, b""
                self.resume()
                self.data_received(data)
            else:
                self._give_time()
                break
        self._feeding = False

    def _refuse_and_linger(self, refused: Refused) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._edge.refuse(refused, self.path))
        self._linger()

    def _linger(self) -> None:
        self.phase = LINGER
        self._held = b""
        self._queue = self._take = None
        if self._transport.is_closing():
            return
        self.resume()
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._deadline = self._loop.time() + LINGER_S
        else:  # TLS has no half-close
            self._transport.close()

    # ── time ────────────────────────────────────────────────────────────────

    def hurry(self, deadline: float) -> None:
        """Bring an idle connection's end forward, and announce that of any other in the next head it sends."""
        if self.current is not None:
            if self.current.handling is not None and not self.current.handling.answering():
                self.current.keep_alive = False
        elif self.phase in {IDLE, PREAMBLE}:
            self._deadline = min(self._deadline, deadline)

    def sweep(self, now: float) -> None:
        """End the connection if it has taken too long."""
        if self._stalled_since:
            if now - self._stalled_since > STALLED_S:
                self._transport.abort()
        elif self.current is not None or now < self._deadline:
            return
        elif self.phase in {IDLE, LINGER, PREAMBLE}:
            self._transport.abort() if self.phase == LINGER else self._transport.close()
        else:
            part = "head" if self.phase == HEAD else "body"
            self._refuse_and_linger(
                Refused(Reason.REQUEST_TIMEOUT, f"The request's {part} did not arrive in time")
            )
