"""What comes back to every authority, and what counts after that."""

import pytest

from contract.conftest import Make
from fakes.exact_books import NOON, Books, Clock
from keyturn.authority.port import LimitAuthority
from keyturn.domain.leases import Ask, Return
from keyturn.domain.limits import WINDOW_S, Metric, Window
from support.asking import bound as limit, concurrency, denied, give, take, used

every_window = pytest.mark.parametrize("window", [*WINDOW_S, Window.DAY, Window.MONTH, Window.LIFETIME])


@every_window
async def test_what_was_not_used_can_be_used_by_others(authority: LimitAuthority, window: Window) -> None:
    """A lease is a loan."""
    bound = limit(window, 10)
    grant = await take(authority, bound, 10, worker="a")

    give(authority, bound, grant, 4, worker="a")
    await take(authority, bound, 4, worker="b")

    assert await used(authority, bound) == 10
    await denied(authority, Ask(bound, 1, 0))


@every_window
async def test_what_was_used_beyond_counts(authority: LimitAuthority, window: Window) -> None:
    """A request that cost more than was reserved makes room for less; it may go below zero once, then nobody may."""
    bound = limit(window, 100, Metric.TOKENS)
    grant = await take(authority, bound, 60)

    give(authority, bound, grant, -70)
    denial = await denied(authority, Ask(bound, 1, 0))

    assert denial.used == 130


@every_window
async def test_no_more_comes_back_than_counts(authority: LimitAuthority, window: Window) -> None:
    """Whatever a worker says, a counter does not make room that was never there."""
    bound = limit(window, 10)
    grant = await take(authority, bound, 3)

    give(authority, bound, grant, 50)

    assert await used(authority, bound) == 0
    assert (await take(authority, bound, 10)).used == 10


async def test_what_comes_back_leaves_the_cell_it_was_taken_from(
    authority: LimitAuthority, clock: Clock
) -> None:
    """What came later stays as long as it must."""
    bound = limit(Window.MINUTE, 100)
    early = await take(authority, bound, 40)
    clock.now += 30
    await take(authority, bound, 50)

    give(authority, bound, early, 30)
    clock.now = NOON + 61
    later = await used(authority, bound)
    clock.now = NOON + 91

    assert later == 50
    assert await used(authority, bound) == 0


async def test_a_debt_counts_from_when_it_is_known(authority: LimitAuthority, clock: Clock) -> None:
    """Half an hour into a stream, the cell that it began in is long gone."""
    bound = limit(Window.MINUTE, 100, Metric.TOKENS)
    grant = await take(authority, bound, 10)
    clock.now += 300

    give(authority, bound, grant, -500)
    denial = await denied(authority, Ask(bound, 1, 0))
    clock.now += 61

    assert denial.used == 500
    assert await used(authority, bound) == 0


async def test_a_debt_counts_even_where_nobody_has_asked_meanwhile(
    authority: LimitAuthority, clock: Clock
) -> None:
    """The one request that was let in took five minutes: its counter must still be there."""
    bound = limit(Window.MINUTE, 100, Metric.TOKENS)
    grant = await take(authority, bound, 10)
    clock.now += 300
    authority.sweep()

    give(authority, bound, grant, -500)

    assert (await denied(authority, Ask(bound, 1, 0))).used == 500


@every_window
async def test_what_is_of_another_time_makes_no_room(
    authority: LimitAuthority, clock: Clock, window: Window
) -> None:
    """A stream that began yesterday gives nothing back today."""
    bound = limit(window, 10)
    old = await take(authority, bound, 10)
    if window is Window.LIFETIME:
        return
    clock.now += 40 * 86_400
    await take(authority, bound, 8)

    give(authority, bound, old, 10)

    assert await used(authority, bound) == 8


@every_window
async def test_what_the_books_have_is_not_taken_back_twice(
    make: Make, books: Books, clock: Clock, window: Window
) -> None:
    """They said what the request used in the end; what it says itself is the same once more."""
    bound = limit(window, 100, Metric.TOKENS)
    before = make(books, clock=clock)
    grant = await take(before, bound, 60)
    request = books.admitted("w", bound, clock.now, 60)
    position = request.ended(20)
    authority = make(books, clock=clock, fresh=False)
    known = await used(authority, bound)

    give(authority, bound, grant, 40, position)
    give(authority, bound, grant, -40, position)

    assert known == 20
    assert await used(authority, bound) == 20


@pytest.mark.parametrize("window", [Window.MINUTE, Window.HOUR, Window.DAY, Window.MONTH, Window.LIFETIME])
async def test_what_the_books_have_at_its_reservation_is_taken_back(
    make: Make, books: Books, clock: Clock, window: Window
) -> None:
    """A request that was under way when the books were read counts at what it used once it has ended.

    In the window of a second it may count whole until it leaves: the books do not know its lease's cell.
    """
    bound = limit(window, 100, Metric.TOKENS)
    grant = await take(make(books, clock=clock), bound, 60)
    request = books.admitted("w", bound, clock.now, 60)
    authority = make(books, clock=clock, fresh=False)
    known = await used(authority, bound)

    give(authority, bound, grant, 40, request.ended(20))

    assert known == 60
    assert await used(authority, bound) == 20


async def test_each_worker_has_its_own_places(make: Make, books: Books, clock: Clock) -> None:
    """A worker that wrote much says nothing of what another has written."""
    bound = limit(Window.DAY, 100, Metric.TOKENS)
    for _ in range(50):
        books.wrote("busy")
    grant = await take(make(books, clock=clock), bound, 60, worker="quiet")
    request = books.admitted("quiet", bound, clock.now, 60)
    authority = make(books, clock=clock, fresh=False)
    await used(authority, bound)

    give(authority, bound, grant, 40, request.ended(20), worker="quiet")

    assert await used(authority, bound) == 20


async def test_what_is_said_of_unknown_counters_is_let_go(authority: LimitAuthority, books: Books) -> None:
    """The books know it, and will be read when somebody asks."""
    bound = limit(Window.DAY, 10)
    books.admitted("w", bound, NOON, 3)

    authority.give("w", [Return(bound.counter, int(NOON) // 86_400 * 86_400, 3, 9)])

    assert await used(authority, bound) == 3


async def test_requests_under_way_end_wherever_they_began(authority: LimitAuthority, clock: Clock) -> None:
    """A day later, too."""
    bound = concurrency(2)
    grant = await take(authority, bound, 2)
    clock.now += 86_400

    give(authority, bound, grant, 1, 12)

    assert await used(authority, bound) == 1
