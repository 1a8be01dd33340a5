"""What this worker has asked and told the control process about calls that may be made once only.

| an attempt is | until | and if the control process is gone meanwhile |
|---|---|---|
| asked about | it is answered, or nobody waits any more | it is asked about again |
| under way | its exchange ends | nothing: it is in the store |
| over | it is noted | it is told again |

Whatever the control process lets go on that nobody here waits for is given back at once.
"""

from collections.abc import Callable
from typing import Protocol

from keyturn import bus
from keyturn.domain.attempts import Answer, Fate
from keyturn.domain.refusals import Reason, Refused

TIMEOUT_S = 5.0
"""How long a request waits to hear whether it was made before; a restart of the control process takes less."""
TELL_AGAIN_S = 5.0
MOST_HELD = 64 << 20
"""Bytes of answers that this worker holds, whole or not; beyond them answers are not kept."""
UNANSWERED = Refused(
    Reason.CONTROL_UNAVAILABLE,
    "Whether this was asked before can't be looked up at the moment, so it is not asked now; try again",
)


class Asker(Protocol):
    """A request with an Idempotency-Key."""

    request_id: str
    attempt_id: bytes
    fingerprint: bytes

    def proceed(self) -> None:
        """Make the call: nobody has made it before."""

    def repeat(self, first_id: str, answer: Answer) -> None:
        """Give the answer of the first request."""

    def refrain(self, refused: Refused) -> None:
        """Refuse."""

    def client_left(self) -> None:
        """Give up."""


class _End:
    __slots__ = ("held", "message", "told_at")

    def __init__(self, message: bus.AttemptEnded, held: int, told_at: float) -> None:
        self.message = message
        self.held = held
        self.told_at = told_at


class Attempts:
    """The attempts of one worker."""

    def __init__(self, send: Callable[[bus.FromWorker], bool], clock: Callable[[], float]) -> None:
        """Take in how to reach the control process.

        Args:
            send: Sends it a message; ``False`` when it can't be sent.
            clock: ``system.monotonic``.
        """
        self._send = send
        self._clock = clock
        self._asking: dict[str, tuple[Asker, float]] = {}
        self._running: dict[str, Asker] = {}
        self._ends: dict[str, _End] = {}
        self._room = MOST_HELD
        self.closing = False
        """Calls whose client has left are not waited for any more."""

    @property
    def busy(self) -> bool:
        """Whether a call is under way, or its end is not noted yet."""
        return bool(self._running or self._ends)

    # ── the exchanges' side ─────────────────────────────────────────────────

    def ask(self, asker: Asker) -> None:
        """Ask whether a call may be made; one of ``asker``'s methods is called later, unless it ends before."""
        self._asking[asker.request_id] = asker, self._clock()
        self._ask(asker)  # unsent while the bus is down: asked again when it is back

    def _ask(self, asker: Asker) -> None:
        self._send(bus.Attempt(asker.attempt_id, asker.fingerprint, asker.request_id))

    def ended(self, asker: Asker, fate: Fate | None, answer: Answer | None = None, held: int = 0) -> None:
        """Tell what became of a call that was asked about, until it is noted.

        Args:
            asker: Whose call.
            fate: ``None`` if nothing was charged.
            answer: To be given again.
            held: What was held for the answer.
        """
        self._asking.pop(asker.request_id, None)
        self._running.pop(asker.request_id, None)
        self._tell(bus.AttemptEnded(asker.attempt_id, asker.request_id, fate, answer), held)

    def _tell(self, message: bus.AttemptEnded, held: int) -> None:
        if message.answer is None:
            self.let_go(held)
            held = 0
        self._ends[message.request_id] = _End(message, held, self._clock())
        self._send(message)

    def hold(self, length: int) -> bool:
        """Take room for a part of an answer; ``False``: there is none left."""
        if length > self._room:
            return False
        self._room -= length
        return True

    def let_go(self, length: int) -> None:
        """Give room back."""
        self._room += length

    # ── the control process's side ──────────────────────────────────────────

    def hear(self, message: bus.OfAttempts) -> None:
        """Take what the control process says."""
        match message:
            case bus.Noted(request_id):
                end = self._ends.pop(request_id, None)
                if end is not None:
                    self.let_go(end.held)
            case bus.Proceed(attempt_id, request_id):
                self._proceed(attempt_id, request_id)
            case bus.Repeat(request_id, first_id, answer):
                asker = self._answered(request_id)
                if asker is not None:
                    asker.repeat(first_id, answer)
            case bus.Refrain(request_id, refused):
                asker = self._answered(request_id)
                if asker is not None:
                    if refused.reason is Reason.CONTROL_UNAVAILABLE:  # it may be in the store all the same
                        self.ended(asker, None)
                    asker.refrain(refused)

    def _answered(self, request_id: str) -> Asker | None:
        return self._asking.pop(request_id, (None, 0.0))[0]

    def _proceed(self, attempt_id: bytes, request_id: str) -> None:
        asker = self._answered(request_id)
        if asker is not None:
            self._running[request_id] = asker
            asker.proceed()
        elif request_id not in self._running and request_id not in self._ends:
            self._tell(bus.AttemptEnded(attempt_id, request_id, None), 0)

    def ask_again(self) -> None:
        """Tell and ask again, on a new connection."""
        now = self._clock()
        for end in list(self._ends.values()):
            end.told_at = now
            self._send(end.message)
        for asker, _ in list(self._asking.values()):
            self._ask(asker)

    def sweep(self) -> None:
        """Give up on what nobody answers, tell again what nobody notes."""
        now = self._clock()
        for end in list(self._ends.values()):
            if now - end.told_at > TELL_AGAIN_S:
                end.told_at = now
                self._send(end.message)
        for asker, asked_at in list(self._asking.values()):
            if now - asked_at > TIMEOUT_S:
                self.ended(asker, None)
                asker.refrain(UNANSWERED)

    def close(self) -> None:
        """Let calls go on for their clients only, and end those whose client has left."""
        self.closing = True
        for asker in list(self._running.values()):
            asker.client_left()
