"""What has no place in a shape."""

import pytest

from keyturn.dialects.canonical import Loss
from keyturn.dialects.json_shape import UNKNOWN, Members, Several, Typed, is_one_of, prune

POINT = Members({"x": None, "y": None}, {"z": (0, False), "unit": ("px",)})
DRAWING = Members(
    {
        "points": Several(POINT),
        "form": Typed(
            {"round": Members({"type": None, "radius": None}), "box": Members({"type": None})}, "box"
        ),
        "forms": Several(Typed({"box": Members({"type": None})})),
    }
)


def _pruned(raw: bytes) -> tuple[bytes, list[Loss]]:
    losses: list[Loss] = []
    return prune(raw, DRAWING, "drawing", losses), losses


def test_what_is_known_stays_as_it_was_written() -> None:
    """A schema or a number must not be changed on the way."""
    raw = b'{"points":[{"x":1.0,"y":[ {} ]}],"form":{"type":"round","radius":1e400}}'

    assert _pruned(raw) == (raw, [])


def test_every_unknown_member_is_named_by_its_path() -> None:
    """A client that hears of the first only has to ask once for each."""
    raw = b'{"a":{},"points":[{"x":1},{"x":1,"q":2}],"form":{"b":1}}'

    kept, losses = _pruned(raw)

    assert kept == b'{"points":[{"x":1},{"x":1}],"form":{}}'
    assert losses == [Loss(path, UNKNOWN) for path in ("drawing.a", "drawing.points[1].q", "drawing.form.b")]


def test_what_asks_for_nothing_is_left_out_without_a_word() -> None:
    """Clients send every member they have, most of them empty."""
    assert _pruned(b'{"points":[{"z":0},{"z":null},{"unit":"px"}]}') == (b'{"points":[{},{},{}]}', [])


def test_an_object_of_an_unknown_type_is_left_out_as_a_whole() -> None:
    """The places of those behind it must not change."""
    kept, losses = _pruned(b'{"forms":[{"type":"star","r":1},{"type":"box"},null]}')

    assert kept == b'{"forms":[null,{"type":"box"},null]}'
    assert [loss.path for loss in losses] == ["drawing.forms[0]", "drawing.forms[2]"]


@pytest.mark.parametrize(
    "raw", [b'{"points":1}', b'{"form":"box"}', b'{"form":{"type":1}}', b'{"form":null}', b"7"]
)
def test_values_of_another_kind_are_left_to_the_decoder(raw: bytes) -> None:
    """It says what they should be."""
    assert _pruned(raw) == (raw, [])


def test_long_values_are_never_harmless() -> None:
    """They could be nested too deeply to look at."""
    deep = b"[" * 40 + b"]" * 40

    assert not is_one_of(deep, ([],))
    assert is_one_of(b"[]", ([],))
    assert is_one_of(b"null", ())
    assert not is_one_of(b"1", ())
