"""What is asked of an authority over the counters, and what an authority asks of those who keep the books."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

import msgspec

from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import Bound, Crossing

Answer = list[Grant] | Denial
"""A grant for each thing asked, in that order; or nothing at all was taken."""


class Use(msgspec.Struct, frozen=True):
    """Something that was used within a rate's window."""

    at: float
    """Seconds since 1970 UTC."""
    amount: int


class Base(msgspec.Struct, frozen=True):
    """What the books say of a counter.

    Attributes:
        used: Within the period; for a rate, the sum of ``uses``.
        uses: For a rate, what was used when.
        allowed: For credit, all that was granted and has not run out; ``None`` elsewhere.
        positions: For each worker, how far its journal was in the books, as ``leases.position_of`` says.
    """

    used: int = 0
    uses: Sequence[Use] = ()
    allowed: int | None = None
    positions: Mapping[str, int] = {}


class History(Protocol):
    """The books: what requests have used, those under way at what was reserved for them."""

    async def base(self, bound: Bound, since: float) -> Base:
        """Return what has been counted on a bound since a time (seconds since 1970 UTC), from one state of the books.

        Everything that a worker had written in its journal before this call is in it.

        Raises:
            Fault: ``LIMITS_UNAVAILABLE``: the books can't be read.
        """
        ...


class LimitAuthority(Protocol):
    """Owns the counters. What it has granted is never more than what is allowed.

    Attributes:
        crossings: Thresholds that were reached; whoever tells of them takes them away.
    """

    crossings: list[Crossing]

    def take(self, worker: str, asks: Sequence[Ask]) -> Answer | Awaitable[Answer]:
        """Take from all counters, or from none; each counter is asked for once.

        Args:
            worker: Who asks.
            asks: What for.

        Returns:
            The answer, or what to wait for to get it where a counter has to be read first.

        Raises:
            Fault: ``LIMITS_UNAVAILABLE``, from what is waited for: nothing was taken.
        """
        ...

    def give(self, worker: str, returns: Sequence[Return]) -> None:
        """Put back what was not used, or take what was used beyond."""
        ...

    def announced(self, worker: str, under_way: Sequence[tuple[Bound, int]]) -> list[str]:
        """Learn from a worker that has (re)connected how many of its requests are under way; its leases are void.

        Returns:
            The owners of quotas that hold what it had leased and may not have used: to be closed and reopened.
        """
        ...

    def vanished(self, worker: str) -> list[str]:
        """Learn that a worker is dead; returns what ``announced`` does."""
        ...

    def close(self, owner_id: str) -> None:
        """Forget an owner's quotas. They are read anew when asked for, but not before ``reopen``.

        Rates and what is under way stay: these have their truth here.
        """
        ...

    def reopen(self, owner_id: str) -> None:
        """Let the counters of an owner be used again: no worker holds a lease on them from before ``close``."""
        ...

    async def standing(self, bound: Bound) -> tuple[int, int, float]:
        """Return what is used of a bound now, what is allowed, and in how many seconds some of it is free again.

        Raises:
            Fault: ``LIMITS_UNAVAILABLE``.
        """
        ...

    def sweep(self) -> None:
        """Forget what nobody would miss; to be called now and then."""
        ...
