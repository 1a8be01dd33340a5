"""Money is exact."""

from fractions import Fraction
from math import ceil
from typing import cast

from hypothesis import given, settings, strategies as st

from keyturn.domain.models import Target
from keyturn.domain.money import LARGEST_USD, Price, cost_nano_usd, format_usd, parse_usd
from keyturn.gateway.plane import Route
from keyturn.gateway.relay import Pool

NANO = st.integers(0, 10**15)
TOKENS = st.integers(0, 10**9)
PRICES = st.builds(Price, NANO, NANO, st.none() | NANO)


def usage() -> st.SearchStrategy[tuple[int, int, int]]:
    """Input, cached and output tokens."""
    return st.tuples(TOKENS, st.floats(0, 1), TOKENS).map(lambda one: (one[0], int(one[0] * one[1]), one[2]))


def exact(price: Price, given_tokens: int, cached: int, made: int) -> Fraction:
    """Price a request in fractions of a nano-dollar."""
    cached_price = (
        price.input_nano_usd if price.cached_input_nano_usd is None else price.cached_input_nano_usd
    )
    million = Fraction(10**6)
    return (
        (given_tokens - cached) * price.input_nano_usd / million
        + cached * cached_price / million
        + made * price.output_nano_usd / million
    )


@settings(max_examples=120, derandomize=True)
@given(price=PRICES, tokens=usage())
def test_a_cost_is_the_exact_one_rounded_up(price: Price, tokens: tuple[int, int, int]) -> None:
    """Once, at the end."""
    cost = cost_nano_usd(price, input_tokens=tokens[0], cached_tokens=tokens[1], output_tokens=tokens[2])

    assert cost == ceil(exact(price, *tokens))


@settings(max_examples=80, derandomize=True)
@given(price=st.none() | PRICES, tokens=usage())
def test_the_data_plane_charges_what_the_domain_says(
    price: Price | None, tokens: tuple[int, int, int]
) -> None:
    """It has a faster copy of the sum."""
    route = Route(Target("demo", "m", price), cast("Pool", None), {}, "")
    given_tokens, cached, made = tokens

    expected = 0 if price is None else ceil(exact(price, *tokens))

    assert route.cost(given_tokens, made, cached) == expected
    assert route.priced is (price is not None)


@settings(max_examples=120, derandomize=True)
@given(nano_usd=st.integers(0, LARGEST_USD * 10**9))
def test_an_amount_comes_back_from_its_text(nano_usd: int) -> None:
    """What is shown is what is meant."""
    text = format_usd(nano_usd)

    assert parse_usd(text) == nano_usd
    assert Fraction(text) * 10**9 == nano_usd


@settings(max_examples=150, derandomize=True)
@given(
    text=st.decimals(0, LARGEST_USD, allow_nan=False, places=12).map(str)
    | st.from_regex(r"[0-9]{1,12}(\.[0-9]{0,40})?(e-?[0-9]{1,2})?", fullmatch=True)
)
def test_an_amount_is_read_exactly_or_not_at_all(text: str) -> None:
    """Never rounded."""
    nano_usd = Fraction(text) * 10**9
    try:
        read = parse_usd(text)
    except ValueError:
        assert nano_usd.denominator != 1 or nano_usd > LARGEST_USD * 10**9 or len(text) > 30
    else:
        assert read == nano_usd
