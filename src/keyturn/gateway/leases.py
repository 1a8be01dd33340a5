"""What this worker may let through without asking: leases on the limits of the keys it has met.

Theory. A request takes what it needs from every lease at once, or from none. Where one has too little left, the
authority is asked for more, and on its answer the request tries again; while it asks, it holds nothing. What it took
and did not use goes back to the lease, or to the authority if the lease is another by then. A lease that has run out
is given back; one that runs low while requests come is refilled before it is empty.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from keyturn import bus
from keyturn.domain.keys import KeyRecord
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import Bound
from keyturn.domain.restrictions import allows_name
from keyturn.domain.windows import CELLS
from keyturn.gateway.allowance import CONCURRENCY, Allowance, Amounts, Epoch, Lease

DENIED_FOR_S = 0.02
"""How long a denial answers for those who come after: a flood of refused requests must not flood the authority."""
TIMEOUT_S = 5.0
"""How long a request waits for the authority; a restart of the control process takes less."""
WIDE = 8
"""A lease is wide that was granted for so many requests and more; for those who come meanwhile there is enough."""
RETURN_AFTER_S = 0.01
LATE_S = 0.001
"""When a request tries again whose grant had run out on arrival: by then the next cell has begun."""
FIRST_EXTRA, MOST_EXTRA = 8, 1 << 50
"""How many requests like the first a lease may serve."""
REMEMBERED = 50_000

Send = Callable[[bus.FromWorker], bool]
Later = Callable[[float, Callable[[], None]], object]
"""Calls something after so many seconds."""


class Waiter(Protocol):
    """A request that waits for the authority."""

    def granted(self) -> None:
        """Try again: there is more now."""

    def denied(self, lease: Lease, denial: Denial) -> None:
        """Go without: there is too little left on this lease's limit."""

    def unanswered(self) -> None:
        """Go without: nobody can count at the moment."""


class _Call:
    """A question to the authority.

    Attributes:
        waiters: Who waits for the answer: the request that asks, and those that came meanwhile; nobody, or nobody any
            more. What is granted all the same must be given back.
        sent: It has gone out on the connection of now.
    """

    __slots__ = ("asks", "leases", "sent", "sent_at", "since", "waiters")

    def __init__(self, waiters: list[Waiter], leases: list[Lease], asks: list[Ask], now: float) -> None:
        self.waiters = waiters
        self.sent = False
        self.leases = leases
        self.asks = asks
        self.since = self.sent_at = now


class Leases:
    """All leases of a worker."""

    def __init__(self, send: Send, clock: Callable[[], float], later: Later) -> None:
        """Take in how to reach the authority.

        Args:
            send: Sends a message to the control process; ``False`` when it can't be sent.
            clock: ``system.monotonic``.
            later: The loop's ``call_later``.
        """
        self._send = send
        self._clock = clock
        self._later = later
        self._epoch = Epoch()
        self._leases: dict[str, Lease] = {}
        self._running: set[Lease] = set()
        self._allowances: dict[str, tuple[tuple[Bound, ...], dict[str, Allowance]]] = {}
        self._calls: dict[int, _Call] = {}
        self._next_call = 0
        self._returns: dict[tuple[str, int, bool], tuple[int, int]] = {}
        """Counter, stamp and whether of a request → how much, and the place of the first end."""
        self._moves: dict[tuple[str, int, int], int] = {}

    # ── whose ───────────────────────────────────────────────────────────────

    def of(self, key: KeyRecord, model: str) -> Allowance:
        """Return what a request with a key for a model is counted on."""
        known = self._allowances.get(key.id)
        if known is None or known[0] is not key.limits:
            if len(self._allowances) >= REMEMBERED:
                self._forget()
            known = self._allowances[key.id] = key.limits, {}
        allowance = known[1].get(model)
        if allowance is None:
            if len(known[1]) >= REMEMBERED:
                known[1].clear()
            found = [bound for bound in key.limits if _covers(bound, model)]
            allowance = known[1][model] = Allowance([self._lease(bound) for bound in found], self._epoch)
        return allowance

    def _lease(self, bound: Bound) -> Lease:
        lease = self._leases.get(bound.counter)
        if lease is None:
            lease = self._leases[bound.counter] = Lease(bound, self._epoch)
        elif lease.bound != bound:
            self._lapse(lease)  # the limit was changed: what was leased under the old one is not spent
            lease.change(bound)
        return lease

    # ── more ────────────────────────────────────────────────────────────────

    def ask(self, leases: Sequence[Lease], needs: Sequence[int], waiter: Waiter) -> None:
        """Ask for what a request lacks; ``waiter`` hears of it now or later, exactly once."""
        now = self._clock()
        lacking = []
        for lease in leases:
            need = needs[lease.metric]
            if now >= lease.until:
                self._lapse(lease)
            if lease.until and lease.left >= need:
                continue
            if now < lease.denied_until and need >= lease.denied_need and lease.denial is not None:
                waiter.denied(lease, lease.denial)
                return
            if lease.left:  # what is not enough may be what is missing; a debt must be known
                self._return(lease.counter, lease.stamp, lease.left, 0)
                lease.left = 0
            lacking.append(lease)
        if all(one.asking and (one.wide or not needs[one.metric]) for one in lacking):
            # What was asked for a moment ago was asked for many, or is nothing, as the cost of what has no price: every
            # request of a busy second would ask otherwise.
            call = self._calls.get(max(one.asked for one in lacking))
            if call is not None:
                call.waiters.append(waiter)
                return
        asks = [Ask(one.bound, needs[one.metric], self._extra(one, needs[one.metric])) for one in lacking]
        self._start(_Call([waiter], lacking, asks, now))

    def refill(self, lease: Lease, need: int) -> None:
        """Ask for more before a lease is empty; nobody waits for it."""
        if lease.asking:
            return
        self._start(_Call([], [lease], [Ask(lease.bound, 0, self._extra(lease, need))], self._clock()))

    def _extra(self, lease: Lease, need: int) -> int:
        if lease.asking:
            return 0  # whoever asked first has asked for those who come after
        return min(MOST_EXTRA, max(FIRST_EXTRA * need, lease.demand, 2 * lease.spent))

    def _start(self, call: _Call) -> None:
        self._next_call += 1
        self._calls[self._next_call] = call
        for lease in call.leases:
            lease.asking += 1
            lease.asked = self._next_call
        self.flush()  # what comes back may be what is asked for
        # Unsent while the bus is down: asked again when it is back.
        call.sent = self._send(bus.Take(self._next_call, call.asks))

    def granted(self, number: int, grants: Sequence[Grant]) -> None:
        """Take the authority's grants."""
        call = self._calls.pop(number, None)
        if call is None:
            return
        now = self._clock()
        late = False
        for lease, grant, ask in zip(call.leases, grants, call.asks, strict=True):
            until = call.sent_at + grant.ttl_s
            if lease.stamp != grant.stamp or now >= lease.until:
                self._lapse(lease)
            lease.asking -= 1
            lease.take(grant, until, now)
            if ask.extra:
                lease.wide = not ask.need or grant.amount > WIDE * ask.need
            self._running.add(lease)
            if now >= until:  # it came too late: in its cell nothing may be used any more
                self._lapse(lease)
                late = True
        for waiter in call.waiters:
            if late:
                self._later(LATE_S, waiter.granted)
            else:
                waiter.granted()

    def denied(self, number: int, denial: Denial | None) -> None:
        """Take the authority's no; without a denial, nobody can count."""
        call = self._calls.pop(number, None)
        if call is None:
            return
        for lease in call.leases:
            lease.asking -= 1
        if denial is None:
            for waiter in call.waiters:
                waiter.unanswered()
            return
        lease, now = call.leases[denial.index], self._clock()
        lease.deny(denial, call.asks[denial.index].need, now, now + DENIED_FOR_S)
        lease.wide = False
        for place, waiter in enumerate(call.waiters):
            if place:
                waiter.granted()  # it may need less, and asks for itself if not
            else:
                waiter.denied(lease, denial)

    def soon(self, work: Callable[[], None]) -> None:
        """Do something once what is under way now is through."""
        self._later(0.0, work)

    # ── back ────────────────────────────────────────────────────────────────

    def give_back(self, lease: Lease, stamp: int, amount: int, position: int) -> None:
        """Give back what a request took and did not use, or (negative) note what it used beyond.

        Args:
            lease: Where from.
            stamp: The lease's when it was taken.
            amount: How much.
            position: Of the end of the request in the journal.
        """
        if lease.stamp == stamp and self._clock() < lease.until:
            lease.left += amount
        else:
            self._return(lease.counter, stamp, amount, position)

    def used_now(self, allowance: Allowance, amounts: Sequence[int], now: float) -> Amounts:
        """Note when brief leases were used: until the authority knows, it counts them as used at their end.

        Returns:
            For each lease, with which stamp what the request does not use is to be given back: it counts where it was
            moved to, and can't be used again in another cell. The allowance's own stamps where nothing was moved.
        """
        stamps = allowance.stamps
        for index, lease in enumerate(allowance.leases):
            amount = amounts[lease.metric]
            cells = int((lease.until - now) * CELLS) if amount and lease in allowance.brief else 0
            if cells > 0:
                self._return_soon()
                cell = lease.stamp - cells
                move = lease.counter, lease.stamp, cell
                self._moves[move] = self._moves.get(move, 0) + amount
                stamps = (*stamps[:index], cell, *stamps[index + 1 :])
        return stamps

    def _return_soon(self) -> None:
        if not self._returns and not self._moves:
            self._later(RETURN_AFTER_S, self.flush)

    def _lapse(self, lease: Lease) -> None:
        if lease.left:
            self._return(lease.counter, lease.stamp, lease.left, 0)
        if lease.until:
            self._running.discard(lease)
            lease.lapse()

    def _return(self, counter: str, stamp: int, amount: int, position: int) -> None:
        self._return_soon()
        known = self._returns.get((counter, stamp, position > 0))
        if known is not None:
            # Of several ends the first decides: what the books may hold already is not taken back.
            amount, position = amount + known[0], min(position, known[1])
        self._returns[counter, stamp, position > 0] = amount, position

    def flush(self) -> None:
        """Send what goes back."""
        if not self._returns and not self._moves:
            return
        returns = [
            Return(counter, stamp, amount, 0, cell) for (counter, stamp, cell), amount in self._moves.items()
        ]
        returns += [
            Return(counter, stamp, amount, position)
            for (counter, stamp, _), (amount, position) in self._returns.items()
            if amount
        ]
        self._returns, self._moves = {}, {}
        if returns:
            self._send(bus.Give(returns))  # lost with the bus: a new authority goes by the journals

    # ── time, and the control process ───────────────────────────────────────

    def sweep(self) -> None:
        """Give back what has run out, give up on what nobody answers."""
        now = self._clock()
        for lease in list(self._running):
            if now >= lease.until:
                self._lapse(lease)
        for number, call in list(self._calls.items()):
            if now - call.since > TIMEOUT_S:
                self._give_up(number, call)

    def _give_up(self, number: int, call: _Call) -> None:
        """Let nobody wait any more; an answer that comes late is still heard, for what was granted comes back then."""
        if not call.sent:
            self.denied(number, None)
        else:
            waiters, call.waiters = call.waiters, []
            for waiter in waiters:
                waiter.unanswered()

    def _forget(self) -> None:
        """Make room: keys that come again are looked up again."""
        self._allowances.clear()
        self._leases = {
            name: lease
            for name, lease in self._leases.items()
            if lease.until or lease.under_way or lease.left
        }

    def recall(self, counter: str) -> None:
        """Give back at once what is left of a lease, and say so if there is nothing."""
        lease = self._leases.get(counter)
        left = lease.left if lease is not None and lease.left > 0 else 0
        stamp = 0 if lease is None else lease.stamp
        if lease is not None:
            lease.left -= left
        self.flush()
        self._send(bus.Give([Return(counter, stamp, left, 0)]))

    def forfeit(self, owner_ids: Sequence[str] | None = None) -> None:
        """Let go of leases: the authority counts anew.

        Args:
            owner_ids: Whose quotas are counted anew: these are not given back, all else is, before this returns.
                ``None``: whatever was leased is void, and so is what is on its way back.
        """
        for lease in self._leases.values():
            if owner_ids is None or (lease.bound.owner_id in owner_ids and lease.is_quota):
                lease.left = 0
                lease.lapse()
                self._running.discard(lease)
            elif lease.bound.owner_id in owner_ids:
                self._lapse(lease)
            else:
                continue
            lease.denied_until = 0.0
        if owner_ids is None:
            self._returns, self._moves = {}, {}
        else:
            self.flush()  # said later, it would be taken from what was counted anew

    def surrender(self) -> None:
        """Give everything back: this worker ends."""
        for lease in list(self._running):
            self._lapse(lease)
        self.flush()

    def under_way(self) -> list[tuple[Bound, int]]:
        """Return how many requests are under way, for each limit of concurrency."""
        return [
            (lease.bound, lease.under_way)
            for lease in self._leases.values()
            if lease.metric == CONCURRENCY and lease.under_way
        ]

    def ask_again(self) -> None:
        """Repeat the questions under way on a new connection; nobody answers those of the last."""
        now = self._clock()
        for number, call in list(self._calls.items()):
            if not call.waiters:
                self.denied(number, None)
            else:
                call.sent_at = now
                call.sent = self._send(bus.Take(number, call.asks))


def _covers(bound: Bound, model: str) -> bool:
    return not bound.limit.model or allows_name((bound.limit.model,), model)
