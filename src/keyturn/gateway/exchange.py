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

from keyturn import system
from keyturn.dialects import generate, json_scan
from keyturn.dialects.form_data import Form
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import NOTHING, Usage, tokens_in
from keyturn.gateway import answers, media_meter, meter
from keyturn.gateway.answers import STATUS_LINES
from keyturn.gateway.bodies import BodyRecorder
from keyturn.gateway.booking import BUFFERING, CHECKING, OVER, STREAMING, WAITING
from keyturn.gateway.frame_meter import FrameMeter
from keyturn.gateway.media_meter import MediaMeter, Ordered
from keyturn.gateway.meter import ESTIMATED, REPORTED, StreamMeter
from keyturn.gateway.paths import GENERATE, PASS, Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.preparation import Preparation
from keyturn.gateway.relay import Upstream
from keyturn.gateway.request import Plan, Request
from keyturn.gateway.translation import UNREADABLE
from keyturn.providers.compatible import is_document

BUFFER_LIMIT = 65_536
"""A plain answer up to this size is sent in one write, with its cost in the head."""
TRANSLATED_LIMIT = 8_388_608
"""The largest answer that is turned into another dialect."""
CLIENT_LEFT = 499
"""Noted, never sent: the client had gone before there was a head to send (nginx's number)."""

_CREDENTIAL_REFUSED, _BODILESS = frozenset({401, 403}), frozenset({204, 304})


class Exchange(Preparation):
    """One call of a model."""

    __slots__ = ("_pieces", "form")

    form: Form | Refused | None
    """Of a call whose request is one (``gateway.form_exchange``): as it was read; ``None``: not yet, or it is none."""

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
        route = self.find_priced_route(call)
        if route is None:
            return
        self.route = route
        if self.prepare(members, call):
            self.reserve(self.call)

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
        return json_scan.own_members(body)

    def _send(self) -> None:
        request, way = self.request, self.way
        if self.key.store_bodies:
            self._keep_bodies()
        lines = (
            [way.start, b"?" + self.query, way.head.lines]
            if self.query and way.takes_query
            else [way.start, way.head.lines]
        )
        plan = request.plan
        if plan is None:
            plan = self._plan()
        forwarded = plan.forwarded.get(way.heads)
        if forwarded is None:
            forwarded = plan.forwarded[way.heads] = way.forwarded(request.headers)
        lines += (
            forwarded,
            way.signature(self.body) if way.who.signs else b"",
            b"x-request-id: %b\r\ncontent-length: %d\r\n\r\n" % (self.request_id.encode(), len(self.body)),
            self.body,
        )
        self.sent_at = system.monotonic()
        self._upstream = self.route.pool.send(b"".join(lines), self)

    def _keep_bodies(self) -> None:
        """Keep what the client sent, whatever is made of it for whichever provider."""
        request, plane = self.request, self.plane
        if not isinstance(request.client, BodyRecorder):
            request.client = BodyRecorder(
                request.client, plane.bodies, self.request_id, self.key.id, request.body
            )

    def _plan(self) -> Plan:
        """Note what is the same for every request with this head, and offer it to the edge where that is safe."""
        request = self.request
        plan = Plan()
        plan.forwarded = {}
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
        if (
            status >= 400
            or status in _BODILESS
            or self.operation.shape == GENERATE
            or self._is_short(length)
            or (self.translation is not None and not self.comes_in_pieces())
        ):
            self.stage = BUFFERING
        else:
            self._start_stream()

    def _is_short(self, length: int) -> bool:
        """Say whether an answer is to be kept until it is whole, as long as it stays short."""
        if self._upstream.event_stream:
            return False
        return length <= BUFFER_LIMIT if length >= 0 else is_document(self._upstream.lines)

    def answer_pieces(self, pieces: list[bytes]) -> None:
        """Hand on bytes of the body, or keep them while the answer may be short."""
        if self.stage == STREAMING:
            self._pass_on(pieces)
            return
        self._pieces += pieces
        kept = sum(map(len, self._pieces))
        if self.translation is not None or self.operation.shape == GENERATE or self._status >= 400:
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
        said = (
            body
            if self.translation is None and self.operation.shape != GENERATE
            else self._said(status, body)
        )
        if said is None:
            self.answer_failed(Reason.UPSTREAM_MALFORMED, "its answer can't be read")
            return
        usage, source = self._answer_usage(status, body)
        cost = self.settle(status, usage, source, "ok")
        if status in _CREDENTIAL_REFUSED:
            self.say_no(answers.credential_refused(self.route.target.upstream), status)
            return
        lines, body = self._head(status), said
        if status not in _BODILESS:
            lines.append(
                b"x-keyturn-cost: %d.%09d\r\ncontent-length: %d\r\n"
                % (cost // 10**9, cost % 10**9, len(body))
            )
        lines += (b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n", body)
        request.client.write(b"".join(lines))
        request.client.finish(request.keep_alive)

    def _said(self, status: int, body: bytes) -> bytes | None:
        """Return a whole answer as the client reads it; ``None``: it can't be read."""
        translation, native = self.translation, self.operation.shape == GENERATE
        if status >= 400:
            error = body if translation is None else translation.error(status, body, self.request_id)
            return generate.from_error(error) if native else error
        found: bytes | None = body
        if translation is not None:
            found = self.in_pieces(body) if self.call.stream else translation.answer(body)
        return generate.from_chat(found, self.request_id) if native and found is not None else found

    def _head(self, status: int) -> list[bytes]:
        lines = [STATUS_LINES[status], self.dropped_line]
        lines += self._upstream.lines if self.media_type is None else self.own_lines(status)
        lines.append(
            b"x-request-id: %b\r\n%bserver-timing: auth;dur=%.3f, limits;dur=%.3f, upstream;dur=%.3f\r\n"
            % (
                self.request_id.encode(),
                self.route.told,
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
        ordered, frames = self._ordered(), self.in_frames()
        if ordered is not None:
            self.meter = MediaMeter(ordered)
        else:
            self.meter = FrameMeter() if frames else StreamMeter(self.way.usage_of_stream)
        if self.translation is not None:
            self.translation.begin()
        elif self.framing is not None and not self._upstream.event_stream:
            self.passes_after_all()
        request, upstream = self.request, self._upstream
        request.body = self.body = b""  # it is not sent again
        lines = self._head(self._status)
        self._chunked = upstream.content_length < 0 or self.changes_stream
        if not self._chunked:
            lines.append(b"content-length: %d\r\n" % upstream.content_length)
        elif request.http_10:
            self._chunked = False  # delimited by the connection's end
        else:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n")
        request.client.write(b"".join(lines))
        self.watch(events=frames or upstream.event_stream)

    def _pass_on(self, pieces: list[bytes]) -> None:
        assert self.meter is not None  # noqa: S101 -- made with the stage
        self.meter.take(pieces)
        if self.room is None or self.may_pass(pieces):
            self.pass_held(pieces)

    def pass_held(self, pieces: list[bytes]) -> None:
        """Send pieces of the body."""
        if self.changes_stream:
            try:
                data = self.changed(pieces)
            except UNREADABLE as error:
                self._upstream.cancel()
                self.answer_failed(Reason.UPSTREAM_MALFORMED, f"its stream can't be read: {error}")
                return
            if not data:
                return
        else:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._chunked:
            self.request.client.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:  # the last bytes of a declared length come with the end, so they can't overtake the settling
            self.request.client.write(data)

    def _end_stream(self, pieces: list[bytes]) -> None:
        assert self.meter is not None  # noqa: S101 -- made with the stage
        if pieces:
            self.meter.take(pieces)
        outcome = "ok"
        if self.changes_stream:
            try:
                data, whole = self.changed_end(self.take_held() + pieces)
            except UNREADABLE as error:
                self.answer_failed(Reason.UPSTREAM_MALFORMED, f"its stream can't be read: {error}")
                return
            outcome = "ok" if whole else Reason.UPSTREAM_CLOSED.value
        else:
            data = b"".join(self.take_held() + pieces)
        usage, source = self._stream_usage(whole=outcome == "ok")
        self.settle(self._status, usage, source, outcome)
        request = self.request
        last = answers.last_chunk(data) if self._chunked else data
        if last:
            request.client.write(last)
        request.client.finish(request.keep_alive)

    def _stream_usage(self, *, whole: bool) -> tuple[Usage, str]:
        if self.meter is None or self._status >= 400:
            return NOTHING, REPORTED
        if self.translation is not None and self.translation.usage is not None:
            return self.translation.usage, REPORTED
        usage, source = self.meter.usage(self.length, whole=whole)
        if source is ESTIMATED and not self.operation.writes and self.expected is None:
            usage = Usage(usage.input_tokens)
        return usage, source

    def _answer_usage(self, status: int, body: bytes) -> tuple[Usage, str]:
        ordered = self._ordered()
        if ordered is None:
            read, writes = self.way.usage_of_answer, self.operation.writes
            return meter.of_answer(status, body, self.length, read, writes=writes)
        return media_meter.of_answer(status, body, ordered)

    def _ordered(self) -> Ordered | None:
        if self.expected is None:
            return None
        return Ordered(self.operation.name, self.expected, self.route.by_token)

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
        whole = self.has_ended()
        usage, source = self._stream_usage(whole=whole)
        self.settle(self._status, usage, source, "ok" if whole else reason.value)
        client = self.request.client
        if self._chunked and self.may_say_so():
            client.write(answers.last_chunk(self.failure(refused)))
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
            usage = Usage(tokens_in(self.length)) if self.expected is None else self.expected
            self.settle(CLIENT_LEFT, usage, ESTIMATED, "client_left")
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
