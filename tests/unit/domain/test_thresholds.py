"""Which shares of a limit are told of."""

import pytest

from keyturn.domain import thresholds
from keyturn.domain.events import Severity
from keyturn.domain.limits import Bound, Crossing, Limit, Metric, Scope, Window

NOW = 1_800_000_000.0


def crossing(
    metric: Metric = Metric.COST,
    window: Window = Window.MONTH,
    *,
    used: int,
    allowed: int = 100,
    shadow: bool = False,
    resets_at: float | None = NOW + 60,
) -> Crossing:
    """Return a limit of which so much is used."""
    bound = Bound("key_1", Scope.KEY, Limit(metric, window, allowed, shadow=shadow))
    percent = used * 100 // allowed if allowed else 100
    return Crossing(bound, percent, used, allowed, NOW, resets_at)


@pytest.mark.parametrize(
    ("used", "wanted", "told"),
    [
        (49, (50, 80, 100), []),
        (50, (50, 80, 100), [50]),
        (85, (100, 80, 50), [50, 80]),
        (100, (50, 80, 100), [50, 80, 100]),
        (100, (), []),
    ],
)
def test_every_threshold_that_was_passed_counts(used: int, wanted: tuple[int, ...], told: list[int]) -> None:
    """One step may pass several."""
    assert thresholds.reached(crossing(used=used), wanted) == told


@pytest.mark.parametrize(
    ("metric", "window", "shadow"),
    [
        (Metric.REQUESTS, Window.SECOND, False),
        (Metric.REQUESTS, Window.MINUTE, False),
        (Metric.TOKENS, Window.HOUR, False),
        (Metric.CONCURRENCY, Window.NONE, False),
        (Metric.COST, Window.MONTH, True),
    ],
)
def test_rates_and_shadows_are_told_when_they_refuse_or_would(
    metric: Metric, window: Window, *, shadow: bool
) -> None:
    """Half of a minute's requests is half of a minute's work, no news."""
    almost = crossing(metric, window, used=99, shadow=shadow)
    full = crossing(metric, window, used=100, shadow=shadow)

    assert thresholds.reached(almost, (50, 80)) == []
    assert thresholds.reached(full, (50, 80)) == [100]
    assert thresholds.reached(full, ()) == []


def test_a_limit_of_nothing_is_full() -> None:
    """There is no share of zero."""
    assert thresholds.reached(crossing(used=0, allowed=0), (50, 100)) == [50, 100]


def test_what_is_told_once_is_a_period_of_one_size() -> None:
    """The next month, or a larger limit, is told of anew; a rate after an hour."""
    month, later = crossing(used=80), crossing(used=80, resets_at=NOW + 999)
    raised = crossing(used=160, allowed=200)
    ever = crossing(window=Window.LIFETIME, used=80, resets_at=None)
    rate = crossing(window=Window.MINUTE, used=100)

    periods = [thresholds.period(one) for one in (month, later, raised, ever, rate)]

    assert len(set(periods)) == 5
    assert periods[-1] == ""


@pytest.mark.parametrize(
    ("percent", "shadow", "rate", "grave"),
    [
        (50, False, False, Severity.INFO),
        (80, False, False, Severity.WARNING),
        (100, False, False, Severity.CRITICAL),
        (100, True, False, Severity.WARNING),
        (100, False, True, Severity.WARNING),
    ],
)
def test_the_share_says_how_grave_it_is(percent: int, grave: Severity, *, shadow: bool, rate: bool) -> None:
    """What refuses nothing, or only for a moment, wakes nobody."""
    assert thresholds.severity(percent, shadow=shadow, rate=rate) is grave


@pytest.mark.parametrize(
    ("wanted", "fine"),
    [
        ([], True),
        ([1, 100], True),
        ([0], False),
        ([101], False),
        ([50, 50], False),
        (list(range(1, 12)), False),
    ],
)
def test_thresholds_are_a_few_different_shares(wanted: list[int], *, fine: bool) -> None:
    """What can't be reached would never be told, and nobody would know."""
    assert (thresholds.problem_with(wanted) is None) is fine


def test_money_is_told_in_dollars() -> None:
    """Nobody reads nano-dollars."""
    assert thresholds.amount(crossing(used=80), 12_500_000) == "0.0125"
    assert thresholds.amount(crossing(Metric.TOKENS, used=80), 12_500_000) == "12500000"
