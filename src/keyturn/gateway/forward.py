"""Everything that is not model traffic, handed to the control process over its unix socket by the same relay."""

from keyturn.dialects import problem
from keyturn.dialects.errors import Dialect
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import answers, interlude
from keyturn.gateway.answers import STATUS_LINES
from keyturn.gateway.client_address import scheme_and_host
from keyturn.gateway.plane import HOP_BY_HOP, Plane
from keyturn.gateway.relay import Upstream
from keyturn.gateway.request import Request

OURS = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"x-request-id"}
)
"""What the control process believes because only a worker can have written it."""


class Forward:
    """One request on its way to the control process and back; a ``Handling`` and a ``Receiver``."""

    __slots__ = ("_chunked", "_gone", "_plane", "_request", "_request_id", "_secure", "_started", "_upstream")

    def __init__(self, plane: Plane, request: Request, *, secure: bool) -> None:
        """Take up a request; ``secure`` says whether it came over TLS."""
        self._plane = plane
        self._request = request
        self._request_id = plane.next_request_id()
        self._secure = secure
        self._started = self._chunked = self._gone = False
        self._upstream: Upstream | None = None
        request.handling = self

    def start(self) -> None:
        """Send it on."""
        request = self._request
        target = request.path + (b"?" + request.query if request.query else b"")
        host = request.headers.get(b"host", b"localhost").strip()
        scheme = b"https" if self._secure else b"http"
        if request.client.proxied:
            said_scheme, said_host = scheme_and_host(request.headers)
            scheme, host = said_scheme or scheme, said_host or host
        lines = [b"%b %b HTTP/1.1\r\n" % (request.method, target)]
        for name, value in (*request.headers.items(), *(request.repeated or ())):
            if name not in HOP_BY_HOP and name not in OURS:
                lines += (name, b": ", value, b"\r\n")
        if b"host" not in request.headers:
            lines.append(b"host: localhost\r\n")
        lines.append(
            b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b\r\nx-request-id: %b\r\n"
            b"content-length: %d\r\n\r\n"
            % (
                request.address.encode(),
                scheme,
                host,
                self._request_id.encode(),
                len(request.body),
            )
        )
        lines.append(request.body)
        request.body = b""
        self._upstream = self._plane.control.send(b"".join(lines), self, head_only=request.method == b"HEAD")

    # ── the answer ──────────────────────────────────────────────────────────

    def answer_head(self, upstream: Upstream) -> None:
        """Hand the head on."""
        self._upstream = upstream
        request = self._request
        lines = [STATUS_LINES[upstream.status], *upstream.lines]
        lines.append(b"x-request-id: %b\r\n" % self._request_id.encode())
        self._chunked = (
            upstream.content_length < 0 and upstream.status not in {204, 304} and not request.http_10
        )
        if upstream.content_length >= 0:
            lines.append(b"content-length: %d\r\n" % upstream.content_length)
        elif self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n")
        self._started = True
        if upstream.event_stream:
            self._plane.watches.add(self)
        request.client.write(b"".join(lines))

    def answer_pieces(self, pieces: list[bytes]) -> None:
        """Hand bytes on."""
        data = b"".join(pieces)
        self._request.client.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def answer_end(self, pieces: list[bytes]) -> None:
        """Hand the last bytes on."""
        request = self._request
        self._plane.watches.discard(self)
        self._upstream = None  # it serves others from here on, whatever this client does
        if pieces:
            self.answer_pieces(pieces)
        if self._chunked and request.method != b"HEAD":
            request.client.write(b"0\r\n\r\n")
        request.client.finish(request.keep_alive)

    def answer_failed(self, _reason: Reason, _detail: str) -> None:
        """Say that management is not there, or cut what has begun."""
        request = self._request
        self._plane.watches.discard(self)
        self._upstream = None
        if self._started:
            request.client.abort()
            return
        if interlude.wanted(request):
            answer = interlude.page(request, self._request_id)
        else:
            answer = answers.error(
                Refused(Reason.CONTROL_UNAVAILABLE),
                dialect=Dialect.ENVELOPE,
                request_id=self._request_id,
                keep_alive=request.keep_alive,
                problem=problem.wanted(request.headers.get(b"accept", b"")),
                support=self._plane.support,
            )
        request.client.write(answers.without_body(answer) if request.method == b"HEAD" else answer)
        request.client.finish(request.keep_alive)

    # ── the client ──────────────────────────────────────────────────────────

    def client_left(self) -> None:
        """Cancel."""
        self._plane.watches.discard(self)
        if self._upstream is not None:
            self._upstream.cancel()

    def end(self) -> None:
        """End a stream that would not end by itself; the client comes again, to another worker."""
        if self._upstream is not None:
            upstream, self._upstream = self._upstream, None
            upstream.cancel()
            self.answer_end([])

    def answering(self) -> bool:
        """Say whether the head has gone out."""
        return self._started

    def client_slow(self) -> None:
        """Stop reading."""
        if self._upstream is not None:
            self._upstream.pause()

    def client_ready(self) -> None:
        """Read on."""
        if self._upstream is not None:
            self._upstream.resume()
