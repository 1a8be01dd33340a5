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
    Message,
    Part,
    Reasoning,
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


@pytest.mark.parametrize(
    ("model", "members", "effort", "losses"),
    [
        (GPT, {"reasoning_tokens": 8192}, "medium", [("reasoning_tokens", True)]),
        (GPT, {"reasoning_tokens": 8192, "effort": Effort.LOW}, "low", [("reasoning_tokens", True)]),
        (GPT, {"effort": Effort.HIGHEST}, "high", [("effort", True)]),
        (GPT, {"effort": Effort.MINIMAL}, "low", [("effort", True)]),
        (GPT, {"reasoning_tokens": 0}, None, [("reasoning_tokens", False)]),
        (GPT, {"effort": Effort.NONE}, None, [("effort", False)]),
        (NOVA, {"reasoning_tokens": 0}, None, [("reasoning_tokens", True)]),
        (NOVA, {"effort": Effort.NONE}, None, [("effort", True)]),
        (
            NOVA,
            {"reasoning_tokens": 9, "effort": Effort.LOW},
            None,
            [("reasoning_tokens", False), ("effort", False)],
        ),
    ],
)
def test_thought_is_asked_for_as_far_as_a_model_can_be_told(
    model: str, members: dict[str, Any], effort: str | None, losses: list[tuple[str, bool]]
) -> None:
    """A model that doesn't think needs no word to leave it; one that always does can't be told to."""
    found = write_request(Chat(model=model, messages=(user(Text("Hi")),), **members))
    body = msgspec.json.decode(found.body)

    assert body.get("additionalModelRequestFields", {}).get("reasoning_effort") == effort
    assert [(loss.path, loss.minor) for loss in found.losses] == losses


@pytest.mark.parametrize(
    ("model", "said", "losses"), [(NOVA, ["\n", "END"], []), (CLAUDE, ["END"], ["stop"])]
)
def test_it_stops_at_sequences_that_are_some(model: str, said: list[str], losses: list[str]) -> None:
    """Bedrock refuses an empty one, at which nothing stops, and a Claude one of white space."""
    body, found = written(model=model, stop=("", "\n", "END"))
    none, _ = written(model=model, stop=("",))

    assert body["inferenceConfig"]["stopSequences"] == said
    assert found == losses
    assert "inferenceConfig" not in none


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


@pytest.mark.parametrize(
    ("model", "losses", "kept"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", [], {"temperature": 0.5, "topP": 0.9}),
        (CLAUDE, ["top_p"], {"temperature": 0.5}),
        ("us.anthropic.claude-opus-4-7", ["temperature", "top_p", "top_k"], None),
    ],
)
def test_a_claude_is_sampled_as_its_version_takes_it(
    model: str, losses: list[str], kept: dict[str, float] | None
) -> None:
    """Later ones refuse both settings together, or each."""
    body, found = written(model=model, temperature=0.5, top_p=0.9, top_k=3)

    assert found == losses
    assert body.get("inferenceConfig") == kept
    assert ("additionalModelRequestFields" in body) == ("top_k" not in losses)


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


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"properties":{"a":{}}}', {"type": "object", "properties": {"a": {}}}),
        ("{}", {"type": "object"}),
        ("[]", {"type": "object", "properties": {}}),
    ],
)
def test_what_a_tool_takes_is_said_to_be_an_object(schema: str, said: Any) -> None:
    """Bedrock refuses a schema that doesn't say so, which OpenAI's clients may leave out."""
    body, losses = written(tools=(Tool("f", schema=schema, path="tools[0].function.parameters"),))

    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == said
    assert losses == (["tools[0].function.parameters"] if schema == "[]" else [])


def test_tools_that_were_called_are_declared_where_the_request_has_none() -> None:
    """Bedrock refuses calls and results without a declaration, and a client that wants a summary sends none."""
    body, losses = written(
        messages=(
            user(Text("Weather?")),
            Message(Role.ASSISTANT, (ToolCall("1", "weather", "{}"), ToolCall("2", "now", "{}"))),
            user(ToolResult("1", "weather", (Text("sunny"),)), ToolResult("2", "", (Text("noon"),))),
            user(ToolResult("3", "lost", (Text("?"),))),
        )
    )

    assert body["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object", "properties": {}}}}}
            for name in ("weather", "now", "lost")
        ]
    }
    assert losses == []


def test_tools_that_may_not_be_called_are_not_named() -> None:
    """Unless the conversation has calls: then they must be, and nothing forbids them."""
    call = Message(Role.ASSISTANT, (ToolCall("call_1", "weather", "{}"),))

    without, none = written(tools=(WEATHER,), tool_choice=Choice.NONE)
    having, told = written(tools=(WEATHER,), tool_choice=Choice.NONE, messages=(user(Text("Hi")), call))

    assert ("toolConfig" in without, none) == (False, [])
    assert ("toolConfig" in having, told) == (True, ["tool_choice"])


@pytest.mark.parametrize(
    ("members", "turns", "losses"),
    [
        (
            {"instructions": (Text("Be brief.", "messages[0].content"), Text(" "), Text("Sing."))},
            [{"role": "user", "content": [{"text": "Be brief."}, {"text": "Sing."}]}],
            [("messages[0].content", True)],
        ),
        (
            {"messages": (Message(Role.SYSTEM, (Text("Sing."),), "messages[0]"), user(Text(" ")))},
            [{"role": "user", "content": [{"text": "Sing."}]}],
            [("messages[0]", False)],
        ),
    ],
)
def test_a_conversation_of_instructions_alone_is_a_users(
    members: dict[str, Any], turns: Any, losses: list[tuple[str, bool]]
) -> None:
    """OpenAI takes one, and Bedrock refuses one in which nobody speaks."""
    found = write_request(Chat(model=NOVA, **members))

    assert msgspec.json.decode(found.body) == {"messages": turns}
    assert [(loss.path, loss.minor) for loss in found.losses] == losses


def test_a_loss_says_why() -> None:
    """For the client's developer."""
    found = write_request(Chat(model=NOVA, seed=1))

    assert found.losses == (Loss("seed", "Bedrock's Converse has no such setting"),)
    assert msgspec.json.decode(found.body) == {"messages": []}


def test_what_changes_no_answer_is_dropped_unasked() -> None:
    """A name for the user that Amazon has no characters for (Claude Code's is JSON), and thoughts nobody has signed."""
    found = write_request(
        Chat(
            model=NOVA,
            user='{"device_id":"d"}',
            messages=(user(Text("Hi")), Message(Role.ASSISTANT, (Reasoning("Hm."), Text("Hi")))),
        )
    )

    assert [(loss.path, loss.minor) for loss in found.losses] == [("messages", True), ("user", True)]
