"""What is said to whoever has come to the end of a limit."""

import pytest

from keyturn.domain.leases import Denial
from keyturn.domain.limits import CREDIT, Bound, Limit, Metric, Scope, Window
from keyturn.domain.overuse import LONGEST_RETRY_S, refused_by_limit
from keyturn.domain.refusals import Reason

NOW = 1_772_445_600.0
"""2026-03-02T10:00:00Z."""
DOLLAR = 10**9


def bound(metric: Metric = Metric.REQUESTS, window: Window = Window.MINUTE, most: int = 60) -> Bound:
    """Return a key's limit."""
    return Bound("key_1", Scope.KEY, Limit(metric, window, most))


@pytest.mark.parametrize(
    ("window", "wait_s", "retry_s", "retry_ms"),
    [
        (Window.SECOND, 0.0004, 1, 1),
        (Window.SECOND, 0.75, 1, 750),
        (Window.MINUTE, 12.0001, 13, 12_001),
        (Window.MINUTE, 60.9, LONGEST_RETRY_S, LONGEST_RETRY_S * 1_000),
        (Window.HOUR, 3_600.5, 3_601, 3_600_500),
        (Window.NONE, 1.0, 1, 1_000),
    ],
)
def test_a_rate_says_when_to_come_back(window: Window, wait_s: float, retry_s: int, retry_ms: int) -> None:
    """Rounded up: a client that comes at the very moment must not be sent away again."""
    metric = Metric.REQUESTS if window else Metric.CONCURRENCY

    refused = refused_by_limit(bound(metric, window), Denial(0, 60, 60, wait_s), 1, NOW)

    assert refused.reason is Reason.RATE_LIMIT_EXCEEDED
    assert (refused.retry_after_s, refused.retry_after_ms) == (retry_s, retry_ms)
    assert not refused.hopeless
    assert refused.details["retry_after"] == str(retry_s)
    assert refused.details.get("window", "") == window.value
    assert {refused.details[name] for name in ("limit", "used")} == {"60"}


@pytest.mark.parametrize(
    ("owned", "need", "reason", "told"),
    [
        (bound(Metric.TOKENS, Window.MINUTE, 1_000), 1_001, Reason.RATE_LIMIT_EXCEEDED, "1001 of 1000;"),
        (bound(Metric.TOKENS, Window.MONTH, 1_000), 2_000, Reason.QUOTA_EXCEEDED, "2000 of 1000;"),
        (bound(Metric.COST, Window.DAY, DOLLAR), 2 * DOLLAR, Reason.INSUFFICIENT_CREDITS, "2 of 1;"),
        (bound(Metric.CONCURRENCY, Window.NONE, 0), 1, Reason.RATE_LIMIT_EXCEEDED, "1 of 0;"),
    ],
)
def test_what_never_fits_is_not_told_to_come_again(
    owned: Bound, need: int, reason: Reason, told: str
) -> None:
    """Waiting does not make a limit larger: SDKs must not retry, people must send less."""
    refused = refused_by_limit(owned, Denial(0, 0, owned.limit.max, -1.0), need, NOW)

    assert (refused.reason, refused.hopeless) == (reason, True)
    assert (refused.retry_after_s, refused.retry_after_ms) == (None, None)
    assert told in refused.message


@pytest.mark.parametrize(("wait_s", "retry_s"), [(3_599.2, 3_600), (-1.0, None)])
def test_a_quota_says_when_it_begins_anew_if_it_does(wait_s: float, retry_s: int | None) -> None:
    """A lifetime does not; a day does, at a time that people can read."""
    window = Window.DAY if retry_s else Window.LIFETIME

    refused = refused_by_limit(bound(Metric.TOKENS, window, 100), Denial(0, 90, 100, wait_s), 20, NOW)

    assert refused.reason is Reason.QUOTA_EXCEEDED
    assert refused.retry_after_s == retry_s
    assert refused.details["needed"] == "20"
    assert refused.details["limit"] == "100"
    assert (
        ("resets_at" in refused.details) == ("until 2026-03-02T10:59:59" in refused.message) == bool(retry_s)
    )


def test_a_budget_speaks_of_money() -> None:
    """Nobody counts in billionths of a dollar."""
    denial = Denial(0, DOLLAR * 3 // 4, DOLLAR, 60.0)

    refused = refused_by_limit(bound(Metric.COST, Window.MONTH, DOLLAR), denial, DOLLAR // 2, NOW)

    assert refused.reason is Reason.INSUFFICIENT_CREDITS
    assert refused.details["balance"] == "0.25"
    assert refused.details["needed"] == "0.5"
    assert "of $1 is used up" in refused.message


@pytest.mark.parametrize(("used", "balance"), [(DOLLAR // 2, "0.5"), (2 * DOLLAR, "0")])
def test_credit_says_what_is_left_and_never_less_than_nothing(used: int, balance: str) -> None:
    """An account that went below zero reads of nothing, not of a debt nobody asked for."""
    credit = Bound("acc_1", Scope.ACCOUNT, CREDIT)

    refused = refused_by_limit(credit, Denial(0, used, DOLLAR, -1.0), DOLLAR, NOW)

    assert refused.reason is Reason.INSUFFICIENT_CREDITS
    assert refused.details == {"policy": "credit", "balance": balance, "needed": "1"}
    assert refused.retry_after_s is None
