"""Putting time together from what is kept."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from keyturn.domain.periods import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    PERIODS,
    RANKED_PERIODS,
    Interval,
    Span,
    cover,
    cover_days,
    day_start,
    end_of,
    lacking,
    steps,
)

MINUTES = st.integers(min_value=0, max_value=60 * DAY_S // MINUTE_S).map(lambda number: number * MINUTE_S)
LENGTHS = dict(PERIODS)
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]


def at(text: str) -> int:
    """Return a time as seconds."""
    return int(datetime.fromisoformat(text).timestamp())


@given(MINUTES, MINUTES)
def test_spans_make_up_the_whole_without_gap_or_overlap(since_s: int, until_s: int) -> None:
    """A minute that is in two spans is charged twice."""
    spans = cover(since_s, until_s)

    position = since_s
    for span in spans:
        length_s = LENGTHS[span.period]
        assert span.since_s == position < span.until_s
        assert span.since_s % length_s == span.until_s % length_s == 0
        position = span.until_s
    assert position == until_s or (not spans and since_s >= until_s)
    assert len(spans) <= 5


def test_whole_days_are_read_from_days() -> None:
    """They are kept for ever, and there are few of them."""
    assert cover(0, 30 * DAY_S) == [Span("day", 0, 30 * DAY_S)]


@given(st.integers(0, 400), st.integers(1, 90))
def test_days_make_up_the_whole_from_few_sums(first: int, days: int) -> None:
    """Ten of a key at most for 30 days, whenever those begin: ten thousand keys must be ranked in no time."""
    lengths = dict(RANKED_PERIODS)
    spans = cover_days(first * DAY_S, (first + days) * DAY_S)

    position = first * DAY_S
    for span in spans:
        assert span.since_s == position < span.until_s
        assert span.since_s % lengths[span.period] == span.until_s % lengths[span.period] == 0
        position = span.until_s
    assert position == (first + days) * DAY_S
    read = sum((span.until_s - span.since_s) // lengths[span.period] for span in spans)
    assert read <= days // 6 + 10
    assert days != 30 or read <= 10


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("interval", list(Interval))
def test_steps_follow_each_other_and_begin_by_the_clock_of_their_zone(name: str, interval: Interval) -> None:
    """The day on which the clocks change is a day, too."""
    zone = ZoneInfo(name)
    since_s = day_start(at("2018-10-20T12:00:00+00:00"), zone)
    until_s = since_s + (20 if interval is not Interval.MINUTE else 1) * DAY_S

    found = list(steps(since_s, until_s, interval, zone))

    assert [end for _, end in found[:-1]] == [begin for begin, _ in found[1:]]
    assert (found[0][0], found[-1][1]) == (since_s, until_s)
    for begin, _ in found:
        local = datetime.fromtimestamp(begin, zone)
        assert local.second == 0
        if interval is Interval.DAY:
            before = datetime.fromtimestamp(begin - 1, zone)
            assert before.date() < local.date()
        if interval is Interval.HOUR and name != "Australia/Lord_Howe":  # whose clocks change by half an hour
            assert local.minute == 0


def test_a_day_on_which_the_clocks_change_has_another_length() -> None:
    """A bill by the day must not have one hour twice or not at all."""
    zone = ZoneInfo("Europe/Berlin")
    since_s = day_start(at("2026-10-24T12:00:00+00:00"), zone)

    days = list(steps(since_s, day_start(since_s, zone, days=3), Interval.DAY, zone))

    assert [(end - begin) // HOUR_S for begin, end in days] == [24, 25, 24]


def test_a_midnight_that_the_clocks_skip_is_the_minute_after() -> None:
    """In São Paulo, 4 November 2018 began at 01:00."""
    assert day_start(at("2018-11-04T12:00:00+00:00"), ZoneInfo("America/Sao_Paulo")) == at(
        "2018-11-04T03:00:00+00:00"
    )


def test_the_current_interval_ends_when_the_next_begins() -> None:
    """What has not ended yet is reported as far as it has come."""
    noon = at("2026-11-26T12:34:56+00:00")

    assert end_of(Interval.MINUTE, noon, ZoneInfo("UTC")) == at("2026-11-26T12:35:00+00:00")
    assert end_of(Interval.HOUR, noon, ZoneInfo("Asia/Kolkata")) == at("2026-11-26T13:30:00+00:00")
    assert end_of(None, noon, ZoneInfo("Asia/Kolkata")) == at("2026-11-26T18:30:00+00:00")


def test_what_is_gone_is_named() -> None:
    """A sum over minutes of which half are deleted looks like any other."""
    spans = cover(at("2026-11-01T00:30:00+00:00"), at("2026-11-03T00:00:00+00:00"))

    assert lacking(spans, {}) is None
    assert lacking(spans, {"minute": spans[0].since_s}) is None
    assert lacking(spans, {"minute": spans[0].until_s}) == spans[0]
    assert spans[-1].period == "day"
    assert datetime.fromtimestamp(spans[-1].until_s, UTC).day == 3
