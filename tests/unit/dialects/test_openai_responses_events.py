"""Streams of OpenAI's responses, written: by the schemas, and as the official SDK reads them."""

from typing import Any

import httpx2
import msgspec
import openai
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
from keyturn.dialects.openai_responses_events import StreamWriter
from keyturn.dialects.openai_responses_stream import StreamReader
from keyturn.dialects.sse import Splitter
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage
from openai_schema import EVENTS, problems

STARTED = Started("resp_1", "m", 5)
WORDS: list[Event] = [STARTED, Opened(0, Text("")), Grew(0, "Hi"), Grew(0, " there"), Closed(0)]
OVER: list[Event] = [Stopped(Stop.END), Finished(Usage(9, 2, 4, 1))]
EVERYTHING: list[Event] = [
    STARTED,
    Opened(0, Reasoning("")),
    Grew(0, "Hm"),
    Signed(0, "c2ln"),
    Closed(0),
    Opened(1, Reasoning("", sealed="gAAAA")),
    Closed(1),
    Opened(2, Text("I")),
    Grew(2, " look."),
    Closed(2),
    Opened(3, Refusal("")),
    Grew(3, "No."),
    Closed(3),
    Opened(4, Media("image/png", "aGk=")),
    Closed(4),
    Opened(5, ToolCall("call_1", "weather", "", "c2lo")),
    Opened(6, ToolCall("call_2", "time", "")),
    Grew(5, '{"city":'),
    Grew(5, '"Paris"}'),
    Closed(5),
    Closed(6),
    Stopped(Stop.TOOLS),
    Finished(Usage(9, 2, 4, 1)),
]


def _bytes(events: list[Event]) -> bytes:
    return StreamWriter(created=1, usage=False).write(events)


def _told(data: bytes) -> list[dict[str, Any]]:
    """Return the events that a client sees, each checked against its schema."""
    splitter = Splitter()
    found: list[dict[str, Any]] = []
    for event in splitter.take(data):
        value = msgspec.json.decode(event.data)
        assert event.name.decode() == value["type"]
        assert problems(value, EVENTS[value["type"]]) == []
        found.append(value)
    assert splitter.rest == b""
    return found


def _kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def _client(data: bytes) -> openai.OpenAI:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    return openai.OpenAI(
        api_key="k",
        base_url="http://keyturn.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def test_a_message_is_told_in_the_order_that_clients_expect() -> None:
    """Every event that OpenAI sends for one."""
    told = _told(_bytes([*WORDS, *OVER]))

    assert _kinds(told) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Hi there"
    assert told[-1]["response"]["usage"]["total_tokens"] == 11
    assert told[-1]["response"]["created_at"] == 5


def test_every_part_is_told_in_its_own_order() -> None:
    """Thoughts, sealed thoughts, words, a refusal, an image, calls side by side."""
    told = _told(_bytes(EVERYTHING))

    assert _kinds(told)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]


def test_numbers_and_ids_hold_through_the_stream() -> None:
    """Clients put the pieces together by them."""
    told = _told(_bytes(EVERYTHING))

    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    ids = {event["output_index"]: event["item"]["id"] for event in told if "item" in event}
    assert len(set(ids.values())) == len(ids)
    assert all(event["item_id"] == ids[event["output_index"]] for event in told if "item_id" in event)
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert sorted(item["id"] for item in told[-1]["response"]["output"]) == sorted(
        item["id"] for item in done
    )


def test_nothing_waits_for_the_next_event() -> None:
    """The first word is told in the turn in which it came."""
    writer = StreamWriter(created=1, usage=True)
    writer.write([STARTED, Opened(0, Text(""))])

    assert b'"delta":"Hi"' in writer.write([Grew(0, "Hi")])
    assert writer.write([]) == b""
    assert writer.write([Stopped(Stop.END)]) == b""


def test_words_that_are_open_while_a_call_begins_keep_their_message() -> None:
    """It ends with the last of them."""
    told = _told(
        _bytes(
            [
                STARTED,
                Opened(0, Text("")),
                Opened(1, Text("")),
                Opened(2, ToolCall("c", "f", "{}")),
                Grew(0, "a"),
                Closed(0),
                Grew(1, "b"),
                Closed(1),
                Closed(2),
                *OVER,
            ]
        )
    )

    assert [item["type"] for item in told[-1]["response"]["output"]] == ["message", "function_call"]
    assert [part["text"] for part in told[-1]["response"]["output"][0]["content"]] == ["a", "b"]


def test_media_without_a_place_are_told_by_their_address() -> None:
    """As in a whole answer."""
    told = _told(_bytes([STARTED, Opened(0, Media("audio/wav", "aGk=")), Closed(0), *OVER]))

    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "data:audio/wav;base64,aGk="


@pytest.mark.parametrize(
    ("stop", "reason"),
    [(Stop.LENGTH, "max_output_tokens"), (Stop.FILTERED, "content_filter"), (Stop.REFUSED, "content_filter")],
)
def test_a_stream_that_is_not_the_whole_answer_ends_incomplete(stop: Stop, reason: str) -> None:
    """And so does its last message."""
    end = _told(_bytes([*WORDS, Stopped(stop), Finished()]))[-1]

    assert end["type"] == "response.incomplete"
    assert end["response"]["incomplete_details"] == {"reason": reason}
    assert end["response"]["output"][0]["status"] == "incomplete"


def test_a_refusal_in_words_is_complete() -> None:
    """As in a whole answer."""
    events: list[Event] = [STARTED, Opened(0, Refusal("No")), Closed(0), Stopped(Stop.REFUSED), Finished()]

    assert _told(_bytes(events))[-1]["type"] == "response.completed"


def test_usage_that_was_told_at_the_start_is_told_where_the_end_has_none() -> None:
    """Better the input alone than nothing."""
    started = Started("resp_1", "m", usage=Usage(9))

    end = _told(_bytes([started, *OVER[:1], Finished()]))[-1]["response"]

    assert (end["usage"]["input_tokens"], end["created_at"]) == (9, 1)
    assert "usage" not in _told(_bytes([STARTED, *OVER[:1], Finished()]))[-1]["response"]


def test_a_stream_that_may_not_go_on_ends_as_one_that_has_become_long_enough() -> None:
    """With all that is open closed, so that clients keep what they have."""
    writer = StreamWriter(created=1, usage=True)
    data = writer.write([*WORDS[:3], Opened(1, ToolCall("c", "f", ""))]) + writer.cut_short()

    told = _told(data)

    assert told[-1]["type"] == "response.incomplete"
    assert [item["type"] for item in told[-1]["response"]["output"]] == ["message", "function_call"]
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Hi"
    assert writer.cut_short() == b""
    assert writer.fail(Refused(Reason.INTERNAL)) == b""


def test_a_stream_may_end_before_it_has_begun() -> None:
    """A client still gets a whole one."""
    assert _kinds(_told(StreamWriter(created=1, usage=True).cut_short())) == [
        "created",
        "in_progress",
        "incomplete",
    ]


@pytest.mark.parametrize(
    ("events", "code", "told"),
    [
        ([STARTED, Failed("Busy", "rate_limit_exceeded")], "rate_limit_exceeded", "rate_limit_exceeded"),
        ([STARTED, Failed("Busy", "overloaded_error")], "overloaded_error", "server_error"),
        ([STARTED, Failed("Busy")], None, "server_error"),
    ],
)
def test_a_failure_is_told_with_its_code_and_then_in_the_response(
    events: list[Event], code: object, told: str
) -> None:
    """A response may carry few codes, the event before it any."""
    error, failed = _told(_bytes(events))[2:]

    assert (error["message"], error["code"], error["error"]["code"]) == ("Busy", code, code)
    assert (failed["response"]["status"], failed["response"]["error"]) == (
        "failed",
        {"code": told, "message": "Busy"},
    )


def test_a_failure_is_read_back_as_it_was() -> None:
    """Once, though it is told twice."""
    failed = Failed("Busy", "overloaded_error")

    assert StreamReader().take(_bytes([STARTED, failed])) == [STARTED, failed]


def test_a_refusal_of_ours_ends_the_stream_with_an_error() -> None:
    """Before anything was told, there is no response that could fail."""
    writer = StreamWriter(created=1, usage=True)

    (error,) = _told(writer.fail(Refused(Reason.UPSTREAM_TIMEOUT, "Too slow", "input")))

    assert (error["code"], error["message"], error["param"]) == ("upstream_timeout", "Too slow", "input")


# ── as the official SDK reads them ──────────────────────────────────────────


def test_the_sdks_helper_puts_the_answer_together() -> None:
    """It checks the order of the events, too."""
    with _client(_bytes(EVERYTHING)).responses.stream(model="m", input="Hi") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    assert kinds[-1] == "response.completed"
    assert final.output_text == "I look."
    calls = [item for item in final.output if item.type == "function_call"]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [
        ("call_1", "weather", '{"city":"Paris"}'),
        ("call_2", "time", "{}"),
    ]
    thoughts = [item for item in final.output if item.type == "reasoning"]
    assert thoughts[0].summary[0].text == "Hm"
    assert thoughts[1].encrypted_content == "gAAAA"
    assert final.usage is not None
    assert final.usage.input_tokens_details.cached_tokens == 4


def test_the_sdk_tells_an_incomplete_stream() -> None:
    """By its last event."""
    writer = StreamWriter(created=1, usage=True)
    data = writer.write(WORDS) + writer.cut_short()

    events = list(_client(data).responses.create(model="m", input="Hi", stream=True))

    assert events[-1].type == "response.incomplete"


def test_the_sdk_raises_what_has_failed() -> None:
    """A program that only adds up words must not take half an answer for a whole one."""
    data = _bytes([*WORDS, Failed("The model is overloaded", "overloaded_error")])

    with pytest.raises(openai.APIError, match="The model is overloaded") as raised:
        list(_client(data).responses.create(model="m", input="Hi", stream=True))

    assert raised.value.code == "overloaded_error"
