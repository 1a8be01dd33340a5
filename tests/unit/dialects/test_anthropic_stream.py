"""Anthropic's streams, as events."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import StreamReader
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Opened,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.domain.usage import Usage

ID = "msg_014p7gG3wDgGV9EUtLvnow3U"


def sse(*events: dict[str, Any]) -> bytes:
    """Return events as a provider sends them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events
    )


def start(**usage: int) -> dict[str, Any]:
    """Return the first event."""
    message: dict[str, Any] = {
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "stop_sequence": None,
        "usage": {"input_tokens": 472, "output_tokens": 2} | usage,
        "content": [],
        "stop_reason": None,
    }
    return {"type": "message_start", "message": message}


def begin(index: int, **block: Any) -> dict[str, Any]:
    """Return the event that begins a block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(index: int, kind: str, **delta: str) -> dict[str, Any]:
    """Return the event of more."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind} | delta}


def close(index: int) -> dict[str, Any]:
    """Return the event that ends a block."""
    return {"type": "content_block_stop", "index": index}


def change(reason: str | None = "end_turn", **delta: Any) -> dict[str, Any]:
    """Return the event that tells the reason."""
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None} | delta,
        "usage": {"output_tokens": 89},
    }


PING = {"type": "ping"}
STOP = {"type": "message_stop"}
RECORDED = sse(
    start(cache_read_input_tokens=8),
    begin(0, type="thinking", thinking="", signature=""),
    PING,
    grow(0, "thinking_delta", thinking="Let me"),
    grow(0, "thinking_delta", thinking=" look."),
    grow(0, "signature_delta", signature="EqQBCgIYAhIM"),
    close(0),
    begin(1, type="redacted_thinking", data="EmwKAhgB"),
    close(1),
    begin(2, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    grow(2, "input_json_delta", partial_json='{"query":"x"}'),
    close(2),
    begin(3, type="text", text=""),
    grow(3, "text_delta", text="Okay"),
    grow(3, "citations_delta"),
    close(3),
    begin(4, type="tool_use", id="toolu_1", name="get_weather", input={}),
    grow(4, "input_json_delta", partial_json=""),
    grow(4, "input_json_delta", partial_json='{"location":'),
    grow(4, "input_json_delta", partial_json=' "Paris"}'),
    close(4),
    begin(5, type="tool_use", id="toolu_2", name="now", input={}),
    close(5),
    {"type": "something_new", "index": "x"} | {"index": 9},
    change("tool_use"),
    STOP,
)
EVENTS: list[Event] = [
    Started(ID, "claude-opus-5", usage=Usage(480, 2, 8)),
    Opened(0, Reasoning("")),
    Grew(0, "Let me"),
    Grew(0, " look."),
    Signed(0, "EqQBCgIYAhIM"),
    Closed(0),
    Opened(1, Reasoning("", sealed="EmwKAhgB")),
    Closed(1),
    Opened(2, Text("")),
    Grew(2, "Okay"),
    Closed(2),
    Opened(3, ToolCall("toolu_1", "get_weather", "")),
    Grew(3, '{"location":'),
    Grew(3, ' "Paris"}'),
    Closed(3),
    Opened(4, ToolCall("toolu_2", "now", "")),
    Grew(4, "{}"),
    Closed(4),
    Stopped(Stop.TOOLS),
    Finished(Usage(480, 89, 8)),
]


def test_a_stream_tells_what_happens() -> None:
    """Thoughts, text, calls; what Anthropic's own tools do is passed over, and parts are counted without them."""
    reader = StreamReader()

    assert reader.take(RECORDED) == EVENTS
    assert reader.whole
    assert reader.end() == []
    assert reader.take(sse(start())) == []


def test_a_stream_may_be_cut_at_every_byte() -> None:
    """And what has come is told at once."""
    for data in (RECORDED, RECORDED.replace(b"\n", b"\r\n")):
        reader = StreamReader()
        assert [
            event for index in range(len(data)) for event in reader.take(data[index : index + 1])
        ] == EVENTS


def test_a_call_whose_arguments_come_at_once() -> None:
    """Other makers of this API do so."""
    reader = StreamReader()

    events = reader.take(sse(start(), begin(0, type="tool_use", id="t", name="f", input={"a": 1}), close(0)))

    assert events[1:] == [Opened(0, ToolCall("t", "f", '{"a":1}')), Closed(0)]


def test_a_refusal_says_why() -> None:
    """As a part of its own, at the end."""
    details = {"type": "refusal", "category": None, "explanation": "It might do harm."}

    events = StreamReader().take(sse(start(), change("refusal", stop_details=details), STOP))

    assert events[1:] == [
        Opened(0, Refusal("")),
        Grew(0, "It might do harm."),
        Closed(0),
        Stopped(Stop.REFUSED),
        Finished(Usage(472, 89)),
    ]


def test_what_is_open_is_closed_before_the_stop() -> None:
    """Not every maker of this API says it."""
    opened = [begin(0, type="text", text="a"), begin(1, type="server_tool_use"), change(), change()]

    events = StreamReader().take(sse(start(), *opened, STOP))

    assert events[1:] == [Opened(0, Text("a")), Closed(0), Stopped(Stop.END), Finished(Usage(472, 89))]


def test_a_stream_without_a_reason_has_ended() -> None:
    """It says so itself."""
    events = StreamReader().take(sse(start(), change(None), {"type": "message_delta"}, STOP))

    assert events[1:] == [Stopped(Stop.END), Finished(Usage(472, 89))]


def test_a_stop_sequence_is_told() -> None:
    """The client has asked for it."""
    events = StreamReader().take(sse(start(), change("stop_sequence", stop_sequence="END")))

    assert events[-1] == Stopped(Stop.SEQUENCE, "END")


def test_a_stream_that_forgets_its_last_event_is_whole() -> None:
    """All has been told; half an event at the end may be the rest of it."""
    for rest in (b"", sse(STOP)[:-2], b"\n"):
        reader = StreamReader()
        reader.take(sse(start(), change()) + rest)
        assert reader.end() == [Finished(Usage(472, 89))]
        assert reader.whole


def test_a_stream_that_was_cut_off_is_not_whole() -> None:
    """The gateway has to say so to the client."""
    reader = StreamReader()
    reader.take(sse(start(), begin(0, type="text", text="a")))

    assert reader.end() == []
    assert not reader.whole


def test_an_error_ends_the_stream() -> None:
    """Nothing counts behind it."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    reader = StreamReader()

    assert reader.take(sse(error, STOP)) == [Failed("Overloaded", "overloaded_error")]
    assert reader.end() == []
    assert not reader.whole
    assert StreamReader().take(sse({"type": "error"})) == [Failed("")]


@pytest.mark.parametrize(
    "data",
    [
        sse(start(), start()),
        sse(begin(0, type="text", text="")),
        sse(change()),
        sse(STOP),
        sse(start(), begin(0, type="text"), begin(0, type="text")),
        sse(start(), {"type": "content_block_start"}),
        sse(start(), grow(0, "text_delta", text="x")),
        sse(start(), begin(0, type="text"), {"type": "content_block_delta"}),
        sse(start(), close(0)),
        sse(start(), change(), begin(0, type="text")),
        b'data: {"type":"ping","a":' + b"[" * 100_000 + b"\n\n",
        b'data: {"type":"x","index":"a"}\n\n',
        b"data: [DONE]\n\n",
        b'data: {"type":"\xff"}\n\n',
    ],
)
def test_what_can_not_be_read_is_a_fault(data: bytes) -> None:
    """Never a wrong answer."""
    with pytest.raises((msgspec.DecodeError, ValueError)):
        StreamReader().take(data)
