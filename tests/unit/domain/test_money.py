"""Amounts."""

import pytest

from keyturn.domain.money import LARGEST_USD, format_usd, parse_typed_usd, parse_usd


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [
        ("0", 0),
        ("-0", 0),
        ("1", 10**9),
        ("0.0125", 12_500_000),
        ("0.000000001", 1),
        ("1e-9", 1),
        ("2.5E1", 25 * 10**9),
        ("1.0000000000", 10**9),
        (str(LARGEST_USD), LARGEST_USD * 10**9),
    ],
)
def test_an_amount_is_read_exactly(text: str, nano_usd: int) -> None:
    """No amount passes through a float."""
    assert parse_usd(text) == nano_usd


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1,5",
        "1_0",
        "\N{FULLWIDTH DIGIT ONE}",
        " 1",
        "-1",
        "NaN",
        "sNaN",
        "Infinity",
        "0.0000000001",
        "1.0000000000000000000000000000000000001",
        "1e999999999",
        "1e99999",
        "1e-99999",
        f"{LARGEST_USD}.000000001",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Nothing is rounded in silence, and an exponent can't make us count for hours."""
    with pytest.raises(ValueError, match="not an amount in dollars"):
        parse_usd(text)


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [
        ("20", 20 * 10**9),
        ("0.50", 500_000_000),
        (".5", 500_000_000),
        ("5.", 5 * 10**9),
        ("1,234.50", 1_234_500_000_000),
        ("1,000,000", 10**15),
    ],
)
def test_a_typed_amount_may_have_commas_between_thousands(text: str, nano_usd: int) -> None:
    """As a bank writes it."""
    assert parse_typed_usd(text) == nano_usd


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ",",
        "0,50",
        "1,5",
        "0,500",
        "1,2345",
        "12,34,567",
        "1234,567",
        "1.234,56",
        "1.5,000",
        "1e1",
        "-1",
        "+1",
        "1_000",
        "\N{FULLWIDTH DIGIT ONE}e\N{FULLWIDTH DIGIT ONE}",
        "\N{ARABIC-INDIC DIGIT THREE}",
    ],
)
def test_a_typed_amount_is_never_guessed_at(text: str) -> None:
    """Where a comma is the decimal sign, 0,50 is half a dollar, and it must not become fifty."""
    with pytest.raises(ValueError, match="not an amount in dollars"):
        parse_typed_usd(text)


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (12_500_000, "0.0125"),
        (10**9, "1"),
        (10**10, "10"),
        (-1_500_000_000, "-1.5"),
    ],
)
def test_an_amount_is_written_without_trailing_zeros(nano_usd: int, text: str) -> None:
    """It is read by people."""
    assert format_usd(nano_usd) == text
