"""What a request costs is exact, whatever the figures; and what holds at an instant is what was said last before it."""

from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import cast

import msgspec
from hypothesis import given, settings, strategies as st

from keyturn import bus
from keyturn.domain.models import Target
from keyturn.domain.prices import (
    Price,
    PriceVersion,
    cost_nano_usd,
    from_now_on,
    next_step_ms,
    price_at,
    steps_of,
    version_at,
)
from keyturn.domain.usage import Usage
from keyturn.gateway.relay import Pool
from keyturn.gateway.route import Route
from keyturn.gateway.routing import Standing, UpstreamState

NANO = st.integers(0, 10**15)
MAYBE = st.none() | NANO
COUNT = st.integers(0, 10**9)
PRICES = st.builds(Price, NANO, NANO, MAYBE, MAYBE, MAYBE, NANO, NANO, NANO)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What a meter reports: the parts are never more than the whole."""
    given_tokens, made = draw(COUNT), draw(COUNT)
    cached = draw(st.integers(0, given_tokens))
    written = draw(st.integers(0, given_tokens - cached))
    return Usage(
        given_tokens, made, cached, draw(st.integers(0, made)), written, draw(COUNT), draw(COUNT), draw(COUNT)
    )


def or_else(price: int | None, whole: int) -> int:
    """Return the price of a part."""
    return whole if price is None else price


def exact(price: Price, usage: Usage) -> Fraction:
    """Price a request class by class, in fractions of a nano-dollar."""
    classes = [
        (usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, price.input_nano_usd),
        (usage.cached_tokens, or_else(price.cached_input_nano_usd, price.input_nano_usd)),
        (usage.cache_write_tokens, or_else(price.cache_write_nano_usd, price.input_nano_usd)),
        (usage.output_tokens - usage.reasoning_tokens, price.output_nano_usd),
        (usage.reasoning_tokens, or_else(price.reasoning_nano_usd, price.output_nano_usd)),
        (usage.characters, price.million_characters_nano_usd),
    ]
    tokens = sum((Fraction(count * figure, 10**6) for count, figure in classes), Fraction())
    return (
        tokens + usage.images * price.image_nano_usd + Fraction(usage.audio_ms * price.second_nano_usd, 1000)
    )


@settings(max_examples=200, derandomize=True)
@given(price=PRICES, usage=usages())
def test_a_cost_is_the_exact_one_rounded_up(price: Price, usage: Usage) -> None:
    """Every token is paid for once, and rounding happens once, at the end."""
    assert cost_nano_usd(price, usage) == ceil(exact(price, usage))


@settings(max_examples=120, derandomize=True)
@given(
    price=PRICES,
    usage=usages(),
    member=st.sampled_from(["input_tokens", "output_tokens", "images", "audio_ms"]),
)
def test_more_never_costs_less(price: Price, usage: Usage, member: str) -> None:
    """Whoever asks for one token more must not pay less for it."""
    more = msgspec.structs.replace(usage, **{member: getattr(usage, member) + 1})

    assert cost_nano_usd(price, more) >= cost_nano_usd(price, usage)


@settings(max_examples=80, derandomize=True)
@given(price=PRICES, usage=usages(), beyond=st.integers(1, 10**6))
def test_a_part_beyond_the_whole_costs_no_more_than_the_whole(
    price: Price, usage: Usage, beyond: int
) -> None:
    """Some providers report cached tokens beside the input; counted twice they were four times the true cost."""
    odd = msgspec.structs.replace(
        usage, cached_tokens=usage.input_tokens + beyond, reasoning_tokens=usage.output_tokens + beyond
    )
    whole = msgspec.structs.replace(
        usage, cached_tokens=usage.input_tokens, cache_write_tokens=0, reasoning_tokens=usage.output_tokens
    )

    assert cost_nano_usd(price, odd) == cost_nano_usd(price, whole) == ceil(exact(price, whole))


@settings(max_examples=100, derandomize=True)
@given(price=st.none() | PRICES, usage=usages())
def test_the_data_plane_charges_what_the_domain_says(price: Price | None, usage: Usage) -> None:
    """It has a faster copy of the sum."""
    version = None if price is None else PriceVersion("prc_1", "m", price)
    state = UpstreamState(bus.Upstream("demo", "http://127.0.0.1:1/v1"), 1)
    route = Route(Target("demo", "m"), cast("Pool", None), state, Standing(), version)
    tokens = msgspec.structs.replace(usage, images=0, audio_ms=0, characters=0)
    units = Usage(images=usage.images, audio_ms=usage.audio_ms, characters=usage.characters)

    cost = route.cost(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.cache_write_tokens,
    )

    assert cost == (0 if price is None else cost_nano_usd(price, tokens))
    ceiling = route.ceiling(usage.input_tokens, usage.output_tokens)
    assert cost <= ceiling
    assert route.cost_of(usage) == (0 if price is None else cost_nano_usd(price, usage))
    assert route.ceiling_of_units(usage) == route.cost_of(units)
    assert route.cost_of(usage) <= ceiling + route.ceiling_of_units(usage)
    assert route.cost_of(route.counted(usage)) == route.cost_of(usage)
    assert (route.priced, route.price_id) == ((False, "") if price is None else (True, "prc_1"))


DEFAULT = PriceVersion("default", "", Price(7))
TIMES = st.integers(0, 12)
"""Few, so that versions often begin together."""


@st.composite
def versions(draw: st.DrawFn, origin: str) -> list[PriceVersion]:
    """Some versions in the order in which they were said, some of them without a price."""
    said = draw(st.lists(st.tuples(TIMES, st.booleans()), max_size=6))
    return [
        PriceVersion(f"{origin}{number}", "m", Price(number) if priced else None, at)
        for number, (at, priced) in enumerate(said)
    ]


@settings(max_examples=300, derandomize=True)
@given(
    operator=versions("o"), shipped=versions("s"), default=st.none() | st.just(DEFAULT), now=TIMES, at=TIMES
)
def test_the_steps_say_what_a_search_through_all_versions_says(
    operator: list[PriceVersion], shipped: list[PriceVersion], default: PriceVersion | None, now: int, at: int
) -> None:
    """Workers get steps, and only those that are still to be used; the answer must not depend on that."""
    asked = max(now, at)

    steps = steps_of(operator, shipped, default)

    candidates = [price_at(operator, asked), price_at(shipped, asked), default]
    expected = next((one for one in candidates if one is not None and one.price is not None), None)
    assert version_at(steps, asked) == expected
    assert version_at(from_now_on(steps, now), asked) == expected
    following = next_step_ms(steps, now)
    if following is None or at < following:
        assert version_at(steps, asked) == version_at(steps, now)
    assert all(before.from_ms < after.from_ms for before, after in pairwise(steps))
    assert all(before.version != after.version for before, after in pairwise(steps))
