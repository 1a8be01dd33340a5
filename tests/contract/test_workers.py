"""What every authority makes of workers that come, die and come back."""

import pytest

from contract.conftest import Make
from fakes.exact_books import Books, Clock
from keyturn.authority.port import LimitAuthority
from keyturn.domain.leases import Ask, Return
from keyturn.domain.limits import Window
from support.asking import KEY, bound as limit, concurrency, denied, give, granted, take, used


async def test_requests_under_way_are_what_their_worker_says(authority: LimitAuthority) -> None:
    """After a restart nobody else knows; and what was thought before is of no matter."""
    bound = concurrency(10)
    await take(authority, bound, 1, worker="other")
    await take(authority, bound, 6, worker="w")

    authority.announced("w", [(bound, 2)])

    assert await used(authority, bound) == 3


async def test_a_worker_that_does_not_speak_of_a_limit_has_nothing_under_way_there(
    authority: LimitAuthority,
) -> None:
    """Its requests ended while it could not be heard."""
    bound, other = concurrency(10), limit(Window.NONE, 10, concurrency(1).limit.metric, owner="key_2")
    await granted(authority, Ask(bound, 3, 0), Ask(other, 4, 0))

    authority.announced("w", [(other, 1)])

    assert [await used(authority, one) for one in (bound, other)] == [0, 1]


async def test_what_is_announced_counts_before_anybody_asks(authority: LimitAuthority) -> None:
    """A new authority would let in as many again."""
    bound = concurrency(3)

    authority.announced("a", [(bound, 2)])
    authority.announced("b", [(bound, 1)])

    assert (await denied(authority, Ask(bound, 1, 0))).used == 3


async def test_more_may_be_under_way_than_is_allowed(authority: LimitAuthority) -> None:
    """The limit was lowered meanwhile: those go on to their end, nobody comes after them."""
    bound = concurrency(3)
    authority.announced("w", [(bound, 5)])

    denial = await denied(authority, Ask(bound, 1, 0))
    authority.give("w", [Return(bound.counter, 0, 3, 0)])

    assert denial.used == 5
    assert await used(authority, bound) == 2


async def test_what_a_dead_worker_had_under_way_is_over(authority: LimitAuthority) -> None:
    """And what comes from it late makes no room for more than there is."""
    bound = concurrency(3)
    grant = await take(authority, bound, 2, worker="dead")
    await take(authority, bound, 1, worker="alive")

    authority.vanished("dead")
    give(authority, bound, grant, 2, worker="dead")

    assert await used(authority, bound) == 1
    assert (await take(authority, bound, 2, worker="alive")).used == 3


@pytest.mark.parametrize("after_s", [0.0, 1.9, 2.2, 5.0])
async def test_quotas_that_a_dead_worker_had_part_of_are_named(
    authority: LimitAuthority, clock: Clock, after_s: float
) -> None:
    """What it took and did not use is lost otherwise: of a month's quota until the end of the month.

    Also where its lease had run out by then: it may have died before it gave back what was left.
    """
    await take(authority, limit(Window.DAY, 100), 1, 50, "dead")
    await take(authority, limit(Window.LIFETIME, 100, owner="acc_1"), 1, 50, "dead")
    await take(authority, limit(Window.MONTH, 100, owner="acc_2"), 1, 50, "alive")
    clock.now += after_s

    named = authority.vanished("dead")
    again = authority.vanished("dead")

    assert named == ["acc_1", KEY]
    assert again == []


async def test_a_worker_that_has_let_go_of_its_leases_has_quotas_named_too(
    authority: LimitAuthority, books: Books
) -> None:
    """It lost its connection and holds nothing now; what it held must not stay counted."""
    bound = limit(Window.DAY, 100)
    grant = await take(authority, bound, 1, 50)
    books.admitted("w", bound, 0.0)
    books.admitted("w", bound, books.reads[0][1] + 1)

    for owner in authority.announced("w", []):
        authority.close(owner)
        authority.reopen(owner)

    assert grant.used > 1
    assert await used(authority, bound) == 1


async def test_only_quotas_are_named(authority: LimitAuthority) -> None:
    """Rates are not read from the books again: workers would let go of their leases for nothing."""
    await take(authority, limit(Window.MINUTE, 100), 1, 50)
    await take(authority, concurrency(9))

    assert authority.vanished("w") == []


async def test_counters_of_a_worker_that_died_are_right_once_they_were_read_anew(
    make: Make, books: Books, clock: Clock
) -> None:
    """The whole way: lease, death, recovery; nothing is lost and nothing is let through twice."""
    authority = make(books, clock=clock, workers=lambda: 2)
    bound = limit(Window.DAY, 100)
    lease = await take(authority, bound, 1, 20, "dead")
    for _ in range(3):
        books.admitted("dead", bound, clock.now)
    await take(authority, bound, 10, worker="alive")
    for _ in range(10):
        books.admitted("alive", bound, clock.now)

    for owner in authority.vanished("dead"):
        authority.close(owner)
        authority.reopen(owner)

    assert lease.amount > 3
    assert await used(authority, bound) == 13
    assert (await take(authority, bound, 87)).used == 100
