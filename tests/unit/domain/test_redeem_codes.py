"""Codes that are worth credit."""

import itertools

import pytest

from keyturn import system
from keyturn.domain import redeem_codes


def test_a_code_has_a_hundred_bits_in_four_groups() -> None:
    """Nobody guesses one of 2**100; a person can still type it."""
    letters = itertools.cycle(redeem_codes.ALPHABET)

    made = redeem_codes.mint(lambda _: next(letters))

    assert made.reveal() == "KT-01234-56789-ABCDE-FGHJK"
    assert len(redeem_codes.ALPHABET) ** redeem_codes.LENGTH == 2**100


@pytest.mark.parametrize(
    "typed",
    [
        "KT-01234-56789-ABCDE-FGHJK",
        "kt-01234-56789-abcde-fghjk",
        "  KT 01234 56789 ABCDE FGHJK ",
        "KT0123456789ABCDEFGHJK",
        "KT-OI234-56789-ABCDE-FGHJK",
        "KT-ol234-56789-ABCDE-FGHJK",
    ],
)
def test_it_is_read_however_it_was_typed(typed: str) -> None:
    """O and 0, I, L and 1 look alike on paper."""
    assert redeem_codes.normal(typed) == "0123456789ABCDEFGHJK"


@pytest.mark.parametrize(
    "typed", ["", "KT-", "KT-01234", "01234-56789-ABCDE-FGHJK", "KT-01234-56789-ABCDE-FGHJU"]
)
def test_what_can_be_none_is_none(typed: str) -> None:
    """It is not even looked up."""
    assert redeem_codes.normal(typed) is None


def test_each_code_is_another() -> None:
    """They are drawn by the machine's own randomness."""
    made = {system.new_code().reveal() for _ in range(100)}

    assert len(made) == 100
    assert None not in {redeem_codes.normal(one) for one in made}
