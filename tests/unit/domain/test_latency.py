"""Durations in little room."""

import math
import random

import pytest
from hypothesis import given, strategies as st

from keyturn.domain import latency


@pytest.mark.parametrize("spread", [(1.0, 0.2), (8.0, 1.5), (13.0, 2.0)])
def test_a_quantile_is_within_four_percent_of_the_exact_one(spread: tuple[float, float]) -> None:
    """Whoever promises an answer within a second must see when it is not kept."""
    chance = random.Random(7)  # noqa: S311 -- the same each time
    durations = sorted(int(math.exp(chance.gauss(*spread))) + latency.LEAST_US for _ in range(5_000))

    found = latency.counts(latency.single(one) for one in durations)

    for share in (0.01, 0.5, 0.95, 0.999, 1.0):
        [told] = latency.quantiles(found, (share,))
        exact = durations[max(0, math.ceil(len(durations) * share) - 1)]
        assert told is not None
        assert abs(told - exact) <= exact * 0.04 + 1


def test_added_in_any_order_they_say_the_same() -> None:
    """A day is put together from hours, and a project from keys."""
    parts = [
        b"".join(latency.single(10 ** (number % 7 + 1)) for number in range(count)) for count in (3, 50, 200)
    ]

    assert latency.combine(latency.combine(*parts[:2]), parts[2]) == latency.combine(*reversed(parts))
    assert latency.counts(parts) == latency.counts([b"".join(parts)])


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(1, 40_000_000)), max_size=300),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_read_off_at_once_they_say_the_same_as_counted_first(
    entries: list[tuple[int, int]], shares: list[float]
) -> None:
    """The fast way must be as right as the plain one, of histograms in order and in none."""
    ordered = latency._write(dict(entries))
    mixed = b"".join(latency._write({number: count}) for number, count in entries)

    for histogram in (ordered, mixed):
        assert latency.quantiles_of(histogram, shares) == latency.quantiles(
            latency.counts([histogram]), shares
        )


def test_nothing_has_no_quantiles() -> None:
    """Not a zero, which would look very fast."""
    assert latency.quantiles(latency.counts([b""]), (0.5, 0.95)) == (None, None)


@pytest.mark.parametrize("duration_us", [0, 1, 10, 11, 3_600_000_000, 10**15])
def test_no_duration_is_out_of_range(duration_us: int) -> None:
    """A clock that jumped must not stop the counting."""
    assert 0 <= latency.bucket(duration_us) < latency.BUCKETS


def test_counts_of_many_millions_are_kept() -> None:
    """A bucket of one entry holds sixteen million; a busy day has more."""
    sixteen_million = latency.combine(*[latency.single(500)] * 3)
    found = latency.counts([sixteen_million])
    number = next(iter(found))

    many = latency._write({number: 50_000_000})

    assert latency.counts([many, many]) == {number: 100_000_000}
