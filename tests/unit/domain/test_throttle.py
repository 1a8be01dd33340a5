"""A limit that is put on for a while."""

from hypothesis import given, strategies as st
from msgspec.structs import replace

from keyturn.domain.limits import (
    LARGEST,
    LARGEST_NANO_USD,
    Limit,
    Metric,
    Window,
    problem_with,
    read_limits,
    write_limits,
)
from keyturn.domain.throttle import is_throttle, throttled, unthrottled

NOW = 1_800_000_000.0
written = st.lists(
    st.builds(
        Limit,
        st.just(Metric.REQUESTS),
        st.sampled_from([Window.MINUTE, Window.DAY]),
        st.integers(0, 1_000),
        st.sampled_from(["", "*", "**", "gpt-*"]),
        shadow=st.booleans(),
    ),
    unique_by=lambda one: one.subject,
)


@given(written, st.integers(0, 100))
def test_what_somebody_has_written_down_stays_as_it_is(limits: list[Limit], per_minute: int) -> None:
    """All limits of a request count together, so a throttle beside them can't loosen one."""
    with_throttle = throttled(limits, per_minute, until=NOW + 60)

    assert list(with_throttle[:-1]) == limits
    assert (with_throttle[-1].max, with_throttle[-1].until) == (per_minute, NOW + 60)
    assert problem_with(with_throttle, NOW) is None
    assert list(unthrottled(with_throttle, NOW + 60)) == limits
    assert unthrottled(with_throttle, NOW + 59) == with_throttle


@given(st.integers(1, 100), st.integers(1, 100), st.integers(1, 100), st.integers(1, 100))
def test_a_second_throttle_makes_the_first_no_looser_and_no_shorter(a: int, b: int, s: int, t: int) -> None:
    """Two rules may speak about one key."""
    (limit,) = throttled(throttled([], a, until=NOW + s), b, until=NOW + t)

    assert (limit.max, limit.until) == (min(a, b), NOW + max(s, t))


def test_a_throttle_allows_everything_from_its_end_on() -> None:
    """Workers and counters need not be told: the time is in the limit."""
    (limit,) = throttled([], 10, until=NOW)
    money = replace(limit, metric=Metric.COST)

    assert [limit.max_at(NOW - 0.1), limit.max_at(NOW), money.max_at(NOW)] == [10, LARGEST, LARGEST_NANO_USD]


def test_a_throttle_is_kept_and_read_like_any_limit() -> None:
    """It stands where the limits of the key stand."""
    limits = throttled([Limit(Metric.COST, Window.MONTH, 5)], 10, until=NOW)

    read = read_limits(write_limits(limits))

    assert set(read) == set(limits)
    assert [is_throttle(one) for one in read] == [False, True]
