"""Many workers and one authority in simulated time: no sockets, no sleeps, the same run for the same seed.

The leases and the authority are the real ones. Simulated are the clocks (each worker's own is offset and drifts), the bus
(in order, with delays), what ``control.counting`` does between them, and what requests do.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from operator import sub
from random import Random

from fakes.exact_books import NOON, Books, Request
from fakes.lease_line import MODEL, give_back, key_with
from keyturn import bus
from keyturn.authority.memory import MemoryAuthority
from keyturn.authority.port import Answer
from keyturn.control.counting import RECALL_AGAIN_S, RECALL_S, SILENT_S
from keyturn.domain.leases import Denial
from keyturn.domain.limits import Bound
from keyturn.gateway.allowance import CONCURRENCY, Allowance, Amounts, Lease
from keyturn.gateway.leases import Leases

SWEEP_S = 0.5
DRIFT = 100e-6
"""Of a worker's clock, at most: five times what a machine has."""
MOST_TRIES = 8


class Node:
    """All of it; ``run`` makes time pass."""

    def __init__(self, seed: int, bounds: Sequence[Bound], *, workers: int = 64) -> None:
        self.chance = Random(seed)  # noqa: S311 -- no secret
        self.bounds = tuple(bounds)
        self.now = NOON
        self.books = Books()
        self.workers: list[Worker] = []
        self.control: Control | None = None
        self.refused = self.unanswered = 0
        self.used: dict[str, list[tuple[float, Request]]] = {one.counter: [] for one in bounds}
        self.under_way = self.most_under_way = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.control = Control(self, fresh=True)
        for _ in range(workers):
            self.start_worker()

    def at(self, when: float, work: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._events, (when, next(self._numbers), work))

    def delay(self) -> float:
        """Return how long a message takes: mostly a tenth of a millisecond, sometimes the machine is busy."""
        return self.chance.expovariate(10_000) + (self.chance.random() < 0.01) * self.chance.uniform(0, 0.02)

    def start_worker(self) -> None:
        """Start a worker, which connects when it can."""
        self.workers.append(Worker(self, f"w{next(self._numbers)}"))

    def kill_worker(self) -> None:
        """Have a worker die at once, with all that only it knew; another takes its place."""
        worker = self.workers.pop(self.chance.randrange(len(self.workers)))
        worker.alive = False
        self.under_way -= worker.under_way
        self.at(self.now + self.chance.uniform(0.0, 0.6), lambda: self._bury(worker))
        self.at(self.now + 0.5, self.start_worker)

    def _bury(self, worker: "Worker") -> None:
        if self.control is not None:
            self.control.bury(worker)

    def kill_control(self) -> None:
        """Have the control process die; a new one counts from the books."""
        self.control = None
        for worker in self.workers:
            worker.connected = False
        self.at(self.now + self.chance.uniform(0.05, 3.0), self._restart_control)

    def _restart_control(self) -> None:
        self.control = Control(self, fresh=False)
        for worker in self.workers:
            self.at(self.now + self.chance.uniform(0, 0.05), worker.connect)

    def request(self, amounts: Amounts, used: Amounts, lasts_s: float) -> None:
        """Have a request come to a worker: some get many, and which ones changes."""
        favourite = int(self.now * 2) * 7 % len(self.workers)
        index = (favourite + int(self.chance.expovariate(0.15))) % len(self.workers)
        Call(self.workers[index], amounts, used, lasts_s).reserve()

    async def run(self, until: float) -> None:
        """Make time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, work = heapq.heappop(self._events)
            work()
            if self.control is not None and self.control.waiting:
                for _ in range(3):
                    await asyncio.sleep(0)
        self.now = until


class Worker:
    """A worker's leases, its clock and its end of the bus."""

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name
        self.alive, self.connected = True, False
        self.under_way = 0
        self._offset = node.chance.uniform(0, 1e6)
        self._pace = 1 + node.chance.uniform(-DRIFT, DRIFT)
        self._last_sent = 0.0
        self.key = key_with(*node.bounds)
        self.leases = Leases(self.send, self.clock, self._later)
        self.connect()
        self._sweep()

    def clock(self) -> float:
        """Tell the time as this worker sees it."""
        return self._offset + (self.node.now - NOON) * self._pace

    def _later(self, after_s: float, work: Callable[[], None]) -> None:
        self.node.at(self.node.now + after_s, lambda: work() if self.alive else None)

    def _sweep(self) -> None:
        self.leases.sweep()
        self._later(SWEEP_S, self._sweep)

    def connect(self) -> None:
        """Say hello to the control process that is there now."""
        if not self.alive or self.node.control is None:
            return
        self.connected = True
        self.leases.forfeit()
        self.send(bus.Hello(self.name, 1, self.leases.under_way()))
        self.leases.ask_again()

    def send(self, message: bus.FromWorker) -> bool:
        """Send a message; what is on its way when the control process dies is lost."""
        control = self.node.control
        if not self.connected or control is None:
            return False
        self._last_sent = max(self._last_sent, self.node.now + self.node.delay())
        self.node.at(
            self._last_sent, lambda: control.hear(self, message) if self.node.control is control else None
        )
        return True

    def hear(self, message: bus.FromControl) -> None:
        """Do what ``gateway.bus_client`` does."""
        match message:
            case bus.Granted(call, grants):
                self.leases.granted(call, grants)
            case bus.Denied(call, denial):
                self.leases.denied(call, denial)
            case bus.Recall(counter):
                self.leases.recall(counter)
            case bus.Recount(sequence, owner_ids):
                self.leases.forfeit(owner_ids)
                self.send(bus.Confirmed(sequence))


class Call:
    """A request, as ``gateway.reservation`` handles it."""

    def __init__(self, worker: Worker, amounts: Amounts, used: Amounts, lasts_s: float) -> None:
        self._worker, self._amounts, self._used, self._lasts_s = worker, amounts, used, lasts_s
        self._tries = 0
        self._requests: list[Request] = []
        self._stamps: Amounts = ()
        self._allowance: Allowance | None = None

    def reserve(self) -> None:
        """Find room under every limit."""
        worker = self._worker
        self._allowance = worker.leases.of(worker.key, MODEL)
        if self._take(self._allowance):
            return
        self._tries += 1
        if self._tries > MOST_TRIES:
            self.unanswered()
        else:
            worker.leases.ask(self._allowance.leases, self._amounts, self)

    def _take(self, allowance: Allowance) -> bool:
        worker, node = self._worker, self._worker.node
        low = allowance.take(self._amounts, worker.clock())
        if low is None:
            return False
        self._stamps = allowance.stamps
        if allowance.brief:
            self._stamps = worker.leases.used_now(allowance, self._amounts, worker.clock())
        for lease in low:
            worker.leases.refill(lease, self._amounts[lease.metric])
        for lease in allowance.leases:
            amount = self._amounts[lease.metric]
            request = node.books.admitted(worker.name, lease.bound, node.now, amount)
            node.used[lease.bound.counter].append((node.now, request))
            self._requests.append(request)
        worker.under_way += 1
        node.under_way += 1
        node.most_under_way = max(node.most_under_way, node.under_way)
        node.at(node.now + self._lasts_s, self._end)
        return True

    def _end(self) -> None:
        worker = self._worker
        if not worker.alive:
            return  # recovered at what was reserved
        assert self._allowance is not None
        worker.under_way -= 1
        worker.node.under_way -= 1
        positions = [
            request.ended(self._used[lease.metric])
            for request, lease in zip(self._requests, self._allowance.leases, strict=True)
        ]
        used = (*self._used[:CONCURRENCY], 0)
        backs = tuple(map(sub, self._amounts, used))
        give_back(worker.leases, self._allowance, self._stamps, backs, position=positions[-1])

    def granted(self) -> None:
        """Try again."""
        self.reserve()

    def denied(self, lease: Lease, denial: Denial) -> None:  # noqa: ARG002 -- as reservations are told
        """Go away, unless there is enough by now."""
        assert self._allowance is not None
        if not self._take(self._allowance):
            self._worker.node.refused += 1

    def unanswered(self) -> None:
        """Go away."""
        self._worker.node.unanswered += 1


class Control:
    """The control process, as far as it has to do with limits; see ``control.counting``."""

    def __init__(self, node: Node, *, fresh: bool) -> None:
        self._node = node
        self._links: dict[str, Worker] = {}
        self._last_sent: dict[str, float] = {}
        self._unmet = set() if fresh else {one.name for one in node.workers}
        self._held: list[tuple[Worker, bus.Take]] = []
        self._recalls: dict[str, tuple[set[str], list[tuple[Worker, bus.Take]]]] = {}
        self._recalled: set[str] = set()
        self._recounts: dict[int, tuple[set[str], list[str]]] = {}
        self._sequences: Iterator[int] = itertools.count(1)
        self.waiting: set[asyncio.Task[Answer]] = set()
        self.authority = MemoryAuthority(
            node.books, clock=lambda: node.now, workers=lambda: len(self._links), fresh=fresh
        )
        if not fresh:
            node.at(node.now + SILENT_S, self._open)

    @property
    def answers(self) -> bool:
        """Whether it has heard from every worker that lives, so that it lets something in."""
        return not self._unmet

    def hear(self, worker: Worker, message: bus.FromWorker) -> None:
        """Take a message from a worker, dead or alive."""
        match message:
            case bus.Hello(_, _, under_way):
                self._links[worker.name] = worker
                self._recount(self.authority.announced(worker.name, under_way))
                self._unmet.discard(worker.name)
                if not self._unmet:
                    self._open()
            case bus.Take() if self._unmet:
                self._held.append((worker, message))
            case bus.Take():
                self._take(worker, message)
            case bus.Give(returns):
                self.authority.give(worker.name, returns)
                for back in returns:
                    self._given(back.counter, worker.name)
            case bus.Confirmed(sequence):
                self._confirmed(sequence, worker.name)

    def bury(self, worker: Worker) -> None:
        """Learn that a worker is dead."""
        self._links.pop(worker.name, None)
        for sequence in list(self._recounts):
            self._confirmed(sequence, worker.name)
        self._unmet.discard(worker.name)
        self._recount(self.authority.vanished(worker.name))

    def _open(self) -> None:
        self._unmet = set()
        held, self._held = self._held, []
        for worker, take in held:
            self._take(worker, take)

    def _send(self, worker: Worker, message: bus.FromControl) -> None:
        node = self._node
        when = max(self._last_sent.get(worker.name, 0.0), node.now + node.delay())
        self._last_sent[worker.name] = when
        node.at(when, lambda: worker.hear(message) if worker.alive and node.control is self else None)

    # ── takes ───────────────────────────────────────────────────────────────

    def _take(self, worker: Worker, take: bus.Take) -> None:
        answer = self.authority.take(worker.name, take.asks)
        if isinstance(answer, list | Denial):
            self._answer(worker, take, answer)
        else:
            task = asyncio.get_running_loop().create_task(_awaited(answer))
            self.waiting.add(task)
            task.add_done_callback(lambda done: self._late(worker, take, done))

    def _late(self, worker: Worker, take: bus.Take, done: "asyncio.Task[Answer]") -> None:
        self.waiting.discard(done)
        if not done.cancelled() and self._node.control is self:
            self._answer(worker, take, done.result())

    def _answer(self, worker: Worker, take: bus.Take, answer: Answer) -> None:
        if isinstance(answer, Denial):
            self._deny(worker, take, answer)
        else:
            self._send(worker, bus.Granted(take.call, answer))

    def _deny(self, worker: Worker, take: bus.Take, denial: Denial) -> None:
        counter = take.asks[denial.index].bound.counter
        if counter in self._recalls:
            self._recalls[counter][1].append((worker, take))
            return
        others = {name for name in self._links if name != worker.name}
        if counter in self._recalled or not others:
            self._send(worker, bus.Denied(take.call, denial))
            return
        self._recalls[counter] = others, [(worker, take)]
        for name, link in self._links.items():  # in this order, which is the same in every run
            if name in others:
                self._send(link, bus.Recall(counter))
        self._node.at(self._node.now + RECALL_S, lambda: self._recall_over(counter))

    def _given(self, counter: str, name: str) -> None:
        recall = self._recalls.get(counter)
        if recall is not None:
            recall[0].discard(name)
            if not recall[0]:
                self._recall_over(counter)

    def _recall_over(self, counter: str) -> None:
        recall = self._recalls.pop(counter, None)
        if recall is None or self._node.control is not self:
            return
        self._recalled.add(counter)
        self._node.at(self._node.now + RECALL_AGAIN_S, lambda: self._recalled.discard(counter))
        for worker, take in recall[1]:
            self._take(worker, take)

    # ── counting anew ───────────────────────────────────────────────────────

    def _recount(self, owners: list[str]) -> None:
        if not owners:
            return
        sequence = next(self._sequences)
        self._recounts[sequence] = set(self._links), owners
        for owner in owners:
            self.authority.close(owner)
        for worker in self._links.values():
            self._send(worker, bus.Recount(sequence, owners))
        self._confirmed(sequence, "")

    def _confirmed(self, sequence: int, name: str) -> None:
        waiting, owners = self._recounts.get(sequence, (set(), []))
        waiting.discard(name)
        if not waiting and self._recounts.pop(sequence, None) is not None:
            for owner in owners:
                self.authority.reopen(owner)


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer
