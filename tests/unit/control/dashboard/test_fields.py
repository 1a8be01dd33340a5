"""What people type into fields."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import pytest

from keyturn.control.dashboard import fields
from keyturn.domain.refusals import Reason, Refused

USD = 10**9
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [("20", 20 * USD), ("$1,234.50", 1_234_500_000_000), ("20 $", 20 * USD), ("0.000000001", 1), ("", 0)],
)
def test_amounts_are_read_as_people_write_them(text: str, nano_usd: int) -> None:
    """With a dollar sign and commas, or without."""
    assert fields.dollars(text, "amount", empty=0) == nano_usd


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [("-2.50", -2_500_000_000), ("\N{MINUS SIGN}1", -USD), ("-$1", -USD), ("3", 3 * USD)],
)
def test_a_correction_may_be_negative(text: str, nano_usd: int) -> None:
    """Also with the sign that pages write."""
    assert fields.dollars(text, "amount", negative=True) == nano_usd


@pytest.mark.parametrize("text", ["", "much", "-1", "0.0000000001", "0,50", "1.234,56", "1e1", "2$5"])
def test_what_is_no_amount_names_its_field(text: str) -> None:
    """Nothing is rounded or guessed."""
    found = fields.dollars(text, "amount")

    assert isinstance(found, Refused)
    assert found.param == "amount"


def test_whole_numbers_are_read_as_people_write_them() -> None:
    """With separators; an empty field is what the form says it is."""
    assert (fields.whole("1,000", "count", 1), fields.whole("1_000", "count", 1)) == (1000, 1000)
    assert (fields.whole("", "count", 1), fields.whole("", "count", None)) == (1, None)


@pytest.mark.parametrize(
    "text", ["-1", "1.5", "1,5", "0,500", "1_0", "many", ",", "\N{SUPERSCRIPT TWO}", "9" * 13]
)
def test_what_is_no_whole_number_names_its_field(text: str) -> None:
    """Nothing is rounded or guessed."""
    found = fields.whole(text, "count", None)

    assert isinstance(found, Refused)
    assert found.param == "count"


def test_a_day_ends_by_the_clock_of_the_account() -> None:
    """Midnight in Berlin is not midnight in London."""
    at = datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() * 1000

    assert fields.end_of_day("2026-12-31", "day", BERLIN) == at
    assert fields.end_of_day("", "day", BERLIN) is None
    assert isinstance(fields.end_of_day("9999-12-31", "day", BERLIN), Refused)


def test_a_time_is_that_of_the_account() -> None:
    """Pages ask for local times."""
    assert fields.moment("2026-12-01T00:00", "at", BERLIN) == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert fields.moment("", "at", BERLIN) is None


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "0001-01-01T00:00"])
def test_what_is_no_time_names_its_field(text: str) -> None:
    """The year 1 is one by the calendar, and begins before time does in UTC."""
    found = fields.moment(text, "at", BERLIN)

    assert isinstance(found, Refused)
    assert found.param == "at"


def test_words_of_a_list_may_be_apart_by_anything_and_count_once() -> None:
    """Whatever somebody pastes."""
    assert fields.words(" a, b;c\n d ,,a ") == ["a", "b", "c", "d"]
    assert fields.words(" ") == []


class Shape(msgspec.Struct):
    """What fields are read into."""

    days: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    usd: Decimal = Decimal(0)
    name: Annotated[str, msgspec.Meta(max_length=3)] = ""
    number: int | None = None


@pytest.mark.parametrize(
    ("members", "path", "message"),
    [
        ({"days": "0"}, "days", "A whole number, 1 at least"),
        ({"days": "11"}, "days", "A whole number, 10 at most"),
        ({"days": "many"}, "days", "A whole number, such as 30"),
        ({"number": "many"}, "number", "A whole number, such as 30"),
        ({"usd": "dear"}, "usd", "An amount in US dollars, such as 0.15"),
        ({"name": "long"}, "name", "3 characters at most"),
    ],
)
def test_what_does_not_fit_is_said_for_people_at_its_place(
    members: dict[str, str], path: str, message: str
) -> None:
    """Somebody who typed a number wrong has never heard of types."""
    assert fields.shaped(members, Shape) == Refused(Reason.INVALID_MEMBER, message, path)
