"""How figures are written for people: amounts, counts, times, durations. Filters of the templates."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from typing import Any

import markupsafe

from keyturn import system
from keyturn.domain.money import format_usd

_ZONE: ContextVar[tzinfo] = ContextVar("zone", default=UTC)
_NANO = 1_000_000_000
_STEPS = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))
_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_CENT = _NANO // 100
_SIGNIFICANT = 2
"""Digits of an amount below a cent."""


@contextmanager
def zone(which: tzinfo) -> Iterator[None]:
    """Write times in this zone until the block ends."""
    kept = _ZONE.set(which)
    try:
        yield
    finally:
        _ZONE.reset(kept)


def count(number: int) -> str:
    """Return ``1234567`` as ``1,234,567``."""
    return f"{number:,}"


def compact(number: float) -> str:
    """Return ``1234567`` as ``1.2M``."""
    # What would round to 1000 of one unit is 1 of the next.
    for size, letter, least in (
        (1e12, "T", 999.5e9),
        (1e9, "B", 999.5e6),
        (1e6, "M", 999.5e3),
        (1e3, "k", 1e3),
    ):
        if abs(number) >= least:
            short = number / size
            return f"{short:.0f}{letter}" if abs(short) >= 100 else f"{short:.1f}".removesuffix(".0") + letter
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.1f}"


def usd(nano_usd: int) -> str:
    """Return an amount with two decimals, below a cent with two digits that are not leading zeros; rounded."""
    sign, size = ("\N{MINUS SIGN}" if nano_usd < 0 else ""), abs(nano_usd)
    if size == 0 or size >= _CENT:
        return f"{sign}${size / _NANO:,.2f}"
    step = 10 ** max(len(str(size)) - _SIGNIFICANT, 0)
    rounded = (size + step // 2) // step * step
    return f"{sign}${format_usd(rounded)}" if rounded < _CENT else f"{sign}$0.01"


def exact_usd(nano_usd: int) -> str:
    """Return an amount with at least two decimals and all that there are."""
    sign, exact = ("\N{MINUS SIGN}" if nano_usd < 0 else ""), format_usd(abs(nano_usd))
    whole, _, decimals = exact.partition(".")
    return f"{sign}${int(whole):,}.{decimals.ljust(2, '0')}"


def when(at_ms: int | None, never: str = "never") -> markupsafe.Markup:
    """Return a time as people say it, with the exact one to be seen on hover; a script keeps it true."""
    if at_ms is None:
        return markupsafe.Markup('<span class="quiet">{}</span>').format(never)
    instant = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = f'<time datetime="{instant}" title="{moment(at_ms)}" data-relative>{relative(at_ms)}</time>'
    # Nothing that anybody wrote is in it, and a page has hundreds of them: no formatting that escapes.
    return markupsafe.Markup(shown)  # noqa: S704


def moment(at_ms: int | None) -> str:
    """Return the exact time in the account's zone."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, _ZONE.get()).strftime("%Y-%m-%d %H:%M:%S %Z")


def day(at_ms: int | None) -> str:
    """Return the day in the account's zone."""
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, _ZONE.get()).strftime("%Y-%m-%d")


def relative(at_ms: int) -> str:
    """Return ``3 minutes ago`` or ``in 2 days``."""
    seconds = (at_ms - system.now_ms()) / 1000
    for size, name in _STEPS:
        number = round(abs(seconds) / size)
        if abs(seconds) >= size * 0.95 and number:
            text = f"{number} {name}{'' if number == 1 else 's'}"
            return f"in {text}" if seconds > 0 else f"{text} ago"
    return "now" if seconds > 0 else "just now"


def took(micros: int | None) -> str:
    """Return a duration in microseconds as ``2 min 5 s``, ``1.2 s``, ``340 ms`` or ``80 µs``."""
    if micros is None:
        return "\N{EN DASH}"
    if micros < 1000:
        return f"{micros} µs"
    if micros < 9_950:
        return f"{micros / 1000:.1f} ms"
    if micros < 999_500:
        return f"{micros / 1000:.0f} ms"
    if micros < 59_950_000:
        return f"{micros / 1_000_000:.1f} s"
    minutes, seconds = divmod(round(micros / 1_000_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def lasting(seconds: int) -> str:
    """Return a span of time as ``7 days`` or ``1 day 12 hours``, exact to the second."""
    found = []
    for size_s, name in _SPANS:
        number, seconds = divmod(seconds, size_s)
        if number:
            found.append(plural(number, name))
    return " ".join(found) or "no time"


def size(number: int) -> str:
    """Return a number of bytes as ``1.2 MiB``."""
    if number < 1024:
        return f"{number} B"
    for unit in ("KiB", "MiB"):
        number_of = number / (1024 if unit == "KiB" else 1024**2)
        if number_of < 1024:
            return f"{number_of:.1f} {unit}"
    return f"{number / 1024**3:.1f} GiB"


def percent(share: float) -> str:
    """Return a share of one as ``12 %``; small ones with a decimal."""
    return f"{share * 100:.1f} %" if 0 < share < 0.1 else f"{share * 100:.0f} %"


def plural(number: int, one: str, many: str = "") -> str:
    """Return ``1 key`` or ``3 keys``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


FILTERS: dict[str, Callable[..., Any]] = {
    "count": count,
    "compact": compact,
    "usd": usd,
    "exact_usd": exact_usd,
    "when": when,
    "moment": moment,
    "day": day,
    "took": took,
    "lasting": lasting,
    "bytes": size,
    "percent": percent,
    "plural": plural,
}
