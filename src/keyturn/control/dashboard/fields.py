"""What people type into the fields of forms, read: amounts, numbers, days, times, lists. Pure; no field is guessed at."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from keyturn.domain.money import LARGEST_USD, parse_typed_usd
from keyturn.domain.refusals import Reason, Refused

T = TypeVar("T")
Empty = TypeVar("Empty", int, None)
_MOST_DIGITS = 12
_WHOLE = re.compile(r"[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?:_[0-9]{3})+")
_BETWEEN = re.compile(r"[\s,;]+")
_PLACE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_BOUND = re.compile(r"\bint`? (?P<side>[<>])= (?P<bound>-?\d+)")
_LENGTH = re.compile(r"\bstr`? of length (?P<side>[<>])= (?P<bound>\d+)")


def dollars(text: str, name: str, *, empty: int | None = None, negative: bool = False) -> int | Refused:
    """Return an amount in nano-dollars.

    Args:
        text: What was typed.
        name: Of the field.
        empty: What an empty field stands for; ``None``: it can't be empty.
        negative: Less than nothing is fine.
    """
    text = text.replace("\N{MINUS SIGN}", "-").strip()
    if not text and empty is not None:
        return empty
    sign = -1 if negative and text.startswith("-") else 1
    size = text.removeprefix("-") if sign < 0 else text
    try:
        return sign * parse_typed_usd(size.strip().removeprefix("$").removesuffix("$").strip())
    except ValueError:
        message = f"An amount in US dollars, such as 20, 0.50 or 1,234.50: up to nine decimals, {LARGEST_USD:,} at most"
        return Refused(Reason.INVALID_MEMBER, message, name)


def whole(text: str, name: str, empty: Empty) -> int | Empty | Refused:
    """Return a whole number that is not negative, groups of three digits apart or not; an empty field: ``empty``."""
    if not text:
        return empty
    plain = text.replace(",", "").replace("_", "")
    if _WHOLE.fullmatch(text) is None or len(plain) > _MOST_DIGITS:
        return Refused(Reason.INVALID_MEMBER, "A whole number, such as 30", name)
    return int(plain)


def moment(text: str, name: str, zone: ZoneInfo) -> datetime | Refused | None:
    """Return the UTC time of what a field of the kind ``datetime-local`` holds; an empty one: ``None``."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return Refused(Reason.INVALID_MEMBER, "A day and a time, such as 2027-01-31 23:59", name)


def end_of_day(text: str, name: str, zone: ZoneInfo) -> int | Refused | None:
    """Return when a day ends in a time zone, in milliseconds since 1970 UTC; an empty field: ``None``."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=1)
        at = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return Refused(Reason.INVALID_MEMBER, "Write a day, such as 2026-12-31", name)
    return int(at * 1000)


def words(text: str) -> list[str]:
    """Return the words of a list, each once, with commas, semicolons, blanks or lines between them."""
    return list(dict.fromkeys(filter(None, _BETWEEN.split(text))))


def shaped(members: Mapping[str, Any], into: type[T]) -> T | Refused:
    """Read members into a shape of the management API; what does not fit is said in words for people, at its path."""
    try:
        return msgspec.convert(members, into, strict=False)
    except msgspec.ValidationError as error:
        message = str(error)
        place = _PLACE.search(message)
        return Refused(Reason.INVALID_MEMBER, plainly(message), place["path"] if place else None)


def plainly(message: str) -> str:
    """Return what a decoder says of a value in words for people."""
    if "decimal" in message:
        return "An amount in US dollars, such as 0.15"
    if bound := _BOUND.search(message):
        return f"A whole number, {bound['bound']} at {'least' if bound['side'] == '>' else 'most'}"
    if length := _LENGTH.search(message):
        return f"{length['bound']} characters at {'least' if length['side'] == '>' else 'most'}"
    if re.search(r"\bint\b", message):
        return "A whole number, such as 30"
    said = message.partition(" - at ")[0].replace("`", "")
    return said[:1].upper() + said[1:]
