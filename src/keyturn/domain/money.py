"""Amounts in nano-US-dollars, always integers (1 USD = 10**9)."""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

NANO_PER_USD = 10**9
LARGEST_USD = 10**9
"""The largest amount that is read; in nano-dollars it fits a signed 64-bit integer with room for sums."""


def parse_usd(text: str) -> int:
    """Read a decimal amount of dollars as nano-dollars.

    Raises:
        ValueError: Not a number from zero to ``LARGEST_USD`` with at most nine decimals.
    """
    exact = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow])
    try:
        amount = exact.multiply(Decimal(text), NANO_PER_USD)
    except ArithmeticError:
        raise ValueError(f"not an amount in dollars: {text!r}") from None
    if not amount.is_finite() or not 0 <= amount <= LARGEST_USD * NANO_PER_USD or amount != int(amount):
        raise ValueError(f"not an amount in dollars with at most nine decimals: {text!r}")
    return int(amount)


def format_usd(nano_usd: int) -> str:
    """Write nano-dollars as decimal dollars without trailing zeros, ``0.0125``; a difference may be negative."""
    whole, rest = divmod(abs(nano_usd), NANO_PER_USD)
    decimals = f"{rest:09d}".rstrip("0")
    amount = f"{whole}.{decimals}" if decimals else str(whole)
    return f"-{amount}" if nano_usd < 0 else amount
