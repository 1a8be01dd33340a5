"""Streams of OpenAI's responses, read."""

from typing import Any

import msgspec
import pytest

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
from keyturn.dialects.openai_responses_stream import StreamReader
from keyturn.domain.usage import Usage

BEGUN = {
    "type": "response.created",
    "response": {"id": "resp_1", "object": "response", "model": "m", "created_at": 5, "error": None},
}
STARTED = Started("resp_1", "m", 5)
USAGE = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}


def _ended(status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "type": f"response.{status}",
        "response": {"id": "resp_1", "status": status, "usage": USAGE} | more,
    }


def _bytes(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event.get("type", "").encode(), msgspec.json.encode(event))
        for event in events
    )


def _read(*events: dict[str, Any]) -> list[Event]:
    reader = StreamReader()
    return reader.take(_bytes(*events)) + reader.end()


def _inside(*events: dict[str, Any]) -> list[Event]:
    """Return what stands between the first event and the last two."""
    found = _read(BEGUN, *events, _ended())
    assert found[0] == STARTED
    assert isinstance(found[-1], Finished)
    return found[1:-2]


def _item(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{kind}", "output_index": 0, "item": members}


# A recorded stream, shortened, with the members that are passed over.
WORDS: list[dict[str, Any]] = [
    BEGUN,
    {"type": "response.in_progress", "sequence_number": 1, "response": BEGUN["response"]},
    {"type": "response.output_item.added", "output_index": 0, "item": {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}},
    {"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}},
    {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hi", "logprobs": [], "obfuscation": "x9"},
    {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": " there"},
    {"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": "Hi there"},
    {"type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "Hi there"}},
    {"type": "response.output_item.done", "output_index": 0, "item": {"id": "msg_1", "type": "message", "status": "completed", "content": [{"type": "output_text", "text": "Hi there"}]}},
    _ended(),
]  # fmt: skip
WORDS_READ: list[Event] = [
    STARTED,
    Opened(0, Text("")),
    Grew(0, "Hi"),
    Grew(0, " there"),
    Closed(0),
    Stopped(Stop.END),
    Finished(Usage(9, 2)),
]


def test_a_recorded_stream_is_read() -> None:
    """Event by event, whatever else stands in it."""
    assert _read(*WORDS) == WORDS_READ


def test_a_stream_may_break_anywhere() -> None:
    """A network cuts as it likes."""
    data = _bytes(*WORDS)

    for cut in range(len(data)):
        reader = StreamReader()
        assert reader.take(data[:cut]) + reader.take(data[cut:]) == WORDS_READ
        assert reader.whole


def test_calls_may_grow_side_by_side() -> None:
    """The stop is for their sake."""
    found = _read(
        BEGUN,
        _item("added", type="function_call", id="fc_1", call_id="call_1", name="a", arguments=""),
        _item("added", type="function_call", id="fc_2", call_id="call_2", name="b", arguments="{")
        | {"output_index": 1},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"x":'},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "}"},
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"x":1}'},
        _item("done", type="function_call", call_id="call_1", name="a", arguments='{"x":1}'),
        _item("done", type="function_call", call_id="call_2", name="b", arguments="{}") | {"output_index": 1},
        _ended(),
    )

    assert found == [
        STARTED,
        Opened(0, ToolCall("call_1", "a", "")),
        Opened(1, ToolCall("call_2", "b", "{")),
        Grew(0, '{"x":'),
        Grew(1, "}"),
        Grew(0, "1}"),
        Closed(0),
        Closed(1),
        Stopped(Stop.TOOLS),
        Finished(Usage(9, 2)),
    ]


def test_a_call_that_comes_whole_is_read() -> None:
    """Hosts of small models make it at once; arguments without an item are nobody's."""
    assert _inside(
        {"type": "response.function_call_arguments.delta", "output_index": 7, "delta": "{}"},
        _item("done", type="function_call", name="a", arguments="{}"),
    ) == [Opened(0, ToolCall("call_0", "a", "{}")), Closed(0)]
    assert _inside(
        _item("added", type="function_call", call_id="call_1", name="a"),
        _item("done", type="function_call", call_id="call_1", name="a", arguments="{}"),
    ) == [Opened(0, ToolCall("call_1", "a", "")), Grew(0, "{}"), Closed(0)]


def test_thoughts_come_in_paragraphs_and_the_seal_behind_them() -> None:
    """The seal is a part of its own, as most dialects have it."""
    delta = {"type": "response.reasoning_summary_text.delta", "output_index": 0}

    found = _inside(
        _item("added", type="reasoning", id="rs_1", summary=[], encrypted_content="gA"),
        {"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0},
        delta | {"summary_index": 0, "delta": "One"},
        delta | {"summary_index": 1, "delta": "Two"},
        {
            "type": "response.reasoning_text.delta",
            "output_index": 0,
            "content_index": 0,
            "delta": "the same in full",
        },
        _item(
            "done",
            type="reasoning",
            id="rs_1",
            summary=[{"type": "summary_text", "text": "One"}],
            encrypted_content="gAAAA",
        ),
    )

    assert found == [
        Opened(0, Reasoning("")),
        Grew(0, "One"),
        Grew(0, "\n\n"),
        Grew(0, "Two"),
        Closed(0),
        Opened(1, Reasoning("", sealed="gAAAA", id="rs_1")),
        Closed(1),
    ]


def test_thoughts_may_be_told_at_the_end_or_not_at_all() -> None:
    """An item without words or a seal has nothing to say."""
    told = [{"type": "summary_text", "text": "One"}]

    assert _inside(_item("done", type="reasoning", id="rs_1", summary=told)) == [
        Opened(0, Reasoning("", id="rs_1")),
        Grew(0, "One"),
        Closed(0),
    ]
    assert (
        _inside(_item("added", type="reasoning", id="rs_1"), _item("done", type="reasoning", id="rs_1")) == []
    )


def test_open_models_tell_their_thoughts_themselves() -> None:
    """Not a summary."""
    delta = {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0}

    assert _inside(delta | {"delta": "Hm"}, delta) == [Opened(0, Reasoning("")), Grew(0, "Hm"), Closed(0)]


def test_signatures_of_other_providers_are_found_again() -> None:
    """One of thoughts at their end, one of a call in an item of its own; one of no call is nobody's."""
    found = _inside(
        _item("done", type="reasoning", encrypted_content="signature:c2ln\n"),
        _item("added", type="function_call", call_id="call_1", name="a"),
        _item("added", type="reasoning", encrypted_content="call-signature:call_1\nc2lo")
        | {"output_index": 1},
        _item("done", type="reasoning", encrypted_content="call-signature:call_1\nc2lo")
        | {"output_index": 1},
        _item("added", type="reasoning", encrypted_content="call-signature:call_9\nc2lo")
        | {"output_index": 1},
    )

    assert found == [
        Opened(0, Reasoning("")),
        Signed(0, "c2ln"),
        Closed(0),
        Opened(1, ToolCall("call_1", "a", "")),
        Signed(1, "c2lo"),
        Closed(1),
    ]


def test_a_refusal_is_no_text() -> None:
    """And the answer is one, too."""
    found = _read(
        BEGUN,
        {
            "type": "response.content_part.added",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "refusal", "refusal": ""},
        },
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "I"},
        {"type": "response.refusal.done", "output_index": 0, "content_index": 0, "refusal": "I can't"},
        _ended(),
    )

    assert found[1:-1] == [
        Opened(0, Refusal("")),
        Grew(0, "I"),
        Grew(0, " can't"),
        Closed(0),
        Stopped(Stop.REFUSED),
    ]


def test_hosts_may_leave_out_what_opens_a_part() -> None:
    """And everything but the whole text."""
    assert _inside(
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi"},
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 1, "delta": "No"},
        {"type": "response.content_part.added", "output_index": 0, "content_index": 2},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 2},
        {"type": "response.output_item.added"},
        {"type": "response.output_item.done"},
    ) == [Opened(0, Text("")), Grew(0, "Hi"), Opened(1, Refusal("")), Grew(1, "No"), Closed(0), Closed(1)]


def test_an_image_comes_whole() -> None:
    """At the end of its item."""
    found = _inside(
        _item("done", type="image_generation_call", result="aGk="),
        _item("done", type="image_generation_call"),
    )

    assert found == [Opened(0, Media("image/png", "aGk=")), Closed(0)]


@pytest.mark.parametrize(
    ("end", "stop"),
    [
        (_ended("incomplete", incomplete_details={"reason": "max_output_tokens"}), Stop.LENGTH),
        (_ended("incomplete", incomplete_details={"reason": "content_filter"}), Stop.FILTERED),
        ({"type": "response.incomplete"}, Stop.LENGTH),
    ],
)
def test_a_stream_says_why_it_is_over(end: dict[str, Any], stop: Stop) -> None:
    """As a whole answer does."""
    assert _read(BEGUN, end)[1] == Stopped(stop)


@pytest.mark.parametrize(
    ("event", "failed"),
    [
        (
            {"type": "error", "message": "Busy", "code": "server_error", "param": None},
            Failed("Busy", "server_error"),
        ),
        (
            {"type": "error", "error": {"message": "Busy", "type": "server_error"}},
            Failed("Busy", "server_error"),
        ),
        (
            {"type": "response.failed", "response": {"error": {"message": "Busy", "code": "x"}}},
            Failed("Busy", "x"),
        ),
        ({"type": "response.failed", "response": {"id": "resp_1"}}, Failed("")),
        ({"error": {"message": "Busy", "code": 503}}, Failed("Busy", "503")),
    ],
)
def test_a_failure_is_told_in_every_form_that_hosts_give_it(event: dict[str, Any], failed: Failed) -> None:
    """And nothing is read behind it."""
    reader = StreamReader()

    found = reader.take(_bytes(BEGUN, event, _ended()))

    assert found == [STARTED, failed]
    assert not reader.whole


def test_what_is_unknown_is_passed_over() -> None:
    """OpenAI adds events."""
    assert _inside({"type": "keepalive"}, {"type": "response.new.kind", "delta": 1}, {}) == []


def test_a_stream_without_a_beginning_is_told_one() -> None:
    """The first event of ours is always the same."""
    assert _read({"type": "keepalive"}, _ended())[0] == Started("resp_1", "")
    assert _read({"type": "response.output_text.delta", "delta": "a"})[0] == Started("", "")


def test_a_last_event_without_an_empty_line_counts() -> None:
    """Some servers close the connection instead."""
    reader = StreamReader()
    assert reader.take(_bytes(BEGUN, _ended())[:-2]) == [STARTED]

    assert reader.end() == [Stopped(Stop.END), Finished(Usage(9, 2))]
    assert reader.whole


@pytest.mark.parametrize("cut", [-2, -9])
def test_half_an_event_at_the_end_is_none(cut: int) -> None:
    """The stream was cut off."""
    reader = StreamReader()
    reader.take(_bytes(BEGUN) + b"data: [DONE]\n\n" + _bytes(_ended())[: cut - 5])

    assert reader.end() == []
    assert not reader.whole


def test_what_is_no_json_is_a_fault() -> None:
    """Whoever reads has to end the stream."""
    with pytest.raises(msgspec.DecodeError):
        StreamReader().take(b"data: {\n\n")


def test_a_place_that_is_taken_again_closes_what_stood_there() -> None:
    """Some servers count no places; a part that is never closed would hold up those behind it."""
    calls = [_item("added", type="function_call", call_id=name, name=name) for name in ("f", "g")]

    found = _inside(*calls)

    assert [type(one) for one in found] == [Opened, Closed, Opened, Closed]
