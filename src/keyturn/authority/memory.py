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

from keyturn.authority.counters import IDLE_S, Concurrency, Counter, Quota, Rate, counter_of
from keyturn.authority.port import Answer, Base, History
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import WINDOW_S, Bound, Crossing, Metric
from keyturn.domain.windows import CELLS, FOREVER, period

SHARES = 4
"""A lease takes at most this part of what is left, for each worker: the others must find something too."""
MOST_COUNTERS = 200_000
SWEEP_AFTER_S = 10.0
"""How often room is made at most where there are more: what is made anew must not go before it was used."""
FULL = 100
LEAST_PERCENT = 1
"""Nobody is told of less."""


class _Reading:
    """A counter that is being read from the books.

    Attributes:
        over: With why it failed, if it did.
        stale: What is read may be from before something that must be in it.
    """

    __slots__ = ("over", "owner_id", "stale")

    def __init__(self, owner_id: str) -> None:
        self.owner_id = owner_id
        self.over: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.stale = False


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
        self._reading: dict[str, _Reading] = {}
        self._closed: dict[str, asyncio.Event] = {}
        self._leased: dict[str, dict[str, float]] = {}
        """Worker → owner → when it was last given a part of a quota."""
        self._told: dict[str, tuple[tuple[int, int], int]] = {}
        """Counter → period and size, and the highest percentage that was told of it."""
        self._swept_at = 0.0
        self.crossings: list[Crossing] = []
        """What somebody wants to be told of; whoever tells it takes it away."""

    # ── the port ────────────────────────────────────────────────────────────

    def take(self, worker: str, asks: Sequence[Ask]) -> Answer | Awaitable[Answer]:
        """Take from all counters, or from none."""
        now = self._clock()
        counters, closed = self._counters, self._closed
        found = []
        for ask in asks:
            bound = ask.bound
            counter = counters.get(bound.counter)
            if counter is None or bound.owner_id in closed or not counter.suits(bound):
                return self._take_later(worker, asks)
            found.append(counter)
        return self._take(worker, asks, found, now)

    def give(self, worker: str, returns: Sequence[Return]) -> None:
        """Put back what was not used; what is said of counters that nobody knows any more is in the books."""
        now = self._clock()
        for back in returns:
            counter = self._counters.get(back.counter)
            if counter is not None:
                counter.give(worker, back, now)

    def announced(self, worker: str, under_way: Sequence[tuple[Bound, int]]) -> list[str]:
        """Learn how many requests of a worker are under way, and that its leases are void."""
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
        return self._void(worker)

    def vanished(self, worker: str) -> list[str]:
        """Learn that a worker is dead."""
        for counter in self._counters.values():
            if isinstance(counter, Concurrency):
                counter.hold(worker, 0)
        return self._void(worker)

    def _void(self, worker: str) -> list[str]:
        """Return the owners of quotas of which a worker may not have given back what it did not use."""
        long_ago = self._clock() - IDLE_S
        owners = (owner for owner, at in self._leased.pop(worker, {}).items() if at > long_ago)
        return sorted(owner for owner in owners if owner in self._of_owner)

    def close(self, owner_id: str) -> None:
        """Forget the counters of an owner but for rates and what is under way: these have their truth here."""
        self._closed.setdefault(owner_id, asyncio.Event())
        for name in list(self._of_owner.get(owner_id, ())):
            if not isinstance(self._counters[name], Rate | Concurrency):
                self._drop(name)
        for reading in self._reading.values():
            if reading.owner_id == owner_id:
                reading.stale = True

    def reopen(self, owner_id: str) -> None:
        """Let the counters of an owner be used again."""
        closed = self._closed.pop(owner_id, None)
        if closed is not None:
            closed.set()

    # ── beside the port ─────────────────────────────────────────────────────

    async def standing(self, bound: Bound) -> tuple[int, int, float]:
        """Return what is used of a bound now, what is allowed, and in how many seconds some of it is free again."""
        await self._known([bound])
        self._bounds[bound.counter] = bound  # its size may have changed
        now = self._clock()
        counter = self._counters[bound.counter]
        return counter.used(now), counter.allowed(bound, now), counter.frees(now)

    def filling(self, percent: int) -> list[tuple[Bound, int, int]]:
        """Return the limits of which at least so much is used or leased: each with how much, and what is allowed.

        Of those that somebody asked for lately. Rates and concurrency are left out: they fill and empty by the second.
        """
        now, found = self._clock(), []
        for name, bound in self._bounds.items():
            counter = self._counters.get(name)
            if counter is None or bound.is_rate or bound.limit.metric is Metric.CONCURRENCY:
                continue
            used, allowed = counter.used(now), counter.allowed(bound, now)
            if used * FULL >= allowed * percent:
                found.append((bound, used, allowed))
        return found

    def used(self, counter: str) -> int | None:
        """Return what is used or leased on a counter now; ``None``: it is not known here."""
        known = self._counters.get(counter)
        return None if known is None else known.used(self._clock())

    def sweep(self) -> None:
        """Forget what nobody would miss."""
        self._swept_at = now = self._clock()
        for name in [name for name, counter in self._counters.items() if counter.idle(now)]:
            self._drop(name)
        for worker, owners in self._leased.items():
            self._leased[worker] = {owner: at for owner, at in owners.items() if now - at < IDLE_S}

    # ── how ─────────────────────────────────────────────────────────────────

    async def _take_later(self, worker: str, asks: Sequence[Ask]) -> Answer:
        await self._known([ask.bound for ask in asks])
        return self._take(worker, asks, [self._counters[ask.bound.counter] for ask in asks], self._clock())

    async def _known(self, bounds: Sequence[Bound]) -> None:
        """Return when all counters are there, all at one moment."""
        while True:
            for bound in bounds:
                closed = self._closed.get(bound.owner_id)
                if closed is not None:
                    await closed.wait()
                    break
                counter = self._counters.get(bound.counter)
                if counter is None or not counter.suits(bound):
                    await self._read(bound)
                    break
            else:
                return

    async def _read(self, bound: Bound) -> None:
        name = bound.counter
        under_way = self._reading.get(name)
        if under_way is not None:
            failed = await asyncio.shield(under_way.over)
            if failed is not None:
                raise failed
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
        await self._read_base(bound, since, now)

    async def _read_base(self, bound: Bound, since: float, now: float) -> None:
        reading = self._reading[bound.counter] = _Reading(bound.owner_id)
        failed = None
        try:
            base = await self._history.base(bound, since)
        except Exception as error:
            failed = error
            raise
        finally:
            del self._reading[bound.counter]
            reading.over.set_result(failed)
        if not reading.stale:
            # A quota's base is of the period it was read for, even if that is over by now.
            self._keep(bound, base, self._clock() if bound.is_rate else now)

    def _keep(self, bound: Bound, base: Base, now: float) -> None:
        if len(self._counters) >= MOST_COUNTERS and now - self._swept_at > SWEEP_AFTER_S:
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

    def _take(self, worker: str, asks: Sequence[Ask], counters: Sequence[Counter], now: float) -> Answer:
        share = SHARES * max(1, self._workers())
        amounts = []
        for index, (ask, counter) in enumerate(zip(asks, counters, strict=True)):
            used, allowed = counter.used(now), counter.allowed(ask.bound, now)
            room = allowed - used
            if room < ask.need and ask.need and not ask.bound.limit.shadow:
                if ask.need <= allowed:  # what never fits says nothing of how much is used
                    self._tell(ask.bound, max(used, allowed), allowed, now)
                wait = counter.wait(ask.need, allowed, now)
                return Denial(index, used, allowed, -1.0 if wait == FOREVER else wait)
            amounts.append(ask.need + min(ask.extra, max(0, room - ask.need) // share))
        return [
            self._grant(worker, ask.bound, counter, amount, now)
            for ask, counter, amount in zip(asks, counters, amounts, strict=True)
        ]

    def _grant(self, worker: str, bound: Bound, counter: Counter, amount: int, now: float) -> Grant:
        stamp, ttl_s = counter.take(worker, amount, now)
        used, allowed = counter.used(now), counter.allowed(bound, now)
        if isinstance(counter, Quota):
            self._leased.setdefault(worker, {})[bound.owner_id] = now
        raised_for_s = bound.limit.raised_until - now
        if 0 < raised_for_s < ttl_s:
            ttl_s = raised_for_s
        self._tell(bound, used, allowed, now)
        frees = counter.frees(now)
        frees_s = -1.0 if frees == FOREVER else frees
        return Grant(amount, ttl_s, stamp, used, allowed, frees_s, counter.window_s())

    def _tell(self, bound: Bound, used: int, allowed: int, now: float) -> None:
        """Note that a threshold was passed: once a period and size of the limit, for rates once an hour."""
        if used * FULL < allowed * LEAST_PERCENT:
            return
        percent = used * FULL // allowed if allowed else FULL
        thresholds = self._thresholds(bound.owner_id)
        if not thresholds or percent < thresholds[0]:
            return
        end = FOREVER
        if bound.limit.metric is Metric.CONCURRENCY or bound.is_rate:
            if percent < FULL:
                return
            current = int(now // 3_600), 0
        else:
            start, end = period(bound.limit.window, bound.zone, now)
            current = int(start), allowed
        reached = max(one for one in thresholds if one <= percent)
        told, highest = self._told.get(bound.counter, (None, 0))
        if told == current and highest >= reached:
            return
        if len(self._told) >= MOST_COUNTERS:
            self._told.clear()
        self._told[bound.counter] = current, reached
        resets_at = None if end == FOREVER else end
        self.crossings.append(Crossing(bound, reached, used, allowed, now, resets_at))
