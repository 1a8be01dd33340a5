"""Which values an enumeration has, said to whoever sent another."""

from enum import Enum

import msgspec
import pytest

from keyturn.control.choices import explained


class Colour(Enum):
    """What may be sent."""

    RED = "red"
    BLUE = "blue"


class Paint(msgspec.Struct):
    """Has it in each way that bodies have."""

    one: Colour | None = None
    many: list[Colour] = []
    inner: "Paint | None" = None


@pytest.mark.parametrize(
    "body",
    [
        b'{"one": "sky"}',
        b'{"many": ["red", "sky"]}',
        b'{"inner": {"many": ["sky"]}}',
    ],
)
def test_the_values_that_would_have_been_right_are_listed(body: bytes) -> None:
    """Nobody should have to look them up."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(body, type=Paint)

    what, _, path = str(refused.value).partition(" - at `$.")

    assert explained(what, Paint, path.rstrip("`")) == "'sky' is none of red, blue"


@pytest.mark.parametrize("message", ["Expected `str`, got `int`", "Invalid enum value 'sky'"])
def test_what_is_no_enumeration_keeps_its_message(message: str) -> None:
    """Better the decoder's words than a wrong list."""
    assert explained(message, Paint, "nowhere") == message


def test_a_value_by_itself_needs_no_path() -> None:
    """A parameter of the URL is one."""
    assert explained("Invalid enum value 'sky'", Colour | None) == "'sky' is none of red, blue"
