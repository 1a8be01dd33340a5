"""The turns of a conversation as Amazon Bedrock's Converse takes them."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.bedrock_request import write_request
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

NOVA = "amazon.nova-lite-v1:0"


def user(*parts: Part) -> Message:
    """Return a user's turn."""
    return Message(Role.USER, parts, "messages[0]")


def written(**members: Any) -> tuple[Any, list[str]]:
    """Return the body of a request, and the paths of what it could not say."""
    members.setdefault("messages", (user(Text("Hi")),))
    found = write_request(Chat(**{"model": NOVA, **members}))
    return msgspec.json.decode(found.body), [loss.path for loss in found.losses]


def test_what_a_model_is_to_go_on_with_ends_with_a_word() -> None:
    """A Claude refuses white space there; elsewhere it stays."""
    spoken = Message(Role.ASSISTANT, (Text("Well, \n"),))

    body, losses = written(messages=(user(Text("Hi ")), spoken, user(Text("Go on ")), spoken))
    called, _ = written(
        messages=(user(Text("Hi")), Message(Role.ASSISTANT, (Text("a "), ToolCall("1", "f", ""))))
    )

    assert [turn["content"][0]["text"] for turn in body["messages"]] == ["Hi ", "Well, \n", "Go on ", "Well,"]
    assert called["messages"][1]["content"][0] == {"text": "a "}
    assert losses == []


def test_calls_and_their_results_stay_together() -> None:
    """Neighbours of one role become one turn; ids lose what Amazon does not take, the same on both sides."""
    body, losses = written(
        messages=(
            user(Text("Weather?")),
            Message(
                Role.ASSISTANT,
                (
                    Reasoning("Hm.", "sig"),
                    Reasoning("", sealed="c2VhbGVk"),
                    Reasoning("Both.", "sig", "c2Vh"),
                    Text("Let me see."),
                    ToolCall("call|1", "weather", '{"city":"Rome"}'),
                    ToolCall("x" * 70 + "2", "now", ""),
                ),
            ),
            user(ToolResult("call|1", "weather", (Text("sunny"), Media("image/png", "aWNvbg==")))),
            user(ToolResult("x" * 70 + "2", "now", (Text(" "),), failed=True), Text("Go on")),
        )
    )

    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
        {"reasoningContent": {"reasoningText": {"text": "Both.", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "c2Vh"}},
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Rome"}}},
        {"toolUse": {"toolUseId": "x" * 63 + "2", "name": "now", "input": {}}},
    ]
    assert body["messages"][2]["content"] == [
        {
            "toolResult": {
                "toolUseId": "call_1",
                "content": [
                    {"text": "sunny"},
                    {"image": {"format": "png", "source": {"bytes": "aWNvbg=="}}},
                ],
            }
        },
        {"toolResult": {"toolUseId": "x" * 63 + "2", "content": [{"text": "error"}], "status": "error"}},
        {"text": "Go on"},
    ]
    assert losses == []


def test_results_come_before_what_else_a_user_says() -> None:
    """Bedrock wants them right behind the calls; their order stays, and so does a model's."""
    body, losses = written(
        messages=(
            user(Text("Hi")),
            Message(Role.ASSISTANT, (ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}"))),
            user(Text("Here"), ToolResult("1", "f", (Text("a"),)), Text("you are")),
            user(ToolResult("2", "f", (Text("b"),))),
        ),
        tools=(Tool("f"),),
    )

    assert [next(iter(block)) for block in body["messages"][2]["content"]] == [
        "toolResult",
        "toolResult",
        "text",
        "text",
    ]
    assert body["messages"][2]["content"][1]["toolResult"]["toolUseId"] == "2"
    assert losses == []


def test_papers_have_names_of_their_own_and_words_beside_them() -> None:
    """Bedrock refuses two of one name, a long name, and a user who says nothing else."""
    report = Media("application/pdf", "QQ==", name="Report.pdf")
    unnamed, long = Media("text/plain", "QQ=="), Media("text/csv", "QQ==", name="x" * 300)

    body, losses = written(
        messages=(
            user(report, Text("Compare"), Media("text/plain", "QQ==", name="report pdf")),
            Message(Role.ASSISTANT, (ToolCall("1", "f", "{}"),)),
            user(ToolResult("1", "f", (report, Text("see"))), unnamed, unnamed, long),
            Message(Role.ASSISTANT, (Text("Well."),)),
            user(long),
        ),
        tools=(Tool("f"),),
    )

    first, _, second, _, third = [turn["content"] for turn in body["messages"]]
    assert [block.get("document", {}).get("name") for block in first] == ["Report pdf", None, "report pdf 2"]
    assert second[0]["toolResult"]["content"][0]["document"]["name"] == "Report pdf 3"
    assert [block["document"]["name"] for block in second[1:4]] == ["document", "document 2", "x" * 200]
    assert second[4:] == [{"text": "x" * 200}]
    assert third[0]["document"]["name"] == "x" * 198 + " 2"
    assert third[1:] == [{"text": "x" * 198 + " 2"}]
    assert losses == []


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (Media("image/jpeg", "QQ=="), {"image": {"format": "jpeg", "source": {"bytes": "QQ=="}}}),
        (
            Media("IMAGE/PNG; q=1", url="s3://bucket/a.png"),
            {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}}},
        ),
        (
            Media("application/pdf", "QQ==", name="q1_report.pdf"),
            {"document": {"format": "pdf", "name": "q1 report pdf", "source": {"bytes": "QQ=="}}},
        ),
        (
            Media("text/plain", "QQ=="),
            {"document": {"format": "txt", "name": "document", "source": {"bytes": "QQ=="}}},
        ),
    ],
)
def test_pictures_and_papers_are_shown(media: Media, block: Any) -> None:
    """By their bytes, or from a bucket; a paper must have a name."""
    body, losses = written(messages=(user(media),))

    assert (body["messages"][0]["content"][:1], losses) == ([block], [])


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (
            user(Media("image/png", url="https://a.example/x.png", path="messages[0].content[0]")),
            "messages[0].content[0]",
        ),
        (user(Media("audio/wav", "QQ==")), "messages"),
        (user(Media("", url="https://a.example/x")), "messages"),
        (Message(Role.ASSISTANT, (Media("image/png", "QQ=="),)), "messages"),
        (Message(Role.ASSISTANT, (Reasoning("Hm."),)), "messages"),
        (Message(Role.ASSISTANT, (ToolCall("c", "t", "[1]", path="p"),)), "p"),
        (Message(Role.SYSTEM, (Text("Now be long."), Refusal("x")), "messages[1]"), "messages[1]"),
        (Message(Role.SYSTEM, (Text("Now be long."),)), "messages"),
    ],
)
def test_what_can_not_be_said_is_told_by_its_path(message: Message, path: str) -> None:
    """As the client wrote it; the body is whole without."""
    body, losses = written(messages=(user(Text("Hi")), message))

    assert losses == [path]
    assert body["messages"][0]["content"][0] == {"text": "Hi"}
    if message.role is Role.SYSTEM:
        assert body["system"] == [{"text": "Now be long."}]


def test_arguments_that_are_no_object_are_wrapped_in_one() -> None:
    """Amazon refuses any other."""
    body, _ = written(messages=(user(Text("Hi")), Message(Role.ASSISTANT, (ToolCall("c", "t", "[1]"),))))

    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {"arguments": "[1]"}


def test_a_refusal_in_the_conversation_is_told_in_words() -> None:
    """It was said."""
    body, losses = written(messages=(user(Text("Hi")), Message(Role.ASSISTANT, (Refusal("No."), Text("")))))

    assert (body["messages"][1], losses) == ({"role": "assistant", "content": [{"text": "No."}]}, [])


def test_a_user_speaks_first() -> None:
    """Bedrock refuses a model's greeting there, with which many an application begins."""
    greeting = Message(Role.ASSISTANT, (Text("How can I help?"),), "messages[1]")
    chat = Chat(model=NOVA, messages=(greeting, user(Text("Hi"))))

    found = write_request(chat)

    assert [turn["content"] for turn in msgspec.json.decode(found.body)["messages"]] == [
        [{"text": "."}],
        [{"text": "How can I help?"}],
        [{"text": "Hi"}],
    ]
    assert [(loss.path, loss.minor) for loss in found.losses] == [("messages[1]", True)]
