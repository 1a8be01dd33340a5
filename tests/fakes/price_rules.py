"""Prices for tests: the shipped ones, and steps that hold ever since."""

from keyturn.domain.prices import Price, PriceStep, PriceVersion
from keyturn.services.pricing import PriceRules
from keyturn.store import shipped_prices

RULES = PriceRules(shipped_prices.load())


def ever(price: Price, price_id: str = "prc_1") -> tuple[PriceStep, ...]:
    """Return the steps of a price that has always been in force."""
    return (PriceStep(0, PriceVersion(price_id, "m", price)),)
