"""What any client asks, as Anthropic is asked."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import write_count_request, write_request
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Message,
    Part,
    Role,
    Text,
    Tool,
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


def test_a_plain_request() -> None:
    """Anthropic wants a maximum, so it gets one."""
    assert written(instructions=(Text("Be brief."), Text(" "))) == {
        "model": "m",
        "max_tokens": 4096,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_settings() -> None:
    """Each has its place."""
    body = written(
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop=("END",),
        stream=True,
        user="u-1",
        frequency_penalty=0,
        presence_penalty=0.0,
        instructions=(Text("a"), Text("b")),
    )

    assert body == {
        "model": "m",
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["END"],
        "stream": True,
        "metadata": {"user_id": "u-1"},
        "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_what_anthropic_does_not_have_is_named() -> None:
    """By the member of the meeting point; its body is whole without it."""
    body, lost = write(
        temperature=1.5,
        frequency_penalty=1.0,
        presence_penalty=-1.0,
        seed=0,
        stop=("\n", "END"),
        format=Format.JSON,
    )

    assert lost == ["format", "temperature", "frequency_penalty", "presence_penalty", "seed", "stop"]
    assert body == {
        "model": "m",
        "max_tokens": 4096,
        "stop_sequences": ["END"],
        "messages": [{"role": "user", "content": "Hello"}],
    }


SAMPLED: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("claude-3-opus-20240229", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, []),
    ("claude-sonnet-4-5", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ["top_p"]),
    ("claude-sonnet-4-5", {"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}, []),
    ("claude-sonnet-4-5", {"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}, []),
    ("claude-sonnet-4-5", {"top_p": 0.9, "top_k": 3}, {"top_p": 0.9, "top_k": 3}, []),
    (
        "claude-opus-4-7",
        {"temperature": 0.5, "top_p": 0.9, "top_k": 3},
        {},
        ["temperature", "top_p", "top_k"],
    ),
    ("claude-opus-4-7", {"temperature": 1, "top_p": 1}, {}, []),
    (
        "m",
        {"temperature": 0.5, "top_p": 0.96, "top_k": 3, "effort": Effort.LOW},
        {"top_p": 0.96},
        ["temperature", "top_k"],
    ),
    ("m", {"temperature": 1, "top_p": 0.9, "effort": Effort.LOW}, {}, ["top_p"]),
]


@pytest.mark.parametrize(("model", "members", "expected", "lost"), SAMPLED)
def test_sampling_is_what_the_model_takes(
    model: str, members: dict[str, Any], expected: dict[str, Any], lost: list[str]
) -> None:
    """Newer models, and those that think, refuse what older ones take."""
    body, paths = write(model=model, **members)

    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == expected
    assert paths == lost


NEW = "claude-opus-5"
CHOICES: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({}, None),
    ({"tool_choice": Choice.AUTO}, {"type": "auto"}),
    ({"tool_choice": Choice.NONE, "parallel_tool_calls": False}, {"type": "none"}),
    ({"tool_choice": Choice.REQUIRED, "parallel_tool_calls": True}, {"type": "any"}),
    (
        {"tool_choice": Choice.NAMED, "tool_name": "f", "parallel_tool_calls": False},
        {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    ),
    ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ({"parallel_tool_calls": True}, None),
]


@pytest.mark.parametrize(("members", "expected"), CHOICES)
def test_whether_a_tool_must_be_called(members: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """And whether several may be."""
    assert written(tools=(WEATHER,), **members).get("tool_choice") == expected


def test_a_choice_among_no_tools_is_not_told() -> None:
    """Anthropic refuses it."""
    assert "tool_choice" not in written(tool_choice=Choice.AUTO, parallel_tool_calls=False)


def test_a_model_that_thinks_can_not_be_made_to_call_a_tool() -> None:
    """Anthropic refuses both together."""
    body, lost = write(tools=(WEATHER,), tool_choice=Choice.REQUIRED, effort=Effort.LOW, model=NEW)

    assert lost == ["tool_choice"]
    assert body["tool_choice"] == {"type": "auto"}


def test_tools_are_declared() -> None:
    """Every one takes an object, and that has to be said."""
    tools = (
        WEATHER,
        Tool("now"),
        Tool("any", schema="{}", strict=True),
        Tool("some", schema=' {"properties":{}}'),
        Tool("bad", schema="[]", path="tools[4].function.parameters"),
    )

    body, lost = write(tools=tools)

    assert [tool["input_schema"] for tool in body["tools"]] == [
        {"type": "object", "properties": {"location": {"type": "string"}}},
        {"type": "object", "properties": {}},
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {}},
    ]
    assert body["tools"][0]["description"] == "Look"
    assert body["tools"][2]["strict"] is True
    assert lost == ["tools[4].function.parameters"]


def test_a_schema_for_the_answer() -> None:
    """The schema alone: a name is no more than a name."""
    body, lost = write(
        format=Format.SCHEMA,
        schema='{"type":"object"}',
        schema_name="n",
        schema_description="d",
        schema_strict=False,
    )

    assert body["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert lost == ["schema_description"]
    assert write(format=Format.SCHEMA, schema="7")[1] == ["schema"]
    assert write(format=Format.SCHEMA, schema='{"a":' + "[" * 100_000)[1] == ["schema"]


def test_a_conversation_needs_a_user() -> None:
    """Instructions alone are no conversation with Anthropic."""
    instructions = (Text("Be brief.", "messages[0].content"), Text("Sing."))

    body, lost = write(messages=(), instructions=instructions)
    (loss,) = write_request(Chat(model="m", instructions=instructions), default_cap=9).losses

    assert lost == ["messages[0].content"]
    assert loss.minor
    assert body["messages"] == [{"role": "user", "content": "Be brief.\n\nSing."}]
    assert "system" not in body


def test_instructions_that_say_nothing_are_no_users_words_either() -> None:
    """Anthropic refuses a turn without any."""
    chat = Chat(model="m", instructions=(Text(" "), Text("")), messages=(user(Text("\n")),))

    assert msgspec.json.decode(write_request(chat, default_cap=9).body)["messages"] == []


def test_a_users_name_that_is_too_long_is_dropped_unasked() -> None:
    """It changes no answer, and Anthropic refuses more than 256 characters."""
    short, long = (
        write_request(Chat(model="m", messages=(HELLO,), user="u" * length), default_cap=9)
        for length in (256, 257)
    )

    assert msgspec.json.decode(short.body)["metadata"] == {"user_id": "u" * 256}
    assert "metadata" not in msgspec.json.decode(long.body)
    assert [(loss.path, loss.minor) for loss in short.losses + long.losses] == [("user", True)]


def test_a_count_is_asked_for_without_what_only_an_answer_needs() -> None:
    """Anthropic refuses it there."""
    chat = Chat(
        model="m", messages=(HELLO,), max_output_tokens=5, temperature=2, stop=("x",), user="u", stream=True
    )

    assert msgspec.json.decode(write_count_request(chat).body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    assert write_count_request(chat).losses == ()


def test_a_loss_says_why() -> None:
    """To the client's developer."""
    chat = Chat(model="m", messages=(HELLO,), seed=3)

    assert write_request(chat, default_cap=9).losses == (Loss("seed", "Anthropic's API has no such setting"),)
