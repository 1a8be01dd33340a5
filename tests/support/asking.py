"""Asking an authority over counters, as a worker does."""

from keyturn.authority.port import Answer, LimitAuthority
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window

KEY, ACCOUNT = "key_1", "acc_1"


def bound(
    window: Window = Window.MINUTE,
    most: int = 10,
    metric: Metric = Metric.REQUESTS,
    *,
    owner: str = KEY,
    zone: str = "UTC",
    **members: object,
) -> Bound:
    """Return a limit of a key or an account; ``members`` are the limit's."""
    scope = Scope.KEY if owner.startswith("key_") else Scope.ACCOUNT
    return Bound(owner, scope, Limit(metric, window, most, **members), zone)  # type: ignore[arg-type]


def concurrency(most: int) -> Bound:
    """Return a limit of requests under way."""
    return bound(Window.NONE, most, Metric.CONCURRENCY)


async def answer(authority: LimitAuthority, *asks: Ask, worker: str = "w") -> Answer:
    """Ask, and wait for the answer."""
    found = authority.take(worker, asks)
    return found if isinstance(found, list | Denial) else await found


async def granted(authority: LimitAuthority, *asks: Ask, worker: str = "w") -> list[Grant]:
    """Ask for what must be granted."""
    found = await answer(authority, *asks, worker=worker)
    assert isinstance(found, list), found
    return found


async def denied(authority: LimitAuthority, *asks: Ask, worker: str = "w") -> Denial:
    """Ask for what must be refused."""
    found = await answer(authority, *asks, worker=worker)
    assert isinstance(found, Denial), found
    return found


async def take(
    authority: LimitAuthority, of: Bound, need: int = 1, extra: int = 0, worker: str = "w"
) -> Grant:
    """Take from one counter."""
    (grant,) = await granted(authority, Ask(of, need, extra), worker=worker)
    return grant


async def used(authority: LimitAuthority, of: Bound) -> int:
    """Return what counts now."""
    return (await authority.standing(of))[0]


def give(
    authority: LimitAuthority, of: Bound, grant: Grant, amount: int, position: int = 0, *, worker: str = "w"
) -> None:
    """Give back what was taken with a grant and not used."""
    authority.give(worker, [Return(of.counter, grant.stamp, amount, position)])
