"""The turns of a conversation as Anthropic takes them."""

import base64
from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import write_request
from keyturn.dialects.canonical import (
    Chat,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

HELLO = Message(Role.USER, (Text("Hello"),))
WEATHER = Tool("get_weather", "Look", '{"type":"object","properties":{"location":{"type":"string"}}}')


def write(*messages: Message, cap: int = 4096, **members: Any) -> tuple[dict[str, Any], list[str]]:
    """Write a request, and return it with the paths of what is lost."""
    chat = Chat(**({"model": "m", "messages": messages or (HELLO,)} | members))
    written = write_request(chat, default_cap=cap)
    return msgspec.json.decode(written.body), [loss.path for loss in written.losses]


def written(*messages: Message, **members: Any) -> dict[str, Any]:
    """Write a request that loses nothing."""
    body, lost = write(*messages, **members)
    assert lost == []
    return body


def user(*parts: Part) -> Message:
    """Return a user's turn."""
    return Message(Role.USER, parts, "messages[0]")


def assistant(*parts: Part) -> Message:
    """Return a model's turn."""
    return Message(Role.ASSISTANT, parts)


def test_neighbours_of_one_role_are_joined_and_results_come_first() -> None:
    """Anthropic wants them right behind the calls."""
    body = written(
        user(Text("a"), Text(" "), Text("")),
        user(Text("b")),
        assistant(Text("c"), ToolCall("call|1", "f", ""), ToolCall("call_2", "f", '{"x":1}')),
        user(Text("d"), ToolResult("call|1", "f", (Text("r"),)), ToolResult("call_2", "f", (), failed=True)),
        assistant(Text("")),
        user(ToolResult("t", "", (Text("one"), Media("image/png", "AA=="), Text(" ")))),
    )

    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "c"},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
                {"type": "tool_use", "id": "call_2", "name": "f", "input": {"x": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "r"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "error", "is_error": True},
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [
                        {"type": "text", "text": "one"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": "AA=="},
                        },
                    ],
                },
                {"type": "text", "text": "d"},
            ],
        },
    ]


def test_what_a_model_is_to_go_on_with_ends_with_a_word() -> None:
    """Anthropic refuses white space there; elsewhere it stays."""
    spoken = assistant(Text("a "), Text("Well, \n"))

    body = written(HELLO, spoken, user(Text("Go on ")), spoken, user(Text(" ")))
    called = written(HELLO, assistant(Text("a "), ToolCall("1", "f", "")))

    assert body["messages"][1]["content"][1]["text"] == "Well, \n"
    assert body["messages"][2]["content"] == "Go on "
    assert body["messages"][3]["content"] == [
        {"type": "text", "text": "a "},
        {"type": "text", "text": "Well,"},
    ]
    assert called["messages"][1]["content"][0]["text"] == "a "


def test_a_result_that_says_nothing_stays_empty_where_the_tool_has_not_failed() -> None:
    """Anthropic wants words of a failure only."""
    body = written(assistant(ToolCall("1", "f", "")), user(ToolResult("1", "f", (Text(" "),))))

    assert body["messages"][1]["content"] == [{"type": "tool_result", "tool_use_id": "1"}]


def test_arguments_that_are_no_object_are_named() -> None:
    """And sent on as words, so that the body is whole."""
    body, lost = write(HELLO, assistant(ToolCall("t", "f", "not json", path="messages[1].tool_calls[0]")))

    assert lost == ["messages[1].tool_calls[0]"]
    assert body["messages"][1]["content"][0]["input"] == {"arguments": "not json"}


def test_thoughts_go_back_to_whoever_signed_them() -> None:
    """Anthropic refuses any that it has not."""
    body, lost = write(
        HELLO,
        assistant(
            Reasoning("Hm", "sig"),
            Reasoning("", sealed="abc"),
            Reasoning("both", "sig", "abc"),
            Reasoning("alone", path="messages[1].reasoning_content"),
            Refusal("I won't"),
            Refusal(""),
        ),
    )

    assert lost == ["messages[1].reasoning_content"]
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "abc"},
        {"type": "thinking", "thinking": "both", "signature": "sig"},
        {"type": "redacted_thinking", "data": "abc"},
        {"type": "text", "text": "I won't"},
    ]


PLAIN_TEXT = base64.b64encode("Grüße".encode()).decode()
MEDIA: list[tuple[Media, dict[str, Any] | None]] = [
    (
        Media("image/jpg", "AA==", name="x.jpg", detail="high"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
    ),
    (Media("", url="https://x/y"), {"type": "image", "source": {"type": "url", "url": "https://x/y"}}),
    (
        Media("image/tiff", url="https://x/y"),
        {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
    ),
    (
        Media("application/pdf", "AA==", name="r.pdf"),
        {
            "type": "document",
            "title": "r.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
        },
    ),
    (
        Media("application/pdf", url="https://x/y"),
        {"type": "document", "source": {"type": "url", "url": "https://x/y"}},
    ),
    (
        Media("text/markdown", PLAIN_TEXT),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
    ),
    (Media("text/plain", "/w=="), None),
    (Media("text/plain", "?"), None),
    (Media("image/tiff", "AA=="), None),
    (Media("audio/wav", "AA=="), None),
    (Media("", "AA=="), None),
    (Media("text/plain", url="https://x/y"), None),
    (Media("", url="gs://x/y"), None),
]


@pytest.mark.parametrize(("media", "expected"), MEDIA)
def test_images_and_documents(media: Media, expected: dict[str, Any] | None) -> None:
    """Anthropic takes some kinds; others are named by where they stood."""
    path = "messages[0].content[0]"
    shown = user(Text("x"), msgspec.structs.replace(media, path=path))

    body, lost = write(shown)

    if expected is None:
        assert (body["messages"][0]["content"], lost) == ("x", [path])
    else:
        assert (body["messages"][0]["content"][1], lost) == (expected, [])


def test_how_closely_to_look_can_not_be_said() -> None:
    """A saving that the client counts on."""
    body, lost = write(user(Media("image/png", "AA==", detail="low", path="p")))

    assert lost == ["p"]
    assert len(body["messages"][0]["content"]) == 1


def test_only_a_user_shows_something() -> None:
    """A picture in a model's turn has no place; nor one in a result that isn't one of the kinds."""
    body, lost = write(
        HELLO,
        assistant(Text("here"), Media("image/png", "AA==", path="p")),
        user(ToolResult("t", "", (Media("audio/wav", "AA==", path="q"),))),
    )

    assert lost == ["p", "q"]
    assert body["messages"][1]["content"] == "here"


def system(text: str) -> Message:
    """Return a turn of the system's."""
    return Message(Role.SYSTEM, (Text(text),), "messages[9]")


def test_instructions_in_mid_conversation_stand_where_they_may() -> None:
    """Behind a user's turn, before an assistant's or the end."""
    body = written(
        HELLO, system("a"), system("b"), assistant(Text("c")), HELLO, system("d"), model="claude-opus-4-8"
    )

    assert [message["role"] for message in body["messages"]] == [
        "user",
        "system",
        "assistant",
        "user",
        "system",
    ]


@pytest.mark.parametrize(
    ("model", "messages", "roles"),
    [
        ("claude-opus-4-7", (HELLO, system("a")), ["user"]),
        ("claude-sonnet-5", (HELLO, system("a")), ["user"]),
        ("claude-opus-5", (system("a"), HELLO), ["user"]),
        ("claude-opus-5", (HELLO, system("a"), HELLO), ["user"]),
        (
            "claude-opus-5",
            (HELLO, assistant(Text("b")), system("a"), assistant(Text("c"))),
            ["user", "assistant"] * 2,
        ),
    ],
)
def test_instructions_in_another_place_become_a_users_words(
    model: str, messages: tuple[Message, ...], roles: list[str]
) -> None:
    """Only for a client that allows it: they rank lower."""
    body, lost = write(*messages, model=model)

    assert lost == ["messages[9]"]
    assert [message["role"] for message in body["messages"]][: len(roles)] == roles[: len(body["messages"])]
    assert "a" in str(body["messages"])
