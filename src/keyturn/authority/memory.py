"""The authority of a single node: every counter in the memory of the control process.

Theory. A counter lives from the first time somebody asks for it until nobody has for long. It begins with what the
books say (``History``), from then on it counts what it grants and what comes back. What the books said and what comes
back may speak of the same request: a return names the place in the worker's journal at which its request ended, and
what the books had read by then is not taken back twice.

=============  ===============================================================================
a counter is   then
=============  ===============================================================================
unknown        the first who asks has it read from the books; whoever comes meanwhile waits too
known          it answers at once
closed         whoever asks waits: workers are being told to let go of their leases
=============  ===============================================================================

A rate whose window has passed since this process began needs no books: nothing that could count was before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from keyturn.authority.counters import Concurrency, Counter, Rate, counter_of
from keyturn.authority.port import Answer, Base, History
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import WINDOW_S, Bound, Crossing, Metric
from keyturn.domain.windows import CELLS, FOREVER, period

SHARES = 4
"""A lease takes at most this part of what is left, for each worker: the others must find something too."""
MOST_COUNTERS = 200_000
FULL = 100
LEAST_PERCENT = 1
"""Nobody is told of less."""


class MemoryAuthority:
    """Owns the counters; see the module and ``authority.port.LimitAuthority``."""

    def __init__(
        self,
        history: History,
        *,
        clock: Callable[[], float],
        workers: Callable[[], int] = lambda: 1,
        thresholds: Callable[[str], Sequence[int]] = lambda _owner: (FULL,),
        fresh: bool = True,
    ) -> None:
        """Take in what it leans on.

        Args:
            history: The books.
            clock: Seconds since 1970 UTC; must not go back.
            workers: How many workers there are to share with.
            thresholds: At which percentages of an owner's limits somebody wants to be told, in order.
            fresh: Nobody has counted before: no lease of an earlier authority is out.
        """
        self._history = history
        self._clock = clock
        self._workers = workers
        self._thresholds = thresholds
        self._began = 0.0 if fresh else clock()
        self._counters: dict[str, Counter] = {}
        self._bounds: dict[str, Bound] = {}
        self._of_owner: dict[str, set[str]] = {}
        self._reading: dict[str, asyncio.Future[None]] = {}
        self._closed: dict[str, asyncio.Event] = {}
        self._leased: dict[str, dict[str, float]] = {}
        """Worker → owner → until when it may hold a lease there."""
        self._told: dict[str, tuple[int, int]] = {}
        """Counter → period and the highest percentage that was told."""
        self.crossings: list[Crossing] = []
        """What somebody wants to be told of; whoever tells it takes it away."""

    # ── the port ────────────────────────────────────────────────────────────

    def take(self, worker: str, asks: Sequence[Ask]) -> Answer | Awaitable[Answer]:
        """Take from all counters, or from none."""
        now = self._clock()
        counters = self._counters
        for ask in asks:
            if ask.bound.counter not in counters or ask.bound.owner_id in self._closed:
                return self._take_later(worker, asks)
        return self._take(worker, asks, now)

    def give(self, worker: str, returns: Sequence[Return]) -> None:
        """Put back what was not used; what is said of counters that nobody knows any more is in the books."""
        now = self._clock()
        for back in returns:
            counter = self._counters.get(back.counter)
            if counter is not None:
                counter.give(worker, back, now)

    def announced(self, worker: str, under_way: Sequence[tuple[Bound, int]]) -> None:
        """Learn how many requests of a worker are under way."""
        held = {bound.counter: (bound, amount) for bound, amount in under_way}
        for name, counter in self._counters.items():
            if isinstance(counter, Concurrency) and name not in held:
                counter.hold(worker, 0)
        for name, (bound, amount) in held.items():
            if name not in self._counters:
                self._keep(bound, Base(), self._clock())
            counter = self._counters[name]
            if isinstance(counter, Concurrency):
                counter.hold(worker, amount)

    def vanished(self, worker: str) -> list[str]:
        """Learn that a worker is dead."""
        for counter in self._counters.values():
            if isinstance(counter, Concurrency):
                counter.hold(worker, 0)
        now = self._clock()
        return sorted(owner for owner, until in self._leased.pop(worker, {}).items() if until > now)

    def close(self, owner_id: str) -> None:
        """Forget the counters of an owner but for rates and what is under way: these have their truth here."""
        self._closed.setdefault(owner_id, asyncio.Event())
        for name in list(self._of_owner.get(owner_id, ())):
            if not isinstance(self._counters[name], Rate | Concurrency):
                self._drop(name)

    def reopen(self, owner_id: str) -> None:
        """Let the counters of an owner be used again."""
        closed = self._closed.pop(owner_id, None)
        if closed is not None:
            closed.set()

    # ── beside the port ─────────────────────────────────────────────────────

    async def standing(self, bound: Bound) -> tuple[int, int, float]:
        """Return what is used of a bound now, what is allowed, and in how many seconds some of it is free again."""
        await self._known([bound])
        now = self._clock()
        counter = self._counters[bound.counter]
        return counter.used(now), counter.allowed(bound, now), counter.frees(now)

    def sweep(self) -> None:
        """Forget counters that nobody would miss."""
        now = self._clock()
        for name in [name for name, counter in self._counters.items() if counter.idle(now)]:
            self._drop(name)

    # ── how ─────────────────────────────────────────────────────────────────

    async def _take_later(self, worker: str, asks: Sequence[Ask]) -> Answer:
        await self._known([ask.bound for ask in asks])
        return self._take(worker, asks, self._clock())

    async def _known(self, bounds: Sequence[Bound]) -> None:
        """Return when all counters are there, all at one moment."""
        while True:
            for bound in bounds:
                closed = self._closed.get(bound.owner_id)
                if closed is not None:
                    await closed.wait()
                    break
                if bound.counter not in self._counters:
                    await self._read(bound)
                    break
            else:
                return

    async def _read(self, bound: Bound) -> None:
        name = bound.counter
        under_way = self._reading.get(name)
        if under_way is not None:
            await asyncio.shield(under_way)
            return
        now = self._clock()
        limit = bound.limit
        if limit.metric is Metric.CONCURRENCY:
            self._keep(bound, Base(), now)
            return
        since = period(limit.window, bound.zone, now)[0]
        if bound.is_rate:
            reach = WINDOW_S[limit.window] * (CELLS + 2) / CELLS
            if now - self._began > reach:
                self._keep(bound, Base(), now)
                return
            since = now - reach
        self._reading[name] = waiting = asyncio.get_running_loop().create_future()
        try:
            base = await self._history.base(bound, since)
            if bound.owner_id not in self._closed:
                self._keep(bound, base, self._clock())
        finally:
            del self._reading[name]
            waiting.set_result(None)

    def _keep(self, bound: Bound, base: Base, now: float) -> None:
        if len(self._counters) >= MOST_COUNTERS:
            self.sweep()
        self._counters[bound.counter] = counter_of(bound, base, now)
        self._of_owner.setdefault(bound.owner_id, set()).add(bound.counter)
        self._bounds[bound.counter] = bound

    def _drop(self, name: str) -> None:
        del self._counters[name]
        owner_id = self._bounds.pop(name).owner_id
        names = self._of_owner[owner_id]
        names.discard(name)
        if not names:
            del self._of_owner[owner_id]

    def _take(self, worker: str, asks: Sequence[Ask], now: float) -> Answer:
        share = SHARES * max(1, self._workers())
        amounts = []
        for index, ask in enumerate(asks):
            counter = self._counters[ask.bound.counter]
            used, allowed = counter.used(now), counter.allowed(ask.bound, now)
            room = allowed - used
            if room < ask.need:
                self._tell(ask.bound, max(used, allowed), allowed, now)
                if not ask.bound.limit.shadow:
                    wait = counter.wait(ask.need, allowed, now)
                    return Denial(index, used, allowed, -1.0 if wait == FOREVER else wait)
            amounts.append(ask.need + min(ask.extra, max(0, room - ask.need) // share))
        return [
            self._grant(worker, ask.bound, amount, now) for ask, amount in zip(asks, amounts, strict=True)
        ]

    def _grant(self, worker: str, bound: Bound, amount: int, now: float) -> Grant:
        counter = self._counters[bound.counter]
        stamp, ttl_s = counter.take(worker, amount, now)
        used, allowed = counter.used(now), counter.allowed(bound, now)
        self._leased.setdefault(worker, {})[bound.owner_id] = now + ttl_s
        self._tell(bound, used, allowed, now)
        frees = counter.frees(now)
        frees_s = -1.0 if frees == FOREVER else frees
        return Grant(amount, ttl_s, stamp, used, allowed, frees_s, counter.window_s())

    def _tell(self, bound: Bound, used: int, allowed: int, now: float) -> None:
        """Note that a threshold was passed: once a period, and for rates, which have none, once an hour."""
        if used * 100 < allowed * LEAST_PERCENT:
            return
        percent = used * FULL // allowed if allowed else FULL
        thresholds = self._thresholds(bound.owner_id)
        if not thresholds or percent < thresholds[0]:
            return
        if bound.limit.metric is Metric.CONCURRENCY or bound.is_rate:
            if percent < FULL:
                return
            start, end = now // 3_600 * 3_600, FOREVER
        else:
            start, end = period(bound.limit.window, bound.zone, now)
        reached = max(one for one in thresholds if one <= percent)
        if self._told.get(bound.counter, (-1, -1)) >= (int(start), reached):
            return
        if len(self._told) >= MOST_COUNTERS:
            self._told.clear()
        self._told[bound.counter] = int(start), reached
        resets_at = None if end == FOREVER else end
        self.crossings.append(Crossing(bound, reached, used, allowed, now, resets_at))
