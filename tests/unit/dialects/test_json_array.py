"""Arrays, cut into their objects."""

import pytest

from keyturn.dialects import json_array
from keyturn.dialects.json_array import ArraySplitter
from keyturn.dialects.sse import EventTooLargeError


def test_an_object_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory has an end."""
    monkeypatch.setattr(json_array, "LARGEST_EVENT", 100)
    splitter = ArraySplitter()

    with pytest.raises(EventTooLargeError):
        splitter.take(b'[{"a":"' + b"x" * 200)


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ([b"[]"], []),
        ([b"[", b"]"], []),
        ([b'[{"a":1}', b',{"b":"x', b"\\", b'"]}"}', b"]"], [b'{"a":1}', b'{"b":"x\\"]}"}']),
        ([b'[{"a":[{}]},{"b":2}]'], [b'{"a":[{}]}', b'{"b":2}']),
        ([b' [ {"a":1} ', b' , {"b":2} ] '], [b'{"a":1}', b'{"b":2}']),
        ([b'["no', b'ne",{}]'], [b"{}"]),
        ([b"no"], []),
    ],
)
def test_an_array_is_cut_into_its_objects(pieces: list[bytes], whole: list[bytes]) -> None:
    """At once where they come whole, and piece by piece where they don't."""
    splitter = ArraySplitter()

    found = [one for data in pieces for one in splitter.take(data)]

    assert found == whole
    assert splitter.ended is (pieces != [b"no"])
