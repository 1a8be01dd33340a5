"""Which shares of a limit are told of, and how gravely."""

from collections.abc import Sequence

from keyturn.domain.events import Severity
from keyturn.domain.limits import Crossing, Window
from keyturn.domain.money import format_usd

USUAL = (50, 80, 100)
"""Percent, where nobody has said otherwise."""
MOST, LARGEST_PERCENT = 10, 100
HOUR_S = 3_600
_FULL, _NEARLY = 100, 80


def problem_with(thresholds: Sequence[int]) -> str | None:
    """Say why thresholds make no sense; ``None``: they do. None at all is possible: nothing is told then."""
    if len(thresholds) > MOST:
        return f"There can be {MOST} thresholds at most"
    if any(not 1 <= one <= LARGEST_PERCENT for one in thresholds):
        return f"A threshold is a whole number of percent from 1 to {LARGEST_PERCENT}"
    return "Name each threshold once" if len(set(thresholds)) < len(thresholds) else None


def reached(crossing: Crossing, thresholds: Sequence[int]) -> list[int]:
    """Return the thresholds that a limit has passed, the highest last.

    A rate is used up and free again within a moment, and a shadow limit matters where it would have refused: of both
    only 100 % is told, whatever the thresholds are, unless there are none.
    """
    if not thresholds:
        return []
    bound = crossing.bound
    full_only = bound.is_rate or bound.limit.window is Window.NONE or bound.limit.shadow
    wanted = [_FULL] if full_only else sorted(thresholds)
    return [one for one in wanted if _passed(crossing, one)]


def period(crossing: Crossing) -> str:
    """Return what a threshold is told once for: a calendar period, or an hour of a rate, at one size of the limit."""
    if crossing.resets_at is not None and not crossing.bound.is_rate:
        return f"{int(crossing.resets_at)} {crossing.allowed}"
    if crossing.bound.is_rate or crossing.bound.limit.window is Window.NONE:
        return ""  # told again after an hour
    return f"ever {crossing.allowed}"


def severity(percent: int, *, shadow: bool, rate: bool) -> Severity:
    """Say how soon somebody should look at a limit of which so much is used."""
    if percent < _NEARLY:
        return Severity.INFO
    return Severity.CRITICAL if percent >= _FULL and not shadow and not rate else Severity.WARNING


def amount(crossing: Crossing, number: int) -> str:
    """Write how much was used, or may be: dollars for money, otherwise the number."""
    return format_usd(number) if crossing.bound.is_money else str(number)


def _passed(crossing: Crossing, threshold: int) -> bool:
    # What the authority says counts too: it may round, or see a limit of zero.
    return crossing.percent >= threshold or crossing.used * 100 >= threshold * max(crossing.allowed, 1)
