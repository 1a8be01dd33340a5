"""The second half of an exchange: to the model's provider and back.

Theory. An exchange is a chain of plain method calls; no task, future or timer is made for it. It goes through

| stage     | entered by                                   | left by                                         |
|-----------|----------------------------------------------|-------------------------------------------------|
| CHECKING  | a whole request (``Admission``)              | a refusal, or ``admitted`` noted and sent on     |
| WAITING   | the request upstream                         | the head of the answer, a failure, client gone  |
| BUFFERING | the head of a short plain answer             | its end: one write                              |
| STREAMING | the head of any other answer                 | its end, a failure (cut), client gone           |
| OVER      | ``served`` noted, before the last byte goes  |                                                 |

From ``admitted`` in the journal on, every way out passes ``settle``, exactly once.
"""

import msgspec

from keyturn import system
from keyturn.dialects import generate, json_scan, openai_errors
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import NOTHING, Usage, tokens_in
from keyturn.gateway import answers, meter
from keyturn.gateway.answers import STATUS_LINES
from keyturn.gateway.bodies import BodyRecorder
from keyturn.gateway.booking import BUFFERING, CHECKING, OVER, STREAMING, WAITING
from keyturn.gateway.growth import Growth
from keyturn.gateway.meter import ESTIMATED, REPORTED, StreamMeter
from keyturn.gateway.paths import GENERATE, PASS, Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.relay import Upstream
from keyturn.gateway.request import Plan, Request
from keyturn.providers.compatible import FORWARDED, is_document

BUFFER_LIMIT = 65_536
"""A plain answer up to this size is sent in one write, with its cost in the head."""
TRANSLATED_LIMIT = 8_388_608
"""The largest answer that is turned into another dialect."""
CLIENT_LEFT = 499
"""Noted, never sent: the client had gone before there was a head to send (nginx's number)."""

_CREDENTIAL_REFUSED, _BODILESS = frozenset({401, 403}), frozenset({204, 304})


class Exchange(Growth):
    """One call of a model."""

    __slots__ = ("_pieces",)

    def __init__(self, plane: Plane, request: Request, operation: Operation, model: bytes) -> None:
        super().__init__(plane, request, operation, model)
        self.stage = CHECKING
        self._pieces: list[bytes] = []
        self.meter = None

    # ── to the provider ─────────────────────────────────────────────────────

    def admitted(self) -> None:
        """Read the body, find the provider, note the request and send it on."""
        members = self.read_body()
        if members is None:
            return
        if self.operation.shape == GENERATE:
            members = self._to_chat(members)
            if members is None:
                return
        if b"k-" in self.request.body:
            self.look_for_keys()
        call = self.read_call(members)
        if call is None:
            return
        route = self.find_priced_route()
        if route is None:
            return
        target, request = route.target, self.request
        if target.model != call.model or "model" not in members:
            request.body = json_scan.replace(
                request.body, members, "model", msgspec.json.encode(target.model)
            )
        self.route = route
        self.reserve(call)

    def reserved(self) -> None:
        """Note the request and send it on."""
        if self.note_admitted():
            self._send()
        else:
            self.release()

    def _to_chat(self, members: Members) -> Members | None:
        body = generate.to_chat(members)
        if isinstance(body, Refused):
            self.refuse(body, self.key.id)
            return None
        self.request.body = body
        found = json_scan.members(body)
        if isinstance(found, Refused):
            raise TypeError("a body of our own making was refused")
        return found

    def _send(self) -> None:
        request = self.request
        if self.key.store_bodies:
            request.client = BodyRecorder(
                request.client, self.plane.bodies, self.request_id, self.key.id, request.body
            )
        start, rest = self.route.heads[self.operation.upstream_path]
        lines = [start, b"?" + self.query, rest] if self.query else [start, rest]
        plan = request.plan
        lines += (
            self._plan().forwarded if plan is None else plan.forwarded,
            b"x-request-id: %b\r\ncontent-length: %d\r\n\r\n" % (self.request_id.encode(), self.length),
            request.body,
        )
        request.body = b""
        self.sent_at = system.monotonic()
        self._upstream = self.route.pool.send(b"".join(lines), self)

    def _plan(self) -> Plan:
        """Work out what is the same for every request with this head, and offer it to the edge where that is safe."""
        request = self.request
        plan = Plan()
        plan.forwarded = b"".join(
            [b"%b: %b\r\n" % (name, value) for name, value in request.headers.items() if name in FORWARDED]
        )
        if self.digest and request.keep_alive and self.operation.shape == PASS:
            plan.method, plan.path, plan.headers = request.method, request.path, request.headers
            plan.operation, plan.credential, plan.digest = self.operation, self.credential, self.digest
            request.plan = plan
        return plan

    # ── and back ────────────────────────────────────────────────────────────

    def answer_head(self, upstream: Upstream) -> None:
        """Decide how the answer is handed on."""
        self._upstream = upstream
        self.first_byte_at = system.monotonic()
        self._status = status = upstream.status
        length = upstream.content_length
        short = (
            length <= BUFFER_LIMIT if length >= 0 else is_document(upstream.lines)
        )  # as long as it stays short
        whole = (
            status >= 400 or status in _BODILESS or self.operation.shape == GENERATE
        )  # whatever it claims to be
        if whole or (short and not upstream.event_stream):
            self.stage = BUFFERING
        else:
            self._start_stream()

    def answer_pieces(self, pieces: list[bytes]) -> None:
        """Hand on bytes of the body, or keep them while the answer may be short."""
        if self.stage == STREAMING:
            self._pass_on(pieces)
            return
        self._pieces += pieces
        kept = sum(map(len, self._pieces))
        if self.operation.shape == GENERATE or self._status >= 400:
            if kept > TRANSLATED_LIMIT:
                self._upstream.cancel()
                self.answer_failed(Reason.UPSTREAM_MALFORMED, "the answer is too large to be translated")
        elif kept > BUFFER_LIMIT:
            pieces, self._pieces = self._pieces, []
            self._start_stream()
            self._pass_on(pieces)

    def answer_end(self, pieces: list[bytes]) -> None:
        """Settle, then send the last bytes."""
        if self.stage == STREAMING:
            self._end_stream(pieces)
            return
        body = pieces[0] if len(pieces) == 1 and not self._pieces else b"".join(self._pieces + pieces)
        status, request = self._status, self.request
        if status >= 400:
            body = self.route.withhold(body)
            self._upstream.lines = [self.route.withhold(part) for part in self._upstream.lines]
        usage, source = meter.of_answer(status, body, self.length)
        cost = self.settle(status, usage, source, "ok")
        if status in _CREDENTIAL_REFUSED:
            self.say_no(answers.credential_refused(self.route.target.upstream), status)
            return
        if self.operation.shape == GENERATE:
            self._answer_native(status, body)
            return
        lines = self._head(status)
        if status not in _BODILESS:
            lines.append(
                b"x-keyturn-cost: %d.%09d\r\ncontent-length: %d\r\n"
                % (cost // 10**9, cost % 10**9, len(body))
            )
        lines += (b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n", body)
        request.client.write(b"".join(lines))
        request.client.finish(request.keep_alive)

    def _answer_native(self, status: int, body: bytes) -> None:
        request = self.request
        if status < 400:
            answer = generate.from_chat(body, self.request_id)
            if answer is None:
                self.say_no(
                    Refused(
                        Reason.UPSTREAM_MALFORMED, "The model's provider sent an answer that can't be read"
                    )
                )
                return
        else:
            answer = generate.from_error(body)
        lines = self._head(status)
        lines.append(
            b"%bcontent-length: %d\r\n\r\n"
            % (b"" if request.keep_alive else b"connection: close\r\n", len(answer))
        )
        request.client.write(b"".join((*lines, answer)))
        request.client.finish(request.keep_alive)

    def _head(self, status: int) -> list[bytes]:
        lines = [STATUS_LINES[status], *self._upstream.lines]
        lines.append(
            b"x-request-id: %b\r\nserver-timing: auth;dur=%.3f, limits;dur=%.3f, upstream;dur=%.3f\r\n"
            % (
                self.request_id.encode(),
                (self.decided_at - self.request.received) * 1e3,
                self.limits_s * 1e3,
                (self.first_byte_at - self.sent_at) * 1e3,
            )
        )
        if self.location == "query":
            lines.append(answers.NO_STORE)
        if self.allowance is not None:
            lines.append(self.allowance.lines(system.monotonic()))
        if self.extra:
            lines.append(self.extra)
        return lines

    # ── streams ─────────────────────────────────────────────────────────────

    def _start_stream(self) -> None:
        self.stage = STREAMING
        self.plane.open_streams += 1
        self.meter = StreamMeter()
        request, upstream = self.request, self._upstream
        lines = self._head(self._status)
        self._chunked = upstream.content_length < 0
        if not self._chunked:
            lines.append(b"content-length: %d\r\n" % upstream.content_length)
        elif request.http_10:
            self._chunked = False  # delimited by the connection's end
        else:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n")
        request.client.write(b"".join(lines))
        self.watch()

    def _pass_on(self, pieces: list[bytes]) -> None:
        assert self.meter is not None  # noqa: S101 -- made with the stage
        self.meter.take(pieces)
        if self.room is None or self.may_pass(pieces):
            self.pass_held(pieces)

    def pass_held(self, pieces: list[bytes]) -> None:
        """Send pieces of the body."""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._chunked:
            self.request.client.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:  # the last bytes of a declared length come with the end, so they can't overtake the settling
            self.request.client.write(data)

    def _end_stream(self, pieces: list[bytes]) -> None:
        assert self.meter is not None  # noqa: S101 -- made with the stage
        if pieces:
            self.meter.take(pieces)
        usage, source = self._stream_usage(whole=True)
        self.settle(self._status, usage, source, "ok")
        data = b"".join(self.take_held() + pieces)
        request = self.request
        if self._chunked:
            last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        else:
            last = data
        if last:
            request.client.write(last)
        request.client.finish(request.keep_alive)

    def _stream_usage(self, *, whole: bool) -> tuple[Usage, str]:
        if self.meter is None or self._status >= 400:
            return NOTHING, REPORTED
        return self.meter.usage(self.length, whole=whole)

    # ── other endings ───────────────────────────────────────────────────────

    def answer_failed(self, reason: Reason, detail: str) -> None:
        """Tell the client, or cut the stream where nothing can be told any more."""
        refused = Refused(reason, details={"upstream": self.route.target.upstream})
        self.plane.report_failure(self.request_id, self.route.target.upstream, reason, detail)
        if self.stage != STREAMING:
            self.settle(refused.rule.status, NOTHING, REPORTED, reason.value)
            self.plane.counters.refuse(reason.value)
            self.say_no(refused)
            return
        usage, source = self._stream_usage(whole=False)
        self.settle(self._status, usage, source, reason.value)
        client = self.request.client
        if self._chunked and self._upstream.event_stream and self.meter and self.meter.at_event_boundary:
            event = openai_errors.render_event(refused)
            client.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))
            client.finish(self.request.keep_alive)
        else:
            client.abort()

    def client_left(self) -> None:
        """Cancel upstream; what was streamed is charged, what was waited for is estimated."""
        self.gone = True
        if self.stage in {CHECKING, OVER}:
            return
        self._upstream.cancel()
        if self.stage == STREAMING:
            self.settle(self._status, *self._stream_usage(whole=False), "client_left")
        else:
            self.settle(CLIENT_LEFT, Usage(tokens_in(self.length)), ESTIMATED, "client_left")
        if isinstance(self.request.client, BodyRecorder):
            self.request.client.end()

    def answering(self) -> bool:
        """Say whether the head has gone out."""
        return self.stage == STREAMING

    def client_slow(self) -> None:
        """Stop reading from the provider."""
        if self.stage in {WAITING, STREAMING}:
            self._upstream.pause()

    def client_ready(self) -> None:
        """Read on from the provider."""
        if self.stage in {WAITING, STREAMING}:
            self._upstream.resume()
