"""The names clients use for models, and where each of them goes."""

import difflib
import re
from collections.abc import Iterable

import msgspec

from keyturn.domain.prices import PriceStep
from keyturn.domain.routing import Terms

_DATED = re.compile(r"-20[0-9]{2}(-?)[01][0-9]\1[0-3][0-9]$")
"""Ends the name of a snapshot: gpt-4o-2024-11-20, claude-sonnet-4-5-20250929."""

STAR = "*"
"""In a model's name: any text, which the target's name may hold in its place."""


class Sold(msgspec.Struct, frozen=True):
    """What is known of one model that a name with a star leads to."""

    prices: tuple[PriceStep, ...]
    output_cap: int = 0


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
    terms: Terms = Terms()
    sold: dict[str, Sold] = {}
    """Where ``model`` has a star: its price and cap, by the name there."""

    def at(self, text: str) -> "Target":
        """Return the target with ``text`` in place of its star; without a star, itself."""
        if STAR not in self.model:
            return self
        model = self.model.replace(STAR, text, 1)
        sold = self.sold.get(model) or self.sold.get(undated(model)) or Sold(self.prices, self.output_cap)
        return Target(self.upstream, model, sold.prices, self.created, sold.output_cap, self.terms)


class Starred:
    """The names that have a star."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take in all names; those without a star are passed over."""
        found = [name.partition(STAR) for name in names if STAR in name]
        # The one that says most is meant: `openai/gpt-*` before `openai/*`.
        self._patterns = sorted(
            ((before, after) for before, _, after in found),
            key=lambda one: (-len(one[0] + one[1]), -len(one[0]), one),
        )

    def find(self, name: str) -> tuple[str, str] | None:
        """Return the name with a star that ``name`` is one of, and what the star stands for, which is never nothing."""
        for before, after in self._patterns:
            if len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after):
                return before + STAR + after, name[len(before) : len(name) - len(after)]
        return None


def undated(model: str) -> str:
    """Return the name of the model that a dated one is a snapshot of."""
    return _DATED.sub("", model)


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that ``name`` may have been meant for, best first."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
