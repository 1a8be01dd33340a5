"""Amounts and prices in nano-US-dollars, always integers (1 USD = 10**9)."""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

import msgspec

NANO_PER_USD = 10**9
PER_MILLION = 10**6
LARGEST_USD = 10**9
"""The largest amount that is read; in nano-dollars it fits a signed 64-bit integer with room for sums."""


class Price(msgspec.Struct, frozen=True):
    """What a model costs, in nano-dollars per million tokens."""

    input_nano_usd: int
    output_nano_usd: int
    cached_input_nano_usd: int | None = None
    """``None``: cached input costs what other input does."""


def cost_nano_usd(price: Price, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
    """Price a request, rounded up to the next nano-dollar.

    Args:
        price: Per million tokens.
        input_tokens: All input, cached included.
        cached_tokens: The part of the input that came from the provider's cache.
        output_tokens: All output, reasoning included.
    """
    cached_price = (
        price.input_nano_usd if price.cached_input_nano_usd is None else price.cached_input_nano_usd
    )
    total = (
        (input_tokens - cached_tokens) * price.input_nano_usd
        + cached_tokens * cached_price
        + output_tokens * price.output_nano_usd
    )
    return -(-total // PER_MILLION)


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
    """Write nano-dollars as decimal dollars without trailing zeros, ``0.0125``."""
    whole, rest = divmod(nano_usd, NANO_PER_USD)
    decimals = f"{rest:09d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)
