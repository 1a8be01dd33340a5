"""The messages of chat completion requests, written."""

from typing import Any

import msgspec
import pytest

from fakes.chat_requests import HI, lost, said, written
from keyturn.dialects.canonical import (
    Chat,
    Loss,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.openai_chat import write_request

CALL = ToolCall("call_1", "weather", '{"city": "Oslo"}', "sig")


def test_the_system_may_speak_in_mid_conversation() -> None:
    """The dialect has it."""
    assert written(said(Text("Be brief"), role=Role.SYSTEM))["messages"] == [
        {"role": "system", "content": "Be brief"}
    ]


def test_media_are_written_by_address_and_by_data() -> None:
    """Images, sounds, files."""
    parts = (
        Text("Look"),
        Media("", url="https://example.com/a.png", detail="high"),
        Media("image/png", "AAAA"),
        Media("audio/wav", "BBBB"),
        Media("application/pdf", "CCCC", name="a.pdf"),
        Media("text/plain", "DDDD"),
    )

    assert written(said(*parts))["messages"][0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,CCCC", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,DDDD", "filename": "document.txt"}},
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media("application/pdf", url="https://example.com/a.pdf", path="here"),
        Media("image/png", url="gs://bucket/a.png", path="here"),
        Media("audio/ogg", "AAAA", path="here"),
        Media("video/mp4", "AAAA", path="here"),
    ],
)
def test_media_that_the_dialect_does_not_take_are_told(media: Media) -> None:
    """The message is whole without them."""
    found = write_request(said(Text("Look"), media))

    assert [loss.path for loss in found.losses] == ["here"]
    assert msgspec.json.decode(found.body)["messages"] == [{"role": "user", "content": "Look"}]


def test_calls_and_their_results_are_messages_of_their_own() -> None:
    """Results first: they answer what stands before."""
    turn = Message(Role.ASSISTANT, (Text("Let me see"), CALL, ToolCall("call_2", "time", "{}")))
    results = Message(
        Role.USER,
        (
            ToolResult("call_1", "weather", (Text("rain"),)),
            Text("And?"),
            ToolResult("call_2", "time", (Text("a"), Text("b"))),
            ToolResult("call_3", "none", ()),
        ),
    )

    assert written(Chat(model="m", messages=(turn, results)))["messages"] == [
        {
            "role": "assistant",
            "content": "Let me see",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {
            "role": "tool",
            "tool_call_id": "call_2",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        },
        {"role": "tool", "tool_call_id": "call_3", "content": ""},
        {"role": "user", "content": "And?"},
    ]


def test_an_image_in_a_result_follows_it() -> None:
    """A message of a tool holds words only."""
    result = ToolResult("call_1", "camera", (Text("Here"), Media("image/png", "AAAA")))

    assert written(said(result, Text("What is it?")))["messages"] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "Here"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "What is it?"},
            ],
        },
    ]


def test_results_follow_their_calls_whatever_the_client_has_put_between() -> None:
    """OpenAI refuses a message between calls and their results: words and images of the turns that follow come behind."""
    chat = Chat(
        model="m",
        messages=(
            Message(Role.ASSISTANT, (CALL, ToolCall("call_2", "camera", "{}"))),
            Message(Role.USER, (Text("Wait"),)),
            Message(Role.SYSTEM, (Text("Be brief"),)),
            Message(Role.USER, (ToolResult("call_2", "camera", (Media("image/png", "AAAA"),)),)),
            Message(Role.USER, (ToolResult("call_1", "weather", (Text("rain"),)), Text("Well?"))),
            Message(Role.ASSISTANT, (Text("Rain."),)),
            Message(Role.USER, (Text("Thanks"),)),
        ),
    )

    assert [(one["role"], one["content"]) for one in written(chat)["messages"]] == [
        ("assistant", None),
        ("tool", ""),
        ("tool", "rain"),
        ("user", "Wait"),
        ("system", "Be brief"),
        ("user", [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
        ("user", "Well?"),
        ("assistant", "Rain."),
        ("user", "Thanks"),
    ]


def test_a_failure_is_told() -> None:
    """Its words go, the mark doesn't."""
    assert lost(said(ToolResult("call_1", "a", (Text("no"),), failed=True, path="here"))) == ["here"]


def test_silence_beside_calls_is_null() -> None:
    """As OpenAI itself answers; some hosts want the member."""
    messages = written(said(CALL, role=Role.ASSISTANT))["messages"]

    assert messages[0]["content"] is None
    assert "extra_content" not in messages[0]["tool_calls"][0]


def test_a_refusal_goes_back_as_one() -> None:
    """Apart from words."""
    assert written(said(Refusal("I"), Refusal(" can't"), role=Role.ASSISTANT))["messages"] == [
        {"role": "assistant", "content": None, "refusal": "I can't"}
    ]


THOUGHTS = (Reasoning("Hm", path="one"), Reasoning("Ah", "proof", path="two"), Text("Hi"))


@pytest.mark.parametrize(
    ("host", "parts", "members", "paths"),
    [
        ("", THOUGHTS, {}, ["one", "two"]),
        ("reasoning_content", THOUGHTS, {"reasoning_content": "HmAh"}, []),
        ("reasoning", THOUGHTS, {"reasoning": "HmAh"}, []),
        ("reasoning", (Reasoning("", sealed="x", path="one"), Text("Hi")), {}, ["one"]),
        ("reasoning_details", THOUGHTS[::2], {"reasoning": "Hm"}, []),
        (
            "reasoning_details",
            THOUGHTS,
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "Hm", "index": 0},
                    {"type": "reasoning.text", "text": "Ah", "signature": "proof", "index": 1},
                ]
            },
            [],
        ),
    ],
)
def test_thoughts_go_back_in_the_hosts_own_member(
    host: str, parts: tuple[Part, ...], members: dict[str, Any], paths: list[str]
) -> None:
    """DeepSeek refuses a call without the thoughts that led to it; OpenAI takes none."""
    found = write_request(said(*parts, role=Role.ASSISTANT), thoughts=host)

    assert msgspec.json.decode(found.body)["messages"] == [{"role": "assistant", "content": "Hi"} | members]
    assert [loss.path for loss in found.losses] == paths


@pytest.mark.parametrize("host", ["", "reasoning_content", "reasoning_details"])
@pytest.mark.parametrize(
    ("parts", "paths"),
    [
        ((Reasoning("Hm", path="one"), Reasoning("", "proof", path="two")), ["one", "two"]),
        ((Media("image/png", "AAAA", path="one"),), ["one"]),
        ((), []),
    ],
)
def test_a_turn_without_words_and_calls_is_left_out(
    host: str, parts: tuple[Part, ...], paths: list[str]
) -> None:
    """It was cut off while the model thought; OpenAI and many others refuse a message with neither."""
    chat = Chat(model="m", messages=(HI, Message(Role.ASSISTANT, parts), HI))

    found = write_request(chat, thoughts=host)

    assert [one["role"] for one in msgspec.json.decode(found.body)["messages"]] == ["user", "user"]
    assert [loss.path for loss in found.losses] == paths


@pytest.mark.parametrize(
    ("role", "part", "path"),
    [
        (Role.ASSISTANT, Media("image/png", "AAAA", path="here"), "here"),
        (Role.USER, Refusal("no"), "at"),
        (Role.SYSTEM, Reasoning("Hm", path="here"), "here"),
    ],
)
def test_a_part_that_a_role_can_not_have_is_told(role: Role, part: Part, path: str) -> None:
    """By its own place, or its message's."""
    found = write_request(said(Text("Hi"), part, role=role))

    assert [loss.path for loss in found.losses] == [path]
    assert isinstance(found.losses[0], Loss)
    assert msgspec.json.decode(found.body)["messages"] == [{"role": role.value, "content": "Hi"}]
