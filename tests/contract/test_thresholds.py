"""What every authority tells of: how far limits have been used."""

import pytest

from contract.conftest import Make
from fakes.exact_books import NOON, Books, Clock
from keyturn.authority.port import LimitAuthority
from keyturn.domain.leases import Ask
from keyturn.domain.limits import CREDIT, Bound, Metric, Scope, Window
from support.asking import bound as limit, concurrency, denied, take

DAY_S = 86_400


@pytest.fixture
def authority(make: Make, books: Books, clock: Clock) -> LimitAuthority:
    """An authority that tells of three thresholds."""
    return make(books, clock=clock, thresholds=lambda _owner: (50, 80, 100))


def told(authority: LimitAuthority) -> list[tuple[int, int, int]]:
    """Take away what was told: percentages, what was used, and what there is."""
    crossings, authority.crossings = authority.crossings, []
    return [(one.percent, one.used, one.allowed) for one in crossings]


async def test_each_threshold_is_told_once_a_period(authority: LimitAuthority, clock: Clock) -> None:
    """An operator reads of it, not of every request that comes after."""
    bound, told_by_day = limit(Window.DAY, 10), []

    for _day in range(2):
        for _ in range(10):
            await take(authority, bound)
        await denied(authority, Ask(bound, 1, 0))
        told_by_day.append(told(authority))
        clock.now += DAY_S

    assert told_by_day == [[(50, 5, 10), (80, 8, 10), (100, 10, 10)]] * 2


async def test_only_the_highest_that_was_reached_is_told(authority: LimitAuthority) -> None:
    """One request may leap over all of them."""
    await take(authority, limit(Window.DAY, 10), 9)

    assert told(authority) == [(80, 9, 10)]


async def test_it_says_when_the_limit_begins_anew(authority: LimitAuthority) -> None:
    """What follows depends on it."""
    for window in (Window.DAY, Window.LIFETIME, Window.MINUTE):
        await take(authority, limit(window, 1))

    assert [one.resets_at for one in authority.crossings] == [NOON + DAY_S / 2, None, None]
    assert {one.at for one in authority.crossings} == {NOON}


@pytest.mark.parametrize("bound", [limit(Window.MINUTE, 4), concurrency(4)], ids=["rate", "concurrency"])
async def test_of_what_has_no_period_only_the_end_is_told_and_once_an_hour(
    authority: LimitAuthority, clock: Clock, bound: Bound
) -> None:
    """A key that works at four fifths of its rate all day is as it should be."""
    await take(authority, bound, 3)
    below = told(authority)
    await take(authority, bound)
    await denied(authority, Ask(bound, 1, 0))
    at_the_end = told(authority)
    clock.now += 1_800
    await take(authority, bound, 4) if bound.is_rate else await denied(authority, Ask(bound, 1, 0))
    same_hour = told(authority)
    clock.now += 1_801
    await take(authority, bound, 4) if bound.is_rate else await denied(authority, Ask(bound, 1, 0))

    assert (below, same_hour) == ([], [])
    assert at_the_end == told(authority) == [(100, 4, 4)]


async def test_a_request_that_does_not_fit_tells_that_the_limit_is_reached(
    authority: LimitAuthority,
) -> None:
    """With tokens, the last of them may never be used."""
    bound = limit(Window.DAY, 1_000, Metric.TOKENS)
    await take(authority, bound, 300)

    await denied(authority, Ask(bound, 800, 0))

    assert told(authority) == [(100, 1_000, 1_000)]


async def test_a_request_that_never_fits_tells_nothing(authority: LimitAuthority) -> None:
    """It says something of the request, nothing of how much was used."""
    await denied(authority, Ask(limit(Window.DAY, 1_000, Metric.TOKENS), 1_001, 0))

    assert told(authority) == []


async def test_a_shadow_is_told_when_it_is_passed(authority: LimitAuthority) -> None:
    """That is what it is for."""
    bound = limit(Window.DAY, 2, shadow=True)

    for _ in range(4):
        await take(authority, bound)

    assert told(authority) == [(50, 1, 2), (100, 2, 2)]


async def test_a_limit_that_was_changed_is_told_anew(authority: LimitAuthority) -> None:
    """Half of another limit is another half."""
    await take(authority, limit(Window.DAY, 10), 6)
    await take(authority, limit(Window.DAY, 100), 1)
    await take(authority, limit(Window.DAY, 100), 50)

    assert told(authority) == [(50, 6, 10), (50, 57, 100)]


async def test_credit_is_told_anew_once_there_is_more(authority: LimitAuthority, books: Books) -> None:
    """Whoever tops up wants to hear when that runs out, too."""
    credit = Bound("acc_1", Scope.ACCOUNT, CREDIT)
    books.granted[credit.counter] = 10
    for _ in range(10):
        await take(authority, credit)
        books.admitted("w", credit, NOON)
    first = told(authority)

    authority.close("acc_1")
    books.granted[credit.counter] = 30
    authority.reopen("acc_1")
    for _ in range(20):
        await take(authority, credit)

    assert first == [(50, 5, 10), (80, 8, 10), (100, 10, 10)]
    assert told(authority) == [(50, 15, 30), (80, 24, 30), (100, 30, 30)]


async def test_a_limit_of_nothing_is_told_as_used_up(authority: LimitAuthority) -> None:
    """Nothing of nothing is all of it, and nobody divides by it; what is switched off is not told."""
    await denied(authority, Ask(limit(Window.DAY, 0), 1, 0))
    await take(authority, limit(Window.MONTH, 0, shadow=True))

    assert [one[0] for one in told(authority)] == [100]


async def test_nobody_is_told_where_nobody_wants_to_be(make: Make, books: Books, clock: Clock) -> None:
    """An owner may have switched it off."""
    authority = make(books, clock=clock, thresholds=lambda _owner: ())

    await take(authority, limit(Window.DAY, 1))

    assert told(authority) == []
