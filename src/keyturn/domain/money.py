"""Amounts in nano-US-dollars, always integers (1 USD = 10**9)."""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

NANO_PER_USD = 10**9
LARGEST_USD = 10**9
"""The largest amount that is read; in nano-dollars it fits a signed 64-bit integer with room for sums."""
_AMOUNT = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?")
_TYPED = re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)?(?:\.[0-9]*)?")


def parse_usd(text: str) -> int:
    """Read a decimal amount of dollars as nano-dollars, written as programs write it: an exponent is fine.

    Raises:
        ValueError: Not a number from zero to ``LARGEST_USD`` with at most nine decimals.
    """
    if _AMOUNT.fullmatch(text) is None:
        raise ValueError(f"not an amount in dollars: {text!r}")
    exact = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow])
    try:
        amount = exact.multiply(Decimal(text), NANO_PER_USD)
    except ArithmeticError:
        raise ValueError(f"not an amount in dollars: {text!r}") from None
    if not amount.is_finite() or not 0 <= amount <= LARGEST_USD * NANO_PER_USD or amount != int(amount):
        raise ValueError(f"not an amount in dollars with at most nine decimals: {text!r}")
    return int(amount)


def parse_typed_usd(text: str) -> int:
    """Read an amount that somebody typed: ``20``, ``0.50`` or ``1,234.50``.

    A comma stands between groups of three digits only: in half of the world ``0,50`` is half a dollar.

    Raises:
        ValueError: Not written so, or not an amount for ``parse_usd``.
    """
    if _TYPED.fullmatch(text) is None:
        raise ValueError(f"not an amount in dollars: {text!r}")
    return parse_usd(text.replace(",", ""))


def format_usd(nano_usd: int) -> str:
    """Write nano-dollars as decimal dollars without trailing zeros, ``0.0125``; a difference may be negative."""
    whole, rest = divmod(abs(nano_usd), NANO_PER_USD)
    decimals = f"{rest:09d}".rstrip("0")
    amount = f"{whole}.{decimals}" if decimals else str(whole)
    return f"-{amount}" if nano_usd < 0 else amount
