"""A connection to a provider that leaves HTTP after the handshake of a WebSocket: bytes out, bytes in, under flow control.

It is nobody's but one session's, so it is in no pool. What the provider answers instead of 101 is collected as far as it
is worth telling.
"""

import asyncio
from typing import Any, Protocol, cast

import httptools

from keyturn.config.sections import Relay as Settings
from keyturn.dialects import websocket
from keyturn.domain.refusals import Reason
from keyturn.gateway.origin import Origin

LONGEST_ANSWER = 65_536
WRITE_HIGH = 65_536
"""Unsent bytes at which the client is not read from any more."""
_SWITCHING = 101


class Receiver(Protocol):
    """Takes what a line brings; the calls come in this order, and none after ``line_declined`` or ``line_lost``."""

    def line_opened(self, headers: dict[bytes, bytes]) -> None:
        """Learn that the provider has left HTTP, too."""

    def line_data(self, data: bytes) -> None:
        """Take bytes."""

    def line_declined(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        """Learn that the provider has answered with another status, which is kept as far as ``LONGEST_ANSWER``."""

    def line_lost(self, reason: Reason, detail: str) -> None:
        """Learn that the connection has ended, or never came to be."""

    def line_full(self) -> None:
        """Send no more for a while."""

    def line_free(self) -> None:
        """Send on."""


class Line:
    """The connection (an ``asyncio.Protocol``)."""

    __slots__ = (
        "_accept",
        "_body",
        "_head",
        "_headers",
        "_open",
        "_parser",
        "_receiver",
        "_transport",
        "name",
    )

    def __init__(self, name: str, head: bytes, key: bytes, receiver: Receiver) -> None:
        """Prepare it.

        Args:
            name: The provider's, for logs.
            head: The whole request of the handshake.
            key: Its ``Sec-WebSocket-Key``.
            receiver: Takes what comes.
        """
        self.name = name
        self._head = head
        self._accept = websocket.accepts(key)
        self._receiver: Receiver | None = receiver
        self._transport: Any = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._open = False

    async def dial(self, origin: Origin, settings: Settings) -> None:
        """Connect and send the handshake."""
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await origin.connect(lambda: cast("asyncio.Protocol", self))
        except TimeoutError:
            self._fail(Reason.UPSTREAM_TIMEOUT, f"{self.name} did not take the connection in time")
        except (OSError, ValueError) as error:
            self._fail(Reason.UPSTREAM_UNREACHABLE, f"{self.name}: {error}")

    # ── the session's side ──────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send bytes; only after ``line_opened``."""
        self._transport.write(data)

    def pause(self) -> None:
        """Stop reading: the client is slow."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, last: bytes = b"") -> None:
        """End it; the receiver hears nothing more.

        Args:
            last: A last frame, if the provider listens already.
        """
        self._receiver = None
        if self._transport is not None and not self._transport.is_closing():
            if self._open and last:
                self._transport.write(last)
            self._transport.close()

    def _fail(self, reason: Reason, detail: str) -> None:
        receiver, self._receiver = self._receiver, None
        if self._transport is not None:
            self._transport.abort()
        if receiver is not None:
            receiver.line_lost(reason, detail)

    # ── called by the transport ─────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Send the handshake, unless nobody wants it any more."""
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH)
        if self._receiver is None:
            transport.abort()
        else:
            transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """Hand on bytes, or read the answer to the handshake."""
        if self._receiver is None:
            return
        if self._open:
            self._receiver.line_data(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._fail(Reason.UPSTREAM_MALFORMED, str(error))

    def _switch(self, rest: bytes) -> None:
        headers, receiver = self._headers, self._receiver
        if (
            receiver is None
            or headers.get(b"upgrade", b"").lower() != b"websocket"
            or headers.get(b"sec-websocket-accept") != self._accept
            or b"sec-websocket-extensions" in headers
        ):
            self._fail(Reason.UPSTREAM_MALFORMED, "its answer to the handshake is not that of a WebSocket")
            return
        self._open, self._parser = True, None
        receiver.line_opened(headers)
        if rest and self._receiver is not None:
            self._receiver.line_data(rest)

    def eof_received(self) -> None:
        """Let the transport close."""

    def pause_writing(self) -> None:
        """Pass on that the provider reads slowly."""
        if self._receiver is not None:
            self._receiver.line_full()

    def resume_writing(self) -> None:
        """Pass on that it reads again."""
        if self._receiver is not None:
            self._receiver.line_free()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on that it has ended; an answer without a length has with it."""
        parser, self._parser = self._parser, None
        if parser is not None and self._headers and self._status(parser) > _SWITCHING:
            self._decline(parser)
        self._fail(Reason.UPSTREAM_CLOSED, str(error or "it closed the connection"))

    # ── called by the parser ────────────────────────────────────────────────

    @staticmethod
    def _status(parser: Any) -> int:  # noqa: ANN401 -- httptools has no types
        status: int = parser.get_status_code()
        return status

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field."""
        self._headers[name.lower()] = value.strip()

    def on_body(self, piece: bytes) -> None:
        """Collect a piece of the body."""
        self._body += piece
        if len(self._body) > LONGEST_ANSWER:
            self._decline(self._parser)

    def on_message_complete(self) -> None:
        """Tell of an answer that is not 101; an interim one is passed over."""
        status = self._status(self._parser)
        if status > _SWITCHING:
            self._decline(self._parser)
        elif status < _SWITCHING:
            self._headers = {}

    def _decline(self, parser: Any) -> None:  # noqa: ANN401 -- httptools has no types
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.line_declined(self._status(parser), self._headers, self._body[:LONGEST_ANSWER])
        self._transport.close()
