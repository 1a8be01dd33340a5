"""Money is exact."""

from fractions import Fraction

from hypothesis import given, settings, strategies as st

from keyturn.domain.money import LARGEST_USD, format_usd, parse_usd


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
