"""Bytes of a client in, whole requests out: the parser's side of a connection, without a socket.

llhttp refuses bare CR and LF, conflicting or repeated lengths, bad chunk sizes, folded headers and control
characters. What it lets through is refused here: HTTP/0.9 and 2.0 request lines, a missing, double or malformed
Host, transfer codings other than chunked, too many or too large headers, bodies over the limit. Trailer fields
are dropped: they are never headers. An offer to upgrade is declined by ignoring it (RFC 9110 7.8), but for that of a
WebSocket where there is one: such a request is the last on its connection, whether it is taken up or refused, so that
nothing behind it can be taken for a request.
Source: RFC 9112.
"""

import re
from typing import Any

import httptools

from keyturn.config.sections import Server
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.paths import WEBSOCKETS
from keyturn.gateway.request import Request, Switching

IDLE, HEAD, BODY, LINGER = range(4)
"""Waiting for a request, inside its head, inside its body, and no longer reading."""

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
CREDENTIAL_HEADERS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})

_HOST = re.compile(rb"(?:[0-9A-Za-z._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"^https?://[^/?#]+", re.IGNORECASE)
_LINE_ROOM = 64
"""More than method, version and line ends take: what is left out when a head is measured by its fields."""


class RequestReader:
    """Parses requests; a subclass says what becomes of them.

    Attributes:
        phase: ``IDLE``, ``HEAD``, ``BODY`` or ``LINGER``.
        refusal: Why reading has stopped for good, once it has.
        body_expected: The declared length of the body being read (0 for chunked).
        body_announced: Set by the owner once it has reacted to the head of the request being read.
        wants_continue: The client waits for ``100 Continue`` before it sends the body.
        switching: The last request was one that leaves HTTP: nothing more is parsed.
        beyond: What came behind it in the same read.
    """

    __slots__ = (
        "_body",
        "_body_length",
        "_body_seen",
        "_credential_headers",
        "_framing_length",
        "_head_length",
        "_head_unsure",
        "_headers",
        "_host",
        "_http_10",
        "_method",
        "_parser",
        "_repeated",
        "_repeats",
        "_repeats_length",
        "_resuming",
        "_settings",
        "_upgrading",
        "_url",
        "beyond",
        "body_announced",
        "body_expected",
        "phase",
        "refusal",
        "switching",
        "wants_continue",
    )

    def __init__(self, settings: Server, credential_headers: frozenset[bytes] = CREDENTIAL_HEADERS) -> None:
        self._settings = settings
        self._credential_headers = credential_headers
        self.phase = IDLE
        self.refusal: Refused | None = None
        self.body_expected = 0
        self.body_announced = self.wants_continue = self.switching = False
        self.beyond = b""
        self._parser: Any = httptools.HttpRequestParser(self)
        self._upgrading = self._resuming = self._http_10 = False
        self._headers: dict[bytes, bytes] = {}
        self._repeated: list[tuple[bytes, bytes]] | None = None
        self._repeats = self._repeats_length = 0
        self._method = self._url = b""
        self._host: bytes | None = None
        self._body: bytes | bytearray = b""
        self._body_length = self._body_seen = self._framing_length = 0
        self._head_length = self._head_unsure = 0

    def completed(self, request: Request) -> None:
        """Take a whole request."""
        raise NotImplementedError

    @property
    def path(self) -> bytes:
        """The path of the request being read, as far as it is known."""
        return self._url.partition(b"?")[0]

    def feed(self, data: bytes) -> None:
        """Parse; afterwards ``refusal`` says whether reading has to stop."""
        if self.phase == IDLE:
            self._head_length = self._head_unsure = 0
        self._head_length += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrades(memoryview(data)[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_unparsed(error)
        if self.phase != IDLE:
            self._bound(len(data))

    def _bound(self, length: int) -> None:
        """Refuse a head, or framing inside a body, that goes on and on; called when a read ended inside a request."""
        limit = self._settings.max_head_bytes + _LINE_ROOM
        if self.phase == HEAD:
            if self._head_length - self._head_unsure > limit:
                self._refuse(Reason.HEAD_TOO_LARGE)
        elif self._body_length != self._body_seen:
            self._body_seen, self._framing_length = self._body_length, 0
        else:
            self._framing_length += length
            if (
                self._framing_length > limit
            ):  # chunk extensions, or trailer fields that the parser keeps till their end
                self._refuse(Reason.HEAD_TOO_LARGE, "The chunk extensions or trailer fields are too large")

    def _refuse(self, reason: Reason, message: str = "") -> None:
        if self.refusal is None:
            self.refusal = Refused(
                reason, message, allow=METHODS if reason is Reason.METHOD_NOT_ALLOWED else ""
            )

    def _refuse_unparsed(self, error: Exception) -> None:
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            message = "The request does not begin with a method that Keyturn knows"
            self._refuse(Reason.METHOD_NOT_ALLOWED, message)
        else:
            self._refuse(Reason.MALFORMED_REQUEST, f"The request is not well-formed HTTP/1.1: {error}")

    def _decline_upgrades(self, rest: memoryview) -> None:
        """Read on as if no upgrade had been offered; what follows may offer one again."""
        while self.refusal is None:
            if self.switching:
                self.beyond = bytes(rest)
                return
            if self._method == b"CONNECT":
                self._refuse(Reason.METHOD_NOT_ALLOWED, "Keyturn is not a forward proxy")
                return
            self._resume()
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._refuse_unparsed(error)
                return
            else:
                return

    def _resume(self) -> None:
        # llhttp takes what follows an offer to upgrade for the other protocol. A parser of its own, told the
        # body's framing and nothing else, reads the body and whatever comes behind it.
        self._upgrading, self._resuming = False, True
        self._parser = httptools.HttpRequestParser(self)
        framing = b""
        if b"transfer-encoding" in self._headers:
            framing = b"transfer-encoding: chunked\r\n"
        elif b"content-length" in self._headers:
            framing = b"content-length: %b\r\n" % self._headers[b"content-length"]
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing)

    # ── called by the parser ────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """Start a request."""
        if self._resuming:
            return
        if self.phase == LINGER:  # the request before it was the last: the parser stops here
            raise EOFError
        self._headers = {}
        self._url = b""
        self.phase = HEAD

    def on_url(self, url: bytes) -> None:
        """Take in a piece of the request target."""
        if not self._resuming:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field; a trailer field is dropped."""
        if self.phase != HEAD:
            return
        name = name.lower()
        headers = self._headers
        if name in headers:
            self._repeat(name, value)
        else:
            headers[name] = value

    def _repeat(self, name: bytes, value: bytes) -> None:
        self._repeats += 1
        self._repeats_length += len(name) + 2
        if len(self._headers) + self._repeats > self._settings.max_headers:
            self._refuse(Reason.HEAD_TOO_LARGE)
        elif name in self._credential_headers:
            if value.strip() != self._headers[name].strip():
                self._repeated = [*(self._repeated or []), (name, value)]
        elif name == b"host":
            self._refuse(Reason.MALFORMED_REQUEST, "The request has two Host headers")
        else:
            self._headers[name] += (b"; " if name == b"cookie" else b", ") + value

    def on_headers_complete(self) -> None:
        """Check the head."""
        if self._resuming:
            return
        self.phase = BODY
        parser, headers = self._parser, self._headers
        self._method = parser.get_method()
        version = parser.get_http_version()
        self._http_10 = version == "1.0"
        if not self._http_10 and version != "1.1":
            self._refuse(Reason.MALFORMED_REQUEST, f"Keyturn speaks HTTP/1.1, not HTTP/{version}")
        host = headers.get(b"host")
        if host is None or host != self._host:
            self._check_host(host)
        settings = self._settings
        if self._head_length > settings.max_head_bytes or len(headers) > settings.max_headers:
            self._check_head_size()
        if b"content-length" in headers or b"transfer-encoding" in headers:
            self._check_body()
        if parser.should_upgrade():
            self._upgrading = True

    def _check_host(self, host: bytes | None) -> None:
        if host is None:
            if not self._http_10:
                self._refuse(Reason.MALFORMED_REQUEST, "The request has no Host header")
        elif _HOST.fullmatch(host.strip()) is None:
            self._refuse(Reason.MALFORMED_REQUEST, "The Host header is malformed")
        else:
            self._host = host

    def _check_head_size(self) -> None:
        # One read may bring body bytes too, so the exact sum is taken only when the cheap bound is passed.
        length = len(self._url) + self._repeats_length
        length += sum(len(name) + len(value) + 4 for name, value in self._headers.items())
        if length > self._settings.max_head_bytes or len(self._headers) > self._settings.max_headers:
            self._refuse(Reason.HEAD_TOO_LARGE)

    def _check_body(self) -> None:
        headers = self._headers
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (coding.strip().lower() != b"chunked" or self._http_10):
            return self._refuse(Reason.MALFORMED_REQUEST, "The only transfer coding taken is 'chunked'")
        self.body_announced = False
        self._body_seen = -1
        self.body_expected = int(headers.get(b"content-length", b"0"))
        if self.body_expected > self._settings.max_body_bytes:
            return self._too_large()
        expect = headers.get(b"expect")
        self.wants_continue = expect is not None and not self._http_10
        if expect is not None and expect.strip().lower() != b"100-continue":
            return self._refuse(Reason.EXPECTATION_FAILED)
        return None

    def _too_large(self) -> None:
        limit = self._settings.max_body_bytes
        self._refuse(Reason.BODY_TOO_LARGE, f"The request body is larger than {limit} bytes")

    def on_body(self, piece: bytes) -> None:
        """Take in a piece of the body."""
        if self.refusal is not None:
            return
        self._body_length += len(piece)
        if self._body_length > self._settings.max_body_bytes:
            self._body = b""
            self._too_large()
        elif not self._body:
            self._body = piece
        elif isinstance(self._body, bytearray):
            self._body += piece
        else:  # no list of pieces: an object for each of two bytes is more than twenty times what was sent
            self._body = bytearray(self._body) + piece

    def on_message_complete(self) -> None:
        """Hand the request on."""
        if self.refusal is not None or (self._upgrading and not self._switches()):
            return
        target = self._url
        if target[:1] != b"/":
            target = self._origin_form(target)
            if not target:
                return
        self.phase = IDLE
        self._head_unsure = (
            self._head_length
        )  # what has been read may reach into the next head, who knows how far
        request = Switching() if self.switching else Request()
        request.method = self._method
        if b"?" in target:
            request.path, _, request.query = target.partition(b"?")
        else:
            request.path, request.query = target, b""
        request.headers = self._headers
        request.repeated = self._repeated
        body = self._body
        request.body = bytes(body) if isinstance(body, bytearray) else body
        self._body = b""
        self._body_length = 0
        self._repeated = None
        if self._repeats:
            self._repeats = self._repeats_length = 0
        request.http_10 = self._http_10
        request.plan = None
        if self._resuming:
            self._resuming = False
            close = self._http_10 or b"close" in self._headers.get(b"connection", b"").lower()
            request.keep_alive = not close
        elif self.switching:
            request.keep_alive = False
        else:
            request.keep_alive = not self._http_10 and self._parser.should_keep_alive()
        self.completed(request)

    def _switches(self) -> bool:
        """Say whether the offer to upgrade is one that is taken up."""
        headers = self._headers
        self.switching = (
            self._method == b"GET"
            and not self._http_10
            and self.path in WEBSOCKETS
            and headers[b"upgrade"].strip().lower() == b"websocket"
            and b"content-length" not in headers
            and b"transfer-encoding" not in headers
        )
        return self.switching

    def _origin_form(self, target: bytes) -> bytes:
        """Return path and query of a target in another form (RFC 9112 3.2); empty after a refusal."""
        if target == b"*" and self._method == b"OPTIONS":
            return target
        path, absolute = _ABSOLUTE.subn(b"", target, count=1)
        if not absolute:
            self._refuse(Reason.MALFORMED_REQUEST, "The request target is neither a path nor an http URL")
            return b""
        return path if path[:1] == b"/" else b"/" + path
