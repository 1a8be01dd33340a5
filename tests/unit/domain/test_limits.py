"""Limits: which make sense, how they are kept, and which is tighter than which."""

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import structs

from keyturn.domain.limits import (
    CREDIT,
    LARGEST,
    LARGEST_NANO_USD,
    MOST_LIMITS,
    Bound,
    Limit,
    Metric,
    Scope,
    Window,
    loosened,
    problem_with,
    read_limits,
    shown,
    write_limits,
)
from keyturn.domain.restrictions import allows_name

NOON = 1_790_000_000.0
MINUTE = Limit(Metric.REQUESTS, Window.MINUTE, 60)
MONTH = Limit(Metric.COST, Window.MONTH, 20_000_000_000)
AT_ONCE = Limit(Metric.CONCURRENCY, Window.NONE, 5)
RAISED = structs.replace(MINUTE, raised_max=120, raised_until=NOON + 100)

limits = st.builds(
    Limit,
    metric=st.sampled_from(Metric),
    window=st.sampled_from(Window),
    max=st.integers(0, LARGEST_NANO_USD),
    model=st.sampled_from(["", "gpt-*", "gpt-4", "*", 'a"\\b']),
    shadow=st.booleans(),
    raised_max=st.none() | st.integers(0, LARGEST_NANO_USD),
    raised_until=st.sampled_from([0.0, NOON - 1, NOON + 1, NOON + 2.5]),
)


@given(st.lists(limits, max_size=5, unique_by=lambda one: one.subject))
def test_what_is_kept_is_read_back(given_limits: list[Limit]) -> None:
    """In one order, so that two lists that say the same are kept as the same text."""
    text = write_limits(given_limits)

    assert set(read_limits(text)) == set(given_limits)
    assert write_limits(read_limits(text)) == write_limits(given_limits[::-1]) == text


def test_no_limits_are_kept_as_the_columns_default() -> None:
    """A row that nobody has touched reads as no limits."""
    assert (read_limits("[]"), write_limits([])) == ((), "[]")


def test_a_raise_ends_by_itself() -> None:
    """Nobody has to remember to take it back; at its end the limit is what it was."""
    assert [RAISED.max_at(NOON + at) for at in (0, 99.9, 100, 1000)] == [120, 120, 60, 60]
    assert MINUTE.max_at(NOON) == 60


def test_the_counter_outlives_every_change_of_size() -> None:
    """Raising a limit must not begin to count anew."""
    small, large = (Bound("key_1", Scope.KEY, structs.replace(MINUTE, max=size)) for size in (1, 99))
    others = [
        Bound("key_2", Scope.KEY, MINUTE),
        Bound("key_1", Scope.PROJECT, MINUTE),
        Bound("key_1", Scope.KEY, structs.replace(MINUTE, model="gpt-*")),
        Bound("key_1", Scope.KEY, structs.replace(MINUTE, window=Window.HOUR)),
        Bound("key_1", Scope.KEY, structs.replace(MINUTE, metric=Metric.TOKENS)),
    ]

    assert small.counter == large.counter
    assert len({small.counter, *(one.counter for one in others)}) == 6


@pytest.mark.parametrize(
    ("limit", "name", "is_money", "is_rate"),
    [
        (MINUTE, "key requests/minute", False, True),
        (structs.replace(MONTH, model="gpt-*"), "key cost_usd/month gpt-*", True, False),
        (AT_ONCE, "key concurrency", False, False),
        (CREDIT, "key cost_usd/credit", True, False),
    ],
)
def test_a_bound_says_what_it_is(limit: Limit, name: str, *, is_money: bool, is_rate: bool) -> None:
    """The name stands in headers and errors."""
    bound = Bound("key_1", Scope.KEY, limit)

    assert (bound.name, bound.is_money, bound.is_rate) == (name, is_money, is_rate)


@pytest.mark.parametrize(
    ("limit", "member", "says"),
    [
        (CREDIT, "window", "granted"),
        (structs.replace(AT_ONCE, window=Window.DAY), "window", "no window"),
        (structs.replace(MINUTE, window=Window.NONE), "window", "such as minute"),
        (structs.replace(MINUTE, max=-1), "max", "from 0 to 999999999999999"),
        (structs.replace(MINUTE, max=LARGEST + 1), "max", "from 0"),
        (structs.replace(MONTH, max=LARGEST_NANO_USD + 1), "max", "from 0 to 1000000000"),
        (structs.replace(MINUTE, model="gpt 4"), "model", "visible ASCII"),
        (structs.replace(MINUTE, model="x" * 201), "model", "200"),
        (structs.replace(RAISED, raised_max=60), "raise.max", "more than"),
        (structs.replace(RAISED, raised_max=LARGEST + 1), "raise.max", "up to 999999999999999"),
        (structs.replace(RAISED, raised_until=NOON), "raise.until", "future"),
    ],
)
def test_a_limit_that_makes_no_sense_is_told_by_its_place(limit: Limit, member: str, says: str) -> None:
    """Whoever wrote a list of them must see which one is wrong."""
    found = problem_with([AT_ONCE, limit], NOON)

    assert found is not None
    assert found[0] == f"[1].{member}"
    assert says in found[1]


def test_limits_that_make_sense_are_let_through() -> None:
    """The extremes, and every metric that has a window with every window."""
    windows = [one for one in Window if one not in {Window.NONE, Window.CREDIT}]
    counted = [one for one in Metric if one is not Metric.CONCURRENCY]
    most = structs.replace(MONTH, max=LARGEST_NANO_USD, model="gpt-*")

    assert problem_with([Limit(metric, one, 0) for metric in counted for one in windows], NOON) is None
    assert (
        problem_with([AT_ONCE, RAISED, most, structs.replace(MINUTE, model="m", max=LARGEST)], NOON) is None
    )


def test_two_limits_of_one_subject_are_refused() -> None:
    """Nobody could say which of them holds. Another model is another subject."""
    again = structs.replace(MINUTE, max=1)

    assert problem_with([MINUTE, again], NOON) == (
        "[1]",
        "There is another limit with this metric, window and model; name it once",
    )


def test_a_list_has_an_end() -> None:
    """Each of them costs every request a counter."""
    many = [structs.replace(MINUTE, model=f"m{number}") for number in range(MOST_LIMITS + 1)]

    found = problem_with(many, NOON)

    assert found is not None
    assert found[0] == ""
    assert problem_with(many[1:], NOON) is None


def test_amounts_are_shown_as_they_are_written() -> None:
    """Nano-dollars are nobody's unit but ours."""
    assert (shown(Metric.COST, 20_500_000_000), shown(Metric.TOKENS, 1_000)) == ("20.5", "1000")


@pytest.mark.parametrize(
    ("before", "after", "is_loosened"),
    [
        ([], [], False),
        ([], [MINUTE], False),
        ([MINUTE], [], True),
        ([MINUTE], [MINUTE, MONTH], False),
        ([MINUTE], [structs.replace(MINUTE, max=59)], False),
        ([MINUTE], [structs.replace(MINUTE, max=61)], True),
        ([MINUTE], [structs.replace(MINUTE, shadow=True)], True),
        ([structs.replace(MINUTE, shadow=True)], [], False),
        ([MINUTE], [structs.replace(MINUTE, window=Window.HOUR)], True),
        ([MINUTE], [structs.replace(MINUTE, metric=Metric.TOKENS)], True),
        ([MINUTE], [structs.replace(MINUTE, model="gpt-*")], True),
        ([structs.replace(MINUTE, model="gpt-4*")], [MINUTE], False),
        ([structs.replace(MINUTE, model="gpt-4*")], [structs.replace(MINUTE, model="gpt-*")], False),
        ([structs.replace(MINUTE, model="gpt-*")], [structs.replace(MINUTE, model="gpt-4*")], True),
        ([MINUTE], [RAISED], True),
        ([RAISED], [RAISED], False),
        ([RAISED], [structs.replace(MINUTE, max=60)], False),
        ([RAISED], [structs.replace(MINUTE, max=100)], True),
        ([RAISED], [structs.replace(RAISED, raised_until=NOON + 101)], True),
        ([RAISED], [structs.replace(RAISED, raised_until=NOON + 99)], False),
        ([MINUTE], [structs.replace(RAISED, raised_until=NOON - 1)], False),
    ],
)
def test_a_limit_is_loosened_by_less_than_what_it_was(
    before: list[Limit], after: list[Limit], *, is_loosened: bool
) -> None:
    """A raise that outlives the other's is one too; what only counts holds nobody."""
    assert loosened(before, after, NOON) is is_loosened


@given(st.lists(limits, max_size=3), st.lists(limits, max_size=3), st.lists(limits, max_size=3))
def test_loosening_never_comes_in_steps(first: list[Limit], second: list[Limit], third: list[Limit]) -> None:
    """Two changes that each loosen nothing don't add up to one that does; and nothing is looser than itself."""
    falling = [
        [structs.replace(one, raised_max=max(one.max, one.raised_max or 0)) for one in some]
        for some in (first, second, third)
    ]

    a, b, c = falling
    assert not loosened(a, a, NOON)
    assert loosened(a, b, NOON) or loosened(b, c, NOON) or not loosened(a, c, NOON)


small = st.builds(
    Limit,
    metric=st.just(Metric.REQUESTS),
    window=st.just(Window.MINUTE),
    max=st.integers(0, 3),
    model=st.sampled_from(["", "gpt-*", "gpt-4"]),
    shadow=st.sampled_from([False, False, True]),
    raised_max=st.none() | st.integers(4, 6),
    raised_until=st.sampled_from([NOON - 1, NOON + 1, NOON + 2]),
)


def fits(given_limits: list[Limit], uses: dict[str, int], at: float) -> bool:
    """Say whether what was used of each model is within the limits."""
    return all(
        sum(
            amount
            for model, amount in uses.items()
            if allows_name((limit.model,) if limit.model else (), model)
        )
        <= limit.max_at(at)
        for limit in given_limits
        if not limit.shadow
    )


@settings(max_examples=500)
@given(
    small,
    st.lists(small, min_size=1, max_size=2),
    st.fixed_dictionaries({model: st.integers(0, 7) for model in ("gpt-4", "gpt-mini", "claude")}),
    st.sampled_from([NOON, NOON + 1, NOON + 1.5, NOON + 9]),
)
def test_what_is_not_loosened_lets_nothing_more_through(
    before: Limit, after: list[Limit], uses: dict[str, int], at: float
) -> None:
    """Compared with sums over concrete use, which know nothing of the comparison."""
    if not loosened([before], after, NOON) and fits(after, uses, at):
        assert fits([before], uses, at)


def test_a_limit_that_ends_by_itself_ends_in_the_future() -> None:
    """One that has ended allows everything: to write it down would be a mistake."""
    ended = structs.replace(MINUTE, until=NOON)

    assert problem_with([ended], NOON) == ("[0].until", "A limit ends in the future")
    assert problem_with([structs.replace(ended, until=NOON + 1)], NOON) is None


def test_a_limit_that_will_end_is_looser_than_one_that_stays() -> None:
    """From its end on it would let through what the other does not."""
    ends = structs.replace(MINUTE, until=NOON + 60)

    assert loosened([MINUTE], [ends], NOON)
    assert not loosened([ends], [MINUTE], NOON)
