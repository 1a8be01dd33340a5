"""The range of time that a page is about: a preset, or from when to when. Pure."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from keyturn.domain.periods import DAY_S, HOUR_S, MINUTE_S, Interval, day_start, end_of
from keyturn.domain.refusals import Reason, Refused

PRESETS = {"1h": "Hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
CUSTOM = "custom"
_BY_MINUTE_S, _BY_HOUR_S = 2 * HOUR_S, 8 * DAY_S
_LENGTHS = {"1h": HOUR_S, "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S, "90d": 90 * DAY_S}


class Range(msgspec.Struct, frozen=True):
    """A stretch of time. Seconds since 1970 UTC."""

    name: str
    """A preset, or ``custom``."""
    since_s: int
    until_s: int
    first: str = ""
    """The days, as they stand in the form; empty for a preset."""
    last: str = ""
    over_s: int = 0
    """How much of it has passed, if it is not over."""

    @property
    def interval(self) -> Interval:
        """The steps that make some dozen or hundred points."""
        length_s = self.until_s - self.since_s
        if length_s <= _BY_MINUTE_S:
            return Interval.MINUTE
        return Interval.HOUR if length_s <= _BY_HOUR_S else Interval.DAY

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        if self.name == CUSTOM:
            return self.first if self.first == self.last else f"{self.first} to {self.last}"
        return f"last {PRESETS[self.name].lower()}"

    @property
    def before(self) -> "Range":
        """The same hours of the range before: of a day that is not over yet, as much of the day before."""
        length_s = _LENGTHS.get(self.name, self.until_s - self.since_s)
        until_s = self.over_s or self.until_s
        return Range(CUSTOM, max(0, self.since_s - length_s), max(MINUTE_S, until_s - length_s))

    @property
    def query(self) -> dict[str, str]:
        """The query parameters that ask for it again."""
        if self.name == CUSTOM:
            return {"from": self.first, "to": self.last}
        return {"range": self.name}


def preset(name: str, now_s: float, zone: ZoneInfo) -> Range:
    """Return a preset that ends with the current minute, hour or day; an unknown one is the day."""
    over_s = int(now_s // MINUTE_S + 1) * MINUTE_S
    if name in {"30d", "90d"}:
        since_s, until_s = (day_start(now_s, zone, days=days) for days in (1 - int(name[:-1]), 1))
        return Range(name, max(0, since_s), until_s, over_s=over_s)
    name = name if name in {"1h", "7d"} else "24h"
    until_s = end_of(Interval.MINUTE if name == "1h" else Interval.HOUR, now_s, zone)
    return Range(name, max(0, until_s - _LENGTHS[name]), until_s, over_s=over_s)


def read(query: dict[str, str], now_s: float, zone: ZoneInfo, default: str = "24h") -> Range | Refused:
    """Return what the query parameters ``range``, ``from`` and ``to`` ask for; both days are included."""
    first, last = query.get("from", ""), query.get("to", "")
    if not first and not last:
        return preset(query.get("range", default), now_s, zone)
    today = datetime.fromtimestamp(now_s, zone).date()
    days: list[date] = []
    for name, text in (("from", first or last), ("to", last or today.isoformat())):
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            return Refused(Reason.INVALID_MEMBER, "Write a day as 2026-11-20", name)
        if not 1970 < days[-1].year < 9998:
            return Refused(Reason.INVALID_MEMBER, "No usage is kept of such a day", name)
    if days[0] > days[1]:
        return Refused(Reason.INVALID_MEMBER, "The time ends before it begins", "to")
    since_s, until_s = _midnight(days[0], zone), _midnight(days[1] + timedelta(days=1), zone)
    return Range(CUSTOM, since_s, until_s, days[0].isoformat(), days[1].isoformat())


def _midnight(day: date, zone: ZoneInfo) -> int:
    noon = datetime.combine(day, time(12), tzinfo=zone).timestamp()
    return day_start(noon, zone)
