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
from keyturn.dialects.calls import Call
from keyturn.domain.leases import Denial
from keyturn.domain.limits import METRICS, WINDOW_S, Metric
from keyturn.domain.overuse import refused_by_limit
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import BYTES_PER_TOKEN, Usage
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
        self.cap = made = cap * call.answers if self.operation.writes else 0
        self.length = length = self.request_length()
        self.input_estimate = read = -(-length // BYTES_PER_TOKEN)
        self.expected = expected = call.expected
        if expected is not None:
            self.expected = expected = self.route.counted(expected)
            self.input_estimate, self.cap = read, made = expected.input_tokens, expected.output_tokens
        self.cost_estimate = cost = self._ceiling(read, made)
        self.allowance, self._taken, self.limits_s, self.admitted_at = None, False, 0.0, 0.0
        if not self.key.limits:
            self.reserved()
            return
        self._reserving_at = system.monotonic()
        self._tries = 0
        self.amounts = (1, read + made, read, made, cost, 1)
        self.allowance = allowance = self.plane.leases.of(self.key, self.model)
        if not self._take(allowance):
            self._ask(allowance)

    def request_length(self) -> int:
        """Return how many bytes the provider has to read, as far as one can tell."""
        return len(self.body)

    def _try(self) -> None:
        """Try again, with whatever the key's limits are by now."""
        self.allowance = allowance = self.plane.leases.of(self.key, self.model)
        if not self._take(allowance):
            self._ask(allowance)

    def _ask(self, allowance: Allowance) -> None:
        self._tries += 1
        if self._tries > MOST_TRIES:
            self._out_of_luck(allowance)
        else:
            self.plane.leases.ask(allowance.leases, self.amounts, self)

    def _take(self, allowance: Allowance) -> bool:
        """Take what is needed from the leases as they are, and go on; ``False``: there is too little."""
        plane, now = self.plane, system.monotonic()
        low = allowance.take(self.amounts, now)
        if low is None:
            return False
        self._taken, self.limits_s, self.admitted_at = True, now - self._reserving_at, now
        self._grown = None
        if allowance.brief:
            self._stamps = plane.leases.used_now(allowance, self.amounts, now)
        else:
            self._stamps = allowance.stamps
        for lease in low:
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
            self._refuse(short[0], Denial(0, short[0].allowed - short[0].spare, short[0].allowed, wait_s))
        else:
            self.unanswered()

    def _refuse(self, lease: Lease, denial: Denial) -> None:
        now = system.monotonic()
        if self.allowance is not None:
            self.extra += self.allowance.lines(now, exactly=True)
        need = self.amounts[lease.metric]
        self.refuse(refused_by_limit(lease.bound, denial, need, now + self.plane.wall), self.key.id)

    def _shrink(self, lease: Lease, denial: Denial) -> bool:
        """Be content with the tokens that are left: how many the answer has was only a guess. Money is no guess."""
        if lease.metric not in _MADE:
            return False
        room = denial.allowed - denial.used - (self.input_estimate if lease.metric == _TOKENS else 0)
        if not LEAST_OUTPUT_TOKENS <= room < self.cap:
            return False
        self.cap = made = room
        read = self.input_estimate
        self.cost_estimate = cost = self._ceiling(read, made)
        self.amounts = (1, read + made, read, made, cost, 1)
        return True

    def _ceiling(self, read: int, made: int) -> int:
        cost = self.route.ceiling(read, made)
        return cost if self.expected is None else cost + self.route.ceiling_of_units(self.expected)

    def unanswered(self) -> None:
        """Refuse: whoever can't count lets nothing through."""
        if not self.gone:
            self.refuse(Refused(Reason.LIMITS_UNAVAILABLE), self.key.id)

    # ── and back ────────────────────────────────────────────────────────────

    def settle(self, status: int, usage: Usage, source: str, outcome: str) -> int:
        """Note how it ended and give back what was not used; returns the cost in nano-dollars."""
        cost = Booking.settle(
            self, status, usage, source, outcome
        )  # by name: ``super()`` takes half a microsecond
        if self._taken:
            _, both, read, made, money, _ = self.amounts
            has_read, has_made = usage.input_tokens, usage.output_tokens
            self._give_back(
                (0, both - has_read - has_made, read - has_read, made - has_made, money - cost, 1), ended=True
            )
        return cost

    def taken_more(self, leases: Sequence[Lease], more: Sequence[int]) -> None:
        """Note that more was taken from some of the leases while the request ran."""
        grown = self._grown = self._grown or {}
        for lease in leases:
            grown[lease] = grown.get(lease, 0) + more[lease.metric]

    def release(self) -> None:
        """Give everything back: it was not let in after all."""
        if self._taken:
            self._give_back(self.amounts, ended=False)

    def _give_back(self, backs: tuple[int, ...], *, ended: bool) -> None:
        """Give back so much of each metric; ``ended``: the end of the request stands in the journal."""
        assert self.allowance is not None  # noqa: S101 -- it was taken from
        self._taken = False
        put_back = self.allowance.put_back(backs, self._stamps, system.monotonic())
        if put_back and self._grown is None:
            return
        leases, grown = self.plane.leases, self._grown or {}
        position = self.plane.journal.place if ended else 0
        for lease, stamp, back in zip(
            self.allowance.leases, self._stamps, self.allowance.amounts(backs), strict=True
        ):
            more = (0 if put_back else back) + grown.get(lease, 0)
            if more:
                leases.give_back(lease, stamp, more, position)
