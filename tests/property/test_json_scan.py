"""Members of arbitrary JSON objects."""

import json

from hypothesis import given, settings, strategies as st

from keyturn.dialects import json_scan
from keyturn.domain.refusals import Reason, Refused

WHITE = st.text(" \t\r\n", max_size=3)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def _escaped(text: str) -> str:
    return '"' + "".join(f"\\u{unit:04x}" for unit in _utf16(text)) + '"'


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]


@st.composite
def names(draw: st.DrawFn, text: str) -> str:
    """Write a name in one of the ways JSON has for it."""
    return draw(st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False), _escaped(text)]))


@st.composite
def written(draw: st.DrawFn, members: list[tuple[str, object]]) -> bytes:
    """Write an object with white space wherever it may stand."""
    parts = []
    for name, value in members:
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        parts.append(f"{draw(WHITE)}{draw(names(name))}{draw(WHITE)}:{draw(WHITE)}{text}{draw(WHITE)}")
    inside = ",".join(parts) if parts else draw(WHITE)
    return f"{draw(WHITE)}{{{inside}}}{draw(WHITE)}".encode()


@st.composite
def objects(draw: st.DrawFn) -> tuple[bytes, dict[str, object]]:
    """Make an object and its text."""
    value: dict[str, object] = {**draw(st.dictionaries(TEXT, VALUES, max_size=5))}
    return draw(written(list(value.items()))), value


@settings(max_examples=120, derandomize=True, deadline=None)
@given(made=objects())
def test_members_are_what_json_says(made: tuple[bytes, dict[str, object]]) -> None:
    """However it is written."""
    body, value = made

    found = json_scan.members(body)

    assert not isinstance(found, Refused)
    assert {name: json.loads(bytes(raw)) for name, raw in found.items()} == value
    spans = json_scan.locate(body, found)
    assert not isinstance(spans, Refused)
    assert {name: json.loads(body[span.value : span.end]) for name, span in spans.items()} == value


@settings(max_examples=80, derandomize=True, deadline=None)
@given(made=objects(), name=TEXT, new=VALUES)
def test_a_replaced_member_is_replaced_and_nothing_else(
    made: tuple[bytes, dict[str, object]], name: str, new: object
) -> None:
    """A name that is not there is added."""
    body, value = made
    found = json_scan.members(body)
    assert not isinstance(found, Refused)

    for target in (name, *value):
        changed = json_scan.replace(body, found, target, json.dumps(new).encode())

        assert json.loads(changed) == {**value, target: new}
        assert not isinstance(json_scan.members(changed), Refused)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(made=objects())
def test_a_removed_member_is_gone_and_nothing_else(made: tuple[bytes, dict[str, object]]) -> None:
    """First, last or alone."""
    body, value = made
    found = json_scan.members(body)
    assert not isinstance(found, Refused)

    for name in value:
        changed = json_scan.remove(body, found, name)

        assert json.loads(changed) == {other: kept for other, kept in value.items() if other != name}


@settings(max_examples=120, derandomize=True, deadline=None)
@given(data=st.data(), value=st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), second=VALUES)
def test_a_member_that_comes_twice_is_always_refused(
    data: st.DataObject, value: dict[str, object], second: object
) -> None:
    """Wherever it stands, however its name is written, whatever its values are."""
    twice = data.draw(st.sampled_from(sorted(value)))
    copy = data.draw(st.sampled_from([second, value[twice]]))
    members = list(value.items())
    members.insert(data.draw(st.integers(0, len(members))), (twice, copy))

    found = json_scan.members(data.draw(written(members)))

    assert isinstance(found, Refused)
    assert (found.reason, found.param) == (Reason.DUPLICATE_MEMBER, twice)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(made=objects(), place=st.integers(0, 200), junk=st.binary(max_size=3))
def test_a_damaged_body_is_refused_or_still_json(
    made: tuple[bytes, dict[str, object]], place: int, junk: bytes
) -> None:
    """What passes here passes everywhere; what does not is refused with a reason, never an exception."""
    body = made[0][: place % (len(made[0]) + 1)] + junk + made[0][place % (len(made[0]) + 1) + 1 :]

    found = json_scan.members(body)

    if not isinstance(found, Refused):
        assert {name: json.loads(bytes(raw)) for name, raw in found.items()} == json.loads(body)
