"""A worker's leases with nothing behind them: what they say is kept, time and answers come from the test."""

import heapq
import itertools
from collections.abc import Callable

import msgspec

from keyturn import bus
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import Bound, Metric
from keyturn.domain.permissions import Permission
from keyturn.gateway.allowance import Allowance, Amounts, Lease
from keyturn.gateway.leases import Leases

MODEL = "demo-chat"


def key_with(*bounds: Bound, key_id: str = "key_1") -> KeyRecord:
    """Return a key with limits."""
    return KeyRecord(key_id, "app", Kind.SECRET, frozenset({Permission.READ}), limits=bounds)


def needs(**amounts: int) -> tuple[int, ...]:
    """Return what a request needs, by the names of metrics; one request and one under way."""
    given = {"requests": 1, "concurrency": 1, **amounts}
    return tuple(given.get(metric.name.lower(), 0) for metric in Metric)


NEEDS = needs(tokens=100, input_tokens=40, output_tokens=60, cost=1_000)


def give_back(
    leases: Leases, allowance: Allowance, stamps: Amounts, backs: Amounts, *, position: int
) -> None:
    """Give back what a request took and did not use, as ``gateway.reservation`` does."""
    if allowance.put_back(backs, stamps, leases._clock()):
        return
    for lease, stamp, back in zip(allowance.leases, stamps, allowance.amounts(backs), strict=True):
        if back:
            leases.give_back(lease, stamp, back, position)


class Call:
    """A request that takes what it needs, as ``gateway.reservation`` does."""

    def __init__(self, line: "Line", key: KeyRecord, amounts: Amounts = NEEDS) -> None:
        self.line, self.key, self.amounts = line, key, amounts
        self.heard: list[str] = []
        """What was said, in order; the last is how it went: ``taken``, ``denied`` or ``unanswered``."""
        self.denial: tuple[Lease, Denial] | None = None
        self.allowance: Allowance | None = None
        self.stamps: Amounts = ()

    def begin(self) -> "Call":
        """Take, or ask."""
        leases, now = self.line.leases, self.line.now
        self.allowance = allowance = leases.of(self.key, MODEL)
        low = allowance.take(self.amounts, now)
        if low is None:
            leases.ask(allowance.leases, self.amounts, self)
            return self
        self.heard.append("taken")
        self.stamps = leases.used_now(allowance, self.amounts, now) if allowance.brief else allowance.stamps
        for lease in low:
            leases.refill(lease, self.amounts[lease.metric])
        return self

    def end(self, *used: int, position: int = 7) -> None:
        """Give back what was not used, in the order of the leases."""
        assert self.allowance is not None
        of_metric = dict(zip([lease.metric for lease in self.allowance.leases], used, strict=True))
        backs = tuple(amount - of_metric.get(index, 0) for index, amount in enumerate(self.amounts))
        give_back(self.line.leases, self.allowance, self.stamps, backs, position=position)

    def granted(self) -> None:
        """Try again."""
        self.heard.append("granted")
        self.begin()

    def denied(self, lease: Lease, denial: Denial) -> None:
        """Go without."""
        self.heard.append("denied")
        self.denial = lease, denial

    def unanswered(self) -> None:
        """Go without."""
        self.heard.append("unanswered")


class Line:
    """A worker's leases, their clock, and what they have sent."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.up = True
        self.sent: list[bus.FromWorker] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.leases = Leases(self._send, lambda: self.now, self._later)

    def _send(self, message: bus.FromWorker) -> bool:
        if self.up:
            self.sent.append(message)
        return self.up

    def _later(self, after_s: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + after_s, next(self._numbers), work))

    def pass_time(self, seconds: float) -> None:
        """Let time pass and timers ring."""
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, work = heapq.heappop(self._timers)
            work()
        self.now = until

    def takes(self) -> list[bus.Take]:
        """Return the questions that were sent, and forget them."""
        found = [one for one in self.sent if isinstance(one, bus.Take)]
        self.sent = [one for one in self.sent if not isinstance(one, bus.Take)]
        return found

    def returns(self) -> list[Return]:
        """Return what was given back, and forget it."""
        found = [back for one in self.sent if isinstance(one, bus.Give) for back in one.returns]
        self.sent = [one for one in self.sent if not isinstance(one, bus.Give)]
        return found

    def asked(self) -> bus.Take:
        """Return the only question that was sent."""
        (take,) = self.takes()
        return take

    def grant(self, take: bus.Take, *amounts: int, **members: object) -> None:
        """Answer a question: with these amounts, or with what was asked for; ``members`` are the grants'."""
        wanted = amounts or [ask.need + ask.extra for ask in take.asks]
        self.leases.granted(
            take.call, [grant(ask, amount, **members) for ask, amount in zip(take.asks, wanted, strict=True)]
        )

    def deny(self, take: bus.Take, index: int = 0, wait_s: float = 30.0) -> None:
        """Answer a question with no."""
        allowed = take.asks[index].bound.limit.max
        self.leases.denied(take.call, Denial(index, allowed, allowed, wait_s))


def grant(ask: Ask, amount: int, **members: object) -> Grant:
    """Return a grant of a limit of which little is used."""
    plain = Grant(amount, 1.0, 5, amount, ask.bound.limit.max, 50.0, 60)
    return msgspec.structs.replace(plain, **members)
