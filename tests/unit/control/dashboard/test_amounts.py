"""Amounts, days and numbers as people type them."""

from datetime import UTC, datetime

import pytest

from keyturn.control.dashboard import amounts
from keyturn.control.dashboard.guard import Form
from keyturn.domain.refusals import Refused

USD = 10**9


def form(**fields: str) -> Form:
    """Fill in a form."""
    return Form({name: [text] for name, text in fields.items()})


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [("20", 20 * USD), ("$1,234.50", 1_234_500_000_000), ("0.000000001", 1), ("", 0)],
)
def test_amounts_are_read_as_people_write_them(text: str, nano_usd: int) -> None:
    """With a dollar sign and commas, or without."""
    assert amounts.dollars(form(amount=text), "amount", empty=0) == nano_usd


@pytest.mark.parametrize(
    ("text", "nano_usd"), [("-2.50", -2_500_000_000), ("\N{MINUS SIGN}1", -USD), ("3", 3 * USD)]
)
def test_a_correction_may_be_negative(text: str, nano_usd: int) -> None:
    """Also with the sign that pages write."""
    assert amounts.dollars(form(amount=text), "amount", negative=True) == nano_usd


@pytest.mark.parametrize("text", ["", "much", "-1", "0.0000000001"])
def test_what_is_no_amount_names_its_field(text: str) -> None:
    """Nothing is rounded or guessed."""
    found = amounts.dollars(form(amount=text), "amount")

    assert isinstance(found, Refused)
    assert found.param == "amount"


def test_whole_numbers_and_days_are_read() -> None:
    """A day ends by the clock of the account."""
    at = datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() * 1000

    assert amounts.whole(form(count="1,000"), "count") == 1000
    assert amounts.whole(form(), "count", empty=1) == 1
    assert isinstance(amounts.whole(form(count="-1"), "count"), Refused)
    assert amounts.end_of_day(form(day="2026-12-31"), "day", "Europe/Berlin") == at
    assert amounts.end_of_day(form(), "day", "UTC") is None
    assert isinstance(amounts.end_of_day(form(day="9999-12-31"), "day", "UTC"), Refused)
