"""Limits of other systems' keys."""

from collections.abc import Callable

import pytest

from keyturn.domain import foreign_limits
from keyturn.domain.foreign_files import Row
from keyturn.domain.foreign_limits import Carried, of_litellm, of_one_api, of_openrouter, of_unkey
from keyturn.domain.limit_text import format_limit


def texts(carried: Carried) -> list[str]:
    """Return limits as people write them."""
    return [format_limit(limit) for limit in carried.limits]


@pytest.mark.parametrize(
    ("read", "row", "limits"),
    [
        (of_litellm, {}, []),
        (
            of_litellm,
            {"rpm_limit": "60", "tpm_limit": 1_000, "max_parallel_requests": 4.0},
            ["requests/minute=60", "tokens/minute=1000", "concurrency=4"],
        ),
        (of_litellm, {"max_budget": "10.5", "budget_duration": "1d"}, ["cost_usd/day=10.5"]),
        (of_litellm, {"max_budget": 10, "budget_duration": "30d"}, ["cost_usd/month=10"]),
        (of_litellm, {"max_budget": 10, "budget_duration": "7d"}, []),
        (of_litellm, {"max_budget": 10, "budget_duration": "1h", "spend": 3}, ["cost_usd/hour=10"]),
        (of_litellm, {"max_budget": 10, "spend": "2.75"}, ["cost_usd/lifetime=7.25"]),
        (of_litellm, {"max_budget": 10, "spend": 11}, ["cost_usd/lifetime=0"]),
        (of_litellm, {"max_budget": 1e-10}, ["cost_usd/lifetime=0"]),
        (of_litellm, {"max_budget": "lots", "rpm_limit": -1, "tpm_limit": 1.5}, []),
        (of_litellm, {"max_budget": "Infinity", "rpm_limit": 10**16}, []),
        (of_unkey, {}, []),
        (of_unkey, {"remaining": 100}, ["requests/lifetime=100"]),
        (of_unkey, {"credits": 100}, ["requests/lifetime=100"]),
        (of_unkey, {"credits": {"remaining": 7}}, ["requests/lifetime=7"]),
        (
            of_unkey,
            {"credits": {"remaining": 7, "refill": {"interval": "daily", "amount": 50}}},
            ["requests/day=50"],
        ),
        (
            of_unkey,
            {"remaining": 7, "refill": '{"interval": "monthly", "amount": 9}'},
            ["requests/month=9"],
        ),
        (of_unkey, {"remaining": 7, "refill": {"interval": "weekly", "amount": 9}}, []),
        (of_unkey, {"remaining": 7, "refill_amount": 9}, []),
        (of_unkey, {"remaining": 7, "refill_amount": 9, "refill_day": None}, ["requests/day=9"]),
        (of_unkey, {"remaining": 7, "refillAmount": 9, "refillDay": 15}, ["requests/month=9"]),
        (of_unkey, {"ratelimit": {"limit": 10, "duration": 60_000}}, ["requests/minute=10"]),
        (of_unkey, {"ratelimit_limit": "10", "ratelimit_duration": "1000"}, ["requests/second=10"]),
        (of_unkey, {"ratelimit": {"limit": 10, "duration": 90_000}}, []),
        (of_unkey, {"ratelimit": {"limit": 10}}, []),
        (of_openrouter, {}, []),
        (of_openrouter, {"limit": 100, "limit_reset": "monthly", "usage": 5}, ["cost_usd/month=100"]),
        (of_openrouter, {"limit": 100, "limitReset": "daily"}, ["cost_usd/day=100"]),
        (of_openrouter, {"limit": 100, "limit_reset": "weekly"}, []),
        (of_openrouter, {"limit": 100, "limit_remaining": 74.5}, ["cost_usd/lifetime=74.5"]),
        (of_openrouter, {"limit": 100, "usage": 25.5}, ["cost_usd/lifetime=74.5"]),
        (of_openrouter, {"limit": 100}, ["cost_usd/lifetime=100"]),
        (of_openrouter, {"limit": None, "limit_remaining": 3}, []),
        (of_one_api, {"remain_quota": 500_000}, ["cost_usd/lifetime=1"]),
        (of_one_api, {"remain_quota": "-20"}, ["cost_usd/lifetime=0"]),
        (of_one_api, {"remain_quota": 500_000, "unlimited_quota": "1"}, []),
        (of_one_api, {}, []),
    ],
)
def test_a_limit_that_has_its_like_here_is_carried_over(
    read: Callable[[Row], Carried], row: Row, limits: list[str]
) -> None:
    """And nothing else: a limit that is nearly the same would be found out too late."""
    assert texts(read(row)) == limits


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (of_litellm, {"max_budget": 1, "budget_duration": "7d"}),
        (of_openrouter, {"limit": 1, "limit_reset": "x"}),
    ],
)
def test_what_is_not_carried_over_is_not_said_to_be(read: Callable[[Row], Carried], row: Row) -> None:
    """The import names every column that it leaves behind."""
    assert read(row) == foreign_limits.NOTHING


def test_the_columns_of_what_is_carried_over_are_named() -> None:
    """The others are those that are left behind."""
    found = of_litellm({"max_budget": 1, "budget_duration": "1d", "rpm_limit": 6, "tpm_limit": "x"})

    assert found.columns == {"max_budget", "budget_duration", "rpm_limit"}
