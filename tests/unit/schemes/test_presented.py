"""A credential as it was presented."""

import pytest

from keyturn.schemes.presented import Presented


def test_what_was_presented_does_not_change() -> None:
    """What was checked is what is used."""
    presented = Presented(b"k", "query")

    with pytest.raises(AttributeError):
        presented.text = b"other"  # type: ignore[misc]
