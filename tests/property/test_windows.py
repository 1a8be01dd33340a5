"""Sliding windows against a log that remembers everything; days and months against the calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings, strategies as st

from keyturn.domain.limits import WINDOW_S, Window
from keyturn.domain.windows import CELLS, FOREVER, SlidingWindow, period

START = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
EXACT_S = 1e-6
"""What seconds since 1970 in a float can tell apart, with something to spare."""
LENGTHS = st.sampled_from(sorted(WINDOW_S.values()))
ARRIVALS = st.lists(
    st.tuples(
        st.one_of(
            st.just(0.0),
            st.floats(0, 0.05),
            st.integers(0, 130).map(lambda cells: cells / CELLS),  # from edge to edge
            st.floats(0, 2.5),
        ),
        st.integers(0, 12),
    ),
    min_size=1,
    max_size=150,
)
"""Of each: after what part of the window, and how much is asked for."""
ZONES = st.sampled_from(sorted(available_timezones()))
TIMES = st.integers(int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()), 4_000_000_000)

Log = list[tuple[float, int]]


def within(log: Log, begins: float, ends: float) -> int:
    """Sum up what was used after ``begins`` and not after ``ends``."""
    return sum(amount for at, amount in log if begins < at <= ends)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(length=LENGTHS, limit=st.integers(0, 30), arrivals=ARRIVALS, offset=st.floats(0, 1))
def test_no_true_window_holds_more_than_the_limit_and_nothing_is_refused_for_nothing(
    length: int, limit: int, arrivals: Log, offset: float
) -> None:
    """The promise: never one over; and its price: what was used is held against nobody for longer than 61 cells."""
    window, log, now = SlidingWindow(length), Log(), START + offset * length
    longest = length + window.cell_s

    for part, amount in arrivals:
        now += part * length
        cell = window.advance(now)
        admitted = window.total + amount <= limit
        if admitted:
            window.add(cell, amount)
            log.append((now, amount))
        elif within(log, now - longest - EXACT_S, now) + amount <= limit:
            raise AssertionError(f"refused {amount} at {now} for nothing")

    assert all(within(log, at - length + EXACT_S, at) <= limit for at, _ in log)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(length=LENGTHS, arrivals=ARRIVALS, back=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 15))))
def test_the_total_is_what_the_cells_of_the_window_hold(length: int, arrivals: Log, back: Log) -> None:
    """However much comes back, and to whichever cell: no more than was there, and never from another cell."""
    window, cells, now = SlidingWindow(length), dict[int, int](), START
    returns = iter(back)

    for part, amount in arrivals:
        now += part * length
        cell = window.advance(now)
        window.add(cell, amount)
        cells[cell] = cells.get(cell, 0) + amount
        ago, returned = next(returns, (0, 0))
        window.give_back(cell - int(ago), returned)
        if ago <= CELLS:
            there = cells.get(cell - int(ago), 0)
            cells[cell - int(ago)] = there - min(there, returned)

        assert window.total == sum(held for at, held in cells.items() if cell - CELLS <= at <= cell)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(length=LENGTHS, limit=st.integers(0, 30), arrivals=ARRIVALS, amount=st.integers(0, 35))
def test_who_waits_as_long_as_told_is_let_in_and_nobody_could_have_come_sooner(
    length: int, limit: int, arrivals: Log, amount: int
) -> None:
    """A wait that is too short makes a client come twice, one too long wastes what is allowed."""
    window, now = SlidingWindow(length), START
    for part, used in arrivals:
        now += part * length
        window.add(window.advance(now), used)

    wait = window.wait(amount, limit, now)

    if wait == FOREVER:
        assert amount > limit
        return
    if wait > window.cell_s / 10:
        window.advance(now + wait - window.cell_s / 100)
        assert window.total + amount > limit
    window.advance(now + wait + EXACT_S)
    assert window.total + amount <= limit


@settings(max_examples=400, derandomize=True, deadline=None)
@given(window=st.sampled_from([Window.DAY, Window.MONTH]), zone=ZONES, now=TIMES)
def test_now_lies_in_its_period_and_periods_follow_each_other(window: Window, zone: str, now: int) -> None:
    """A gap would count nowhere, an overlap twice; a period that is over at once would hold nobody to anything."""
    begins, ends = period(window, zone, now)

    assert begins <= now < ends
    assert period(window, zone, begins) == (begins, ends)
    assert period(window, zone, ends)[0] == ends
    assert period(window, zone, ends - 1)[1] == ends


@settings(max_examples=200, derandomize=True, deadline=None)
@given(window=st.sampled_from([Window.DAY, Window.MONTH]), zone=ZONES, now=TIMES)
def test_a_period_is_what_has_one_date_on_the_wall(window: Window, zone: str, now: int) -> None:
    """What people of that place call a day, whatever the clock does within it."""
    begins, ends = period(window, zone, now)

    place = ZoneInfo(zone)
    date = datetime.fromtimestamp(now, place).date()
    for inside in (begins, ends - 1):
        there = datetime.fromtimestamp(inside, place).date()
        assert (there.year, there.month) == (date.year, date.month)
        assert window is Window.MONTH or there == date
    following = datetime.fromtimestamp(ends, place).date()
    assert following > date
    assert window is Window.MONTH or following <= date + timedelta(days=2)
