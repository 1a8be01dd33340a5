"""Amounts, times and bars as people read them."""

import pytest
from hypothesis import given, strategies
from rich.console import Console
from rich.text import Text

from keyturn.cli import screen

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (None, "never"),
        ("2026-01-01T12:00:00Z", "just now"),
        ("2026-01-01T11:59:01Z", "just now"),
        ("2026-01-01T11:59:00Z", "1 min ago"),
        ("2026-01-01T12:00:00+05:00", "5 h ago"),
        ("2025-12-29T12:00:00Z", "3 d ago"),
        ("2025-06-01T00:00:00Z", "2025-06-01"),
        ("2026-01-01T12:00:30Z", "in a moment"),
        ("2026-01-01T14:00:00.5Z", "in 2 h"),
        ("2026-01-31T12:00:00Z", "in 30 d"),
        ("2026-01-31T11:59:55Z", "in 30 d"),
        ("2027-01-31T12:00:00Z", "2027-01-31"),
    ],
)
def test_times_are_told_from_now(moment: str | None, words: str) -> None:
    """Nobody subtracts dates to see whether a key is in use."""
    assert screen.ago(moment, NOON) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        *[("0", "$0.00"), ("0.000000001", "$0.000000001"), ("1E-9", "$0.000000001"), ("0.5", "$0.50")],
        *[("12.3456", "$12.3456"), ("1234567.100", "$1,234,567.10"), ("10", "$10.00")],
    ],
)
def test_amounts_lose_no_digit(amount: str, words: str) -> None:
    """A price of a billionth is not zero."""
    assert screen.dollars(amount) == words


@given(strategies.floats(min_value=0, max_value=1), strategies.integers(min_value=1, max_value=60))
def test_a_bar_fits_and_shows_whatever_is_there(fraction: float, width: int) -> None:
    """Small is not nothing, and the longest still fits."""
    bar = screen.bar(fraction, width)

    assert len(bar) <= width
    assert bool(bar) == (fraction > 0)


@pytest.mark.parametrize(
    ("microseconds", "words"), [(0, "0 µs"), (999, "999 µs"), (1_500, "1.5 ms"), (2_500_000, "2.50 s")]
)
def test_durations_take_the_unit_that_suits_them(microseconds: int, words: str) -> None:
    """0.000134 s is read wrong."""
    assert screen.duration(microseconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (2048, "2 KiB"), (30 << 20, "30 MiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5120.0 GiB")],
)
def test_sizes_take_the_unit_that_suits_them(count: int, words: str) -> None:
    """Bytes are for machines."""
    assert screen.size(count) == words


@given(strategies.text())
def test_what_others_wrote_is_shown_and_never_obeyed(text: str) -> None:
    """No escape sequence, no line break, no markup."""
    shown = screen.clean(text).plain

    assert len(shown) == len(text)
    assert all(letter.isprintable() for letter in shown)


def test_an_unknown_status_is_shown_as_it_is() -> None:
    """A newer node may have more of them."""
    assert screen.dot("paused").plain == "? paused"


@pytest.mark.parametrize(
    ("width", "titles"), [(80, "name status cost id"), (40, "name status cost"), (25, "name status")]
)
def test_a_narrow_terminal_shows_fewer_columns_and_all_of_each(
    width: int, titles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a name and half an id help nobody."""
    monkeypatch.setattr(screen, "out", lambda: Console(width=width))
    row = ("my-app", screen.dot("active"), "$1.00", Text("key_VbYdZL1CpWXwoTen8uMv"))

    shown = screen.table(("name", "status", "cost", "id"), [row], right=("cost",), spare=("id", "cost"))

    assert [column.header for column in shown.columns] == titles.split()


def test_one_long_name_takes_no_column_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is folded instead."""
    monkeypatch.setattr(screen, "out", lambda: Console(width=80))

    shown = screen.table(("name", "id"), [(Text("x" * 200), "key_1")], spare=("id",))

    assert [column.header for column in shown.columns] == ["name", "id"]


@pytest.mark.parametrize(("count", "words"), [(0, "0 h"), (12, "12 h"), (24, "1 day"), (168, "7 days")])
def test_hours_become_days_where_they_are_whole(count: int, words: str) -> None:
    """168 h has to be divided by whoever reads it."""
    assert screen.hours(count) == words
