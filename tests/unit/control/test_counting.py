"""What the books say to the authority over the counters: from a real database and real journals."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from fakes.books_of_node import ACCOUNT, OTHER_PROJECT, PROJECT, Journals, begun, ended, furnish
from fakes.house import House
from keyturn import system
from keyturn.authority.memory import MemoryAuthority
from keyturn.control.bus_server import BusServer
from keyturn.control.counting import Books, Counting
from keyturn.domain.faults import Fault
from keyturn.domain.leases import Ask, Return
from keyturn.domain.limits import WINDOW_S, Bound, Crossing, Limit, Metric, Scope, Window
from keyturn.domain.refusals import Reason
from keyturn.store.engine import Store
from support.asking import take, used

HOUR_S, DAY_S = 3_600, 86_400


@pytest.fixture
async def keys(store: Store) -> list[str]:
    """Two keys of a project, the second deleted, and one of another; all of one account."""
    return await furnish(store)


@pytest.fixture
async def journals(store: Store, tmp_path: Path) -> AsyncIterator[Journals]:
    """Journals that nobody has written yet."""
    found = Journals(store, tmp_path / "journals")
    await found.ingest.load()
    yield found
    found.close()


@pytest.fixture
def books(store: Store, journals: Journals) -> Books:
    """What is tested."""
    return Books(store, journals.ingest)


@pytest.fixture
def now() -> float:
    """The present, in seconds since 1970 UTC."""
    return system.now()


def bound(
    owner: str,
    window: Window = Window.LIFETIME,
    metric: Metric = Metric.REQUESTS,
    *,
    scope: Scope = Scope.KEY,
    model: str = "",
) -> Bound:
    """Return a limit of 100."""
    return Bound(owner, scope, Limit(metric, window, 100, model))


async def test_a_threshold_that_could_not_be_stored_is_told_later(
    store: Store, journals: Journals, tmp_path: Path
) -> None:
    """The counter passes it once; a full disk must not swallow the alert."""
    heard: list[list[Crossing]] = []
    told = asyncio.Event()

    async def tell(crossings: list[Crossing]) -> None:
        heard.append(list(crossings))
        if len(heard) == 1:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        told.set()

    house = House()
    workers = BusServer(journals=tmp_path, look=house.look, configuration=house.configuration)
    counting = Counting(store, journals.ingest, workers, journals=tmp_path, tell=tell)
    full = Crossing(bound("key_a"), 100, 100, 100, system.now(), None)
    counting.authority.crossings.append(full)

    async with asyncio.timeout(10):
        running = asyncio.create_task(counting.run())
        await told.wait()
    running.cancel()

    assert heard == [[full], [full]]


EVERY = [*WINDOW_S, Window.DAY, Window.MONTH, Window.LIFETIME]


@pytest.mark.parametrize("window", EVERY)
@pytest.mark.parametrize(
    ("metric", "of_ended", "of_open"),
    [
        (Metric.REQUESTS, 1, 1),
        (Metric.TOKENS, 30, 110),
        (Metric.INPUT_TOKENS, 9, 10),
        (Metric.OUTPUT_TOKENS, 21, 100),
        (Metric.COST, 5_000, 7_000),
    ],
)
async def test_ended_requests_count_what_they_used_and_others_what_is_reserved(  # noqa: PLR0917 -- fixtures
    books: Books,
    journals: Journals,
    keys: list[str],
    now: float,
    window: Window,
    metric: Metric,
    of_ended: int,
    of_open: int,
) -> None:
    """Whatever is counted, over whichever window: nothing that was let in is missing."""
    one, two, still = (begun(now - 0.3, key_id=keys[0]) for _ in range(3))
    journals.write(one, ended(one), two, ended(two), still)

    base = await books.base(bound(keys[0], window, metric), now - DAY_S)

    assert base.used == 2 * of_ended + of_open
    if window in WINDOW_S:
        assert sum(use.amount for use in base.uses) == base.used
        assert all(use.at >= now - 0.4 for use in base.uses)


async def test_each_scope_counts_its_own_keys_deleted_ones_included(
    books: Books, journals: Journals, keys: list[str], now: float
) -> None:
    """What a deleted key has used, its project has used; a plan is counted for the account that has it."""
    for number, key_id in enumerate(keys):
        for _ in range(number + 1):
            request = begun(now, key_id=key_id)
            journals.write(request, ended(request))
    journals.write(begun(now, key_id=keys[1]), begun(now, key_id="key_of_somebody_else"))

    found = [
        (await books.base(bound(owner, window, scope=scope), 0.0)).used
        for owner, scope in (
            (keys[0], Scope.KEY),
            (keys[1], Scope.KEY),
            (PROJECT, Scope.PROJECT),
            (OTHER_PROJECT, Scope.PROJECT),
            (ACCOUNT, Scope.ACCOUNT),
            (ACCOUNT, Scope.PLAN),
        )
        for window in (Window.LIFETIME, Window.MINUTE)
    ]

    assert found == [1, 1, 3, 3, 4, 4, 3, 3, 7, 7, 7, 7]


@pytest.mark.parametrize("window", EVERY)
async def test_a_limit_of_some_models_counts_these(
    books: Books, journals: Journals, keys: list[str], now: float, window: Window
) -> None:
    """By the pattern, whether they have ended or not."""
    for model in ("gpt-5", "gpt-5-mini", "demo-chat"):
        request = begun(now, key_id=keys[0], model=model)
        journals.write(request, ended(request), begun(now, key_id=keys[0], model=model))

    found = [
        (await books.base(bound(keys[0], window, model=pattern), now - 60)).used
        for pattern in ("gpt-*", "gpt-5", "*", "", "o1")
    ]

    assert found == [4, 2, 6, 6, 0]


async def test_what_was_written_before_the_question_is_in_the_answer(
    books: Books, journals: Journals, keys: list[str], now: float
) -> None:
    """A worker has let go of its lease and says so: what it used must be there. Those who ask at once share the way."""
    of, answers = bound(keys[0]), []
    for number in range(5):
        request = begun(now, key_id=keys[0])
        journals.write(request, ended(request))
        answers.append(asyncio.get_running_loop().create_task(books.base(of, 0.0)))
        if number % 2:
            await asyncio.sleep(0)

    found = [base.used for base in await asyncio.gather(*answers)]

    assert all(base >= number + 1 for number, base in enumerate(found))
    assert max(found) == 5


async def test_the_place_each_journal_was_read_to_tells_what_comes_back_twice(
    books: Books, journals: Journals, keys: list[str], now: float
) -> None:
    """The end of one request is in the books, that of the other is not: only the other's return is taken."""
    of = bound(keys[0], metric=Metric.TOKENS)
    first, second = begun(now, key_id=keys[0]), begun(now, key_id=keys[0])
    place = journals.write(first, second, ended(first))
    authority = MemoryAuthority(books, clock=lambda: now, fresh=False)
    before = await used(authority, of)

    later = journals.write(ended(second))
    for position in (place, later):
        authority.give("1-aaaa", [Return(of.counter, 0, 80, position)])

    assert before == 30 + 110
    assert await used(authority, of) == 30 + 30


async def test_a_worker_that_died_has_used_what_was_reserved(
    books: Books, journals: Journals, keys: list[str], now: float
) -> None:
    """Its requests are recovered at that, and do not count twice."""
    journals.write(begun(now, key_id=keys[0]))
    of = bound(keys[0], metric=Metric.TOKENS)
    alive = (await books.base(of, 0.0)).used

    journals.kill()

    assert (alive, (await books.base(of, 0.0)).used) == (110, 110)


@pytest.mark.parametrize("window", [Window.SECOND, Window.MINUTE])
@pytest.mark.parametrize("dies", [False, True])
async def test_a_request_whose_wait_nobody_knows_counts_as_let_in_just_now(  # noqa: PLR0917 -- fixtures
    books: Books,
    journals: Journals,
    keys: list[str],
    now: float,
    window: Window,
    dies: bool,  # noqa: FBT001 -- a case
) -> None:
    """It came three seconds ago and may have waited for room until now: counted where it came, it would leave too soon."""
    journals.write(begun(now - 3, key_id=keys[0]))
    if dies:
        journals.kill()

    base = await books.base(bound(keys[0], window), now - WINDOW_S[window] * 62 / 60)

    assert [use.amount for use in base.uses if use.at >= now] == [1]


async def test_a_request_that_waited_counts_when_it_was_let_in(
    books: Books, journals: Journals, keys: list[str], now: float
) -> None:
    """Not when it came, five seconds before."""
    request = begun(now - 5, key_id=keys[0])
    journals.write(request, ended(request, sent_us=4_900_000))

    base = await books.base(bound(keys[0], Window.SECOND), now - 62 / 60)

    assert [round(use.at - now, 3) for use in base.uses] == [-0.1]


async def test_a_request_of_yesterday_that_is_under_way_does_not_count_today(
    books: Books, journals: Journals, keys: list[str], now: float
) -> None:
    """Its end gives nothing back today: it would count until midnight."""
    midnight = now - 60
    journals.write(begun(midnight - 30, key_id=keys[0]), begun(midnight + 1, key_id=keys[0]))

    assert (await books.base(bound(keys[0], Window.DAY), midnight)).used == 1


async def test_books_that_cannot_be_read_are_a_fault(
    books: Books, store: Store, journals: Journals, keys: list[str], now: float
) -> None:
    """Nobody is let in by a guess, and nobody is told that it was their limit."""
    journals.write(begun(now, key_id=keys[0]))
    async with store.writing() as connection:
        await connection.exec_driver_sql("ALTER TABLE admissions RENAME TO gone")

    with pytest.raises(Fault) as caught:
        await books.base(bound(keys[0]), 0.0)

    assert caught.value.reason is Reason.LIMITS_UNAVAILABLE


async def test_a_database_that_cannot_be_asked_is_a_fault_too(
    books: Books, store: Store, keys: list[str]
) -> None:
    """With nothing in the journals, it is the question that fails."""
    await books.base(bound(keys[0]), 0.0)
    async with store.writing() as connection:
        await connection.exec_driver_sql("ALTER TABLE rollups RENAME TO gone")

    with pytest.raises(Fault) as caught:
        await books.base(bound(keys[0]), 0.0)

    assert caught.value.reason is Reason.LIMITS_UNAVAILABLE


@pytest.mark.parametrize("window", EVERY)
async def test_a_restart_gives_nobody_a_second_limit(
    books: Books, journals: Journals, keys: list[str], now: float, window: Window
) -> None:
    """The whole way: an authority, a journal, and another authority that has only the journal."""
    of = bound(keys[0], window)
    authority = MemoryAuthority(books, clock=lambda: now)
    for _ in range(60):
        await take(authority, of)
        request = begun(now, key_id=keys[0])
        journals.write(request, ended(request, sent_us=20))

    after = MemoryAuthority(books, clock=lambda: now + 0.01, fresh=False)

    assert (await take(after, of, 40)).used == 100
    assert not isinstance(after.take("w", [Ask(of, 1, 0)]), list)
