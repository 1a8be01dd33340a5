"""Stretches of time that usage is summed up by, and how any stretch is put together from them. Seconds since 1970 UTC."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
PERIODS = (("minute", MINUTE_S), ("hour", HOUR_S), ("day", DAY_S))
"""What is kept, shortest first: the days are those of UTC."""
RANKED_PERIODS = (("day", DAY_S), ("six_days", 6 * DAY_S))
"""What is kept of each key to rank it by: of all lengths, six days need the fewest to make up any 30."""


class Interval(StrEnum):
    """The steps of a course of time."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of time whose sums are kept by one period: both ends lie on the edges of it."""

    period: str
    since_s: int
    until_s: int
    """The first second behind it."""


def cover(since_s: int, until_s: int) -> list[Span]:
    """Return the fewest spans, in order of time, that make up a stretch between two whole minutes."""
    return list(_cover(since_s, until_s, PERIODS))


def cover_days(since_s: int, until_s: int) -> list[Span]:
    """Return the fewest spans of ``RANKED_PERIODS``, in order of time, that make up a stretch of whole days (UTC)."""
    return list(_cover(since_s, until_s, RANKED_PERIODS))


def _cover(since_s: int, until_s: int, lengths: Sequence[tuple[str, int]]) -> Iterator[Span]:
    if since_s >= until_s:
        return
    period, length_s = lengths[-1]
    first, last = -(-since_s // length_s) * length_s, until_s // length_s * length_s
    if first < last:
        yield from _cover(since_s, first, lengths[:-1])
        yield Span(period, first, last)
        yield from _cover(last, until_s, lengths[:-1])
    elif len(lengths) > 1:
        yield from _cover(since_s, until_s, lengths[:-1])


def lacking(spans: Sequence[Span], complete_from_s: Mapping[str, int]) -> Span | None:
    """Return the first span of which not everything is kept any more.

    Args:
        spans: What is wanted.
        complete_from_s: By period, since when it is complete; always, where it is not in here.
    """
    return next((span for span in spans if span.since_s < complete_from_s.get(span.period, 0)), None)


def floor_minute(at_s: float) -> int:
    """Return the beginning of the minute."""
    return int(at_s // MINUTE_S) * MINUTE_S


def day_start(at_s: float, zone: ZoneInfo, *, days: int = 0) -> int:
    """Return when the day of a time begins in a time zone, or that so many days later.

    Where the clocks skip midnight, a day begins with the minute that follows the gap.
    """
    day = datetime.fromtimestamp(at_s, zone).date() + timedelta(days=days)
    return floor_minute(datetime.combine(day, time.min, tzinfo=zone).timestamp())


def end_of(interval: Interval | None, at_s: float, zone: ZoneInfo) -> int:
    """Return when the interval ends that a time lies in; the day's end where there are no intervals."""
    if interval in {None, Interval.DAY}:
        return day_start(at_s, zone, days=1)
    length_s = MINUTE_S if interval is Interval.MINUTE else HOUR_S
    return _aligned(at_s, length_s, zone) + length_s


def steps(since_s: int, until_s: int, interval: Interval, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Yield the beginning and the end of each interval within a stretch; the first and the last may be cut short."""
    begin = since_s
    while begin < until_s:
        end = min(until_s, end_of(interval, begin, zone))
        yield begin, end
        begin = end


def _aligned(at_s: float, length_s: int, zone: ZoneInfo) -> int:
    """Return the beginning of the minute or hour by the clock of a time zone."""
    offset = datetime.fromtimestamp(at_s, zone).utcoffset() or timedelta()
    shift = int(offset.total_seconds()) // MINUTE_S * MINUTE_S
    return int((at_s + shift) // length_s) * length_s - shift
