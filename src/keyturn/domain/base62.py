"""The alphabet of keys and identifiers, and numbers written in it."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def encode(number: int, width: int) -> str:
    """Write ``number`` with exactly ``width`` characters, zero-padded, most significant first.

    A number too large for the width keeps its low digits only.
    """
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
