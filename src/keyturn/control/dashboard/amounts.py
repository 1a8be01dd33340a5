"""Amounts, days and numbers as people type them into forms."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from keyturn.control.dashboard.guard import Form
from keyturn.domain.money import LARGEST_USD, parse_usd
from keyturn.domain.refusals import Reason, Refused


def dollars(form: Form, name: str, *, empty: int | None = None, negative: bool = False) -> int | Refused:
    """Return an amount in nano-dollars.

    Args:
        form: What was typed.
        name: Of the field.
        empty: What an empty field stands for; ``None``: it can't be empty.
        negative: Less than nothing is fine.
    """
    text = form.text(name).replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-").strip()
    if not text and empty is not None:
        return empty
    sign = -1 if negative and text.startswith("-") else 1
    try:
        return sign * parse_usd(text[1:].strip() if sign < 0 else text)
    except ValueError:
        message = f"Write dollars, such as 20 or 0.50: up to nine decimals, {LARGEST_USD:,} at most"
        return Refused(Reason.INVALID_MEMBER, message, name)


def whole(form: Form, name: str, *, empty: int | None = None) -> int | Refused | None:
    """Return a whole number; an empty field: ``empty``."""
    text = form.text(name).replace(",", "").replace("_", "")
    if not text:
        return empty
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        return Refused(Reason.INVALID_MEMBER, "Write a whole number", name)
    return int(text)


def end_of_day(form: Form, name: str, zone: str) -> int | Refused | None:
    """Return when a day ends in a time zone, in milliseconds since 1970 UTC; an empty field: ``None``."""
    text = form.text(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=1)
        at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()
    except (ValueError, OverflowError):
        return Refused(Reason.INVALID_MEMBER, "Write a day, such as 2026-12-31", name)
    return int(at * 1000)
