"""Calls in a streamed chat completion, told apart and closed."""

from typing import Any

import pytest

from fakes.assembled import assembled
from keyturn.dialects.canonical import (
    Answer,
    Closed,
    Event,
    Finished,
    Grew,
    Opened,
    Signed,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.openai_chat import StreamReader
from support.chat_chunks import DONE, call, chunk, function


def heard(*chunks: bytes) -> list[Event]:
    """Return the events of a stream that comes to its own end."""
    reader = StreamReader()
    events = [*reader.take(b"".join(chunks)), *reader.end()]
    assert reader.whole
    return events


def answer(*chunks: bytes) -> Answer:
    """Return the answer that a stream tells."""
    return assembled(heard(*chunks))


def test_a_call_is_whole_when_something_else_begins() -> None:
    """A client that reads one part after the other need not wait for the end of the stream."""
    reader = StreamReader()
    reader.take(chunk({"content": "Let me see"}))

    assert reader.take(chunk(call(0, id="a", function=function("x", "")))) == [
        Closed(0),
        Opened(1, ToolCall("a", "x", "")),
    ]
    assert reader.take(chunk(call(0, function={"arguments": '{"n":'}))) == [Grew(1, '{"n":')]
    assert reader.take(chunk(call(0, function={"arguments": "1} "}))) == [Grew(1, "1} ")]
    assert reader.take(chunk(call(1, id="b", function=function("y", "{}")))) == [
        Closed(1),
        Opened(2, ToolCall("b", "y", "")),
        Grew(2, "{}"),
    ]
    assert reader.take(chunk({"content": "So"})) == [Closed(2), Opened(3, Text("")), Grew(3, "So")]
    assert reader.take(chunk({}, "tool_calls") + DONE) == [Closed(3), Stopped(Stop.TOOLS), Finished()]


@pytest.mark.parametrize("arguments", ["", '{"n":', "1", '{"n":"}'])
def test_a_call_that_may_go_on_stays_open(arguments: str) -> None:
    """Nothing of it may be lost, should a host take calls in turns."""
    events = heard(
        chunk(call(0, id="a", function=function("x", arguments))),
        chunk(call(1, id="b", function=function("y", "{}"))),
        chunk(call(0, function={"arguments": "…"})),
        chunk(call(2, id="c", function=function("z", "{}"))),
        chunk({}, "tool_calls"),
        DONE,
    )

    assert assembled(events).parts == (
        ToolCall("a", "x", f"{arguments}…"),
        ToolCall("b", "y", "{}"),
        ToolCall("c", "z", "{}"),
    )
    assert [one.index for one in events if isinstance(one, Closed)] == [1, 0, 2]


def test_white_space_behind_a_whole_call_is_none_of_it() -> None:
    """It is JSON without, and the client has been told its end."""
    told = answer(
        chunk(call(0, id="a", function=function("x", '{"n":1}'))),
        chunk(call(1, id="b", function=function("y", "{}"))),
        chunk(call(0, id="a", function={"arguments": "\n"})),
        chunk(call(0, function={"arguments": ""})),
        chunk({}, "tool_calls"),
        DONE,
    )

    assert told.parts == (ToolCall("a", "x", '{"n":1}'), ToolCall("b", "y", "{}"))


@pytest.mark.parametrize(
    "more",
    [
        call(0, function={"arguments": "{}"}),
        call(0, extra_content={"google": {"thought_signature": "sig"}}),
    ],
)
def test_more_of_a_call_that_was_whole_is_a_fault(more: dict[str, Any]) -> None:
    """It can't be told any more, and is not silently lost."""
    reader = StreamReader()
    reader.take(chunk(call(0, id="a", function=function("x", "{}"))))
    reader.take(chunk(call(1, id="b", function=function("y", "{}"))))

    with pytest.raises(ValueError, match="more of a call"):
        reader.take(chunk(more))


def test_a_host_that_counts_all_calls_as_one_may_close_them_too() -> None:
    """Each is closed once."""
    events = heard(
        chunk(call(0, id="a", function=function("x", "{}"))),
        chunk({"content": "So"}),
        chunk(call(0, id="b", function=function("y", "{}"))),
        chunk({}, "tool_calls"),
        DONE,
    )

    assert assembled(events).parts == (ToolCall("a", "x", "{}"), Text("So"), ToolCall("b", "y", "{}"))


def test_parallel_calls_are_told_as_they_come() -> None:
    """The first piece names a call, the others add to its arguments; a host may take them in turns."""
    events = heard(
        chunk({"content": "Let me see"}),
        chunk(call(0, id="call_a", type="function", function=function("weather", ""))),
        chunk(call(0, function={"arguments": '{"city":'})),
        chunk(call(1, id="call_b", type="function", function=function("time", ""))),
        chunk(call(0, function={"arguments": '"Oslo"}'})),
        chunk({}, "tool_calls"),
        DONE,
    )

    assert events[3:] == [
        Closed(0),
        Opened(1, ToolCall("call_a", "weather", "")),
        Grew(1, '{"city":'),
        Opened(2, ToolCall("call_b", "time", "")),
        Grew(1, '"Oslo"}'),
        Closed(1),
        Grew(2, "{}"),
        Closed(2),
        Stopped(Stop.TOOLS),
        Finished(),
    ]


@pytest.mark.parametrize(
    "deltas",
    [
        # Gemini's compatible endpoint, Ollama: all of them are the first one
        [
            call(0, id="a", function=function("x", '{"n":1}')),
            call(0, id="b", function=function("y", '{"n":2}')),
        ],
        # no index at all
        [
            call(None, id="a", function=function("x", '{"n":')),
            call(None, function=function(None, "1}")),
            call(None, id="b", function=function("y", '{"n":2}')),
        ],
        # the id comes with every piece
        [
            call(None, id="a", function=function("x", '{"n":')),
            call(None, id="a", function=function("x", "1}")),
            call(None, id="b", function=function("y", '{"n":2}')),
        ],
        [
            call(0, id="a", function=function("x", '{"n":')),
            call(0, id="a", function=function("x", "1}")),
            call(1, id="b", function=function("y", '{"n":2}')),
        ],
        # another id comes with a piece that names nothing (older vLLM)
        [
            call(0, id="a", function=function("x", '{"n":')),
            call(0, id="z", function=function(None, "1}")),
            call(1, id="b", function=function("y", '{"n":2}')),
        ],
        # arguments as an object
        [
            call(0, id="a", function=function("x", {"n": 1})),
            call(1, id="b", function=function("y", {"n": 2})),
        ],
        # both at once
        [
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "function": function("x", '{"n":1}')},
                    {"index": 1, "id": "b", "function": function("y", '{"n":2}')},
                ]
            }
        ],
    ],
)
def test_calls_are_told_apart_in_every_hosts_way(deltas: list[dict[str, Any]]) -> None:
    """By index, by id, or by order."""
    told = answer(*(chunk(delta) for delta in deltas), chunk({}, "stop"), DONE)

    assert told.parts == (ToolCall("a", "x", '{"n":1}'), ToolCall("b", "y", '{"n":2}'))
    assert told.stop is Stop.TOOLS


def test_a_call_without_an_id_gets_one() -> None:
    """From its place."""
    told = answer(
        chunk(call(0, function=function("x", "{}"))),
        chunk(call(1, id="", function=function("y"))),
        chunk(call(2)),
        chunk({}, "tool_calls"),
        DONE,
    )

    assert told.parts == (
        ToolCall("call_0_0", "x", "{}"),
        ToolCall("call_0_1", "y", "{}"),
        ToolCall("call_0_2", "", "{}"),
    )


def test_the_deprecated_call_is_one_like_any_other() -> None:
    """In pieces too."""
    told = answer(
        chunk({"function_call": {"name": "x", "arguments": '{"n"'}}),
        chunk({"function_call": {"arguments": ":1}"}}),
        chunk({}, "function_call"),
        DONE,
    )

    assert told.parts == (ToolCall("call_0_0", "x", '{"n":1}'),)
    assert told.stop is Stop.TOOLS


def test_a_signature_of_a_call_is_told_with_it_or_later() -> None:
    """Gemini wants it back."""
    extra = {"google": {"thought_signature": "sig"}}

    events = heard(
        chunk(call(0, id="a", function=function("x", "{}"), extra_content=extra)),
        chunk(call(1, id="b", function=function("y", "{}"))),
        chunk(call(1, extra_content=extra)),
        chunk({}, "tool_calls"),
        DONE,
    )

    assert Opened(0, ToolCall("a", "x", "", "sig")) in events
    assert events[events.index(Opened(1, ToolCall("b", "y", ""))) :][:3] == [
        Opened(1, ToolCall("b", "y", "")),
        Grew(1, "{}"),
        Signed(1, "sig"),
    ]
