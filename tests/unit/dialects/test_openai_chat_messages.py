"""The messages of a chat completion request, read."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import (
    Loss,
    Media,
    Message,
    Read,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.openai_chat import read_request
from keyturn.domain.refusals import Reason, Refused

PNG = "data:image/png;base64,iVBORw0KGgo="
CALL_OF = {"name": "weather", "arguments": '{"city": "Oslo"}'}
CALL = {"id": "call_1", "type": "function", "function": CALL_OF}
USER = {"role": "user", "content": "Hi"}


def read(*messages: dict[str, Any]) -> Read | Refused:
    """Read a request with these messages."""
    return read_request(msgspec.json.encode({"model": "m", "messages": list(messages)}))


def heard(*messages: dict[str, Any]) -> tuple[Message, ...]:
    """Return the messages that are read, with nothing lost."""
    found = read(*messages)
    assert isinstance(found, Read)
    assert found.losses == ()
    return found.chat.messages


def lost(*messages: dict[str, Any]) -> list[str]:
    """Return the paths of what is lost."""
    found = read(*messages)
    assert isinstance(found, Read)
    return [loss.path for loss in found.losses]


def test_a_conversation_keeps_its_turns() -> None:
    """Who said what, in order, and where it stood."""
    assert heard(USER, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Bye"}) == (
        Message(Role.USER, (Text("Hi", "messages[0].content"),), "messages[0]"),
        Message(Role.ASSISTANT, (Text("Hello", "messages[1].content"),), "messages[1]"),
        Message(Role.USER, (Text("Bye", "messages[2].content"),), "messages[2]"),
    )


def test_media_are_read_by_address_and_by_data() -> None:
    """Images, sounds and files, each with what is known of it."""
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "auto"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "JVBERi0=", "filename": "b.pdf"}},
    ]

    (message,) = heard({"role": "user", "content": content})

    place = "messages[0].content"
    assert message.parts == (
        Text("Look", f"{place}[0]"),
        Media("", url="https://example.com/a.png", detail="low", path=f"{place}[1]"),
        Media("image/png", "iVBORw0KGgo=", path=f"{place}[2]"),
        Media("audio/wav", "UklGRg==", path=f"{place}[3]"),
        Media("application/pdf", "JVBERi0=", name="a.pdf", path=f"{place}[4]"),
        Media("application/pdf", "JVBERi0=", name="b.pdf", path=f"{place}[5]"),
    )


def test_parallel_calls_get_their_results() -> None:
    """Each result says what tool it is of."""
    second = {"id": "call_2", "function": {"name": "time", "arguments": ""}}

    messages = heard(
        USER,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [CALL, second],
            "refusal": None,
            "annotations": [],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "noon"},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "rain"}]},
    )

    assert messages[1].parts == (
        ToolCall("call_1", "weather", '{"city": "Oslo"}', path="messages[1].tool_calls[0]"),
        ToolCall("call_2", "time", "{}", path="messages[1].tool_calls[1]"),
    )
    assert messages[2:] == (
        Message(
            Role.USER,
            (ToolResult("call_2", "time", (Text("noon", "messages[2].content"),), path="messages[2]"),),
            "messages[2]",
        ),
        Message(
            Role.USER,
            (ToolResult("call_1", "weather", (Text("rain", "messages[3].content[0]"),), path="messages[3]"),),
            "messages[3]",
        ),
    )


def test_a_result_may_say_its_tool_or_hold_an_image() -> None:
    """Some hosts' clients do both."""
    content = [{"type": "image_url", "image_url": {"url": PNG}}]

    (message,) = heard({"role": "tool", "tool_call_id": "x", "name": "camera", "content": content})

    assert message.parts == (
        ToolResult(
            "x",
            "camera",
            (Media("image/png", "iVBORw0KGgo=", path="messages[0].content[0]"),),
            path="messages[0]",
        ),
    )


def test_words_beside_calls_stay() -> None:
    """Only an empty text, which clients send for none, goes; alone it is what was said."""
    spoken, silent = heard(
        {"role": "assistant", "content": "Let me see", "tool_calls": [CALL]},
        {"role": "assistant", "content": ""},
    )

    assert spoken.parts[0] == Text("Let me see", "messages[0].content")
    assert silent.parts == (Text("", "messages[1].content"),)


def test_the_deprecated_call_is_one_like_any_other() -> None:
    """Its result is matched by order, since it has no id."""
    messages = heard(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "content": "rain"},
    )

    assert messages[1].parts == (ToolCall("call_1_0", "weather", "{}", path="messages[1].function_call"),)
    assert messages[2].parts == (
        ToolResult("call_1_0", "weather", (Text("rain", "messages[2].content"),), path="messages[2]"),
    )


def test_thoughts_and_signatures_come_back() -> None:
    """The provider that made them wants them."""
    extra = {"extra_content": {"google": {"thought_signature": "sig"}}}
    detail = {"type": "reasoning.text", "text": "Hm", "signature": "proof", "format": "x", "index": 0}

    (plain, proved) = heard(
        {"role": "assistant", "reasoning_content": "Hm", "tool_calls": [CALL | extra]},
        {"role": "assistant", "reasoning_details": [detail], "content": "Hi"},
    )

    assert plain.parts[0] == Reasoning("Hm", path="messages[0].reasoning_content")
    assert plain.parts[1] == ToolCall(
        "call_1", "weather", '{"city": "Oslo"}', "sig", "messages[0].tool_calls[0]"
    )
    assert proved.parts[0] == Reasoning("Hm", "proof", path="messages[1].reasoning_details[0]")


def test_what_the_official_client_hands_out_can_be_sent_back() -> None:
    """It adds what it has parsed, and null for what isn't there."""
    message = {
        "role": "assistant",
        "content": "{}",
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "parsed": {"a": 1},
        "something_newer": None,
        "images": [{"type": "image_url", "image_url": {"url": PNG}}],
        "tool_calls": [CALL | {"index": 0, "function": CALL_OF | {"parsed_arguments": {"city": "Oslo"}}}],
    }

    (read_back,) = heard(message)

    assert read_back.parts == (
        Text("{}", "messages[0].content"),
        Media("image/png", "iVBORw0KGgo=", path="messages[0].images[0]"),
        ToolCall("call_1", "weather", '{"city": "Oslo"}', path="messages[0].tool_calls[0]"),
    )


def test_refusals_are_told_apart_from_words() -> None:
    """In a member of their own, or among the parts."""
    parts = [{"type": "text", "text": "So"}, {"type": "refusal", "refusal": "No"}]

    (first, second) = heard(
        {"role": "assistant", "refusal": "I can't"}, {"role": "assistant", "content": parts}
    )

    assert first.parts == (Refusal("I can't", "messages[0].refusal"),)
    assert second.parts == (Text("So", "messages[1].content[0]"), Refusal("No", "messages[1].content[1]"))


def test_a_system_message_in_mid_conversation_stays_there() -> None:
    """It is said after what stands before it."""
    (_, message) = heard(USER, {"role": "developer", "content": "Be brief"})

    assert message == Message(Role.SYSTEM, (Text("Be brief", "messages[1].content"),), "messages[1]")


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ({"role": "user", "content": "Hi", "name": "Ann"}, ["messages[0].name"]),
        ({"role": "assistant", "content": "Hi", "name": "Ann"}, ["messages[0].name"]),
        ({"role": "user", "content": "Hi", "tool_calls": [CALL]}, ["messages[0].tool_calls"]),
        ({"role": "user", "content": "Hi", "tool_call_id": "x"}, ["messages[0].tool_call_id"]),
        ({"role": "assistant", "content": "Hi", "tool_call_id": "x"}, ["messages[0].tool_call_id"]),
        ({"role": "tool", "tool_call_id": "x", "content": "Hi", "refusal": "a"}, ["messages[0].refusal"]),
        ({"role": "tool", "tool_call_id": "x", "content": "Hi", "annotations": []}, []),
        ({"role": "assistant", "audio": {"id": "audio_1"}}, ["messages[0].audio"]),
        ({"role": "assistant", "content": "a", "annotations": [{"type": "x"}]}, ["messages[0].annotations"]),
        (
            {
                "role": "assistant",
                "content": "a",
                "tool_calls": [{"id": "c", "type": "custom", "custom": {}}],
            },
            ["messages[0].tool_calls[0]"],
        ),
        (
            {"role": "user", "content": [{"type": "video_url", "video_url": {}}]},
            ["messages[0].content[0]", "messages[0].content[0].video_url"],
        ),
        (
            {
                "role": "user",
                "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
            },
            ["messages[0].content[0].cache_control"],
        ),
        (
            {
                "role": "user",
                "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            },
            ["messages[0].content[0].prompt_cache_breakpoint"],
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
            ["messages[0].content[0].file.file_id"],
        ),
        ({"role": "user", "content": "Hi", "weight": 1}, ["messages[0].weight"]),
    ],
)
def test_what_has_no_place_is_told_by_its_path(message: dict[str, Any], paths: list[str]) -> None:
    """Never silently lost."""
    assert lost(message) == paths


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "robot", "content": "Hi"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": None}, "messages[0].content"),
        ({"role": "assistant", "content": None}, "messages[0].content"),
        ({"role": "tool", "content": "Hi"}, "messages[0].tool_call_id"),
        ({"role": "function", "name": "a", "content": "Hi"}, "messages[0]"),
        (
            {"role": "tool", "tool_call_id": "x", "content": [{"type": "refusal", "refusal": "a"}]},
            "messages[0].content[0]",
        ),
        (
            {"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]},
            "messages[0].content[0]",
        ),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"id": "x", "function": {}}]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "a"}}]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "function_call": {"arguments": "{}"}}, "messages[0].function_call"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:x"}}]},
            "messages[0].content[0].file.file_data",
        ),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[0].content[0].file"),
        ({"role": "user", "content": [{"text": "a"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": 7}, "messages[0].content"),
    ],
)
def test_what_is_plainly_wrong_is_refused_by_its_path(message: dict[str, Any], param: str) -> None:
    """As OpenAI does it."""
    refused = read(message)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


def test_the_first_thing_that_is_wrong_is_told() -> None:
    """One at a time, from the top."""
    refused = read({"role": "user"}, {"role": "robot"})

    assert isinstance(refused, Refused)
    assert refused.param == "messages[0].content"


def test_an_uploaded_file_with_its_data_beside_it_is_read() -> None:
    """The data are enough, and the id is told."""
    file = {"file_id": "file-1", "file_data": "JVBERi0="}

    found = read({"role": "user", "content": [{"type": "file", "file": file}]})

    assert isinstance(found, Read)
    assert [loss.path for loss in found.losses] == ["messages[0].content[0].file.file_id"]
    assert found.chat.messages[0].parts == (
        Media("application/pdf", "JVBERi0=", path="messages[0].content[0]"),
    )
    assert isinstance(found.losses[0], Loss)
