"""Limits of other systems' keys, as far as one of ours says the same."""

from decimal import ROUND_FLOOR, Decimal, DecimalException

import msgspec

from keyturn.domain.foreign_files import Row, members, truth
from keyturn.domain.limits import LARGEST, LARGEST_NANO_USD, Limit, Metric, Window
from keyturn.domain.money import NANO_PER_USD

ONE_API_NANO_USD = 2_000
"""What one unit of quota is worth. Source: one-api, common/config: ``QuotaPerUnit = 500 * 1000.0`` to the dollar."""
_BUDGET_WINDOWS = {
    **dict.fromkeys(("1s",), Window.SECOND),
    **dict.fromkeys(("60s", "1m"), Window.MINUTE),
    **dict.fromkeys(("60m", "1h"), Window.HOUR),
    **dict.fromkeys(("24h", "1d"), Window.DAY),
    **dict.fromkeys(("30d", "1mo"), Window.MONTH),
}
"""LiteLLM begins 30 days anew on the first of the month, as ours does.

Source: litellm/litellm_core_utils/duration_parser.py.
"""
_RATE_WINDOWS = {1_000: Window.SECOND, 60_000: Window.MINUTE, 3_600_000: Window.HOUR}
"""Milliseconds."""
_REFILLS = {"daily": Window.DAY, "monthly": Window.MONTH}


class Carried(msgspec.Struct, frozen=True):
    """What could be carried over."""

    limits: tuple[Limit, ...] = ()
    columns: frozenset[str] = frozenset()
    """Where it stood."""

    def __add__(self, other: "Carried") -> "Carried":
        """Return both."""
        return Carried(self.limits + other.limits, self.columns | other.columns)


NOTHING = Carried()


def of_litellm(row: Row) -> Carried:
    """Return rates, how many at once, and the budget; of one that never begins anew, what is left."""
    plain = (
        ("rpm_limit", Metric.REQUESTS, Window.MINUTE),
        ("tpm_limit", Metric.TOKENS, Window.MINUTE),
        ("max_parallel_requests", Metric.CONCURRENCY, Window.NONE),
    )
    found = NOTHING
    for column, metric, length in plain:
        found += _carried(metric, length, _whole(row.get(column)), column)
    budget, span = _nano_usd(row.get("max_budget")), str(row.get("budget_duration") or "").strip()
    if span:
        window = _BUDGET_WINDOWS.get(span)
        return found + _carried(Metric.COST, window, budget, "max_budget", "budget_duration")
    left = None if budget is None else max(0, budget - (_nano_usd(row.get("spend")) or 0))
    return found + _carried(Metric.COST, Window.LIFETIME, left, "max_budget")


def of_unkey(row: Row) -> Carried:
    """Return the requests that are left, or come anew, and the one rate that holds for the key as a whole.

    Raises:
        ValueError: An object in it can't be read.
        TypeError: It is something else.
    """
    return _credits_of_unkey(row) + _rate_of_unkey(row)


def of_openrouter(row: Row) -> Carried:
    """Return the spending limit; of one that never begins anew, what is left."""
    limit = _nano_usd(row.get("limit"))
    columns = ("limit", "limit_reset", "limitReset")
    reset = str(row.get("limit_reset") or row.get("limitReset") or "").strip()
    if reset:
        return _carried(Metric.COST, _REFILLS.get(reset), limit, *columns)
    left = _nano_usd(row.get("limit_remaining", row.get("limitRemaining")))
    if left is None and limit is not None:
        left = max(0, limit - (_nano_usd(row.get("usage")) or 0))
    return _carried(Metric.COST, Window.LIFETIME, None if limit is None else left, *columns)


def of_one_api(row: Row) -> Carried:
    """Return the quota that is left, in money."""
    if truth(row.get("unlimited_quota")):
        return NOTHING
    quota = _decimal(row.get("remain_quota"))
    left = None if quota is None else max(0, int(quota)) * ONE_API_NANO_USD
    return _carried(Metric.COST, Window.LIFETIME, left, "remain_quota")


def _credits_of_unkey(row: Row) -> Carried:
    nested = members(row.get("credits")) if not isinstance(row.get("credits"), int) else {}
    refill = members(row.get("refill") or nested.get("refill"))
    columns = ("remaining", "remaining_requests", "remainingRequests", "credits", "refill")
    amount = _first(row, "refill_amount", "refillAmount")
    if refill:
        window = _REFILLS.get(str(refill.get("interval", "")))
        return _carried(Metric.REQUESTS, window, _whole(refill.get("amount")), *columns)
    if amount is not None:
        days = [row[name] for name in ("refill_day", "refillDay") if name in row]
        # Their database has no other word for the two: with a day of the month it is monthly.
        window = None if not days else Window.DAY if days[0] in {None, ""} else Window.MONTH
        return _carried(Metric.REQUESTS, window, _whole(amount), *columns, "refill_amount", "refillAmount")
    left = _first(row, "remaining", "remaining_requests", "remainingRequests")
    if left is None:
        left = nested.get("remaining") if nested else row.get("credits")
    return _carried(Metric.REQUESTS, Window.LIFETIME, _whole(left), *columns)


def _rate_of_unkey(row: Row) -> Carried:
    rate = members(row.get("ratelimit"))
    limit = rate.get("limit", _first(row, "ratelimit_limit", "ratelimitLimit"))
    length = _whole(rate.get("duration", _first(row, "ratelimit_duration", "ratelimitDuration")))
    window = None if length is None else _RATE_WINDOWS.get(length)
    columns = ("ratelimit", "ratelimit_limit", "ratelimitLimit")
    return _carried(Metric.REQUESTS, window, _whole(limit), *columns)


def _carried(metric: Metric, window: Window | None, amount: int | None, *columns: str) -> Carried:
    largest = LARGEST_NANO_USD if metric is Metric.COST else LARGEST
    if window is None or amount is None or not 0 <= amount <= largest:
        return NOTHING
    return Carried((Limit(metric, window, amount),), frozenset(columns))


def _first(row: Row, *names: str) -> object:
    return next((row[name] for name in names if row.get(name) not in {None, ""}), None)


def _decimal(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value).strip())
    except DecimalException:
        return None
    return number if number.is_finite() and abs(number) <= LARGEST else None


def _whole(value: object) -> int | None:
    number = _decimal(value)
    return None if number is None or number != int(number) else int(number)


def _nano_usd(value: object) -> int | None:
    """Return dollars as nano-dollars, rounded down: a limit is never carried over as a larger one."""
    number = _decimal(value)
    return None if number is None else int((number * NANO_PER_USD).to_integral_value(ROUND_FLOOR))
