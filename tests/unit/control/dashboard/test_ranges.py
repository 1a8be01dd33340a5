"""Ranges of time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from keyturn.control.dashboard import ranges
from keyturn.domain.periods import DAY_S, HOUR_S, Interval
from keyturn.domain.refusals import Refused

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 17, 42, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("name", "length_s", "interval"),
    [
        ("1h", HOUR_S, Interval.MINUTE),
        ("24h", DAY_S, Interval.HOUR),
        ("7d", 7 * DAY_S, Interval.HOUR),
        ("30d", 30 * DAY_S, Interval.DAY),
        ("90d", 90 * DAY_S + HOUR_S * 0, Interval.DAY),
        ("nonsense", DAY_S, Interval.HOUR),
    ],
)
def test_a_preset_ends_with_the_step_that_it_is_now(name: str, length_s: int, interval: Interval) -> None:
    """What happens now must be in it, and every step but the last be whole."""
    found = ranges.preset(name, NOW, ZoneInfo("UTC"))

    assert found.until_s - found.since_s == length_s
    assert found.until_s > NOW
    assert found.interval is interval


def test_a_range_is_compared_with_as_much_time_before() -> None:
    """Half a day beside a whole one would always look like less."""
    found = ranges.preset("30d", NOW, BERLIN)

    before = found.before

    assert before.since_s == found.since_s - 30 * DAY_S
    assert NOW - 60 <= before.until_s + 30 * DAY_S <= NOW + 60


def test_days_are_those_of_the_account_and_both_are_included() -> None:
    """Whoever asks for one day wants all of it."""
    found = ranges.read({"from": "2026-10-25", "to": "2026-10-25"}, NOW, BERLIN)

    assert isinstance(found, ranges.Range)
    assert found.until_s - found.since_s == 25 * HOUR_S  # the clocks go back
    assert found.query == {"from": "2026-10-25", "to": "2026-10-25"}
    assert found.title == "2026-10-25"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-20", "to": "2026-13-01"}, "to"),
        ({"from": "2026-11-20", "to": "2026-11-19"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "from"),
    ],
)
def test_what_is_no_range_is_refused_by_name(query: dict[str, str], param: str) -> None:
    """The page says it beside the field."""
    found = ranges.read(query, NOW, BERLIN)

    assert isinstance(found, Refused)
    assert found.param == param
