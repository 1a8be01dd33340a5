"""The names clients use for models, and where each of them goes."""

import difflib
from collections.abc import Iterable

import msgspec

from keyturn.domain.prices import PriceStep


class Target(msgspec.Struct, frozen=True):
    """Where a model may go: a configured upstream and the model's name there."""

    upstream: str
    """The upstream's name, a key of the snapshot's table of upstreams."""
    model: str
    prices: tuple[PriceStep, ...] = ()
    """The step in force and those to come. Without a price a request costs nothing and is counted as unpriced."""
    created: int = 0
    """Seconds since 1970 UTC when the name was added; shown in the list of models."""
    output_cap: int = 0
    """The most tokens that the model writes; 0: nobody knows."""


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that ``name`` may have been meant for, best first."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
