"""The three kinds of counters. Times are seconds since 1970 UTC, handed in by whoever asks."""

from typing import Protocol

from keyturn.authority.port import Base
from keyturn.domain.leases import LONGEST_S, Return
from keyturn.domain.limits import WINDOW_S, Bound, Metric, Window
from keyturn.domain.windows import FOREVER, SlidingWindow, period

MARGIN_S = 0.001
"""A lease ends this much before its cell, or a fiftieth of the cell: clocks and messages take their time."""
AHEAD = {Window.SECOND: 3}
"""How many cells ahead a lease may end. A second's cells are over before a busy machine has answered; there a worker tells
in which cell it has used what, so that it does not count longer than it should."""
SLOT_S = 0.5
"""How long a worker may keep room for requests under way that do not come."""
IDLE_S = 600.0
"""How long a counter is kept that nobody asks for: requests that end later have their overuse noted by nobody."""


class Counter(Protocol):
    """Counts on one bound."""

    def used(self, now: float) -> int:
        """Return what counts now."""
        ...

    def allowed(self, bound: Bound, now: float) -> int:
        """Return how much there may be."""
        ...

    def take(self, worker: str, amount: int, now: float) -> tuple[int, float]:
        """Count; return the stamp, and for how many seconds what was taken may be spent."""
        ...

    def give(self, worker: str, back: Return, now: float) -> None:
        """Count less, or more where ``back.amount`` is negative."""
        ...

    def wait(self, amount: int, allowed: int, now: float) -> float:
        """Return in how many seconds ``amount`` more will fit; ``FOREVER``: not by time alone."""
        ...

    def frees(self, now: float) -> float:
        """Return in how many seconds some of what counts will not; ``FOREVER``: not by time alone."""
        ...

    def window_s(self) -> int:
        """Return how long the window is; 0: it has no length."""
        ...

    def idle(self, now: float) -> bool:
        """Say whether it can be forgotten without anybody noticing."""
        ...

    def suits(self, bound: Bound) -> bool:
        """Say whether it counts by the calendar that the bound goes by now."""
        ...


class Rate:
    """A window that slides."""

    def __init__(self, bound: Bound, base: Base, now: float) -> None:
        self._length = WINDOW_S[bound.limit.window]
        self._ahead = AHEAD.get(bound.limit.window, 0)
        self._window = window = SlidingWindow(self._length, ahead=self._ahead)
        self._positions = base.positions
        self._touched = now
        newest = window.advance(now)
        for use in base.uses:
            window.add(min(int(use.at / window.cell_s), newest), use.amount)

    def used(self, now: float) -> int:
        """Return what counts now."""
        self._window.advance(now)
        return self._window.total

    def allowed(self, bound: Bound, now: float) -> int:
        """Return how much there may be."""
        return bound.limit.max_at(now)

    def take(self, worker: str, amount: int, now: float) -> tuple[int, float]:  # noqa: ARG002 -- the port's
        """Count in the cell at whose end what was taken may not be spent any more."""
        window = self._window
        cell = window.advance(now) + self._ahead
        window.add(cell, amount)
        self._touched = now
        margin = min(MARGIN_S, window.cell_s / 50)
        return cell, min(LONGEST_S, window.ends(cell) - now - margin)

    def give(self, worker: str, back: Return, now: float) -> None:
        """Count less in the cell it was taken from; what was used beyond counts in the cell of this moment."""
        if 0 < back.position <= self._positions.get(worker, 0):
            return
        cell = self._window.advance(now)
        self._touched = now
        if back.amount < 0:
            self._window.add(cell, -back.amount)
        else:
            moved = self._window.give_back(back.stamp, back.amount)
            if back.moved_to:
                self._window.add(min(back.moved_to, back.stamp), moved)

    def wait(self, amount: int, allowed: int, now: float) -> float:
        """Return in how many seconds ``amount`` more will fit."""
        return self._window.wait(amount, allowed, now)

    def frees(self, now: float) -> float:
        """Return in how many seconds the oldest use stops counting: a cell sooner than it does, told as the window."""
        return min(self._window.frees(now), float(self._length))

    def window_s(self) -> int:
        """Return how long the window is."""
        return self._length

    def idle(self, now: float) -> bool:
        """Nothing counts any more, and nobody has asked for long."""
        return self.used(now) == 0 and now - self._touched > IDLE_S

    def suits(self, bound: Bound) -> bool:  # noqa: ARG002 -- the port's
        """Rates know no calendar."""
        return True


class Quota:
    """A window of the calendar, a lifetime, or credit."""

    def __init__(self, bound: Bound, base: Base, now: float) -> None:
        self._window, self._zone = bound.limit.window, bound.zone
        self._start, self._end = period(self._window, self._zone, now)
        self._used = base.used
        self._allowed = base.allowed
        self._positions = base.positions
        self._touched = now

    def used(self, now: float) -> int:
        """Return what counts now; with a new period it begins anew."""
        if now >= self._end:
            self._start, self._end = period(self._window, self._zone, now)
            self._used = 0
        return self._used

    def allowed(self, bound: Bound, now: float) -> int:
        """Return how much there may be."""
        return bound.limit.max_at(now) if self._allowed is None else self._allowed

    def take(self, worker: str, amount: int, now: float) -> tuple[int, float]:  # noqa: ARG002 -- the port's
        """Count in this period, before whose end it must be spent."""
        self.used(now)
        self._used += amount
        self._touched = now
        return int(self._start), min(LONGEST_S, self._end - now)

    def give(self, worker: str, back: Return, now: float) -> None:
        """Count less, or more; what belongs to a period that is over is of no matter."""
        self.used(now)
        if back.stamp != int(self._start) or 0 < back.position <= self._positions.get(worker, 0):
            return
        self._used = max(0, self._used - back.amount)
        self._touched = now

    def wait(self, amount: int, allowed: int, now: float) -> float:
        """Return in how many seconds the next period begins, if ``amount`` fits there at all."""
        return self._end - now if amount <= allowed else FOREVER

    def frees(self, now: float) -> float:
        """Return in how many seconds the next period begins."""
        return self._end - now

    def window_s(self) -> int:
        """Return how long the period is."""
        return 0 if self._end == FOREVER else round(self._end - self._start)

    def idle(self, now: float) -> bool:
        """Nobody has asked for long: what the books say is exact again."""
        return now - self._touched > IDLE_S

    def suits(self, bound: Bound) -> bool:
        """A day is another one where the account has moved to another time zone."""
        return bound.zone == self._zone or self._end == FOREVER


class Concurrency:
    """Requests under way, by worker."""

    def __init__(self, bound: Bound, base: Base, now: float) -> None:  # noqa: ARG002 -- as the others are made
        self._out: dict[str, int] = {}

    def used(self, now: float) -> int:  # noqa: ARG002 -- the port's
        """Return how many are under way, or may be."""
        return sum(self._out.values())

    def allowed(self, bound: Bound, now: float) -> int:
        """Return how many there may be."""
        return bound.limit.max_at(now)

    def take(self, worker: str, amount: int, now: float) -> tuple[int, float]:  # noqa: ARG002 -- the port's
        """Give a worker room for so many more."""
        self._out[worker] = self._out.get(worker, 0) + amount
        return 0, SLOT_S

    def give(self, worker: str, back: Return, now: float) -> None:  # noqa: ARG002 -- the port's
        """Take room back that a worker does not use any more."""
        left = self._out.get(worker, 0) - back.amount
        if left > 0:
            self._out[worker] = left
        else:
            self._out.pop(worker, None)

    def hold(self, worker: str, amount: int) -> None:
        """Learn how many requests of a worker are under way, whatever was thought before."""
        self._out.pop(worker, None)
        if amount:
            self._out[worker] = amount

    def wait(self, amount: int, allowed: int, now: float) -> float:  # noqa: ARG002 -- the port's
        """Return when to come back: nobody knows when a request ends, so soon."""
        return 1.0 if amount <= allowed else FOREVER

    def frees(self, now: float) -> float:  # noqa: ARG002 -- the port's
        """Return when to come back: soon."""
        return 1.0

    def window_s(self) -> int:
        """Return that only the moment counts."""
        return 0

    def idle(self, now: float) -> bool:  # noqa: ARG002 -- the port's
        """Nothing is under way."""
        return not self._out

    def suits(self, bound: Bound) -> bool:  # noqa: ARG002 -- the port's
        """The moment knows no calendar."""
        return True


def counter_of(bound: Bound, base: Base, now: float) -> Counter:
    """Return a counter that goes on from what the books say; of a quota, of the period around ``now``."""
    if bound.limit.metric is Metric.CONCURRENCY:
        return Concurrency(bound, base, now)
    return Rate(bound, base, now) if bound.is_rate else Quota(bound, base, now)
