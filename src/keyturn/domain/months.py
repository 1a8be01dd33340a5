"""Months as accounts are billed by: by the calendar of a time zone, written ``2026-11``."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

UTC = "UTC"
LAST_YEAR = 2100
_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")


def is_month(text: str) -> bool:
    """Say whether ``text`` is a month between 1970 and ``LAST_YEAR``."""
    found = _MONTH.fullmatch(text)
    return found is not None and 1970 <= int(found["year"]) <= LAST_YEAR


def month_of(at_s: float, zone: str) -> str:
    """Return the month that a moment, in seconds since 1970 UTC, belongs to."""
    return f"{datetime.fromtimestamp(at_s, ZoneInfo(zone)):%Y-%m}"


def next_month(month: str) -> str:
    """Return the month after one."""
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def start_of(month: str, zone: str) -> int:
    """Return when a month begins, in seconds since 1970 UTC."""
    year, number = map(int, month.split("-"))
    return int(datetime(year, number, 1, tzinfo=ZoneInfo(zone)).timestamp())


def end_of(month: str, zone: str) -> int:
    """Return when a month has ended, in seconds since 1970 UTC: the moment belongs to the next."""
    return start_of(next_month(month), zone)
