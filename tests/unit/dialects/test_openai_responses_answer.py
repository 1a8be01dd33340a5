"""Whole answers of OpenAI's responses."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import (
    Answer,
    Media,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.openai_responses_answer import read_answer, write_answer
from keyturn.domain.usage import Usage
from openai_schema import problems

# As the API reference shows one, shortened.
RECORDED: dict[str, Any] = {
    "id": "resp_67ccd3a9da748190baa7f1570fe91ac604becb25c45c1d41",
    "object": "response",
    "created_at": 1741476777,
    "status": "completed",
    "completed_at": 1741476778,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "model": "gpt-4o-2024-08-06",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAAAAB"},
        {
            "type": "message",
            "id": "msg_67ccd3acc8d48190a77525dc6de64b4104becb25c45c1d41",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "A boardwalk.", "annotations": [], "logprobs": []}],
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "get_weather",
            "arguments": '{"city":"Paris"}',
        },
    ],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 380,
    },
    "user": None,
    "metadata": {},
}


def _answer(*parts: Part, stop: Stop = Stop.END, **more: Any) -> Answer:
    return Answer(id="resp_1", model="m", parts=parts, stop=stop, created=5, **more)


def _read(output: list[dict[str, Any]], **more: Any) -> Answer | None:
    return read_answer(msgspec.json.encode(RECORDED | {"output": output} | more))


def _told(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(write_answer(answer, created=7))
    assert problems(found, "Response") == []
    return found


def test_a_recorded_answer_is_read() -> None:
    """With everything that this project has a place for."""
    assert read_answer(msgspec.json.encode(RECORDED)) == Answer(
        id=RECORDED["id"],
        model="gpt-4o-2024-08-06",
        parts=(
            Reasoning("", sealed="gAAAAAB", id="rs_1"),
            Text("A boardwalk."),
            ToolCall("call_1", "get_weather", '{"city":"Paris"}'),
        ),
        stop=Stop.TOOLS,
        usage=Usage(328, 52, 100, 40),
        created=1741476777,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"object":"chat.completion"}',
        b'{"object":"response","status":"failed"}',
        b'{"id":1}',
    ],
)
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """One that has failed is an error."""
    assert read_answer(body) is None


@pytest.mark.parametrize(
    ("details", "stop"),
    [
        ({"reason": "max_output_tokens"}, Stop.LENGTH),
        ({"reason": "content_filter"}, Stop.FILTERED),
        ({"reason": "steered"}, Stop.LENGTH),
        (None, Stop.LENGTH),
    ],
)
def test_an_incomplete_answer_says_why(details: object, stop: Stop) -> None:
    """A client must not take it for the whole."""
    answer = _read([], status="incomplete", incomplete_details=details)

    assert answer is not None
    assert answer.stop is stop


def test_summaries_are_paragraphs_and_thoughts_stand_in_for_them() -> None:
    """Open models tell their thoughts, OpenAI's a summary."""
    parts = [{"type": "summary_text", "text": "One"}, {"type": "summary_text", "text": "Two"}]
    content = [{"type": "reasoning_text", "text": "Hm"}]

    answer = _read(
        [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": parts,
                "content": content,
                "encrypted_content": "x",
            },
            {"type": "reasoning", "id": "rs_2", "summary": [], "content": content},
            {"type": "reasoning", "id": "rs_3", "summary": []},
        ]
    )

    assert answer is not None
    assert answer.parts == (
        Reasoning("One\n\nTwo", id="rs_1"),
        Reasoning("", sealed="x", id="rs_1"),
        Reasoning("Hm", id="rs_2"),
    )


def test_odd_items_are_read_as_far_as_they_go() -> None:
    """Hosts leave out ids and arguments; OpenAI's own tools are nobody else's."""
    answer = _read(
        [
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "function_call", "id": "fc_1", "name": "a"},
            {"type": "function_call"},
            {"type": "message", "content": [{"type": "refusal", "refusal": "No"}, {"type": "output_text"}]},
            {"type": "image_generation_call", "result": "aGk="},
            {"type": "image_generation_call", "result": None},
        ]
    )

    assert answer is not None
    assert answer.parts == (
        ToolCall("fc_1", "a", "{}"),
        ToolCall("call_1", "", "{}"),
        Refusal("No"),
        Text(""),
        Media("image/png", "aGk="),
    )


def test_words_of_an_unknown_kind_are_words() -> None:
    """Not a refusal, for which the client would take the whole answer."""
    content = [{"type": "text", "text": "Hi"}, {"type": "of_tomorrow"}]
    body = {"object": "response", "status": "completed", "output": [{"type": "message", "content": content}]}

    found = read_answer(msgspec.json.encode(body))

    assert found is not None
    assert (found.parts, found.stop) == ((Text("Hi"),), Stop.END)


def test_a_refusal_in_words_is_complete_and_read_as_one() -> None:
    """Clients look for the words, not for a status."""
    told = _told(_answer(Refusal("I can't."), stop=Stop.REFUSED))

    assert told["status"] == "completed"
    assert read_answer(msgspec.json.encode(told)) == _answer(Refusal("I can't."), stop=Stop.REFUSED)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.REFUSED, "content_filter"),
        (Stop.FILTERED, "content_filter"),
        (Stop.LENGTH, "max_output_tokens"),
        (Stop.PAUSED, "max_output_tokens"),
    ],
)
def test_what_is_not_the_whole_answer_is_incomplete(stop: Stop, reason: str) -> None:
    """Anthropic's refusals come without words of their own, behind half an answer."""
    told = _told(_answer(Text("I"), stop=stop))

    assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert told["output"][0]["status"] == "incomplete"


def test_words_side_by_side_are_one_message() -> None:
    """And everything else is an item of its own, in order, with an id of its own."""
    told = _told(
        _answer(Text("a"), Text("b"), Reasoning("c"), Text("d"), ToolCall("e", "f", "{}"), stop=Stop.TOOLS)
    )

    assert [item["type"] for item in told["output"]] == ["message", "reasoning", "message", "function_call"]
    assert [part["text"] for part in told["output"][0]["content"]] == ["a", "b"]
    assert len({item["id"] for item in told["output"]}) == 4


def test_a_signed_call_and_an_image_come_back_as_they_were() -> None:
    """The signature stands behind its call, whatever other calls there are."""
    answer = _answer(
        ToolCall("call_1", "f", "{}", "c2ln"),
        ToolCall("call_2", "f", "{}"),
        Media("image/png", "aGk="),
        stop=Stop.TOOLS,
    )

    told = _told(answer)

    assert [item["type"] for item in told["output"]] == [
        "function_call",
        "reasoning",
        "function_call",
        "image_generation_call",
    ]
    assert read_answer(msgspec.json.encode(told)) == answer


def test_media_without_a_place_are_told_by_their_address() -> None:
    """An answer can't be refused any more, and nothing of it may vanish."""
    told = _told(_answer(Media("audio/wav", "aGk="), Media("", url="https://example.com/a.png")))

    texts = [part["text"] for part in told["output"][0]["content"]]
    assert texts == ["data:audio/wav;base64,aGk=", "https://example.com/a.png"]


def test_usage_adds_up_and_is_left_out_where_nobody_knows_it() -> None:
    """A zero would be believed."""
    known = _told(_answer(Text("a"), usage=Usage(10, 5, 4, 3, 2)))

    assert known["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }
    assert "usage" not in _told(_answer(Text("a")))


def test_the_time_is_the_gateways_where_the_provider_tells_none() -> None:
    """Clients sort by it."""
    assert _told(_answer(Text("a")))["created_at"] == 5
    assert _told(msgspec.structs.replace(_answer(Text("a")), created=0))["created_at"] == 7


def test_an_answer_with_a_tools_result_is_a_mistake_of_ours() -> None:
    """It can't come from a provider."""
    with pytest.raises(TypeError):
        write_answer(_answer(ToolResult("a", "b", ())), created=1)
