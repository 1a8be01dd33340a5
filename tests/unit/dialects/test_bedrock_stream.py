"""Streams of Amazon Bedrock's ConverseStream, in shapes of its documentation."""

from typing import Any

import msgspec
import pytest

from fakes.aws_frames import frame
from keyturn.dialects.aws_event_stream import Splitter
from keyturn.dialects.bedrock_converse import StreamReader, written_by
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Opened,
    Reasoning,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.domain.usage import Usage


def event(name: str, **payload: Any) -> bytes:
    """Return one event."""
    return frame("event", name, payload)


def delta(index: int, **said: Any) -> bytes:
    """Return more of a block."""
    return event("contentBlockDelta", contentBlockIndex=index, delta=said)


START = event("messageStart", role="assistant")
USAGE = event("metadata", usage={"inputTokens": 9, "outputTokens": 4}, metrics={"latencyMs": 1})
WHOLE = b"".join(
    (
        START,
        delta(0, reasoningContent={"text": "Hm"}),
        delta(0, reasoningContent={"text": "."}),
        delta(0, reasoningContent={"signature": "sig"}),
        event("contentBlockStop", contentBlockIndex=0),
        delta(1, reasoningContent={"redactedContent": "c2VhbGVk"}),
        event("contentBlockStop", contentBlockIndex=1),
        delta(2, text="Let me "),
        delta(2, text="see."),
        event("contentBlockStop", contentBlockIndex=2),
        event(
            "contentBlockStart",
            contentBlockIndex=3,
            start={"toolUse": {"toolUseId": "t1", "name": "weather"}},
        ),
        delta(3, toolUse={"input": '{"city":'}),
        delta(3, toolUse={"input": '"Rome"}'}),
        event("contentBlockStop", contentBlockIndex=3),
        event(
            "contentBlockStart", contentBlockIndex=4, start={"toolUse": {"toolUseId": "t2", "name": "now"}}
        ),
        delta(4, toolUse={"input": ""}),
        event("contentBlockStop", contentBlockIndex=4),
        event("messageStop", stopReason="tool_use"),
        USAGE,
    )
)
EVENTS: list[Event] = [
    Started("", ""),
    Opened(0, Reasoning("")),
    Grew(0, "Hm"),
    Grew(0, "."),
    Signed(0, "sig"),
    Closed(0),
    Opened(1, Reasoning("", sealed="c2VhbGVk")),
    Closed(1),
    Opened(2, Text("")),
    Grew(2, "Let me "),
    Grew(2, "see."),
    Closed(2),
    Opened(3, ToolCall("t1", "weather", "")),
    Grew(3, '{"city":'),
    Grew(3, '"Rome"}'),
    Closed(3),
    Opened(4, ToolCall("t2", "now", "")),
    Grew(4, "{}"),
    Closed(4),
    Stopped(Stop.TOOLS),
    Finished(Usage(9, 4)),
]


def test_a_whole_stream_is_read_however_it_is_cut() -> None:
    """A connection breaks it where it likes."""
    for cut in range(0, len(WHOLE) + 1, 7):
        reader = StreamReader()
        assert reader.take(WHOLE[:cut]) + reader.take(WHOLE[cut:]) == EVENTS
        assert reader.whole
        assert reader.end() == []


def test_nothing_is_read_behind_the_end() -> None:
    """It is over."""
    reader = StreamReader()
    reader.take(WHOLE)

    assert reader.take(delta(0, text="more")) == []


def test_an_exception_ends_the_stream() -> None:
    """Its name tells what it is, its payload says why."""
    reader = StreamReader()
    events = reader.take(START + frame("exception", "throttlingException", {"message": "Slow down"}))
    bare = StreamReader().take(frame("exception", "internalServerException", {}))

    assert events == [Started("", ""), Failed("Slow down", "throttlingException")]
    assert bare == [Failed("", "internalServerException")]
    assert (reader.whole, reader.end()) == (False, [])


def test_a_stream_that_lost_its_usage_is_whole_and_one_that_lost_its_reason_is_not() -> None:
    """What it used is estimated then."""
    reader, cut = StreamReader(), StreamReader()
    reader.take(START + delta(0, text="Hi") + event("messageStop", stopReason="end_turn"))
    cut.take(START + delta(0, text="Hi"))

    assert (reader.end(), reader.whole) == ([Finished()], True)
    assert (cut.end(), cut.whole) == ([], False)


def test_blocks_that_stay_open_are_closed_with_the_message() -> None:
    """Some models send no end of a block; a second reason counts for nothing."""
    reader = StreamReader()
    events = reader.take(
        delta(5, text="Hi")
        + event("contentBlockStop", contentBlockIndex=9)
        + event("messageStop", stopReason="max_tokens")
        + event("messageStop", stopReason="end_turn")
        + event("somethingNew")
        + event("metadata")
    )

    assert events == [
        Started("", ""),
        Opened(0, Text("")),
        Grew(0, "Hi"),
        Closed(0),
        Stopped(Stop.LENGTH),
        Finished(None),
    ]


def test_a_stream_of_nothing_but_its_usage_has_come_to_an_end() -> None:
    """An empty answer is one."""
    assert StreamReader().take(USAGE) == [Started("", ""), Stopped(Stop.END), Finished(Usage(9, 4))]


def test_what_has_no_place_here_is_passed_over() -> None:
    """Citations, and blocks of a kind that nobody knows yet."""
    stream = delta(0, citation={"title": "x"}) + event("contentBlockStart", contentBlockIndex=0, start={})
    stream += event("contentBlockStart", contentBlockIndex=1) + event(
        "contentBlockDelta", contentBlockIndex=0
    )

    assert StreamReader().take(stream) == []


@pytest.mark.parametrize(
    "stream",
    [
        delta(0, toolUse={"input": "{"}),
        event("messageStop", stopReason="end_turn") + delta(0, text="Hi"),
        delta(0, text="Hi")
        + event("contentBlockStart", contentBlockIndex=0, start={"toolUse": {"toolUseId": "t", "name": "n"}}),
    ],
)
def test_what_comes_where_it_can_not_is_a_fault(stream: bytes) -> None:
    """Guessing would join what does not belong together."""
    with pytest.raises(ValueError, match=r"place|not open"):
        StreamReader().take(stream)


def test_a_payload_of_another_shape_is_a_fault() -> None:
    """It says so in one kind of error."""
    with pytest.raises(msgspec.DecodeError):
        StreamReader().take(event("contentBlockDelta", contentBlockIndex="0"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (delta(0, text="Grüß"), 6),
        (delta(0, toolUse={"input": "{}"}), 2),
        (delta(0, reasoningContent={"text": "Hm."}), 3),
        (delta(0, reasoningContent={"signature": "sig"}), 0),
        (event("contentBlockDelta", contentBlockIndex=0), 0),
        (event("contentBlockDelta", delta=[]), 0),
        (START, 0),
        (USAGE, 0),
    ],
)
def test_what_an_event_has_written_is_known_without_its_frame(data: bytes, expected: int) -> None:
    """Frames are padded by the provider: their length says nothing."""
    (found,) = Splitter().take(data)

    assert written_by(found) == expected
