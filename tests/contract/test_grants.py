"""What every authority grants, and what it never does."""

import pytest

from contract.conftest import Make
from fakes.exact_books import NOON, Books, Clock
from keyturn.authority.port import LimitAuthority
from keyturn.domain.leases import LONGEST_S, Ask, Return
from keyturn.domain.limits import WINDOW_S, Bound, Metric, Window
from support.asking import bound as limit, concurrency, denied, give, granted, take, used

EVERY = [*WINDOW_S, Window.DAY, Window.MONTH, Window.LIFETIME]
every_window = pytest.mark.parametrize("window", EVERY)


@every_window
async def test_exactly_what_is_allowed_is_granted(authority: LimitAuthority, window: Window) -> None:
    """Neither one more nor one less."""
    bound = limit(window, 10)

    for _ in range(10):
        await take(authority, bound)
    denial = await denied(authority, Ask(bound, 1, 0))

    assert (denial.used, denial.allowed) == (10, 10)
    assert await used(authority, bound) == 10


async def test_nothing_is_taken_anywhere_unless_there_is_enough_everywhere(authority: LimitAuthority) -> None:
    """A refused request must not use up the limits that would have let it through."""
    wide, narrow, other = (
        limit(Window.HOUR, 100),
        limit(Window.MINUTE, 1),
        limit(Window.DAY, 5, owner="acc_1"),
    )
    asks = [Ask(one, 1, 50) for one in (wide, narrow, other)]
    await granted(authority, *asks)
    before = [await used(authority, one) for one in (wide, narrow, other)]

    denial = await denied(authority, *asks)

    assert denial.index == 1
    assert [await used(authority, one) for one in (wide, narrow, other)] == before


async def test_grants_come_in_the_order_of_the_asks(authority: LimitAuthority) -> None:
    """Whoever asked goes by their place."""
    bounds = [limit(Window.MINUTE, 100, Metric.TOKENS), limit(Window.DAY, 7), limit(Window.LIFETIME, 9)]

    grants = await granted(authority, Ask(bounds[0], 30, 0), Ask(bounds[1], 2, 0), Ask(bounds[2], 3, 0))

    assert [(one.amount, one.used, one.allowed) for one in grants] == [(30, 30, 100), (2, 2, 7), (3, 3, 9)]


@pytest.mark.parametrize("workers", [1, 4, 64])
async def test_what_is_taken_ahead_never_starves_the_others(
    make: Make, books: Books, clock: Clock, workers: int
) -> None:
    """Every worker that comes with the same wish finds something, and one that needs much finds it too."""
    authority = make(books, clock=clock, workers=lambda: workers)
    bound = limit(Window.MINUTE, 10_000)

    amounts = [(await take(authority, bound, 1, 1 << 40, f"w{one}")).amount for one in range(workers)]

    assert sum(amounts) <= 10_000
    assert min(amounts) * 2 >= max(amounts)
    await take(authority, bound, 5_000, 0, "late")


async def test_a_limit_nearly_used_up_is_granted_one_by_one(authority: LimitAuthority) -> None:
    """The last ones must not lie in a worker that does not need them."""
    bound = limit(Window.MINUTE, 4)

    amounts = [(await take(authority, bound, 1, 100)).amount for _ in range(4)]

    assert amounts == [1, 1, 1, 1]


async def test_extra_is_never_more_than_is_left(authority: LimitAuthority) -> None:
    """Over the whole way down, what was granted and what counts are the same."""
    bound, granted_so_far = limit(Window.MINUTE, 1_000), 0
    while await used(authority, bound) < 1_000:
        grant = await take(authority, bound, 1, 1_000)
        granted_so_far += grant.amount

        assert grant.used == granted_so_far <= 1_000


@pytest.mark.parametrize("used_up", [100, 130])
async def test_who_needs_nothing_gets_only_what_is_left_over(authority: LimitAuthority, used_up: int) -> None:
    """And is not refused: a request that costs nothing, or a lease that is refilled while nobody waits."""
    bound = limit(Window.MINUTE, 100)
    give(authority, bound, await take(authority, bound, 100), 100 - used_up)

    assert (await take(authority, bound, 0, 50)).amount == 0


@every_window
async def test_nothing_is_allowed_where_the_limit_is_nothing(
    authority: LimitAuthority, window: Window
) -> None:
    """Zero switches something off."""
    denial = await denied(authority, Ask(limit(window, 0), 1, 0))

    assert (denial.used, denial.allowed, denial.wait_s) == (0, 0, -1.0)


@every_window
async def test_what_never_fits_is_told_to_wait_for_nothing(authority: LimitAuthority, window: Window) -> None:
    """A request larger than the limit does not fit tomorrow either."""
    assert (await denied(authority, Ask(limit(window, 5), 6, 0))).wait_s < 0


@pytest.mark.parametrize("window", WINDOW_S)
async def test_a_rate_is_full_again_a_window_and_a_cell_later(
    authority: LimitAuthority, clock: Clock, window: Window
) -> None:
    """And says so, to the cell. A second's cells are over too soon to be leased one by one: three more for those."""
    bound, length = limit(window, 3), WINDOW_S[window]
    await take(authority, bound, 3)
    wait = (await denied(authority, Ask(bound, 1, 0))).wait_s

    clock.now += wait - length / 600
    await denied(authority, Ask(bound, 1, 0))
    clock.now += length / 500
    grant = await take(authority, bound, 3)

    assert length <= wait <= length * (64 if window is Window.SECOND else 61) / 60
    assert (grant.used, grant.window_s) == (3, length)


@pytest.mark.parametrize("window", WINDOW_S)
async def test_a_lease_on_a_rate_ends_before_its_cell(
    authority: LimitAuthority, clock: Clock, window: Window
) -> None:
    """The cell it is counted in: what is spent later would leave the window too soon."""
    cell = WINDOW_S[window] / 60
    for _ in range(50):
        clock.now += cell * 0.37
        grant = await take(authority, limit(window, 1_000_000))

        assert grant.ttl_s <= LONGEST_S
        assert 0 <= grant.stamp - int(clock.now / cell) <= 3
        assert clock.now + grant.ttl_s < (grant.stamp + 1) * cell


async def test_what_is_known_to_have_been_used_sooner_leaves_the_window_sooner(
    authority: LimitAuthority, clock: Clock
) -> None:
    """A lease of a second's window counts at its end until its worker says in which cell it was used."""
    bound = limit(Window.SECOND, 100)
    grant = await take(authority, bound, 100)
    used_in = grant.stamp - 3

    authority.give("w", [Return(bound.counter, grant.stamp, 60, 0, used_in)])
    moved = await used(authority, bound)
    authority.give("w", [Return(bound.counter, used_in, 20, 7)])
    clock.now = (used_in + 61) / 60 + 0.001
    rest = await used(authority, bound)
    clock.now = (grant.stamp + 61) / 60 + 0.001

    assert (moved, rest) == (100, 40)
    assert await used(authority, bound) == 0


@pytest.mark.parametrize(
    ("window", "zone", "ends_s"),
    [
        (Window.DAY, "UTC", 12 * 3_600),
        (Window.DAY, "Asia/Kathmandu", 6.25 * 3_600),
        (Window.MONTH, "UTC", 29.5 * 86_400),
    ],
)
async def test_a_quota_begins_anew_with_its_period(
    authority: LimitAuthority, clock: Clock, window: Window, zone: str, ends_s: float
) -> None:
    """At midnight where the account lives; until then it says how long that is, and no lease reaches across."""
    bound = limit(window, 5, zone=zone)
    await take(authority, bound, 5)
    wait = (await denied(authority, Ask(bound, 1, 0))).wait_s

    clock.now = NOON + ends_s - 0.5
    await denied(authority, Ask(bound, 1, 0))
    ahead = await take(authority, bound, 0)
    clock.now = NOON + ends_s
    grant = await take(authority, bound, 5)

    assert wait == ends_s
    assert ahead.ttl_s <= 0.5
    assert grant.used == 5
    assert grant.stamp != ahead.stamp


async def test_an_account_that_moves_has_its_days_begin_elsewhere(
    authority: LimitAuthority, books: Books, clock: Clock
) -> None:
    """Counted from the books for the day as it is now; the old day must not stay for ever."""
    utc = limit(Window.DAY, 10)
    await take(authority, utc, 5)
    books.admitted("w", utc, NOON - 8 * 3_600, 3)
    books.admitted("w", utc, NOON - 3 * 3_600, 2)

    moved = await take(authority, limit(Window.DAY, 10, zone="Asia/Kathmandu"))
    clock.now = NOON + 6.25 * 3_600
    next_day = await take(authority, limit(Window.DAY, 10, zone="Asia/Kathmandu"))

    assert moved.used == 3 + 3
    assert next_day.used == 1


async def test_a_limit_is_what_it_is_when_it_is_asked_for(authority: LimitAuthority) -> None:
    """A change counts at once, and what was used stays used."""
    await take(authority, limit(Window.DAY, 10), 6)

    larger = await take(authority, limit(Window.DAY, 20), 10)
    denial = await denied(authority, Ask(limit(Window.DAY, 5), 1, 0))

    assert (larger.used, larger.allowed) == (16, 20)
    assert (denial.used, denial.allowed) == (16, 5)


def raised(window: Window, until: float) -> Bound:
    """Return a limit of 10 that is 100 until a time."""
    return limit(window, 10, raised_max=100, raised_until=until)


@pytest.mark.parametrize("window", [Window.HOUR, Window.DAY, Window.LIFETIME])
async def test_a_raise_ends_at_its_end(authority: LimitAuthority, clock: Clock, window: Window) -> None:
    """And no lease of it is spent after that."""
    bound = raised(window, NOON + 1.25)
    clock.now = NOON + 0.75

    grant = await take(authority, bound, 50)
    clock.now = NOON + 1.25
    denial = await denied(authority, Ask(bound, 1, 0))

    assert (grant.allowed, denial.allowed, denial.used) == (100, 10, 50)
    assert 0 < grant.ttl_s <= 0.5


@every_window
async def test_a_shadow_refuses_nobody_and_counts_everything(
    authority: LimitAuthority, window: Window
) -> None:
    """It shows what a limit would do before it does it; the others refuse as they always do."""
    shadow, real = limit(window, 2, shadow=True), limit(window, 3, owner="acc_1")

    for _ in range(3):
        await granted(authority, Ask(shadow, 1, 5), Ask(real, 1, 0))
    denial = await denied(authority, Ask(shadow, 1, 5), Ask(real, 1, 0))

    assert denial.index == 1
    assert await used(authority, shadow) == 3


async def test_models_and_owners_are_counted_apart(authority: LimitAuthority) -> None:
    """One counter for two limits would refuse what both allow."""
    bounds = [
        limit(Window.DAY, 1),
        limit(Window.DAY, 1, model="gpt-*"),
        limit(Window.DAY, 1, Metric.TOKENS),
        limit(Window.MONTH, 1),
        limit(Window.DAY, 1, owner="key_2"),
        limit(Window.DAY, 1, owner="acc_1"),
    ]

    for one in bounds:
        await take(authority, one)

    assert [await used(authority, one) for one in bounds] == [1] * len(bounds)


async def test_requests_under_way_are_bounded_whoever_has_them(authority: LimitAuthority) -> None:
    """They count for as long as they last; then the room is there for anybody."""
    bound = concurrency(3)
    grant = await take(authority, bound, 2, worker="a")
    await take(authority, bound, 1, worker="b")
    denial = await denied(authority, Ask(bound, 1, 0), worker="b")

    give(authority, bound, grant, 1, worker="a")
    await take(authority, bound, 1, worker="b")

    assert denial.wait_s > 0
    assert await used(authority, bound) == 3


@every_window
async def test_a_standing_is_what_the_next_answer_says(authority: LimitAuthority, window: Window) -> None:
    """People look at it before they ask for more."""
    bound = limit(window, 10)
    grant = await take(authority, bound, 4)

    amount, allowed, frees_s = await authority.standing(bound)

    assert (amount, allowed) == (grant.used, grant.allowed) == (4, 10)
    assert (grant.frees_s < 0 and frees_s == float("inf")) or grant.frees_s == frees_s
