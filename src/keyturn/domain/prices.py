"""What models cost, and from when on: integer nano-dollars, exact, rounded up once.

Theory. A *version* of a price says what a model costs from an instant on. Those of the operator stand before those that
are shipped with the program, and both before the operator's default for models that nobody has priced. Laid over each
other they make *steps*: from each instant on one version holds, or none. Whoever prices a request looks for the step
in force when the request was let in, so that a price changes at its instant and no request changes its price.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from keyturn.domain.usage import Usage

PER_MILLION = 10**6


class Price(msgspec.Struct, frozen=True):
    """What a model costs, in nano-dollars: of tokens and characters a million, of images one, of audio a second."""

    input_nano_usd: int = 0
    output_nano_usd: int = 0
    cached_input_nano_usd: int | None = None
    """``None``: cached input costs what other input does."""
    cache_write_nano_usd: int | None = None
    """``None``: likewise, for input that goes into the cache."""
    reasoning_nano_usd: int | None = None
    """``None``: reasoning costs what other output does."""
    image_nano_usd: int = 0
    second_nano_usd: int = 0
    million_characters_nano_usd: int = 0

    @property
    def cached_extra(self) -> int:
        """What a million tokens cost more for being cached; negative as a rule."""
        return 0 if self.cached_input_nano_usd is None else self.cached_input_nano_usd - self.input_nano_usd

    @property
    def write_extra(self) -> int:
        """What a million tokens cost more for going into the cache."""
        return 0 if self.cache_write_nano_usd is None else self.cache_write_nano_usd - self.input_nano_usd

    @property
    def reasoning_extra(self) -> int:
        """What a million tokens cost more for being reasoning."""
        return 0 if self.reasoning_nano_usd is None else self.reasoning_nano_usd - self.output_nano_usd


class Origin(StrEnum):
    """Who said a price."""

    OPERATOR = "operator"
    SHIPPED = "shipped"
    """It came with the program, from the provider's own page."""
    DEFAULT = "default"
    """The operator's, for models that have no other."""


class PriceVersion(msgspec.Struct, frozen=True):
    """What a model costs from an instant on."""

    id: str
    """Never two prices under one: a figure that changes is another version."""
    model: str
    """An operator's: the name that clients use. A shipped one: the provider's."""
    price: Price | None
    """``None``: from here on the operator says nothing, so that the shipped price applies."""
    effective_from: int = 0
    """Milliseconds since 1970 UTC; 0: ever since."""
    origin: Origin = Origin.SHIPPED
    provider: str = ""
    source: str = ""
    """Where it was read, as a URL."""
    source_date: str = ""
    """The day it was read there, as in 2026-11-20."""
    note: str = ""
    """What the figures leave out."""


class PriceStep(msgspec.Struct, frozen=True):
    """What holds from an instant until the next step."""

    from_ms: int
    """Milliseconds since 1970 UTC."""
    version: PriceVersion | None
    """``None``: nobody has said what the model costs."""


def cost_nano_usd(price: Price, usage: Usage) -> int:
    """Price a request, rounded up to the next nano-dollar.

    Every token is of one class and is paid for once: cached, written to the cache or other input; reasoning or other
    output. What a provider reports beyond the whole does not count twice.
    """
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    reasoning = min(usage.reasoning_tokens, usage.output_tokens)
    millionths = (
        usage.input_tokens * price.input_nano_usd
        + cached * price.cached_extra
        + written * price.write_extra
        + usage.output_tokens * price.output_nano_usd
        + reasoning * price.reasoning_extra
        + usage.images * price.image_nano_usd * PER_MILLION
        + usage.audio_ms * price.second_nano_usd * 1000
        + usage.characters * price.million_characters_nano_usd
    )
    return -(-millionths // PER_MILLION)


def price_at(versions: Iterable[PriceVersion], at_ms: int) -> PriceVersion | None:
    """Return the version in force at an instant, of versions in any order.

    Of two that begin at the same instant the one that comes later in ``versions`` holds: it corrects the other.
    """
    found: PriceVersion | None = None
    for version in versions:
        if version.effective_from <= at_ms and (
            found is None or version.effective_from >= found.effective_from
        ):
            found = version
    return found


def steps_of(
    operator: Sequence[PriceVersion],
    shipped: Sequence[PriceVersion] = (),
    default: PriceVersion | None = None,
) -> tuple[PriceStep, ...]:
    """Lay versions of one model over each other.

    Args:
        operator: The operator's, in the order in which they were made.
        shipped: Those that came with the program.
        default: What holds where neither says anything.

    Returns:
        Steps in order of time, no two neighbours alike; empty when nobody has ever said a price.
    """
    instants = {one.effective_from for one in (*operator, *shipped)}
    if default is not None:
        instants.add(0)
    steps: list[PriceStep] = []
    for at_ms in sorted(instants):
        version = default
        for versions in (operator, shipped):
            found = price_at(versions, at_ms)
            if found is not None and found.price is not None:
                version = found
                break
        if version is not (steps[-1].version if steps else None):
            steps.append(PriceStep(at_ms, version))
    return tuple(steps)


def version_at(steps: Sequence[PriceStep], at_ms: int) -> PriceVersion | None:
    """Return the version in force at an instant; ``None``: no price is known for it."""
    index = bisect_right(steps, at_ms, key=lambda step: step.from_ms)
    return steps[index - 1].version if index else None


def from_now_on(steps: Sequence[PriceStep], now_ms: int) -> tuple[PriceStep, ...]:
    """Return the step in force and those to come."""
    index = bisect_right(steps, now_ms, key=lambda step: step.from_ms)
    return tuple(steps[max(0, index - 1) :])


def next_step_ms(steps: Sequence[PriceStep], now_ms: int) -> int | None:
    """Return when the price changes next; ``None``: never, as far as is known."""
    index = bisect_right(steps, now_ms, key=lambda step: step.from_ms)
    return steps[index].from_ms if index < len(steps) else None
