"""An exchange that goes on to another attempt when one has failed and its client has not got a byte yet.

Theory. Laid over ``Exchange``, which makes one attempt and knows nothing of others. What comes after a failure says
``domain.routing``; here it is done. Between two attempts the exchange is WAITING as during one, with nothing at any
provider: what is left of the failed answer is read by nobody, so that its connection can be used again.

| when                             | then                                                                     |
|----------------------------------|--------------------------------------------------------------------------|
| it has passed the checks         | the targets that take it are put in order; the first one is its route    |
| it is to be sent                 | it is, if its upstream has room by the operator's limits: else it failed |
| the head of a failure comes      | it waits and is sent again, there or elsewhere; or this is the answer    |
| there is no head, nor an answer  | likewise; or the client is told                                          |
| any other head comes             | that is the answer: from here on nothing is made again                   |
| the client leaves between two    | nothing is charged                                                       |

The hot path names ``Exchange`` where ``super()`` would do as well: that saves 0.1 us each time.
"""

from collections.abc import Sequence

import msgspec

from keyturn import system
from keyturn.dialects.calls import Call
from keyturn.dialects.json_scan import Members
from keyturn.domain import routing
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.routing import (
    COUNTED,
    FALLBACK,
    GIVE_UP,
    RENEW,
    WELL,
    Course,
    Failure,
    Step,
    failure_of,
)
from keyturn.domain.usage import NOTHING, Usage
from keyturn.gateway.bodies import BodyRecorder
from keyturn.gateway.booking import BUFFERING, WAITING
from keyturn.gateway.exchange import CLIENT_LEFT, Exchange
from keyturn.gateway.meter import REPORTED
from keyturn.gateway.relay import Upstream
from keyturn.gateway.route import Route
from keyturn.providers.waiting import retry_after_s

TRAIL_LENGTH = 600
"""Of the attempts in the journal: ``upstream/model:outcome:milliseconds`` and a blank between two."""
DISCARDED = 65_536
"""Of a failed answer so much is read for the sake of its connection."""
_AGAIN = frozenset({Reason.UPSTREAM_CLOSED, Reason.UPSTREAM_TIMEOUT})
"""After these an answer that has begun, and that the client has nothing of, may be asked for again."""


class _Progress:
    """How far a request has come: made for those that have several targets, or have failed once.

    Attributes:
        rest: The targets that are left.
        tries: Attempts on the present one.
        renewals: Credentials of the present one that were given up.
        trail: The attempts that have failed.
        between: No attempt is under way.
        busy_since: When it was turned away first, for it has not been sent since; 0: it has.
    """

    __slots__ = ("between", "busy_since", "renewals", "rest", "trail", "tries")

    def __init__(self, rest: Sequence[Route]) -> None:
        self.rest = list(rest)
        self.tries = 1
        self.renewals = 0
        self.trail: list[str] = []
        self.between = False
        self.busy_since = 0.0


class _Discarded:
    """Takes the rest of an answer that nobody wants."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._length = 0

    def answer_head(self, _upstream: Upstream) -> None:
        """It has come before."""

    def answer_pieces(self, pieces: list[bytes]) -> None:
        """Let them go; an answer without end costs more than a connection."""
        self._length += sum(map(len, pieces))
        if self._length > DISCARDED:
            self._upstream.cancel()

    def answer_end(self, _pieces: list[bytes]) -> None:
        """Its connection can be used again."""

    def answer_failed(self, _reason: Reason, _detail: str) -> None:
        """So be it."""


class Attempting(Exchange):
    """One call of a model, in as many attempts as it takes."""

    __slots__ = ("_credential", "_progress")

    _credential: int
    """Which of the upstream's credentials the present attempt was made with."""
    _progress: _Progress | None

    # ── where to ────────────────────────────────────────────────────────────

    def find_priced_route(self, call: Call) -> Route | None:
        """Find where the model goes first; ``None`` after a refusal."""
        self._progress = None
        route = Exchange.find_priced_route(self, call)
        if route is None or not route.among:
            return route
        routes = self.in_order(route, call)
        if len(routes) > 1:
            self._progress = _Progress(routes[1:])
        return routes[0] if routes else None

    def turn_to_next(self, members: Members) -> bool:
        """Make the body for the next target that can be told this; those that can't are passed over."""
        progress = self._progress
        if progress is not None:
            while progress.rest:
                if self.turn_to(progress.rest.pop(0), members) is None:
                    return True
        return False

    # ── there ───────────────────────────────────────────────────────────────

    def _send(self) -> None:
        state = self.route.state
        if state.limited:
            wait_s = state.wait_s(system.monotonic(), system.draw())
            if wait_s:
                self._turned_away(wait_s)
                return
        state.under_way += 1
        self._credential = state.credential
        standing = self.route.standing
        if standing.health is not WELL:
            standing.health = routing.tried(standing.health, system.monotonic())
        super()._send()

    def _turned_away(self, wait_s: float) -> None:
        """Go on without having been sent: the operator's limits of the upstream leave no room."""
        progress = self._progress = self._progress or _Progress(())
        now, name = system.monotonic(), self.route.name
        self.sent_at = progress.busy_since = progress.busy_since or now
        step = self._next(Failure.BUSY, wait_s, now)
        self._note(progress, name, "busy", now)
        progress.between = True
        if step is not GIVE_UP:
            self._go_on(step)
            return
        refused = Refused(Reason.UPSTREAM_BUSY, details={"upstream": self.route.target.upstream})
        self.sent_at = self.request.received
        self.settle(refused.rule.status, NOTHING, REPORTED, refused.reason.value)
        self.plane.counters.refuse(refused.reason.value)
        self.say_no(refused)

    def _again(self) -> None:
        """Make the next attempt, if there is still somebody who waits for it."""
        progress = self._progress
        if self.stage == WAITING and progress is not None:
            progress.between = False
            self._send()

    # ── and back ────────────────────────────────────────────────────────────

    def answer_head(self, upstream: Upstream) -> None:
        """Take the head as the answer, or as the failure of an attempt that another one follows."""
        status = upstream.status
        if status >= 400:
            failure = failure_of(status)
            if failure is not None:
                if failure not in COUNTED:
                    self._note_life()
                self._upstream = upstream
                waiting_s = retry_after_s(upstream.lines, system.now())
                if self._follows(failure, waiting_s, str(status)):
                    upstream.hand_to(_Discarded(upstream))
                    return
                Exchange.answer_head(self, upstream)
                return
        if self.route.standing.health is not WELL:
            self._note_life()
        Exchange.answer_head(self, upstream)

    def _note_life(self) -> None:
        """Note that the target answers, be it that it has not got what is asked for."""
        standing = self.route.standing
        standing.health = routing.succeeded(standing.health, system.monotonic())

    def answer_failed(self, reason: Reason, detail: str) -> None:
        """Make another attempt, or tell the client."""
        unanswered = self.stage == WAITING
        if unanswered or (self.stage == BUFFERING and self._status < 400 and reason in _AGAIN):
            upstream = self.route.target.upstream
            if self._follows(Failure.PASSING, None, reason.value.removeprefix("upstream_")):
                self.plane.report_failure(self.request_id, upstream, reason, detail)
                return
        super().answer_failed(reason, detail)

    def _follows(self, failure: Failure, waiting_s: float | None, said: str) -> bool:
        """See to what follows a failed attempt; ``False``: nothing does, it is the answer."""
        progress = self._progress = self._progress or _Progress(())
        progress.busy_since = 0.0
        now = system.monotonic()
        failed = self.route
        step = self._next(failure, waiting_s, now)
        if step is GIVE_UP:
            return False
        failed.state.under_way -= 1
        self._note(progress, failed.name, said, now)
        progress.between = True
        self._go_on(step)
        return True

    def _next(self, failure: Failure, waiting_s: float | None, now: float) -> Step:
        """Note a failure and say what follows; if that is another target, it has been turned to."""
        progress, route, plane = self._progress, self.route, self.plane
        assert progress is not None  # noqa: S101 -- made with the first failure
        state, rules = route.state, plane.routing.rules
        spare = 0
        if failure in {Failure.CREDENTIAL, Failure.LIMITED} and state.credentials > 1:
            rest_s = plane.routing.credential_rest_s if failure is Failure.CREDENTIAL else waiting_s or 0.0
            usable = state.rest(self._credential, now, rest_s)
            spare = min(usable, state.credentials - 1 - progress.renewals)
        health = route.standing.health
        course = Course(progress.tries, len(progress.rest), spare, cooling=now < health.until)
        left_s, draw = self.request.received + rules.deadline_s - now, system.draw()
        step = routing.next_step(failure, course, rules, left_s=left_s, retry_after_s=waiting_s, draw=draw)
        if step is FALLBACK and not self._turn():
            course = msgspec.structs.replace(course, targets_left=0)
            step = routing.next_step(
                failure, course, rules, left_s=left_s, retry_after_s=waiting_s, draw=draw
            )
        if failure in COUNTED and step is not RENEW:
            plane.routing.failed(route.standing, waiting_s, now)
        return step

    def _go_on(self, step: Step) -> None:
        """Do what follows a failed attempt."""
        progress = self._progress
        assert progress is not None  # noqa: S101 -- made with the first failure
        after_s = 0.0
        if step is FALLBACK:
            progress.tries, progress.renewals, progress.busy_since = 1, 0, 0.0
        elif step is RENEW:
            progress.renewals += 1
        elif isinstance(step, routing.Retry):
            progress.tries += not progress.busy_since  # whoever was turned away has not tried
            after_s = step.after_s
        self.stage, self.first_byte_at = WAITING, 0.0
        self._pieces = []
        self._upstream = Upstream(self.route.pool)  # stands for nobody: it is paused and cancelled in vain
        self.plane.later(after_s, self._again)

    def _turn(self) -> bool:
        """Go to the next target that can be told this; ``False``: there is none."""
        if not self.turn_to_next(self.cut()):
            return False
        self.length = self.request_length()
        return True

    def _note(self, progress: _Progress, name: str, said: str, now: float) -> None:
        """Add an attempt to the trail; a request that looks for room again and again has looked once."""
        entry = f"{name}:{said}:{max(0, int((now - self.sent_at) * 1000))}ms"
        if said == "busy" and progress.trail and progress.trail[-1].startswith(f"{name}:busy:"):
            progress.trail[-1] = entry
        else:
            progress.trail.append(entry)

    # ── its end ─────────────────────────────────────────────────────────────

    def settle(self, status: int, usage: Usage, source: str, outcome: str) -> int:
        """Note how it ended, with the attempts before the last."""
        progress = self._progress
        if progress is None:
            self.route.state.under_way -= 1
            return Exchange.settle(self, status, usage, source, outcome)
        if not progress.between:
            self.route.state.under_way -= 1
        if progress.trail:
            if not progress.between:
                said = outcome.removeprefix("upstream_") if outcome != "ok" else str(status)
                said = "ok" if said == str(status) and status < 400 else said
                self._note(progress, self.route.name, said, system.monotonic())
            self.trail = " ".join(progress.trail)[:TRAIL_LENGTH]
        return Exchange.settle(self, status, usage, source, outcome)

    def client_left(self) -> None:
        """Between two attempts nothing is under way that could be charged."""
        if self.stage == WAITING and self._progress is not None and self._progress.between:
            self.gone = True
            self.settle(CLIENT_LEFT, NOTHING, REPORTED, "client_left")
            if isinstance(self.request.client, BodyRecorder):
                self.request.client.end()
            return
        super().client_left()
