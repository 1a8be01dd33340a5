"""Where the authority over the counters meets workers, books and use cases.

Workers take and give back over the bus. The books, as the authority sees them, are the store after everything that
stands in the journals has been read. A worker that dies may take with it what it had leased: its journal says what it
used, so those counters are read anew once it has been read. The same is done where credit or usage was changed by hand.

A new control process waits with its first answer until every worker that lives has spoken to it, because each lets go
of its leases then; or until all leases of the process before have run out, should one of them be silent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import bus, system
from keyturn.authority.memory import MemoryAuthority
from keyturn.authority.port import Answer, Base, Use
from keyturn.control.bus_server import BusServer
from keyturn.control.ingest import Ingest
from keyturn.control.journal_files import living_workers
from keyturn.control.worker_links import WorkerLink
from keyturn.domain.faults import Fault
from keyturn.domain.leases import LONGEST_S, Denial, Return
from keyturn.domain.limits import Bound, Crossing, Window
from keyturn.domain.refusals import Reason
from keyturn.domain.windows import FOREVER, period
from keyturn.services.limits import Stand
from keyturn.store import counters, events
from keyturn.store.engine import Store

SWEEP_S = 0.5
FORGET_EVERY = 120
"""Sweeps between two in which counters are forgotten that nobody would miss."""
RECALL_S, RECALL_AGAIN_S = 0.02, 0.05
"""How long workers are waited for, and how long nobody is asked again after that."""
SILENT_S = LONGEST_S + 0.5
Tells = Callable[[list[Crossing]], Awaitable[None]]


class Books:
    """The store and the journals as the authority reads them; see ``authority.port.History``."""

    def __init__(self, store: Store, ingest: Ingest) -> None:
        self._store = store
        self._ingest = ingest
        self._next: asyncio.Task[bool] | None = None
        self._running: asyncio.Task[bool] | None = None

    async def base(self, bound: Bound, since: float) -> Base:
        """Return what has been counted on a bound since a time.

        Raises:
            Fault: ``LIMITS_UNAVAILABLE``: the books can't be read.
        """
        if not await self._read_journals():
            raise Fault(Reason.LIMITS_UNAVAILABLE, "usage can't be stored")
        try:
            return await self._base(bound, since)
        except SQLAlchemyError as error:
            raise Fault(Reason.LIMITS_UNAVAILABLE, str(error)) from error

    async def _base(self, bound: Bound, since: float) -> Base:
        limit = bound.limit
        async with self._store.reading() as connection:
            positions = await counters.positions(connection)
            of_keys = await counters.key_ids(connection, bound)
            amount = counters.AMOUNTS[limit.metric]
            under_way = [
                Use(
                    one.started_us / 1e6 + counters.ADMITTED_LATE_S,
                    amount(1, one.input_tokens, one.output_tokens, one.cost_nano_usd),
                )
                for one in await counters.under_way(connection, bound, of_keys)
            ]
            if limit.window is Window.CREDIT:
                used, allowed = await counters.credit(connection, bound.owner_id, system.now_ms())
                used += sum(one.amount for one in under_way)
                return Base(used, allowed=allowed, positions=positions)
            if bound.is_rate:
                read = counters.ended_since if counters.is_short(limit.window) else counters.minutes_since
                ended = await read(connection, bound, of_keys, since)
                uses = [*(Use(at, amount) for at, amount in ended), *under_way]
                return Base(sum(one.amount for one in uses), uses, positions=positions)
            ended_sum = await counters.used_since(connection, bound, of_keys, since)
        # What began in an earlier period ends in none: its return counts there.
        of_period = sum(one.amount for one in under_way if one.at >= since)
        return Base(ended_sum + of_period, positions=positions)

    async def _read_journals(self) -> bool:
        """Read all that stands in the journals now; those who come while that waits to begin share it."""
        if self._next is None:
            before = self._running
            self._next = asyncio.get_running_loop().create_task(self._pass(before))  # shared by who awaits it
        return await asyncio.shield(self._next)

    async def _pass(self, before: "asyncio.Task[bool] | None") -> bool:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._ingest.flush()


class Recall:
    """Leases that are being given back.

    Attributes:
        over: Everybody has answered, or was waited for long enough.
    """

    def __init__(self, workers: set[str]) -> None:
        self._waiting = workers
        self.over = asyncio.Event()
        if not workers:
            self.over.set()

    def given(self, worker: str) -> None:
        """Learn that a worker has answered."""
        self._waiting.discard(worker)
        if not self._waiting:
            self.over.set()


class Counting:
    """Answers workers; tells of thresholds. ``run`` goes on until it is cancelled."""

    def __init__(
        self,
        store: Store,
        ingest: Ingest,
        workers: BusServer,
        *,
        journals: Path,
        thresholds: Callable[[str], Sequence[int]] = lambda _owner: (100,),
        tell: Tells | None = None,
    ) -> None:
        """Take in what it stands between.

        Args:
            store: Where usage is kept.
            ingest: Brings it there.
            workers: Who is told to count anew.
            journals: Whose locks say which workers live.
            thresholds: At which percentages of an owner's limits somebody wants to be told.
            tell: Tells them.
        """
        self._store = store
        self._workers = workers
        self._journals = journals
        self._tell = tell
        self._tasks = system.Tasks()
        self._recounting = asyncio.Lock()
        self._recalls: dict[str, Recall] = {}
        self._met: set[str] = set()
        self._open = asyncio.Event()
        offset = system.wall_offset()
        self._opened_by = system.monotonic() + SILENT_S
        self.authority = MemoryAuthority(
            Books(store, ingest),
            clock=lambda: system.monotonic() + offset,  # the wall's, but it does not go back
            workers=lambda: len(workers.links),
            thresholds=thresholds,
            fresh=False,
        )

    # ── workers ─────────────────────────────────────────────────────────────

    def take(self, message: bus.Take, link: WorkerLink) -> None:
        """Answer a worker, now or later."""
        if not (self._open.is_set() or self._all_met()):
            self._tasks.spawn(self._take_when_open(message, link), name="limits before the first answer")
            return
        answer = self.authority.take(link.worker, message.asks)
        if isinstance(answer, list):
            link.send(bus.Granted(message.call, answer))
        elif isinstance(answer, Denial):
            self._deny(message, answer, link)
        else:
            self._tasks.spawn(self._take_later(message, answer, link), name="limits to be read")

    def _deny(self, message: bus.Take, denial: Denial, link: WorkerLink) -> None:
        """Say no, unless what is missing may lie idle with other workers: then have it given back, and look again."""
        counter = message.asks[denial.index].bound.counter
        others = [one for one in self._workers.links if one is not link]
        if not others or denial.allowed < message.asks[denial.index].need:
            link.send(bus.Denied(message.call, denial))
            return
        recall = self._recall(counter, others)
        if recall.over.is_set():
            link.send(bus.Denied(message.call, denial))
        else:
            self._tasks.spawn(self._take_again(message, link, recall), name="limits after a recall")

    def _recall(self, counter: str, links: Sequence[WorkerLink]) -> "Recall":
        """Have workers give back their leases on a counter, unless that was done a moment ago."""
        recall = self._recalls.get(counter)
        if recall is None:
            recall = self._recalls[counter] = Recall({one.worker for one in links})
            for one in links:
                one.send(bus.Recall(counter))
            self._tasks.spawn(self._end_recall(counter, recall), name="recall of leases")
        return recall

    async def _end_recall(self, counter: str, recall: "Recall") -> None:
        try:
            async with asyncio.timeout(RECALL_S):
                await recall.over.wait()
        except TimeoutError:
            recall.over.set()
        await asyncio.sleep(RECALL_AGAIN_S)
        del self._recalls[counter]

    async def _take_again(self, message: bus.Take, link: WorkerLink, recall: "Recall") -> None:
        await recall.over.wait()
        self.take(message, link)

    def give(self, worker: str, returns: Sequence[Return]) -> None:
        """Take what a worker gives back."""
        self.authority.give(worker, returns)
        if self._recalls:
            for back in returns:
                recall = self._recalls.get(back.counter)
                if recall is not None:
                    recall.given(worker)

    def met(self, worker: str, under_way: Sequence[tuple[Bound, int]]) -> None:
        """Learn of a worker that has connected; it holds no leases now."""
        self._met.add(worker)
        self._all_met()
        owners = self.authority.announced(worker, under_way)
        if owners:
            self._tasks.spawn(self._recount(owners), name="counters of a worker that let go of its leases")

    def left(self, worker: str) -> None:
        """Learn that a worker has lost its connection; if it is dead, count anew what it had leased."""
        self._tasks.spawn(self._bury(worker), name="counters of a worker that is gone")

    def _all_met(self) -> bool:
        """Open once every worker that lives has spoken, or none of the silent ones can hold a lease any more."""
        if living_workers(self._journals) <= self._met or system.monotonic() >= self._opened_by:
            self._open.set()
        return self._open.is_set()

    async def _take_when_open(self, message: bus.Take, link: WorkerLink) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._opened_by - system.monotonic())):
                await self._open.wait()
        except TimeoutError:
            self._open.set()
        self.take(message, link)

    async def _take_later(self, message: bus.Take, answer: Awaitable[Answer], link: WorkerLink) -> None:
        try:
            found = await answer
        except Exception as error:  # noqa: BLE001 -- whatever it is, the worker must hear that there is no answer
            structlog.get_logger().error("limits can't be counted", why=str(error))
            link.send(bus.Denied(message.call, None))
            return
        if isinstance(found, Denial):
            self._deny(message, found, link)
        else:
            link.send(bus.Granted(message.call, found))

    async def _bury(self, worker: str) -> None:
        while worker in living_workers(self._journals):
            if any(link.worker == worker for link in self._workers.links):
                return  # it is back
            await asyncio.sleep(SWEEP_S)
        self._met.discard(worker)
        owners = self.authority.vanished(worker)
        if owners:
            await self._recount(owners)

    # ── use cases ───────────────────────────────────────────────────────────

    async def standing(self, bounds: Sequence[Bound]) -> list[Stand]:
        """Return how far each of these is used up; see ``services.limits.Standing``.

        What workers hold and may not use is called back first, so that it is not told as used.

        Raises:
            Fault: ``LIMITS_UNAVAILABLE``: the books can't be read.
        """
        recalls = [self._recall(bound.counter, self._workers.links) for bound in bounds]
        for recall in recalls:
            await recall.over.wait()
        now = system.now()
        stands = []
        for bound in bounds:
            used, _, _ = await self.authority.standing(bound)
            end = FOREVER if bound.is_rate else period(bound.limit.window, bound.zone, now)[1]
            stands.append(Stand(used, None if end == FOREVER else end))
        return stands

    def filling(self, percent: int) -> list[tuple[Bound, int, int]]:
        """Return limits that are nearly used up; see ``MemoryAuthority.filling``."""
        return self.authority.filling(percent)

    def used(self, counter: str) -> int | None:
        """Return what is used or leased of a limit by its counter; ``None``: nobody has asked for it lately."""
        return self.authority.used(counter)

    async def stands(self, bounds: Sequence[Bound]) -> list[tuple[int, int]]:
        """Return what is used or leased of each of these, and what is allowed; nothing is called back from workers.

        Raises:
            Fault: ``LIMITS_UNAVAILABLE``: the books can't be read.
        """
        return [(await self.authority.standing(bound))[:2] for bound in bounds]

    async def reload(self, owner_id: str) -> None:
        """Count anew for an owner; see ``services.counters.Counters``."""
        await self._recount([owner_id])

    async def reload_keys(self, key_ids: Collection[str]) -> None:
        """Count anew for keys whose usage was changed by hand, and for everything that counts it too."""
        async with self._store.reading() as connection:
            owners = await events.owners(connection, key_ids)
        above = {owner_id for both in owners.values() for owner_id in both}
        await self._recount(sorted({*key_ids, *above} - {""}))

    async def _recount(self, owner_ids: Sequence[str]) -> None:
        async with self._recounting:
            for owner_id in owner_ids:
                self.authority.close(owner_id)
            try:
                await self._workers.recount(owner_ids)
            finally:
                for owner_id in owner_ids:
                    self.authority.reopen(owner_id)

    # ── time ────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Tell of thresholds and forget what nobody would miss, for ever."""
        sweeps = 0
        while True:
            await asyncio.sleep(SWEEP_S)
            sweeps += 1
            if sweeps % FORGET_EVERY == 0:
                self.authority.sweep()
            crossings, self.authority.crossings = self.authority.crossings, []
            if crossings and self._tell is not None:
                try:
                    await self._tell(crossings)
                except SQLAlchemyError as error:
                    self.authority.crossings[:0] = crossings  # nobody has heard of them
                    structlog.get_logger().error("thresholds can't be told; trying again", why=str(error))
                except Exception:  # noqa: BLE001 -- limits go on, whoever hears of them
                    structlog.get_logger().exception("thresholds can't be told")

    async def close(self) -> None:
        """Answer nobody any more."""
        await self._tasks.cancel()
