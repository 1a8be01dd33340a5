"""A lease, and what all leases of one request allow: taken from at once, told in the headers of the answer."""

from collections.abc import Sequence
from math import ceil

from keyturn.domain.leases import Denial, Grant
from keyturn.domain.limits import METRICS, Bound, Metric, Window

_TOKENS = frozenset({Metric.TOKENS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS})
_CONCURRENCY = METRICS.index(Metric.CONCURRENCY)
NANO_PER_MICRO = 1_000
"""Money is told in millionths of a dollar: a header's integers have at most fifteen digits (RFC 9651 3.3.1)."""
_LARGEST_INTEGER = 10**15 - 1


class Lease:
    """A slice of one limit.

    Attributes:
        metric: Its place in ``limits.METRICS``.
        left: What may still be spent; negative after a request that used more than it took.
        until: ``system.monotonic`` from which on it may not be spent.
        stamp: Where the authority counted it.
        spent: What was taken from it.
        demand: What was taken from the one before.
        low: Below this it is refilled.
        under_way: Requests that have taken from it and have not ended.
        allowed: The limit.
        asking: Questions to the authority that are under way.
        used: What the authority counted when it granted it, this lease included.
        frees_at: ``system.monotonic`` when some of the limit is free again; 0: nobody knows.
    """

    __slots__ = (
        "allowed",
        "asking",
        "bound",
        "demand",
        "denial",
        "denied_need",
        "denied_until",
        "frees_at",
        "left",
        "low",
        "metric",
        "policy",
        "spent",
        "stamp",
        "told",
        "under_way",
        "until",
        "used",
        "window_s",
    )

    def __init__(self, bound: Bound) -> None:
        self.left = self.stamp = self.spent = self.demand = self.low = self.under_way = self.used = 0
        self.until = self.frees_at = self.denied_until = 0.0
        self.denied_need = self.window_s = self.asking = 0
        self.denial: Denial | None = None
        self.change(bound)

    def change(self, bound: Bound) -> None:
        """Stand for a limit as it is now."""
        self.bound = bound
        self.metric = METRICS.index(bound.limit.metric)
        self.allowed = bound.limit.max
        self.denied_until = 0.0
        self.told = _quoted(bound)
        self.policy = self._policy()

    def take(self, grant: Grant, until: float, now: float) -> None:
        """Add what was granted."""
        self.left += grant.amount
        self.low = grant.amount >> 2
        self.stamp, self.until = grant.stamp, until
        self.used = grant.used
        self.frees_at = now + grant.frees_s if grant.frees_s >= 0 else 0.0
        if (grant.allowed, grant.window_s) != (self.allowed, self.window_s):
            self.allowed, self.window_s = grant.allowed, grant.window_s
            self.policy = self._policy()

    def deny(self, denial: Denial, need: int, until: float) -> None:
        """Remember a denial for a moment."""
        self.denial, self.denied_need, self.denied_until = denial, need, until
        self.used, self.allowed = denial.used, denial.allowed

    def lapse(self) -> None:
        """Be empty."""
        self.used -= max(0, self.left)
        self.left = self.low = 0
        self.until = 0.0
        self.demand, self.spent = max(self.spent, self.demand >> 1), 0

    @property
    def remaining(self) -> int:
        """What is left of the limit, as far as this worker knows."""
        return max(0, self.allowed - self.used + self.left)

    def _policy(self) -> bytes:
        limit = self.bound.limit
        window = f";w={self.window_s}" if self.window_s else ""
        unit = ""
        if limit.metric is Metric.CONCURRENCY:
            unit = ';qu="concurrent-requests"'
        elif limit.metric is Metric.COST:
            unit = ';unit="micro-usd"'
        elif limit.metric is not Metric.REQUESTS:
            unit = ';unit="tokens"'
        return self.told + f";q={self.shown(self.allowed)}{window}{unit}".encode()

    def shown(self, amount: int) -> int:
        """Return an amount as headers tell it."""
        amount = amount // NANO_PER_MICRO if self.bound.is_money else amount
        return min(amount, _LARGEST_INTEGER)


class Allowance:
    """The leases of one key for one model; empty when nothing limits it."""

    __slots__ = ("_requests", "_shown", "_tokens", "brief", "leases")

    def __init__(self, leases: Sequence[Lease]) -> None:
        self.leases = tuple(leases)
        self.brief = tuple(one for one in leases if one.bound.limit.window is Window.SECOND)
        """Those whose cells are so short that the authority is told when they were used."""
        self._shown = [one for one in leases if not one.bound.limit.shadow]
        rates = [one for one in self._shown if one.bound.is_rate]
        self._requests = [one for one in rates if one.bound.limit.metric is Metric.REQUESTS]
        self._tokens = [one for one in rates if one.bound.limit.metric in _TOKENS]

    def take(self, needs: Sequence[int], now: float) -> bool:
        """Take what a request needs from every lease, or nothing from any; ``False``: one has too little left."""
        leases = self.leases
        for lease in leases:
            if lease.left < needs[lease.metric] or now >= lease.until:
                return False
        for lease in leases:
            need = needs[lease.metric]
            lease.left -= need
            lease.spent += need
            lease.under_way += 1
        return True

    def lines(self, now: float) -> bytes:
        """Return the header lines that tell how much is left."""
        if not self._shown:
            return b""
        lines = [
            b"ratelimit-policy: %b\r\nratelimit: %b\r\n"
            % (
                b", ".join([lease.policy for lease in self._shown]),
                b", ".join([_standing(lease, now) for lease in self._shown]),
            )
        ]
        for kind, leases in ((b"requests", self._requests), (b"tokens", self._tokens)):
            if leases:
                tightest = leases[0] if len(leases) == 1 else min(leases, key=lambda one: one.remaining)
                lines.append(
                    b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %d\r\nx-ratelimit-reset-%b: %b\r\n"
                    % (
                        kind,
                        tightest.allowed,
                        kind,
                        tightest.remaining,
                        kind,
                        duration(tightest.frees_at - now),
                    )
                )
        return b"".join(lines)


def _standing(lease: Lease, now: float) -> bytes:
    frees_at = lease.frees_at
    if frees_at <= now:
        return b"%b;r=%d" % (lease.told, lease.shown(lease.remaining))
    return b"%b;r=%d;t=%d" % (lease.told, lease.shown(lease.remaining), ceil(frees_at - now))


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
