"""Numbers in base62."""

import pytest

from keyturn.domain.base62 import ALPHABET, encode


def test_the_alphabet_sorts_as_its_digits_do() -> None:
    """Identifiers sort by time because of it."""
    assert list(ALPHABET) == sorted(ALPHABET)
    assert len(set(ALPHABET)) == 62


@pytest.mark.parametrize(
    ("number", "width", "text"),
    [
        (0, 3, "000"),
        (61, 1, "z"),
        (62, 2, "10"),
        (62**3 - 1, 3, "zzz"),
        (62**3, 3, "000"),
        (62**3 + 5, 3, "005"),
    ],
)
def test_a_number_is_padded_to_the_width_and_keeps_its_low_digits(number: int, width: int, text: str) -> None:
    """The width of an identifier never varies, whatever the clock says."""
    assert encode(number, width) == text
