"""A lease, and what all leases of one request allow: taken from at once, told in the headers of the answer.

Every request with limits comes through here twice, so that what changes seldom is worked out when it changes: the
``Epoch`` says when. Leases change when the authority grants and when they run out, header lines once a second.
"""

from collections.abc import Callable, Sequence
from math import ceil
from operator import itemgetter

from keyturn.domain.leases import Denial, Grant
from keyturn.domain.limits import LARGEST, METRICS, WINDOW_S, Bound, Metric, Window

_TOKENS = frozenset({Metric.TOKENS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS})
REQUESTS, CONCURRENCY = METRICS.index(Metric.REQUESTS), METRICS.index(Metric.CONCURRENCY)
NANO_PER_MICRO = 1_000
"""Money is told in millionths of a dollar: a header's integers have at most fifteen digits (RFC 9651 3.3.1)."""

NONE: list["Lease"] = []
Amounts = tuple[int, ...]
"""How much of each metric, in the order of ``limits.METRICS``."""


class Epoch:
    """Counts changes.

    Attributes:
        leases: Goes up when any lease is granted, runs out or is let go.
        policies: Goes up when what a limit allows has changed.
    """

    __slots__ = ("leases", "policies")

    def __init__(self) -> None:
        self.leases = self.policies = 0


class Lease:
    """A slice of one limit.

    Attributes:
        metric: Its place in ``limits.METRICS``.
        is_quota: The authority counts it anew from the books now and then.
        left: What may still be spent; negative after a request that used more than it took.
        until: ``system.monotonic`` from which on it may not be spent.
        stamp: Where the authority counted it.
        demand: What was used of the one before.
        low: Below this it is refilled.
        under_way: Of a limit of concurrency: requests that have taken from it and have not ended.
        allowed: The limit.
        asking: Questions to the authority that are under way.
        asked: The number of the newest of them.
        wide: The last time it was granted for many requests at once.
        spare: What nobody has counted yet, as the authority said when it granted.
        frees_at: ``system.monotonic`` when some of the limit is free again; 0: nobody knows.
        unit: What one is in headers.
        told: Its name in headers.
        policy: Its item of the header ``RateLimit-Policy``.
    """

    __slots__ = (
        "_epoch",
        "_granted",
        "allowed",
        "asked",
        "asking",
        "bound",
        "counter",
        "demand",
        "denial",
        "denied_need",
        "denied_until",
        "frees_at",
        "is_quota",
        "left",
        "low",
        "metric",
        "policy",
        "spare",
        "stamp",
        "told",
        "under_way",
        "unit",
        "until",
        "wide",
        "window_s",
    )

    def __init__(self, bound: Bound, epoch: Epoch) -> None:
        self._epoch = epoch
        self.left = self.stamp = self.demand = self.low = self.under_way = self._granted = 0
        self.until = self.frees_at = self.denied_until = 0.0
        self.denied_need = self.window_s = self.asking = self.asked = 0
        self.denial: Denial | None = None
        self.wide = False
        self.change(bound)

    def change(self, bound: Bound) -> None:
        """Stand for a limit as it is now."""
        self.bound = bound
        self.counter = bound.counter
        self.metric = METRICS.index(bound.limit.metric)
        self.is_quota = not bound.is_rate and bound.limit.window is not Window.NONE
        self.window_s = WINDOW_S.get(bound.limit.window, self.window_s)
        self.unit = NANO_PER_MICRO if bound.is_money else 1
        self.allowed = bound.limit.max
        self._spare(self.allowed)
        self.denied_until = 0.0
        self.told = _quoted(bound)
        self._tell()

    def take(self, grant: Grant, until: float, now: float) -> None:
        """Add what was granted."""
        self.left += grant.amount
        self._granted += grant.amount
        self.low = grant.amount >> 2
        self.stamp, self.until = grant.stamp, until
        self._spare(grant.allowed - grant.used)
        self.frees_at = now + grant.frees_s if grant.frees_s >= 0 else 0.0
        self._epoch.leases += 1
        if (grant.allowed, grant.window_s) != (self.allowed, self.window_s):
            self.allowed, self.window_s = grant.allowed, grant.window_s
            self._tell()

    def deny(self, denial: Denial, need: int, now: float, until: float) -> None:
        """Remember a denial for a moment."""
        self.denial, self.denied_need, self.denied_until = denial, need, until
        self._spare(denial.allowed - denial.used)
        if denial.wait_s >= 0:  # no later than whoever is refused is told to come back
            is_rate = self.bound.is_rate
            self.frees_at = now + (min(denial.wait_s, self.window_s) if is_rate else denial.wait_s)
            self._epoch.policies += 1
        if denial.allowed != self.allowed:
            self.allowed = denial.allowed
            self._tell()

    def _spare(self, amount: int) -> None:
        """Note what nobody has counted yet: no more than headers can tell together with what is left."""
        self.spare = min(amount, LARGEST * self.unit - self.left)

    def lapse(self) -> None:
        """Be empty."""
        used = self._granted - self.left
        self.spare += self.left
        self.left = self.low = self._granted = 0
        self.until = 0.0
        self.demand = max(used, self.demand >> 1)
        self._epoch.leases += 1

    @property
    def spent(self) -> int:
        """What has been used of it so far."""
        return max(0, self._granted - self.left)

    @property
    def remaining(self) -> int:
        """What is left of the limit, as far as this worker knows."""
        return max(0, self.spare + self.left)

    def _tell(self) -> None:
        limit = self.bound.limit
        window = f";w={self.window_s}" if self.window_s else ""
        unit = ""
        if limit.metric is Metric.CONCURRENCY:
            unit = ';qu="concurrent-requests"'
        elif limit.metric is Metric.COST:
            unit = ';unit="micro-usd"'
        elif limit.metric is not Metric.REQUESTS:
            unit = ';unit="tokens"'
        self.policy = self.told + f";q={min(self.allowed // self.unit, LARGEST)}{window}{unit}".encode()
        self._epoch.policies += 1


MUCH_LEFT, STILL_S = 10_000, 0.02
"""Where so much is left of every limit, what is told of it may be so old: nobody sees the difference, and writing it down
for every request of a busy key is the dearest part of its limits."""


class Allowance:
    """The leases of one key for one model; empty when nothing limits it.

    Attributes:
        leases: In the order of the key's bounds.
        brief: Those whose cells are so short that the authority is told when they were used.
        stamps: Of the leases; another object as soon as any lease has changed.
    """

    __slots__ = (
        "_epoch",
        "_leases_seen",
        "_lines",
        "_lines_until",
        "_measured",
        "_metered",
        "_pick",
        "_policies_seen",
        "_second",
        "_shown",
        "_slots",
        "_template",
        "_told",
        "_until",
        "brief",
        "leases",
        "stamps",
    )

    def __init__(self, leases: Sequence[Lease], epoch: Epoch) -> None:
        self._epoch = epoch
        self._leases_seen = self._policies_seen = self._second = -1
        self.leases = tuple(leases)
        self.stamps: Amounts = ()
        self._until = 0.0
        self._pick = _picker([lease.metric for lease in leases])
        self._metered = tuple([(lease, lease.metric) for lease in leases])
        self._measured = tuple([one for one in self._metered if one[1] != REQUESTS])
        self._slots = tuple(one for one in leases if one.metric == CONCURRENCY)
        self.brief = tuple(one for one in leases if one.bound.limit.window is Window.SECOND)
        self._shown = tuple(one for one in leases if not one.bound.limit.shadow)
        self._told: tuple[Lease, ...] = ()
        self._template = self._lines = b""
        self._lines_until = 0.0

    def take(self, needs: Amounts, now: float) -> list[Lease] | None:
        """Take what a request needs from every lease, or nothing from any.

        Returns:
            The leases that run low now; ``None``: one has too little left, and nothing was taken.
        """
        if self._leases_seen != self._epoch.leases:
            self._look()
        if now >= self._until:
            return None
        low = NONE
        for lease, metric in self._metered:
            lease.left = left = lease.left - needs[metric]
            if left < lease.low:
                if left < 0:
                    self._undo(lease, needs)
                    return None
                low = [*low, lease]
        for lease in self._slots:
            lease.under_way += 1
        return low

    def _undo(self, last: Lease, needs: Amounts) -> None:
        """Put back what was taken up to a lease that had too little."""
        for lease, metric in self._metered:
            lease.left += needs[metric]
            if lease is last:
                return

    def put_back(self, backs: Amounts, stamps: Amounts, now: float) -> bool:
        """Put back what a request took and did not use, if the leases still are those it took from.

        Args:
            backs: How much of each metric.
            stamps: What ``stamps`` was when it took.
            now: ``system.monotonic``.
        """
        for lease in self._slots:
            lease.under_way -= 1
        if self.stamps is not stamps or self._leases_seen != self._epoch.leases or now >= self._until:
            return False
        # Who was served has used a request: there is nothing of that to put back.
        for lease, metric in self._metered if backs[REQUESTS] else self._measured:
            lease.left += backs[metric]
        return True

    def amounts(self, needs: Amounts) -> Amounts:
        """Return how much of each lease a request takes."""
        return self._pick(needs)

    def _look(self) -> None:
        self._leases_seen = self._epoch.leases
        self._until = min((lease.until for lease in self.leases), default=float("inf"))
        self.stamps = tuple([lease.stamp for lease in self.leases])

    def lines(self, now: float, *, exactly: bool = False) -> bytes:
        """Return the header lines that tell how much is left; ``exactly``: at this moment, however much that is."""
        if now < self._lines_until and not exactly and self._policies_seen == self._epoch.policies:
            return self._lines
        if not self._shown:
            return b""
        if self._second != int(now) or self._policies_seen != self._epoch.policies:
            self._prepare(now)
        told = tuple(
            [
                left // lease.unit
                if (left := lease.spare + lease.left) > 0
                else 0  # no call: this is done seven times
                for lease in self._told
            ]
        )
        self._lines = lines = self._template % told
        self._lines_until = min(now + STILL_S, self._second + 1.0) if min(told) >= MUCH_LEFT else 0.0
        return lines

    def _prepare(self, now: float) -> None:
        """Write the lines but for what is left: names, limits, and times, which are told to the second."""
        self._second, self._policies_seen = int(now), self._epoch.policies
        shown = self._shown
        policies = b", ".join([lease.policy for lease in shown])
        standing = b", ".join([_quote(lease.told) + b";r=%d" + _frees(lease, now) for lease in shown])
        self._template = b"ratelimit-policy: " + _quote(policies) + b"\r\nratelimit: " + standing + b"\r\n"
        self._told = shown
        rates = [one for one in shown if one.bound.is_rate]
        for kind, metrics in ((b"requests", {Metric.REQUESTS}), (b"tokens", _TOKENS)):
            found = [one for one in rates if one.bound.limit.metric in metrics]
            if found:
                tightest = min(found, key=lambda one: one.remaining)
                self._told += (tightest,)
                self._template += (
                    b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %%d\r\nx-ratelimit-reset-%b: %b\r\n"
                    % (kind, tightest.allowed, kind, kind, duration(tightest.frees_at - now))
                )


def _picker(metrics: Sequence[int]) -> Callable[[Amounts], Amounts]:
    if len(metrics) > 1:
        return itemgetter(*metrics)
    return lambda amounts: tuple([amounts[metric] for metric in metrics])


def _quote(text: bytes) -> bytes:
    """Return text as it stands in a template."""
    return text.replace(b"%", b"%%")


def _frees(lease: Lease, now: float) -> bytes:
    return b";t=%d" % ceil(lease.frees_at - now) if lease.frees_at > now else b""


def duration(seconds: float) -> bytes:
    """Write a duration the way OpenAI does: ``12ms``, ``1s``, ``6m0s``, ``1h2m3s``."""
    if seconds <= 0:
        return b"0s"
    if seconds < 1:
        return b"%dms" % max(1, ceil(seconds * 1000))
    whole = ceil(seconds)
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return b"%ds" % rest
    hours, minutes = divmod(minutes, 60)
    return b"%dh%dm%ds" % (hours, minutes, rest) if hours else b"%dm%ds" % (minutes, rest)


def _quoted(bound: Bound) -> bytes:
    """Return a limit's name as a string of a structured field (RFC 9651 3.3.3)."""
    name = "credit" if bound.limit.window is Window.CREDIT else bound.name
    return b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
