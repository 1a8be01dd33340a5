"""How figures are written for people."""

import pytest

from keyturn.control.dashboard.figures import compact, lasting, took, usd


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (168 * 3_600, "7 days"),
        (36 * 3_600, "1 day 12 hours"),
        (3_600, "1 hour"),
        (5_400, "1 hour 30 minutes"),
        (86_401, "1 day 1 second"),
        (30 * 86_400, "30 days"),
        (0, "no time"),
    ],
)
def test_a_span_is_told_in_the_largest_units_that_it_has(seconds: int, text: str) -> None:
    """Nobody divides 168 hours by 24; and nothing of it is left out."""
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 µs"),
        (80, "80 µs"),
        (1_000, "1.0 ms"),
        (9_949, "9.9 ms"),
        (9_999, "10 ms"),
        (999_499, "999 ms"),
        (999_500, "1.0 s"),
        (1_234_000, "1.2 s"),
        (59_949_999, "59.9 s"),
        (59_999_999, "1 min 0 s"),
        (93_400_000, "1 min 33 s"),
        (7_260_000_000, "2 h 1 min"),
    ],
)
def test_how_long_something_took_is_told_in_one_unit_or_two(micros: int | None, text: str) -> None:
    """Rounding never makes it 60 seconds, or 1000 milliseconds."""
    assert took(micros) == text


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (149_100, "$0.00015"),
        (509_850, "$0.00051"),
        (1_000_000, "$0.001"),
        (9_949_999, "$0.0099"),
        (9_950_000, "$0.01"),
        (-509_850, "\N{MINUS SIGN}$0.00051"),
        (1_234_567_000_000, "$1,234.57"),
    ],
)
def test_an_amount_is_rounded_not_cut(nano_usd: int, text: str) -> None:
    """Below a cent as above it."""
    assert usd(nano_usd) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.5, "0.5"),
        (999, "999"),
        (1_000, "1k"),
        (1_250, "1.2k"),
        (99_960, "100k"),
        (999_499, "999k"),
        (999_950, "1M"),
        (999_999_999, "1B"),
        (1_234_567, "1.2M"),
        (-999_950, "-1M"),
    ],
)
def test_a_large_number_is_told_in_its_largest_unit(number: float, text: str) -> None:
    """Rounding never makes it a thousand thousands."""
    assert compact(number) == text
