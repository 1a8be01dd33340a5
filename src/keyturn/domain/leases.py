"""What a worker asks of the authority over the counters, and what it gets: slices of limits, to be spent without asking.

A lease is counted as used when it is granted, and what was not used is given back. So what all workers together can
let through never passes the limit, whatever becomes of them.
"""

import msgspec

from keyturn.domain.limits import Bound

LONGEST_S = 2.0
"""No lease may be spent for longer: what a worker that has vanished could still let through ends by then."""


class Ask(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One counter of a request.

    Attributes:
        bound: What it is counted on.
        need: How much the request that waits needs; 0 when none waits.
        extra: How much more would be welcome, for requests to come.
    """

    bound: Bound
    need: int
    extra: int


class Grant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One counter's answer.

    Attributes:
        amount: How much may be spent; at least what was needed.
        ttl_s: For how long, from the moment of asking on.
        stamp: Where it was counted: the cell or the start of the period. Comes back with what is given back.
        used: What is counted now, this included.
        allowed: The limit.
        frees_s: In how many seconds some of it will be free again; negative: never.
        window_s: How long the window is; 0: it has no length.
    """

    amount: int
    ttl_s: float
    stamp: int
    used: int
    allowed: int
    frees_s: float
    window_s: int


class Denial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Nothing was taken, on any counter, because one of them has too little left.

    Attributes:
        index: Which of what was asked.
        used: What is counted there.
        allowed: The limit.
        wait_s: In how many seconds the request would fit; negative: not before somebody changes something.
    """

    index: int
    used: int
    allowed: int
    wait_s: float


class Return(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was taken and not used; negative: what was used beyond what was taken.

    Attributes:
        counter: A ``Bound.counter``.
        stamp: Of the grant it was taken from.
        amount: How much.
        moved_to: For a rate, the cell in which that much was used after all: it counts there instead; 0: none.
        position: Where in the worker's journal the end of the request stands, as ``position_of`` says; 0: it was of no
            request.
    """

    counter: str
    stamp: int
    amount: int
    position: int
    moved_to: int = 0


def position_of(segment: int, offset: int) -> int:
    """Return a place in a worker's journal as one number that grows as the journal does."""
    return segment << 40 | offset
