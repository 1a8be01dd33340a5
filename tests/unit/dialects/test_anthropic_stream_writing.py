"""Streams as Anthropic's clients get them."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import StreamWriter
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
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
from keyturn.domain.refusals import Reason, Refused
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


def write(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Write a whole stream, and return the JSON of its events."""
    return decoded(StreamWriter(created=1, usage=False).write(events))


def decoded(data: bytes) -> list[dict[str, Any]]:
    """Return the JSON of events, whose names are their types."""
    found = []
    for event in data.split(b"\n\n")[:-1]:
        name, _, line = event.partition(b"\n")
        value = msgspec.json.decode(line.removeprefix(b"data: "))
        assert name == b"event: " + value["type"].encode()
        found.append(value)
    return found


WRITTEN = sse(
    start(cache_read_input_tokens=8),
    begin(0, type="thinking", thinking="", signature=""),
    grow(0, "thinking_delta", thinking="Let me"),
    grow(0, "thinking_delta", thinking=" look."),
    grow(0, "signature_delta", signature="EqQBCgIYAhIM"),
    close(0),
    begin(1, type="redacted_thinking", data="EmwKAhgB"),
    close(1),
    begin(2, type="text", text=""),
    grow(2, "text_delta", text="Okay"),
    close(2),
    begin(3, type="tool_use", id="toolu_1", name="get_weather", input={}),
    grow(3, "input_json_delta", partial_json='{"location":'),
    grow(3, "input_json_delta", partial_json=' "Paris"}'),
    close(3),
    begin(4, type="tool_use", id="toolu_2", name="now", input={}),
    grow(4, "input_json_delta", partial_json="{}"),
    close(4),
    change("tool_use"),
    STOP,
)


def test_a_stream_is_written_as_anthropic_does() -> None:
    """Only pings, and what nobody else has, are missing; usage is told at both ends."""
    found, expected = write(EVENTS), decoded(WRITTEN)

    told = {"cache_creation_input_tokens": 0, "output_tokens_details": {"thinking_tokens": 0}}
    given = {"input_tokens": 472, "cache_read_input_tokens": 8} | told
    expected[0]["message"]["usage"] |= told
    expected[-2]["usage"] |= given
    assert found == expected


def places(found: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return what happens to which block."""
    names = {"content_block_start": "start", "content_block_delta": "grow", "content_block_stop": "stop"}
    return [(names[event["type"]], event["index"]) for event in found if event["type"] in names]


def test_parts_that_grow_in_turns_are_told_one_after_the_other() -> None:
    """Anthropic's clients expect a block to be over before the next begins; what comes early waits."""
    found = write(
        [
            Started("i", "m"),
            Opened(0, Text("")),
            Opened(1, ToolCall("a", "f", "")),
            Opened(2, ToolCall("b", "g", "{")),
            Grew(2, "}"),
            Grew(1, '{"x":'),
            Grew(0, "late"),
            Closed(2),
            Closed(0),
            Opened(3, ToolCall("c", "h", "")),
            Signed(3, "proof"),
            Grew(1, "1}"),
            Grew(3, "{}"),
            Closed(1),
            Opened(4, Text("end")),
            Closed(3),
            Closed(4),
        ]
    )

    blocks = [("start", 0), ("grow", 0), ("stop", 0)]
    blocks += [("start", 1), ("grow", 1), ("grow", 1), ("stop", 1)]
    blocks += [("start", 2), ("grow", 2), ("grow", 2), ("stop", 2)]
    blocks += [("start", 3), ("grow", 3), ("stop", 3), ("start", 4), ("grow", 4), ("stop", 4)]
    blocks += [("start", 5), ("grow", 5), ("stop", 5)]
    assert places(found) == blocks
    begun = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert [block.get("name", block["type"]) for block in begun] == [
        "text",
        "f",
        "g",
        "h",
        "thinking",
        "text",
    ]


def test_the_part_that_is_open_grows_at_once() -> None:
    """A client reads along; only what is not its turn yet waits, and comes when the one before is over."""
    writer = StreamWriter(created=1, usage=False)
    writer.write([Started("i", "m"), Opened(0, ToolCall("a", "f", "")), Opened(1, ToolCall("b", "g", ""))])

    assert writer.write([Grew(1, "{}")]) == b""
    assert places(decoded(writer.write([Grew(0, "{}")]))) == [("grow", 0)]
    assert places(decoded(writer.write([Closed(0)]))) == [("stop", 0), ("start", 1), ("grow", 1)]
    assert places(decoded(writer.write([Grew(1, " ")]))) == [("grow", 1)]
    assert places(decoded(writer.write([Closed(1)]))) == [("stop", 1)]


def test_what_waits_is_told_when_a_stream_is_cut_short() -> None:
    """It has been made, and is paid for."""
    writer = StreamWriter(created=1, usage=False)
    writer.write(
        [
            Started("i", "m"),
            Opened(0, ToolCall("a", "f", "{}")),
            Opened(1, ToolCall("b", "g", "")),
            Opened(2, ToolCall("c", "h", "")),
            Grew(1, "{}"),
            Grew(2, "["),
            Closed(1),
        ]
    )

    found = decoded(writer.cut_short())

    blocks = [("stop", 0), ("start", 1), ("grow", 1), ("stop", 1), ("start", 2), ("grow", 2), ("stop", 2)]
    assert places(found) == blocks
    assert [event["type"] for event in found[-2:]] == ["message_delta", "message_stop"]


def test_what_others_answer_finds_a_place() -> None:
    """And text that never comes takes none: Anthropic would refuse it in the next turn."""
    found = write(
        [
            Started("i", "m"),
            Opened(0, Text("")),
            Closed(0),
            Opened(1, Refusal("No")),
            Closed(1),
            Opened(2, Media("image/png", "AA==")),
            Closed(2),
            Opened(3, ToolCall("c|1", "f", "", "early")),
            Closed(3),
            Opened(4, ToolCall("c2", "f", "")),
            Signed(4, "late"),
            Closed(4),
            Opened(5, Reasoning("summary", "sig", sealed="abc")),
            Closed(5),
            Opened(6, Reasoning("")),
            Signed(6, "only"),
            Closed(6),
        ]
    )

    blocks = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert [block["type"] for block in blocks] == [
        "text",
        "text",
        "tool_use",
        "thinking",
        "tool_use",
        "thinking",
        "redacted_thinking",
        "thinking",
        "thinking",
    ]
    assert blocks[2]["id"] == "c_1"
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert deltas == [
        {"type": "text_delta", "text": "No"},
        {"type": "text_delta", "text": "![](data:image/png;base64,AA==)"},
        {"type": "signature_delta", "signature": "keyturn-call:c_1:early"},
        {"type": "signature_delta", "signature": "keyturn-call:c2:late"},
        {"type": "signature_delta", "signature": "sig"},
        {"type": "thinking_delta", "thinking": "summary"},
        {"type": "signature_delta", "signature": "only"},
    ]


def test_the_usage_of_the_beginning_stands_in_for_none() -> None:
    """It is the best that is known."""
    found = write([Started("i", "m", usage=Usage(9, 1)), Stopped(Stop.SEQUENCE, "END"), Finished(None)])

    assert found[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert found[-2]["usage"]["input_tokens"] == 9


def test_a_stream_that_is_cut_short_is_whole() -> None:
    """What is open is closed, and nothing comes behind it."""
    writer = StreamWriter(created=1, usage=True)
    writer.write([Started("i", "m", usage=Usage(9, 1)), Opened(0, Text("a")), Opened(1, Text(""))])

    found = decoded(writer.cut_short())

    assert [event["type"] for event in found] == ["content_block_stop", "message_delta", "message_stop"]
    assert found[1]["delta"]["stop_reason"] == "max_tokens"
    assert writer.cut_short() == b""
    assert writer.fail(Refused(Reason.INTERNAL)) == b""
    assert writer.write([Grew(0, "x")]) == b""


def test_a_stream_may_be_cut_short_before_it_has_begun() -> None:
    """Clients look for a beginning."""
    found = decoded(StreamWriter(created=1, usage=True).cut_short())

    assert [event["type"] for event in found] == ["message_start", "message_delta", "message_stop"]


def test_a_stream_may_fail() -> None:
    """By our doing, or by the provider's."""
    writer = StreamWriter(created=1, usage=True)
    writer.write([Started("i", "m")])

    (found,) = decoded(writer.fail(Refused(Reason.UPSTREAM_CLOSED)))

    assert found["error"]["type"] == "api_error"
    assert found["error"]["details"] == {"error_code": "upstream_closed"}
    assert writer.write([Stopped(Stop.END)]) == b""


@pytest.mark.parametrize(
    ("code", "kind"),
    [("overloaded_error", "overloaded_error"), ("server_error", "api_error"), ("", "api_error")],
)
def test_a_providers_failure_is_told(code: str, kind: str) -> None:
    """In words that the SDK knows."""
    found = write([Started("i", "m"), Failed("Sorry", code), Stopped(Stop.END)])

    assert found[1:] == [{"type": "error", "error": {"type": kind, "message": "Sorry"}}]


def test_parts_that_nobody_has_closed_are_told_before_the_end() -> None:
    """Some hosts forget it, and what waits behind such a part is as good as any."""
    one, two = Opened(0, ToolCall("a", "f", "{}")), Opened(1, ToolCall("b", "g", "{}"))

    found = write([Started("i", "m"), one, two, Closed(1), Stopped(Stop.TOOLS), Finished(None)])

    blocks = [event["content_block"]["name"] for event in found if event["type"] == "content_block_start"]
    assert blocks == ["f", "g"]
    assert sum(event["type"] == "content_block_stop" for event in found) == 2
    assert found[-1]["type"] == "message_stop"
