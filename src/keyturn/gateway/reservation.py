"""What an exchange takes from its key's limits before it goes upstream, and gives back when it has ended.

==========  ====================================================================================
a request   then
==========  ====================================================================================
comes       takes from all leases at once, or asks the authority and tries again (``reserve``)
is refused  has taken nothing
ends        has what it did not use given back; what it used beyond is counted (``settle``)
fails       used nothing but the attempt: tokens and cost go back whole
==========  ====================================================================================
"""

from collections.abc import Sequence

from keyturn import system
from keyturn.dialects.openai_calls import Call
from keyturn.domain.leases import Denial
from keyturn.domain.limits import METRICS, WINDOW_S, Metric
from keyturn.domain.overuse import refused_by_limit
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage
from keyturn.domain.windows import CELLS
from keyturn.gateway.allowance import Allowance, Lease
from keyturn.gateway.booking import Booking

DEFAULT_OUTPUT_TOKENS = 1024
"""Reserved for a request that names no maximum, where its model has none either."""
LEAST_OUTPUT_TOKENS = 16
"""With less room than this a request is refused."""
MOST_TRIES = 8
"""How often a request asks again because what it got was gone by then."""
_TOKENS = METRICS.index(Metric.TOKENS)
_MADE = frozenset({_TOKENS, METRICS.index(Metric.OUTPUT_TOKENS)})


class Reservation(Booking):
    """A booking that has to find room under limits first."""

    __slots__ = (
        "_grown",
        "_named",
        "_reserving_at",
        "_stamps",
        "_taken",
        "_tries",
        "allowance",
        "amounts",
        "limits_s",
    )

    allowance: Allowance | None
    """What its key's limits allow for its model; ``None``: there are no limits."""
    amounts: tuple[int, ...]
    """How much of each metric it has taken, in the order of ``limits.METRICS``."""
    limits_s: float
    _named: bool
    _grown: dict[Lease, int] | None
    """How long it took to find room."""

    def reserved(self) -> None:
        """Go on: there is room, and it is taken."""
        raise NotImplementedError

    def reserve(self, call: Call) -> None:
        """Find room under every limit of the key, then go on; or refuse.

        A request that does not say how much it wants at most is held to what its model can make; a stream to less,
        because more can be found while it runs.
        """
        cap = call.output_cap
        self._named = cap is not None
        if cap is None:
            most = self.route.output_cap or DEFAULT_OUTPUT_TOKENS
            cap = min(most, DEFAULT_OUTPUT_TOKENS) if call.stream else most
        self.cap = cap * call.answers if self.operation.writes else 0
        self.estimate()
        self.allowance, self._taken, self.limits_s = None, False, 0.0
        if not self.key.limits:
            self.reserved()
            return
        self._reserving_at = system.monotonic()
        self._need()
        self._tries = 0
        self._try()

    def _need(self) -> None:
        read, made = self.input_estimate, self.cap
        self.amounts = (1, read + made, read, made, self.cost_estimate, 1)

    def _try(self) -> None:
        plane = self.plane
        self.allowance = allowance = plane.leases.of(self.key, self.model)
        if self._take(allowance):
            return
        self._tries += 1
        if self._tries > MOST_TRIES:
            self._out_of_luck(allowance)
        else:
            plane.leases.ask(allowance.leases, self.amounts, self)

    def _take(self, allowance: Allowance) -> bool:
        """Take what is needed from the leases as they are, and go on; ``False``: there is too little."""
        plane, now = self.plane, system.monotonic()
        if not allowance.take(self.amounts, now):
            return False
        self._taken, self.limits_s = True, now - self._reserving_at
        self._stamps = [lease.stamp for lease in allowance.leases]
        self._grown = None
        if allowance.brief:
            plane.leases.used_now(allowance.brief, self.amounts, now)
        for lease in allowance.leases:
            if lease.left < lease.low:
                plane.leases.refill(lease, self.amounts[lease.metric])
        self.reserved()
        return True

    # ── the authority's answers ─────────────────────────────────────────────

    def granted(self) -> None:
        """Try again."""
        if not self.gone:
            self._try()

    def denied(self, lease: Lease, denial: Denial) -> None:
        """Refuse, unless there is enough by now, or less will do."""
        if self.gone:
            return
        if self.allowance is not None and self._take(self.allowance):
            return
        if not self._named and self._shrink(lease, denial):
            self._try()
            return
        self._refuse(lease, denial)

    def _out_of_luck(self, allowance: Allowance) -> None:
        """Refuse a request for which, again and again, what was granted was gone before it could be used.

        On a machine that is very busy a window of a second, whose cells last 17 ms, is over too soon.
        """
        short = [one for one in allowance.leases if one.bound.is_rate and one.left < self.amounts[one.metric]]
        if short:
            wait_s = WINDOW_S[short[0].bound.limit.window] / CELLS
            self._refuse(short[0], Denial(0, short[0].used, short[0].allowed, wait_s))
        else:
            self.unanswered()

    def _refuse(self, lease: Lease, denial: Denial) -> None:
        now = system.monotonic()
        if self.allowance is not None:
            self.extra += self.allowance.lines(now)
        need = self.amounts[lease.metric]
        self.refuse(refused_by_limit(lease.bound, denial, need, now + self.plane.wall), self.key.id)

    def _shrink(self, lease: Lease, denial: Denial) -> bool:
        """Be content with the tokens that are left: how many the answer has was only a guess. Money is no guess."""
        if lease.metric not in _MADE:
            return False
        room = denial.allowed - denial.used - (self.input_estimate if lease.metric == _TOKENS else 0)
        if not LEAST_OUTPUT_TOKENS <= room < self.cap:
            return False
        self.cap = room
        self.estimate()
        self._need()
        return True

    def unanswered(self) -> None:
        """Refuse: whoever can't count lets nothing through."""
        if not self.gone:
            self.refuse(Refused(Reason.LIMITS_UNAVAILABLE), self.key.id)

    # ── and back ────────────────────────────────────────────────────────────

    def settle(self, status: int, usage: Usage, source: str, outcome: str) -> int:
        """Note how it ended and give back what was not used; returns the cost in nano-dollars."""
        cost = super().settle(status, usage, source, outcome)
        if self._taken:
            read, made = usage.input_tokens, usage.output_tokens
            self._give_back((1, read + made, read, made, cost, 0), self.plane.journal.place)
        return cost

    def taken_more(self, leases: Sequence[Lease], more: Sequence[int]) -> None:
        """Note that more was taken from some of the leases while the request ran."""
        grown = self._grown = self._grown or {}
        for lease in leases:
            grown[lease] = grown.get(lease, 0) + more[lease.metric]

    def release(self) -> None:
        """Give everything back: it was not let in after all."""
        if self._taken:
            self._give_back((0, 0, 0, 0, 0, 0), 0)

    def _give_back(self, used: tuple[int, ...], position: int) -> None:
        assert self.allowance is not None  # noqa: S101 -- it was taken from
        self._taken = False
        amounts, leases, grown = self.amounts, self.plane.leases, self._grown
        for lease, stamp in zip(self.allowance.leases, self._stamps, strict=True):
            lease.under_way -= 1
            back = amounts[lease.metric] - used[lease.metric]
            if grown is not None:
                back += grown.get(lease, 0)
            if back:
                leases.give_back(lease, stamp, back, position)
