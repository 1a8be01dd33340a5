"""Requests to Amazon Bedrock's Converse."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.bedrock_request import write_request
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
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

CLAUDE, NOVA, GPT = "eu.anthropic.claude-sonnet-4-5-v1:0", "amazon.nova-lite-v1:0", "openai.gpt-oss-120b-1:0"
SCHEMA = '{"type":"object","properties":{"city":{"type":"string"}}}'
WEATHER = Tool("weather", "Of a city", SCHEMA, strict=True)


def user(*parts: Part) -> Message:
    """Return a user's turn."""
    return Message(Role.USER, parts, "messages[0]")


def written(**members: Any) -> tuple[Any, list[str]]:
    """Return the body of a request, and the paths of what it could not say."""
    members.setdefault("messages", (user(Text("Hi")),))
    found = write_request(Chat(**{"model": NOVA, **members}))
    return msgspec.json.decode(found.body), [loss.path for loss in found.losses]


def test_a_plain_question_is_said_plainly() -> None:
    """Nothing stands there that nobody has asked for."""
    assert written() == ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, [])


def test_instructions_and_sampling_have_their_places() -> None:
    """The names are Amazon's."""
    body, losses = written(
        instructions=(Text("Be brief."), Text(" ")),
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        stop=("END",),
        frequency_penalty=0.0,
        user="user-1",
        stream=True,
    )

    assert body["system"] == [{"text": "Be brief."}]
    assert body["inferenceConfig"] == {
        "maxTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    }
    assert body["requestMetadata"] == {"user": "user-1"}
    assert losses == []


def test_what_converse_has_not_is_told() -> None:
    """Each by the name of its member."""
    body, losses = written(
        frequency_penalty=0.5,
        presence_penalty=0.5,
        seed=7,
        temperature=1.5,
        format=Format.JSON,
        top_k=5,
        reasoning_tokens=10,
        effort=Effort.LOW,
        user="ü" * 10,
        model="meta.llama-4",
    )

    assert losses == [
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "temperature",
        "format",
        "top_k",
        "reasoning_tokens",
        "effort",
        "user",
    ]
    assert body["inferenceConfig"] == {"temperature": 1.0}


@pytest.mark.parametrize(
    ("model", "members", "extra"),
    [
        (CLAUDE, {"top_k": 5}, {"top_k": 5}),
        (NOVA, {"top_k": 5}, {"inferenceConfig": {"topK": 5}}),
        (CLAUDE, {"reasoning_tokens": 2048}, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (CLAUDE, {"reasoning_tokens": 0}, {"thinking": {"type": "disabled"}}),
        (CLAUDE, {"effort": Effort.MEDIUM}, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (CLAUDE, {"effort": Effort.NONE}, {"thinking": {"type": "disabled"}}),
        (
            "us.anthropic.claude-opus-4-7",
            {"effort": Effort.HIGHEST},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
        ),
        (
            "us.anthropic.claude-opus-4-7",
            {"reasoning_tokens": 2048},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        (GPT, {"effort": Effort.HIGH}, {"reasoning_effort": "high"}),
    ],
)
def test_each_maker_has_names_of_its_own(model: str, members: dict[str, Any], extra: dict[str, Any]) -> None:
    """Converse hands them on as they are."""
    body, losses = written(model=model, **members)

    assert body["additionalModelRequestFields"] == extra
    assert losses == []


def test_a_claude_that_thinks_is_not_told_what_it_would_refuse() -> None:
    """Bedrock's error would name members of another API."""
    body, losses = written(
        model=CLAUDE,
        effort=Effort.LOW,
        max_output_tokens=4096,
        temperature=0.5,
        top_p=0.5,
        top_k=5,
        tools=(WEATHER,),
        tool_choice=Choice.REQUIRED,
    )

    assert losses == ["temperature", "top_p", "top_k", "tool_choice"]
    assert body["inferenceConfig"] == {"maxTokens": 4096}
    assert "toolChoice" not in body["toolConfig"]
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2048}}


def test_a_claude_that_thinks_may_choose_a_tool_itself() -> None:
    """Only being made to call one goes against thinking."""
    body, losses = written(model=CLAUDE, effort=Effort.LOW, tools=(WEATHER,), tool_choice=Choice.AUTO)

    assert losses == []
    assert "toolChoice" not in body["toolConfig"]
    assert "inferenceConfig" not in body


def test_a_schema_of_the_answer_goes_as_text() -> None:
    """Amazon wants JSON inside JSON there."""
    body, _ = written(format=Format.SCHEMA, schema=SCHEMA, schema_name="city")
    bare, _ = written(format=Format.SCHEMA, schema=SCHEMA)

    assert body["outputConfig"]["textFormat"] == {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": SCHEMA, "name": "city"}},
    }
    assert bare["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == {"schema": SCHEMA}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, None),
        (Choice.AUTO, None),
        (Choice.REQUIRED, {"any": {}}),
        (Choice.NAMED, {"tool": {"name": "weather"}}),
    ],
)
def test_tools_and_the_choice_of_them(choice: Choice | None, said: Any) -> None:
    """One without arguments takes an empty object."""
    body, losses = written(
        tools=(WEATHER, Tool("now")), tool_choice=choice, tool_name="weather", parallel_tool_calls=False
    )

    first, second = body["toolConfig"]["tools"]
    assert first == {
        "toolSpec": {
            "name": "weather",
            "inputSchema": {"json": msgspec.json.decode(SCHEMA)},
            "description": "Of a city",
            "strict": True,
        }
    }
    assert second == {
        "toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    }
    assert body["toolConfig"].get("toolChoice") == said
    assert losses == ["parallel_tool_calls"]


def test_tools_that_may_not_be_called_are_not_named() -> None:
    """Unless the conversation has calls: then they must be, and nothing forbids them."""
    call = Message(Role.ASSISTANT, (ToolCall("call_1", "weather", "{}"),))

    without, none = written(tools=(WEATHER,), tool_choice=Choice.NONE)
    having, told = written(tools=(WEATHER,), tool_choice=Choice.NONE, messages=(user(Text("Hi")), call))

    assert ("toolConfig" in without, none) == (False, [])
    assert ("toolConfig" in having, told) == (True, ["tool_choice"])


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
        {"toolResult": {"toolUseId": "x" * 63 + "2", "content": [], "status": "error"}},
        {"text": "Go on"},
    ]
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

    assert (body["messages"][0]["content"], losses) == ([block], [])


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
    body, _ = written(messages=(Message(Role.ASSISTANT, (ToolCall("c", "t", "[1]"),)),))

    assert body["messages"][0]["content"][0]["toolUse"]["input"] == {"arguments": "[1]"}


def test_a_loss_says_why() -> None:
    """For the client's developer."""
    found = write_request(Chat(model=NOVA, seed=1))

    assert found.losses == (Loss("seed", "Bedrock's Converse has no such setting"),)
    assert msgspec.json.decode(found.body) == {"messages": []}


def test_a_refusal_in_the_conversation_is_told_in_words() -> None:
    """It was said."""
    body, losses = written(messages=(Message(Role.ASSISTANT, (Refusal("No."), Text(""))),))

    assert (body["messages"], losses) == ([{"role": "assistant", "content": [{"text": "No."}]}], [])
