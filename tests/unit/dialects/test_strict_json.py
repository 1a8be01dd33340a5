"""Typed reading that tells what it passes over."""

from typing import Any, TypeVar

import msgspec
import pytest

from keyturn.dialects import json_scan
from keyturn.dialects.strict_json import (
    ERRORS,
    MOST_UNKNOWN,
    Members,
    Reader,
    Several,
    Typed,
    Unknown,
    is_one_of,
    place_of,
    refusal,
    shape_of,
    strict,
)
from keyturn.domain.refusals import Reason, Refused


class Leaf(msgspec.Struct):
    """The innermost."""

    size: int = 0
    names: list[str] = []


class Tree(msgspec.Struct, rename={"other": "else"}):
    """Of every kind of inner type."""

    leaf: Leaf
    leaves: str | list[Leaf] | None = None
    other: Leaf | None = None
    free: Any = None
    by_name: dict[str, int] = {}


T = TypeVar("T", bound=msgspec.Struct)

STRICT: type[Tree] = strict(Tree)
TREES = Reader(STRICT, shape_of(STRICT))


def read(reader: Reader[T], body: bytes, path: str = "") -> tuple[T, tuple[Unknown, ...]] | Refused:
    """Read a body as a codec does."""
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    try:
        return reader.read(body, path)
    except ERRORS as error:
        return refusal(error, path)


def unknown_paths(reader: Reader[T], body: bytes) -> list[str]:
    """Return where something without a place stands."""
    found = read(reader, body)
    assert not isinstance(found, Refused), found
    return [one.path for one in found[1]]


# ── a shape that is derived from a type ─────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        (b'{"leaf":{}}', []),
        (
            b'{"leaf":{"size":1},"leaves":[{"names":["a"]}],"else":{},"free":{"x":[{"y":1}]},"by_name":{"z":1}}',
            [],
        ),
        (b'{"leaf":{},"x":1}', ["x"]),
        (b'{"leaf":{"x":{"y":1}},"leaves":[{},{"size":1,"z":[1]}]}', ["leaf.x", "leaves[1].z"]),
        (b'{"leaf":{},"leaves":"some","else":{"x":1},"free":{"a":1}}', ["else.x"]),
        (b'{"leaf":{},"other":{}}', ["other"]),
        (b'{"leaf":{},"by_name":{"z":1},"x":0}', ["x"]),
        (b'{"leaf":{},"leaves":null,"a":1,"b":2}', ["a", "b"]),
        (b'{"leaf":{"y":null},"a":null,"b":0}', ["b"]),
        (b'{"leaf":{},"x":1e999}', ["x"]),
        (b' { "leaf" : { } , "x" : 1 } ', ["x"]),
    ],
)
def test_members_without_a_place_are_told_by_their_path(body: bytes, unknown: list[str]) -> None:
    """At every level; nothing that a client writes is passed over in silence."""
    assert unknown_paths(TREES, body) == unknown


def test_what_is_known_is_read_beside_what_is_not() -> None:
    """A member that nobody knows costs nothing else."""
    found = read(TREES, b'{"leaf":{"size":7,"x":1},"leaves":[{"size":8},{"size":9,"y":1}],"y":2}')

    assert not isinstance(found, Refused)
    assert found[0].leaf.size == 7
    assert isinstance(found[0].leaves, list)
    assert [leaf.size for leaf in found[0].leaves] == [8, 9]


def test_no_more_unknown_members_are_told_than_anybody_reads() -> None:
    """A request may have millions, with names of any length."""
    many = msgspec.json.encode({"leaf": {}} | {f"x{number}": 1 for number in range(MOST_UNKNOWN + 10)})
    long = msgspec.json.encode({"leaf": {}, "x" * 10_000: 1})

    assert len(unknown_paths(TREES, many)) == MOST_UNKNOWN
    assert unknown_paths(TREES, long) == ["x" * 200]


@pytest.mark.parametrize(
    ("body", "reason", "param", "words"),
    [
        (b"{", Reason.INVALID_JSON, None, "not valid JSON"),
        (b"[]", Reason.INVALID_MEMBER, None, "must be a JSON object"),
        (b'{"leaf":{},"leaf":{}}', Reason.DUPLICATE_MEMBER, "leaf", "twice"),
        (b"{}", Reason.INVALID_MEMBER, "leaf", "'leaf' is missing"),
        (b'{"leaf":{"size":"a"}}', Reason.INVALID_MEMBER, "leaf.size", "expected int, got str"),
        (b'{"leaf":{},"leaves":[{},5]}', Reason.INVALID_MEMBER, "leaves[1]", "expected object, got int"),
        (b'{"x":1,"leaf":{"size":"a"}}', Reason.INVALID_MEMBER, "leaf.size", "expected int, got str"),
        (b'{"leaf":{"names":["\xff"]}}', Reason.INVALID_JSON, None, "not UTF-8"),
        (b'{"leaf":{},"leaves":"\\ud800a"}', Reason.INVALID_JSON, None, "not valid JSON"),
        (b'{"free":' + b"[" * 10**5 + b"]" * 10**5 + b"}", Reason.INVALID_JSON, None, "nested too deeply"),
    ],
)
def test_what_is_plainly_wrong_is_refused(body: bytes, reason: Reason, param: str | None, words: str) -> None:
    """With the member at fault, in the client's own words."""
    refused = read(TREES, body)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (reason, param)
    assert words in refused.text


def test_a_missing_member_is_named_where_it_is_missing() -> None:
    """Its path is the object's and its own name; the object may be one inside another."""

    class Outer(msgspec.Struct, forbid_unknown_fields=True):
        trees: list[STRICT]  # type: ignore[valid-type]

    refused = read(Reader(Outer, shape_of(Outer)), b'{"trees":[{}]}')
    inner = read(TREES, b"{}", "forest")
    wrong = read(TREES, b'{"leaf":1}', "forest")

    assert isinstance(refused, Refused)
    assert isinstance(inner, Refused)
    assert isinstance(wrong, Refused)
    assert (refused.param, inner.param, wrong.param) == ("trees[0].leaf", "forest.leaf", "forest.leaf")


def test_what_is_no_object_is_refused_by_the_path_it_has() -> None:
    """A body has none."""
    with pytest.raises(msgspec.ValidationError) as raised:
        TREES.read(b"7")

    assert place_of(raised.value) == ("Expected `object`, got `int`", "")
    assert refusal(raised.value).text == "The request body is not valid: expected object, got int"
    assert refusal(raised.value).param is None
    assert refusal(raised.value, "forest").param == "forest"


def test_members_of_every_default_are_read_strictly_too() -> None:
    """A default of a field is one of the strict type."""
    assert STRICT(leaf=Leaf()) == STRICT(leaf=Leaf(), by_name={})
    assert issubclass(STRICT, Tree)


# ── a shape that says more than a type ──────────────────────────────────────


class Drawing(msgspec.Struct, forbid_unknown_fields=True):
    """Free JSON in typed places, so that a test sees what is left."""

    points: msgspec.Raw = msgspec.Raw()
    form: msgspec.Raw = msgspec.Raw()
    forms: msgspec.Raw = msgspec.Raw()
    framed: msgspec.Raw = msgspec.Raw()
    cut: Any = None


FORMS = {"round": Members({"type": None, "radius": None}), "box": Members({"type": None})}
DRAWING = Members(
    {
        "points": Several(Members({"x": None, "y": None}, {"z": (0, False), "unit": ("px",)})),
        "form": Typed(FORMS, "box"),
        "forms": Several(Typed({"box": Members({"type": None})})),
        "framed": Members({"form": Typed(FORMS), "frame": Members({"form": Typed(FORMS)}, core="form")}),
    },
    {"cut": ()},
)


def left(raw: bytes, **settings: Any) -> tuple[bytes, list[Unknown]]:
    """Return what is left of a drawing, and what is not."""
    # The member that is known to the decoder only makes that what is strict is never enough.
    reader = Reader(Drawing, DRAWING, fits=lambda _: False, **settings)
    value, unknown = reader.read(raw)
    members = [
        b'"%b":%b' % (name.encode(), bytes(inner))
        for name in ("points", "form", "forms", "framed")
        if bytes(inner := getattr(value, name))
    ]
    return b"{" + b",".join(members) + b"}", list(unknown)


def test_what_is_known_stays_as_it_was_written() -> None:
    """A schema or a number must not be changed on the way."""
    raw = b'{"points":[{"x":1.0,"y":[ {} ]}],"form":{"type":"round","radius":1e400}}'

    assert left(raw) == (raw, [])


def test_every_unknown_member_is_named_by_its_path() -> None:
    """A client that hears of the first only has to ask once for each."""
    kept, unknown = left(b'{"a":{},"points":[{"x":1},{"x":1,"q":2}],"form":{"b":1}}')

    assert kept == b'{"points":[{"x":1},{"x":1}],"form":{}}'
    assert unknown == [Unknown("a"), Unknown("points[1].q"), Unknown("form.b")]


def test_what_asks_for_nothing_is_left_out_without_a_word() -> None:
    """Clients send every member they have, most of them empty."""
    assert left(b'{"points":[{"z":0},{"z":null},{"unit":"px"}]}') == (b'{"points":[{},{},{}]}', [])


def test_an_object_of_an_unknown_type_is_left_out_as_a_whole() -> None:
    """The places of those behind it must not change."""
    kept, unknown = left(b'{"forms":[{"type":"star","r":1},{"type":"box"},null],"form":{"type":"star"}}')

    assert kept == b'{"forms":[null,{"type":"box"},null]}'
    assert unknown == [Unknown("forms[0]", "star"), Unknown("forms[2]", ""), Unknown("form", "star")]


def test_with_its_core_an_object_goes_as_a_whole() -> None:
    """An image without its source is none."""
    assert left(b'{"framed":{"form":{"type":"star"},"frame":{"form":{"type":"moon"}}}}') == (
        b'{"framed":{}}',
        [Unknown("framed.form", "star"), Unknown("framed.frame.form", "moon")],
    )


@pytest.mark.parametrize(
    "raw",
    [
        b'{"points":1}',
        b'{"form":"box"}',
        b'{"form":{"type":1}}',
        b'{"form":{"type":null}}',
        b'{"forms":[{"type":""},{}]}',
        b'{"form":null}',
    ],
)
def test_values_of_another_kind_are_left_to_the_decoder(raw: bytes) -> None:
    """It says what they should be."""
    assert left(raw) == (raw, [])


def test_a_null_in_a_list_is_told_or_refused() -> None:
    """Only what was cut out leaves one behind."""
    with pytest.raises(ERRORS) as raised:
        left(b'{"forms":[{"type":"box"},null]}', nulls=False)

    found = refusal(raised.value)
    assert (found.reason, found.param) == (Reason.INVALID_MEMBER, "forms[1]")


def test_others_may_be_somebody_elses_matter() -> None:
    """A codec may have to look at them anyway."""
    reader = Reader(STRICT, Members({"leaf": Members({"size": None})}, harmless=None))

    assert unknown_paths(reader, b'{"leaf":{"a":1},"b":1,"c":{}}') == ["leaf.a"]


def test_long_values_are_never_harmless() -> None:
    """They could be nested too deeply to look at."""
    deep = b"[" * 40 + b"]" * 40

    assert not is_one_of(deep, ([],))
    assert is_one_of(b"[]", ([],))
    assert is_one_of(b"null", ())
    assert not is_one_of(b"1", ())
    assert not is_one_of(b"1e999", (0,))


# ── JSON of protocol buffers ────────────────────────────────────────────────


class Inner(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A message inside of one."""

    top_k: int | None = None
    stop_words: list[str] = []


class Outer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A message."""

    inner_one: Inner | None = None
    inner_list: list[Inner] = []
    name: str = ""
    free_form: msgspec.Raw = msgspec.Raw()


PROTO = Reader(Outer, shape_of(Outer, proto=True), lax=True)


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (b'{"innerOne":{"topK":1}}', Outer(Inner(1))),
        (b'{"inner_one":{"top_k":1}}', Outer(Inner(1))),
        (b'{"inner_one":{"topK":"1"}}', Outer(Inner(1))),
        (b'{"innerOne":null,"name":null,"innerList":null}', Outer()),
        (b'{"innerList":{"stopWords":"a"}}', Outer(inner_list=[Inner(stop_words=["a"])])),
        (b'{"inner_list":[{"top_k":1},{"topK":2}]}', Outer(inner_list=[Inner(1), Inner(2)])),
        (b'{"extra":null,"more":[]}', Outer()),
    ],
)
def test_what_google_takes_is_read(body: bytes, meant: Outer) -> None:
    """By either name, a single value for a list, ``null`` for nothing."""
    assert read(PROTO, body) == (meant, ())


def test_free_json_of_a_message_stays_as_it_was_written() -> None:
    """With the names and the ``null`` that it has."""
    found = read(PROTO, b'{"free_form":{ "top_k" : null, "a":[1.0] }}')

    assert not isinstance(found, Refused)
    assert bytes(found[0].free_form) == b'{ "top_k" : null, "a":[1.0] }'


def test_unknown_members_of_a_message_have_the_path_that_is_decoded() -> None:
    """And at the end their own name."""
    assert unknown_paths(PROTO, b'{"inner_one":{"some_thing":1},"inner_list":{"x":1},"y":{}}') == [
        "innerOne.some_thing",
        "innerList[0].x",
        "y",
    ]


def test_a_member_by_two_names_is_there_twice() -> None:
    """Nobody knows which one is meant."""
    found = read(PROTO, b'{"inner_one":{"topK":1,"top_k":1}}')

    assert isinstance(found, Refused)
    assert (found.reason, found.param) == (Reason.DUPLICATE_MEMBER, "innerOne.top_k")
