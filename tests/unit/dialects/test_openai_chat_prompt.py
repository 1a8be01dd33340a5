"""Chat completion requests, written."""

import hashlib

import msgspec
import pytest

from fakes.chat_requests import HI, lost, written
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Text,
    Tool,
)
from keyturn.dialects.openai_chat import write_request

WEATHER = Tool("weather", schema='{"type": "object"}')


def test_a_plain_request_says_nothing_else() -> None:
    """Hosts refuse members that they don't know."""
    assert write_request(Chat(model="m", messages=(HI,))).body == (
        b'{"messages":[{"role":"user","content":"Hi"}],"model":"m"}'
    )


def test_every_setting_is_written() -> None:
    """And a stream tells its usage, which is what it is charged by."""
    chat = Chat(
        model="m",
        messages=(HI,),
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.25,
        frequency_penalty=1.0,
        presence_penalty=-1.0,
        seed=3,
        stop=("a",),
        effort=Effort.MINIMAL,
        stream=True,
        user="u",
        show_reasoning=False,
    )

    assert written(chat) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "m",
        "max_completion_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.25,
        "frequency_penalty": 1.0,
        "presence_penalty": -1.0,
        "seed": 3,
        "stop": ["a"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "minimal",
        "user": "u",
    }


def test_a_host_gets_what_it_knows() -> None:
    """The older cap, a sampling setting of its own, thoughts."""
    chat = Chat(model="m", messages=(HI,), max_output_tokens=5, top_k=4, show_reasoning=True)

    assert written(chat, legacy_cap=True, top_k=True, thoughts="reasoning") == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "m",
        "max_tokens": 5,
        "top_k": 4,
    }
    assert lost(chat) == ["top_k", "show_reasoning"]


def test_a_strict_host_is_not_told_what_it_refuses() -> None:
    """Mistral answers 422 to members of OpenAI's that it has no use for, or calls otherwise."""
    chat = Chat(model="m", messages=(HI,), seed=3, stream=True, user="u")

    found = write_request(chat, stream_options=False, strict=True, random_seed=True)

    assert msgspec.json.decode(found.body) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "m",
        "stream": True,
        "random_seed": 3,
    }
    assert [(loss.path, loss.minor) for loss in found.losses] == [("user", True)]


def test_a_long_name_of_a_user_is_told_as_its_hash() -> None:
    """OpenAI takes 64 characters, and some clients have more; all that counts is that it stays the same."""
    name = "user_" * 20

    assert written(Chat(model="m", messages=(HI,), user=name))["user"] == (
        hashlib.sha256(name.encode()).hexdigest()
    )
    assert written(Chat(model="m", messages=(HI,), user="u" * 64))["user"] == "u" * 64


@pytest.mark.parametrize(
    ("tokens", "effort", "paths"),
    [
        (0, "none", []),
        (1024, "low", ["reasoning_tokens"]),
        (8192, "medium", ["reasoning_tokens"]),
        (32_000, "high", ["reasoning_tokens"]),
    ],
)
def test_a_budget_of_thoughts_becomes_an_effort_that_is_told(
    tokens: int, effort: str, paths: list[str]
) -> None:
    """No thought at all is said exactly; the rest comes near."""
    found = write_request(Chat(model="m", messages=(HI,), reasoning_tokens=tokens))

    assert msgspec.json.decode(found.body)["reasoning_effort"] == effort
    assert [loss.path for loss in found.losses] == paths


def test_an_effort_goes_before_a_budget() -> None:
    """It is what the dialect knows."""
    chat = Chat(model="m", messages=(HI,), reasoning_tokens=5000, effort=Effort.HIGH)

    assert written(chat)["reasoning_effort"] == "high"


def test_instructions_stand_first() -> None:
    """One text as it is, which every host understands."""
    one = Chat(model="m", instructions=(Text("Be kind"),), messages=(HI,))
    two = Chat(model="m", instructions=(Text("Be"), Text("kind")), messages=(HI,))

    assert written(one)["messages"][0] == {"role": "system", "content": "Be kind"}
    assert written(two)["messages"][0] == {
        "role": "system",
        "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind"}],
    }


def test_tools_are_written_with_their_schema_as_it_is() -> None:
    """White space included."""
    chat = Chat(
        model="m",
        messages=(HI,),
        tools=(WEATHER, Tool("time", "Tells it", strict=True)),
        tool_choice=Choice.AUTO,
        parallel_tool_calls=False,
    )

    assert write_request(chat).body == (
        b'{"messages":[{"role":"user","content":"Hi"}],"model":"m","tools":['
        b'{"type":"function","function":{"name":"weather","parameters":{"type": "object"}}},'
        b'{"type":"function","function":{"name":"time","description":"Tells it","strict":true}}],'
        b'"tool_choice":"auto","parallel_tool_calls":false}'
    )


def test_a_named_tool_is_chosen_by_its_name() -> None:
    """Or any one by a word."""
    named = Chat(model="m", messages=(HI,), tools=(WEATHER,), tool_choice=Choice.NAMED, tool_name="weather")
    required = Chat(model="m", messages=(HI,), tools=(WEATHER,), tool_choice=Choice.REQUIRED)

    assert written(named)["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert written(required)["tool_choice"] == "required"


def test_a_choice_among_no_tools_is_not_written() -> None:
    """OpenAI refuses it; that none be called holds anyway."""
    chat = Chat(model="m", messages=(HI,), tool_choice=Choice.NONE, parallel_tool_calls=True)

    assert written(chat) == written(Chat(model="m", messages=(HI,)))
    assert written(msgspec.structs.replace(chat, tool_choice=Choice.REQUIRED))["tool_choice"] == "required"


def test_an_answer_has_a_format() -> None:
    """A schema without a name gets one, since OpenAI wants it."""
    schema = Chat(model="m", messages=(HI,), format=Format.SCHEMA, schema='{"type":"object"}')
    named = msgspec.structs.replace(
        schema, schema_name="city", schema_description="A city", schema_strict=False
    )

    assert written(Chat(model="m", messages=(HI,), format=Format.JSON))["response_format"] == {
        "type": "json_object"
    }
    assert written(schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    assert written(named)["response_format"]["json_schema"] == {
        "name": "city",
        "description": "A city",
        "schema": {"type": "object"},
        "strict": False,
    }
