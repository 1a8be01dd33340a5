"""Typed reading that tells what it passes over."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects import strict_json
from keyturn.dialects.strict_json import MOST_UNKNOWN, Reader
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


READER = Reader(Tree)


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        (b'{"leaf":{}}', ()),
        (
            b'{"leaf":{"size":1},"leaves":[{"names":["a"]}],"else":{},"free":{"x":[{"y":1}]},"by_name":{"z":1}}',
            (),
        ),
        (b'{"leaf":{},"x":1}', ("x",)),
        (b'{"leaf":{"x":{"y":1}},"leaves":[{},{"size":1,"z":[1]}]}', ("leaf.x", "leaves[1].z")),
        (b'{"leaf":{},"leaves":"some","else":{"x":1},"free":{"a":1}}', ("else.x",)),
        (b'{"leaf":{},"other":{}}', ("other",)),
        (b'{"leaf":{},"by_name":{"z":1},"x":0}', ("x",)),
        (b'{"leaf":{},"leaves":null,"a":1,"b":2}', ("a", "b")),
        (b'{"leaf":{"y":null},"a":null,"b":0}', ("b",)),
    ],
)
def test_members_without_a_place_are_told_by_their_path(body: bytes, unknown: tuple[str, ...]) -> None:
    """At every level; nothing that a client writes is passed over in silence."""
    read = READER.read(body)

    assert not isinstance(read, Refused)
    assert isinstance(read[0], Tree)
    assert read[1] == unknown


def test_what_is_known_is_read_beside_what_is_not() -> None:
    """A member that nobody knows costs nothing else."""
    read = READER.read(b'{"leaf":{"size":7,"x":1},"leaves":[{"size":8}],"y":2}')

    assert not isinstance(read, Refused)
    assert read[0].leaf.size == 7
    assert read[0].leaves == [Leaf(8)]


def test_no_more_unknown_members_are_told_than_anybody_reads() -> None:
    """A request may have millions."""
    body = msgspec.json.encode({"leaf": {}} | {f"x{number}": 1 for number in range(MOST_UNKNOWN + 10)})

    read = READER.read(body)

    assert not isinstance(read, Refused)
    assert len(read[1]) == MOST_UNKNOWN


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
        (b'{"free":' + b"[" * 10**5 + b"]" * 10**5 + b"}", Reason.INVALID_JSON, None, "nested too deeply"),
    ],
)
def test_what_is_plainly_wrong_is_refused(body: bytes, reason: Reason, param: str | None, words: str) -> None:
    """With the member at fault, in the client's own words."""
    refused = READER.read(body)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (reason, param)
    assert words in refused.text


def test_a_missing_member_is_named_where_it_is_missing() -> None:
    """Its path is the object's and its own name."""

    class Outer(msgspec.Struct):
        trees: list[Tree]

    refused = Reader(Outer).read(b'{"trees":[{}]}')

    assert isinstance(refused, Refused)
    assert refused.param == "trees[0].leaf"


def test_members_of_every_default_are_read_strictly_too() -> None:
    """A default of a field is one of the strict type."""
    strict = strict_json._strict(Tree)

    assert strict(leaf=Leaf()) == strict(leaf=Leaf(), by_name={})
    assert issubclass(strict, Tree)
