"""What every authority makes of the books: read once, at the right time, and never to let more through."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from contract.conftest import Make
from fakes.exact_books import NOON, Books, Clock
from keyturn.authority.port import LimitAuthority
from keyturn.domain.faults import Fault
from keyturn.domain.leases import Ask
from keyturn.domain.limits import CREDIT, WINDOW_S, Bound, Metric, Scope, Window
from keyturn.domain.refusals import Reason
from support.asking import KEY, answer, bound as limit, concurrency, denied, give, granted, take, used

every_window = pytest.mark.parametrize("window", [*WINDOW_S, Window.DAY, Window.MONTH, Window.LIFETIME])


def begun(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Begin something that has to wait."""
    return asyncio.get_running_loop().create_task(work)


@pytest.fixture
async def slow(books: Books) -> asyncio.Event:
    """Books that are read when this is set."""
    books.gate = asyncio.Event()
    return books.gate


@every_window
async def test_a_new_authority_goes_on_where_the_old_one_was(
    make: Make, books: Books, clock: Clock, window: Window
) -> None:
    """A restart must not give anybody a second limit."""
    bound = limit(window, 10)
    before = make(books, clock=clock)
    for _ in range(6):
        await take(before, bound)
        books.admitted("w", bound, clock.now)

    after = make(books, clock=clock, fresh=False)

    await denied(after, Ask(bound, 5, 0))
    assert (await take(after, bound, 4)).used == 10


@pytest.mark.parametrize("window", WINDOW_S)
async def test_a_rate_of_the_books_leaves_the_window_as_any_other(
    make: Make, books: Books, clock: Clock, window: Window
) -> None:
    """Not later than it would have, and not before a window has passed."""
    bound, length = limit(window, 10), WINDOW_S[window]
    for part in (1.2, 0.9, 0.5, 0.1):
        books.admitted("w", bound, NOON - part * length)
    authority = make(books, clock=clock, fresh=False)

    left = []
    for part in (0.0, 0.05, 0.15, 0.45, 0.55, 0.85, 0.95):
        clock.now = NOON + part * length
        left.append(await used(authority, bound))

    assert left == [3, 3, 2, 2, 1, 1, 0]


async def test_only_the_period_of_now_is_read(authority: LimitAuthority, books: Books) -> None:
    """What was used yesterday is of no matter today."""
    bound = limit(Window.DAY, 10, zone="Asia/Kathmandu")
    books.admitted("w", bound, NOON - 17.75 * 3_600 - 1, 7)
    books.admitted("w", bound, NOON - 17.75 * 3_600, 2)

    assert await used(authority, bound) == 2
    assert books.reads == [(bound.counter, NOON - 17.75 * 3_600)]


async def test_a_rate_that_cannot_have_been_used_is_not_read(make: Make, books: Books, clock: Clock) -> None:
    """With ten thousand keys, a minute after a restart the books have better things to do."""
    fresh, later = make(books, clock=clock), make(books, clock=clock, fresh=False)
    await take(fresh, limit(Window.HOUR))
    clock.now += 63

    await take(later, limit(Window.MINUTE))
    nothing_read = list(books.reads)
    await take(later, limit(Window.HOUR))

    assert nothing_read == []
    assert len(books.reads) == 1


async def test_those_who_come_at_once_share_one_reading(
    authority: LimitAuthority, books: Books, slow: asyncio.Event
) -> None:
    """A thousand requests after a restart are one question to the books; and together they get what is allowed."""
    bound = limit(Window.DAY, 10)
    waiting = [begun(answer(authority, Ask(bound, 1, 0), worker=f"w{one % 4}")) for one in range(15)]
    await books.asked.wait()

    slow.set()
    found = await asyncio.gather(*waiting)

    assert len(books.reads) == 1
    assert sum(isinstance(one, list) for one in found) == 10


async def test_a_fault_of_the_books_is_everybodys_at_once_and_takes_nothing(
    authority: LimitAuthority, books: Books, slow: asyncio.Event
) -> None:
    """Each who waits would try again, one after the other, until the last of them has waited for minutes."""
    known, unknown = limit(Window.MINUTE, 10, owner="acc_1"), limit(Window.DAY, 10)
    slow.set()
    await take(authority, known)
    slow.clear()
    books.broken, reads = True, len(books.reads)
    books.asked.clear()
    waiting = [begun(answer(authority, Ask(known, 1, 5), Ask(unknown, 1, 5))) for _ in range(5)]
    await books.asked.wait()

    slow.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)

    assert all(isinstance(one, Fault) and one.reason is Reason.LIMITS_UNAVAILABLE for one in found)
    assert len(books.reads) - reads == 1
    books.broken = False
    assert [await used(authority, one) for one in (known, unknown)] == [1, 0]


async def test_who_stops_waiting_leaves_the_others_their_answer(
    authority: LimitAuthority, books: Books, slow: asyncio.Event
) -> None:
    """The first who asks may be the first whose client leaves."""
    bound = limit(Window.DAY, 10)
    first = begun(answer(authority, Ask(bound, 1, 0)))
    await books.asked.wait()
    second = begun(answer(authority, Ask(bound, 1, 0)))
    await asyncio.sleep(0)

    first.cancel()
    slow.set()
    found = await second

    assert [one.used for one in found] == [1]


async def test_a_period_that_ends_while_it_is_read_is_over(
    authority: LimitAuthority, books: Books, clock: Clock, slow: asyncio.Event
) -> None:
    """Yesterday's usage must not count for all of today because the books were slow at midnight."""
    bound = limit(Window.DAY, 10)
    clock.now = NOON + 12 * 3_600 - 1
    books.admitted("w", bound, clock.now - 10, 9)
    waiting = begun(take(authority, bound))
    await books.asked.wait()

    clock.now += 2
    slow.set()
    grant = await waiting

    assert grant.used == 1


async def test_a_closed_owner_waits_and_is_counted_anew(authority: LimitAuthority, books: Books) -> None:
    """Credit was bought, or a worker died: what the books say then is what counts."""
    bound, other = limit(Window.DAY, 10), limit(Window.DAY, 10, owner="key_2")
    await take(authority, bound, 9)
    books.admitted("w", bound, NOON, 2)

    authority.close(KEY)
    waiting = begun(take(authority, bound))
    await take(authority, other)
    await asyncio.sleep(0)
    waited = not waiting.done()
    authority.reopen(KEY)
    grant = await waiting

    assert waited
    assert grant.used == 3


async def test_rates_and_what_is_under_way_are_not_counted_anew(
    authority: LimitAuthority, books: Books
) -> None:
    """Nobody knows them better than who counted them."""
    rate, under_way = limit(Window.MINUTE, 10), concurrency(10)
    await granted(authority, Ask(rate, 4, 0), Ask(under_way, 2, 0))

    authority.close(KEY)
    authority.reopen(KEY)

    assert [await used(authority, one) for one in (rate, under_way)] == [4, 2]
    assert books.reads[1:] == []


async def test_what_comes_back_while_an_owner_is_closed_is_in_the_books(
    authority: LimitAuthority, books: Books
) -> None:
    """A worker gives back and forgets; then the books are read."""
    bound = limit(Window.DAY, 10)
    grant = await take(authority, bound, 9)
    books.admitted("w", bound, NOON, 2)

    authority.close(KEY)
    give(authority, bound, grant, 7)
    authority.reopen(KEY)

    assert await used(authority, bound) == 2


async def test_what_was_read_before_an_owner_was_closed_is_read_again(
    authority: LimitAuthority, books: Books, slow: asyncio.Event
) -> None:
    """A reading that overlaps a purchase would know the credit of before, for ever."""
    credit = Bound("acc_1", Scope.ACCOUNT, CREDIT)
    books.granted[credit.counter] = 5
    waiting = begun(take(authority, credit, 8))
    await books.asked.wait()

    authority.close("acc_1")
    books.granted[credit.counter] = 50
    authority.reopen("acc_1")
    slow.set()

    assert (await waiting).allowed == 50


async def test_closing_twice_is_closing(authority: LimitAuthority) -> None:
    """Two reasons may come together; and opening what is open is nothing."""
    bound = limit(Window.DAY, 10)
    authority.reopen(KEY)
    authority.close(KEY)
    authority.close(KEY)
    waiting = begun(take(authority, bound))

    authority.reopen(KEY)

    assert (await waiting).used == 1


async def test_credit_is_what_was_granted(authority: LimitAuthority, books: Books) -> None:
    """No limit is written down for it: the ledger says how much there is, and time brings no more."""
    credit = Bound("acc_1", Scope.ACCOUNT, CREDIT)
    books.granted[credit.counter] = 1_000

    grant = await take(authority, credit, 700)
    denial = await denied(authority, Ask(credit, 301, 0))

    assert (grant.allowed, grant.frees_s, grant.window_s) == (1_000, -1.0, 0)
    assert (denial.used, denial.allowed, denial.wait_s) == (700, 1_000, -1.0)


async def test_a_counter_that_nobody_asks_for_is_forgotten_and_found_again(
    authority: LimitAuthority, books: Books, clock: Clock
) -> None:
    """Keys by the million come once: their counters can't stay, and the books remember."""
    day, minute = limit(Window.DAY, 10), limit(Window.MINUTE, 10, Metric.TOKENS)
    await granted(authority, Ask(day, 4, 0), Ask(minute, 4, 0))
    books.admitted("w", day, NOON, 3)
    clock.now += 3_600

    authority.sweep()

    assert [await used(authority, one) for one in (day, minute)] == [3, 0]
    assert len(books.reads) == 3
