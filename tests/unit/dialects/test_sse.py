"""Server-sent events, cut out of bytes that may break anywhere."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

from keyturn.dialects import sse
from keyturn.dialects.sse import EventTooLargeError, ServerEvent, Splitter

A, B = ServerEvent(b"", b"a"), ServerEvent(b"", b"b")
STREAMS = {
    "two": (b"data: a\n\ndata: b\n\n", [A, B]),
    "no space": (b"data:a\n\ndata:b\n\n", [A, B]),
    "one space only is taken": (b"data:  a\n\n", [ServerEvent(b"", b" a")]),
    "carriage returns": (b"data: a\r\n\r\ndata: b\r\n\r\n", [A, B]),
    "bare carriage returns": (b"data: a\r\rdata: b\r\r:\n", [A, B]),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\r\n", [A, B]),
    "a carriage return ends a line before a line feed that ends none": (b"data: a\n\r:\ndata: b\n\n", [A, B]),
    "named": (
        b"event: ping\ndata: a\n\ndata: b\nevent:pong\n\n",
        [ServerEvent(b"ping", b"a"), ServerEvent(b"pong", b"b")],
    ),
    "several lines": (b"data: a\ndata: b\ndata\ndata:\n\n", [ServerEvent(b"", b"a\nb\n\n")]),
    "comments": (b": OPENROUTER PROCESSING\n\n:\ndata: a\n: x\n\n:\n\n", [A]),
    "ids and times": (b"id: 1\nretry: 10\ndata: a\n\nid: 2\n\nunknown: b\n\n", [A]),
    "no data": (b"event: ping\n\ndata: a\n\n", [A]),
    "empty data": (b"data:\n\ndata\n\n", [ServerEvent(b"", b""), ServerEvent(b"", b"")]),
    "empty lines between": (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [A, B]),
    "colons inside": (b'data: {"a": "b: c"}\n\n', [ServerEvent(b"", b'{"a": "b: c"}')]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", [A, B]),
    "byte order mark before a comment": (b"\xef\xbb\xbf:\n\ndata: a\n\n", [A]),
    "byte order mark too late": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [A]),
    "cut off": (b"data: a\n\ndata: b\n", [A]),
    "nothing": (b"", []),
}


def cut(stream: bytes, places: list[int]) -> list[ServerEvent]:
    """Return the events of a stream that comes in pieces."""
    splitter = Splitter()
    edges = [0, *places, len(stream)]
    return [event for start, end in itertools.pairwise(edges) for event in splitter.take(stream[start:end])]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_has_the_same_events_wherever_it_breaks(name: str) -> None:
    """TCP knows no events."""
    stream, events = STREAMS[name]

    assert cut(stream, []) == events
    assert [place for place in range(len(stream) + 1) if cut(stream, [place]) != events] == []
    assert cut(stream, list(range(1, len(stream)))) == events


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.data())
def test_any_lines_have_the_same_events_wherever_they_break(data: st.DataObject) -> None:
    """Whatever ends them."""
    pieces = st.sampled_from(
        [b"data: a", b"data", b"event: x", b":", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf"]
    )
    stream = b"".join(data.draw(st.lists(pieces, max_size=15)))
    places = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))

    assert cut(stream, places) == cut(stream, [])


def test_what_has_not_ended_is_at_hand() -> None:
    """It tells a stream that was cut off from one that is whole."""
    splitter = Splitter()

    splitter.take(b"data: a\n\ndata: b\r")

    assert splitter.rest == b"data: b\r"
    assert splitter.take(b"\n\n") == [B]
    assert splitter.rest == b""


def test_an_event_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it takes the memory of everybody else; one that has just that length is not."""
    monkeypatch.setattr(sse, "LARGEST_EVENT", 20)
    splitter = Splitter()

    assert splitter.take(b"data: " + b"x" * 14) == []
    with pytest.raises(EventTooLargeError):
        splitter.take(b"x")


def test_an_event_that_does_not_end_behind_one_that_does_is_given_up_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What counts is what is kept."""
    monkeypatch.setattr(sse, "LARGEST_EVENT", 20)
    splitter = Splitter()

    for _ in range(10):
        assert splitter.take(b"data: a\n\n") == [A]
    with pytest.raises(EventTooLargeError):
        splitter.take(b"data: a\n\ndata: " + b"x" * 15)
