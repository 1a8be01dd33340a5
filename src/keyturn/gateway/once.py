"""A call of a model that carries an ``Idempotency-Key``: it is made once, and its answer given again.

Theory. An exchange like any other, with a question before it and a recorder behind it. The question goes to the
control process, which writes down the attempt before it says "go on": from then on no other request with this
Idempotency-Key goes to a provider, whichever worker it comes to and whoever dies, until this one has told its end.

| when | the exchange | its attempt |
|---|---|---|
| it has a route and asks | waits (CHECKING) | is not there, or somebody else's |
| it hears "go on" | finds room under limits, then goes upstream; its client is a ``Recorder`` | is under way |
| it is refused now, or the provider fails and nothing is charged | has answered | is forgotten: the next one is the first |
| it answers | is OVER; ``served`` stood in the journal before | is served, with the answer if it is short enough |
| the answer breaks off, or is cut, or ends with an error | is OVER, charged for what came | is broken: no second call |
| the client leaves | goes on to its end, for the client that comes back | is under way; served when it ends |
| the client leaves an answer that is too long to be kept | ends as any exchange does | is broken |
| the worker dies | is gone | is under way, until its journal has been read for who asks |

What is answered again takes nothing from limits and is not charged; the use of the key is noted.
"""

from keyturn import system
from keyturn.dialects.calls import Call
from keyturn.dialects.json_scan import Members
from keyturn.dialects.stream_errors import ends_in_error
from keyturn.domain import attempts
from keyturn.domain.attempts import Answer, Fate
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import NOTHING, Usage
from keyturn.gateway import answers
from keyturn.gateway.answers import STATUS_LINES
from keyturn.gateway.attempting import Attempting
from keyturn.gateway.booking import CHECKING, OVER, STREAMING
from keyturn.gateway.paths import Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.recorder import Recorder
from keyturn.gateway.request import Request

HEADER = b"idempotency-key"
_BODILESS = frozenset({204, 304})
_WELL = "ok"


class OnceExchange(Attempting):
    """One call of a model, if it was not made before."""

    __slots__ = ("_charged", "_recorder", "_well", "attempt_id", "fingerprint")

    attempt_id: bytes
    """Empty before it has asked."""
    fingerprint: bytes

    def __init__(self, plane: Plane, request: Request, operation: Operation, model: bytes) -> None:
        super().__init__(plane, request, operation, model)
        self._recorder: Recorder | None = None
        self._charged = self._well = False
        self.attempt_id = b""

    # ── before ──────────────────────────────────────────────────────────────

    def read_body(self) -> Members | None:
        """Cut the body into members, and note what it was before anything in it is replaced."""
        members = super().read_body()
        if members is not None:
            self.fingerprint = attempts.fingerprint(self.query, self.request.body)
        return members

    def reserve(self, call: Call) -> None:  # noqa: ARG002 -- it has been kept
        """Ask whether it was made before; only then find room under limits."""
        request = self.request
        name = request.headers[HEADER].decode("latin-1")
        if not attempts.is_idempotency_key(name):
            self.refuse(Refused(Reason.IDEMPOTENCY_KEY_INVALID), self.key.id)
            return
        self.attempt_id = attempts.attempt_id(self.key.id, request.path, name)
        self.plane.attempts.ask(self)

    def proceed(self) -> None:
        """Make the call."""
        request = self.request
        # The operator's credential is one caller to the provider, who must not take two callers' names for the same.
        request.headers[HEADER] = self.attempt_id.hex().encode()
        request.client = self._recorder = Recorder(request.client, self)
        super().reserve(self.call)

    def refrain(self, refused: Refused) -> None:
        """Refuse."""
        self.refuse(refused, self.key.id)

    def repeat(self, first_id: str, answer: Answer) -> None:
        """Give the answer of the first request."""
        request, plane = self.request, self.plane
        self.note_use()
        plane.counters.count(self.operation.name, answer.status, system.monotonic() - request.received)
        lines = [
            STATUS_LINES[answer.status],
            answer.lines,
            b"x-request-id: %b\r\nx-keyturn-original-request-id: %b\r\n"
            % (self.request_id.encode(), first_id.encode()),
            b"idempotency-replayed: true\r\nx-keyturn-cost: 0.000000000\r\n",
        ]
        if self.location == "query":
            lines.append(answers.NO_STORE)
        lines.append(self.extra)
        if answer.status not in _BODILESS:
            lines.append(b"content-length: %d\r\n" % len(answer.body))
        lines += (b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n", answer.body)
        request.client.write(b"".join(lines))
        request.client.finish(request.keep_alive)

    # ── meanwhile ───────────────────────────────────────────────────────────

    def client_left(self) -> None:
        """Go on without the client, once there is something to lose."""
        recorder = self._recorder
        if recorder is not None:
            recorder.left = True
        if self.stage == OVER:
            return
        if self.stage == CHECKING or recorder is None:
            super().client_left()
            self._give_up()
        elif self.plane.attempts.closing or not recorder.keeps:
            super().client_left()
            recorder.close()
            self.broke_off()
        else:
            self.client_ready()

    def _give_up(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
        if self.attempt_id:
            self._end(None)

    def settle(self, status: int, usage: Usage, source: str, outcome: str) -> int:
        """Note how it ended, and whether anything was charged; a stream whose last word is an error is no answer."""
        meter = self.meter
        if outcome == _WELL and meter is not None and self._upstream.event_stream:
            outcome = Reason.UPSTREAM_CLOSED.value if ends_in_error(meter.tail) else _WELL
        self._well = outcome == _WELL
        cost = super().settle(status, usage, source, outcome)
        self._charged = bool(cost) or usage != NOTHING
        return cost

    # ── what the recorder says ──────────────────────────────────────────────

    def hold(self, length: int) -> bool:
        """Take room for a part of the answer."""
        return self.plane.attempts.hold(length)

    def let_go(self, length: int) -> None:
        """Give it back."""
        self.plane.attempts.let_go(length)

    def too_long(self) -> None:
        """End a call that goes on for a client that may come back: there will be nothing to give."""
        if self._recorder is not None and self._recorder.left:
            self.plane.leases.soon(self._end_for_nobody)

    def _end_for_nobody(self) -> None:
        if self.stage == STREAMING:
            self.client_left()

    def answered(self, status: int, answer: Answer | None, held: int) -> None:
        """Tell what became of the call: it has an answer."""
        if status < 400 and self._well:
            self._end(Fate.SERVED, answer, held)
        else:
            self.let_go(held)
            self.broke_off()

    def broke_off(self) -> None:
        """Tell what became of the call: there is no whole answer."""
        self._end(Fate.BROKEN if self._charged else None)

    def _end(self, fate: Fate | None, answer: Answer | None = None, held: int = 0) -> None:
        self.plane.attempts.ended(self, fate, answer, held)
