"""The books as an authority sees them, kept in a list: nothing is rounded, nothing is forgotten. And its clock."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Self

from keyturn.authority.port import Base, Use
from keyturn.domain.faults import Fault
from keyturn.domain.limits import Bound
from keyturn.domain.refusals import Reason

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


class Clock:
    """Seconds since 1970 UTC, as a test says."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Request:
    """One request on one counter."""

    def __init__(self, books: "Books", worker: str, counter: str, at: float, reserved: int) -> None:
        self._books = books
        self._worker = worker
        self.counter = counter
        self.at = at
        self.counted = reserved
        """What it was let in for; what it used once it has ended."""

    def ended(self, used: int) -> int:
        """Write down how it ended; return the position of that."""
        self.counted = used
        return self._books.wrote(self._worker)

    def failed(self) -> Self:
        """Say that it used nothing but the attempt."""
        self.counted = 0
        self._books.wrote(self._worker)
        return self


class Books:
    """Holds every request that was let in."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.granted: dict[str, int] = {}
        """Of counters of credit, what there is."""
        self.broken = False
        self.gate: asyncio.Event | None = None
        """While it is there and not set, whoever reads waits, and gets what stood there before."""
        self.asked = asyncio.Event()
        """Somebody is reading, or was."""
        self.reads: list[tuple[str, float]] = []
        """The counters that were read, and since when."""
        self._places: Counter[str] = Counter()

    def wrote(self, worker: str) -> int:
        """Note that a worker wrote something; return where that stands."""
        self._places[worker] += 1
        return self._places[worker]

    def admitted(self, worker: str, bound: Bound, at: float, reserved: int = 1) -> Request:
        """Write down that a request was let in."""
        self.wrote(worker)
        request = Request(self, worker, bound.counter, at, reserved)
        self.requests.append(request)
        return request

    async def base(self, bound: Bound, since: float) -> Base:
        """Return what ``authority.port.History`` says."""
        self.reads.append((bound.counter, since))
        found = [one for one in self.requests if one.counter == bound.counter and one.at >= since]
        uses = [Use(one.at, one.counted) for one in found]
        allowed = self.granted.get(bound.counter)
        base = Base(sum(one.amount for one in uses), uses, allowed, dict(self._places))
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise Fault(Reason.LIMITS_UNAVAILABLE, "the books can't be read")
        return base
