"""Months by an account's calendar."""

import pytest

from keyturn.domain.months import end_of, is_month, month_of, next_month, start_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11", True),
        ("1970-01", True),
        ("2026-00", False),
        ("2026-13", False),
        ("2026-1", False),
        ("9999-01", False),
        ("0000-01", False),
        ("2026-11\n", False),
        ("２０２６-11", False),  # noqa: RUF001 -- digits, and none of ours
        ("", False),
    ],
)
def test_a_month_has_one_form(text: str, *, expected: bool) -> None:
    """It stands in paths and references."""
    assert is_month(text) is expected


def test_a_year_ends() -> None:
    """December is followed by January."""
    assert [next_month(one) for one in ("2026-11", "2026-12")] == ["2026-12", "2027-01"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_every_moment_belongs_to_the_month_whose_bounds_enclose_it(zone: str) -> None:
    """Otherwise a charge would stand on no statement, or on two."""
    for month in ("2026-02", "2026-03", "2026-10", "2026-12"):
        start, end = start_of(month, zone), end_of(month, zone)
        assert month_of(start, zone) == month_of(end - 1, zone) == month
        assert month_of(end, zone) == next_month(month)
