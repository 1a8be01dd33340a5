"""The arithmetic of windows."""

from datetime import UTC, datetime

import pytest

from keyturn.domain.limits import WINDOW_S, Window
from keyturn.domain.windows import CELLS, FOREVER, SlidingWindow, period

HOUR_S, DAY_S = 3_600, 86_400
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


def utc(text: str) -> float:
    """Return seconds since 1970 UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


# ── rates ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length_s", WINDOW_S.values())
def test_what_was_used_counts_for_the_window_and_one_cell_at_most(length_s: int) -> None:
    """Less would let too much through, more would refuse what is allowed."""
    window = SlidingWindow(length_s)
    cell = window.advance(NOON)
    window.add(cell, 5)

    window.advance(NOON + length_s)
    kept = window.total
    window.advance(NOON + length_s + window.cell_s)
    gone = window.total

    assert (kept, gone) == (5, 0)


def test_a_pause_longer_than_the_window_forgets_everything() -> None:
    """Nobody goes through cells one by one after a night."""
    window = SlidingWindow(60)
    for second in range(70):
        window.add(window.advance(NOON + second), 1)
    assert window.total == 61

    cell = window.advance(NOON + 1_000_000)

    assert window.total == 0
    assert cell == NOON + 1_000_000
    assert window.frees(NOON + 1_000_000) == 0


def test_a_clock_that_goes_back_is_waited_for() -> None:
    """A leap of the clock must not make a cell count twice, or never."""
    window = SlidingWindow(60)
    window.add(window.advance(NOON), 3)

    cell = window.advance(NOON - 30)

    assert (cell, window.total) == (NOON, 3)


def test_what_left_the_window_is_neither_counted_nor_given_back() -> None:
    """A worker may speak of a cell that was reused long ago."""
    window = SlidingWindow(60)
    cell = window.advance(NOON)
    window.add(cell, 4)

    for old in (cell - CELLS - 1, cell + 1):
        window.add(old, 7)
        window.give_back(old, 7)

    assert window.total == 4
    window.add(cell - CELLS, 2)
    assert window.total == 6


def test_no_more_is_given_back_than_is_there() -> None:
    """A worker that errs must not make room that does not exist."""
    window = SlidingWindow(60)
    cell = window.advance(NOON)
    window.add(cell, 4)

    window.give_back(cell, 9)

    assert window.total == 0


def test_waiting_is_told_to_the_cell_in_which_enough_has_left() -> None:
    """Whoever comes back then is let in; whoever needs less may come sooner."""
    window = SlidingWindow(60)
    for second in (0, 10, 20):
        window.add(window.advance(NOON + second), 2)
    now = NOON + 20.5

    waits = {amount: window.wait(amount, 6, now) for amount in (0, 1, 2, 3, 4, 6, 7)}

    assert waits == {0: 0.0, 1: 40.5, 2: 40.5, 3: 50.5, 4: 50.5, 6: 60.5, 7: FOREVER}
    assert window.frees(now) == 40.5


def test_a_cell_ends_where_the_next_begins() -> None:
    """A lease that was spent later would count in the wrong cell."""
    window = SlidingWindow(60)

    assert window.ends(window.advance(NOON + 0.25)) == NOON + 1


# ── quotas ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("window", "zone", "now", "begins", "ends"),
    [
        (Window.DAY, "UTC", "2026-03-02T12:00", "2026-03-02T00:00", "2026-03-03T00:00"),
        (Window.DAY, "UTC", "2026-03-02T00:00", "2026-03-02T00:00", "2026-03-03T00:00"),
        # Summer time begins: 23 hours. It ends: 25.
        (Window.DAY, "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        (Window.DAY, "Europe/Berlin", "2026-10-25T00:30", "2026-10-24T22:00", "2026-10-25T23:00"),
        (Window.DAY, "Europe/Berlin", "2026-10-25T01:30", "2026-10-24T22:00", "2026-10-25T23:00"),
        (Window.DAY, "America/New_York", "2026-03-08T20:00", "2026-03-08T05:00", "2026-03-09T04:00"),
        # Half an hour of summer time.
        (Window.DAY, "Australia/Lord_Howe", "2026-04-05T00:00", "2026-04-04T13:00", "2026-04-05T13:30"),
        # There is no midnight: the clock goes from 23:59:59 to 01:00.
        (Window.DAY, "America/Santiago", "2026-09-06T12:00", "2026-09-06T04:00", "2026-09-07T03:00"),
        # There are two: the clock goes from 01:00 back to 00:00; the first begins the day.
        (Window.DAY, "America/Havana", "2026-11-01T05:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        # The last hour of a day comes twice.
        (Window.DAY, "Africa/Cairo", "2026-10-29T21:30", "2026-10-28T21:00", "2026-10-29T22:00"),
        # Half and three quarter hours, fourteen hours ahead.
        (Window.DAY, "Asia/Kolkata", "2026-03-01T18:30", "2026-03-01T18:30", "2026-03-02T18:30"),
        (Window.DAY, "Asia/Kathmandu", "2026-03-01T18:14", "2026-02-28T18:15", "2026-03-01T18:15"),
        (Window.DAY, "Pacific/Chatham", "2026-06-01T12:00", "2026-06-01T11:15", "2026-06-02T11:15"),
        (Window.DAY, "Pacific/Kiritimati", "2026-03-01T11:00", "2026-03-01T10:00", "2026-03-02T10:00"),
        # A day that never was: Samoa went from the 29th to the 31st.
        (Window.DAY, "Pacific/Apia", "2011-12-30T09:00", "2011-12-29T10:00", "2011-12-30T10:00"),
        (Window.DAY, "Pacific/Apia", "2011-12-30T11:00", "2011-12-30T10:00", "2011-12-31T10:00"),
        (Window.MONTH, "UTC", "2026-01-31T23:59", "2026-01-01T00:00", "2026-02-01T00:00"),
        (Window.MONTH, "UTC", "2026-02-28T23:59", "2026-02-01T00:00", "2026-03-01T00:00"),
        (Window.MONTH, "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        (Window.MONTH, "UTC", "2100-02-28T12:00", "2100-02-01T00:00", "2100-03-01T00:00"),
        (Window.MONTH, "UTC", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        (Window.MONTH, "Asia/Kolkata", "2026-04-30T18:30", "2026-04-30T18:30", "2026-05-31T18:30"),
        (Window.MONTH, "Europe/Berlin", "2026-03-15T00:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        (Window.MONTH, "America/New_York", "2026-11-15T00:00", "2026-11-01T04:00", "2026-12-01T05:00"),
    ],
)
def test_days_and_months_begin_at_midnight_where_the_account_lives(
    window: Window, zone: str, now: str, begins: str, ends: str
) -> None:
    """A quota is told as "a day", and a day is not always 24 hours."""
    assert period(window, zone, utc(now)) == (utc(begins), utc(ends))


@pytest.mark.parametrize("minute", range(0, 180, 5))
def test_a_day_does_not_end_before_now_where_midnight_comes_twice(minute: int) -> None:
    """Newfoundland went from 00:01 back to 23:01: a period that is over at once would never hold anybody to it."""
    now = utc("2010-11-07T01:00") + minute * 60

    begins, ends = period(Window.DAY, "America/St_Johns", now)

    assert begins <= now < ends


@pytest.mark.parametrize("window", [Window.LIFETIME, Window.CREDIT])
def test_a_lifetime_has_no_end(window: Window) -> None:
    """It never begins anew."""
    assert period(window, "Asia/Kolkata", NOON) == (0.0, FOREVER)
