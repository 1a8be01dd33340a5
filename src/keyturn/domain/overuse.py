"""What is said to whoever has come to the end of a limit: which one, how much there was, and when there is more."""

from math import ceil

from keyturn.domain.keys import rfc3339
from keyturn.domain.leases import Denial
from keyturn.domain.limits import Bound, Window
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason, Refused

LONGEST_RETRY_S = 60
"""What a rate by the minute says at most: official SDKs follow no longer wait, and the window is a cell longer."""


def refused_by_limit(bound: Bound, denial: Denial, need: int, now: float) -> Refused:
    """Return the refusal of a request that does not fit under a limit.

    Args:
        bound: The limit.
        denial: What the authority said.
        need: How much the request needed, in the limit's own unit.
        now: Seconds since 1970 UTC.
    """
    limit = bound.limit
    details = {
        "policy": bound.name,
        "limit": _amount(bound, denial.allowed),
        "used": _amount(bound, denial.used),
        "needed": _amount(bound, need),
    }
    if limit.window is Window.CREDIT:
        balance = max(0, denial.allowed - denial.used)
        details = {"policy": "credit", "balance": format_usd(balance), "needed": format_usd(need)}
        message = (
            f"This request needs up to ${format_usd(need)} and ${format_usd(balance)} of credit is left; "
            "buy more, or ask for less output"
        )
        return Refused(Reason.INSUFFICIENT_CREDITS, message, details=details)
    if bound.is_rate or not limit.window:
        return _refused_by_rate(bound, denial, need, details)
    resets_s = denial.wait_s if denial.wait_s > 0 else None
    if resets_s is not None:
        details["resets_at"] = rfc3339(now + resets_s)
    wait_s = None if resets_s is None else ceil(resets_s)
    if need > denial.allowed:
        return Refused(_reason(bound), _too_large(bound, denial, need), details=details, hopeless=True)
    if bound.is_money:
        details["balance"] = format_usd(max(0, denial.allowed - denial.used))
        message = (
            f"The budget '{bound.name}' of ${_amount(bound, denial.allowed)} is used up; "
            f"this request needs up to ${format_usd(need)}"
        )
        return Refused(Reason.INSUFFICIENT_CREDITS, message, details=details, retry_after_s=wait_s)
    message = (
        f"The quota '{bound.name}' of {_amount(bound, denial.allowed)} is used up"
        + (f" until {details['resets_at']}" if resets_s is not None else "")
        + "; wait for that, or ask for a larger one"
    )
    return Refused(Reason.QUOTA_EXCEEDED, message, details=details, retry_after_s=wait_s)


def _refused_by_rate(bound: Bound, denial: Denial, need: int, details: dict[str, str]) -> Refused:
    if bound.limit.window:
        details["window"] = bound.limit.window.value
    if need > denial.allowed:
        message = _too_large(bound, denial, need)
        return Refused(Reason.RATE_LIMIT_EXCEEDED, message, details=details, hopeless=True)
    wait_ms = max(1, ceil(denial.wait_s * 1000))
    if bound.limit.window in {Window.SECOND, Window.MINUTE}:
        wait_ms = min(wait_ms, LONGEST_RETRY_S * 1000)
    details["retry_after"] = str(ceil(wait_ms / 1000))
    return Refused(
        Reason.RATE_LIMIT_EXCEEDED,
        details=details,
        retry_after_s=ceil(wait_ms / 1000),
        retry_after_ms=wait_ms,
    )


def _reason(bound: Bound) -> Reason:
    return Reason.INSUFFICIENT_CREDITS if bound.is_money else Reason.QUOTA_EXCEEDED


def _too_large(bound: Bound, denial: Denial, need: int) -> str:
    return (
        f"This request is larger than the limit '{bound.name}' allows at all: it needs up to {_amount(bound, need)} "
        f"of {_amount(bound, denial.allowed)}; send less, or set a smaller maximum of output tokens"
    )


def _amount(bound: Bound, amount: int) -> str:
    return format_usd(max(0, amount)) if bound.is_money else str(max(0, amount))
