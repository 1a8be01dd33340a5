"""Chat completion requests, read."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import Chat, Choice, Effort, Format, Message, Read, Role, Text, Tool
from keyturn.dialects.openai_chat import read_request
from keyturn.domain.refusals import Reason, Refused

USER = {"role": "user", "content": "Hi"}
BASE: dict[str, Any] = {"model": "gpt-5", "messages": [USER]}
HI = Message(Role.USER, (Text("Hi", "messages[0].content"),), "messages[0]")
FUNCTION = {"name": "weather", "description": "Tells it", "parameters": {"type": "object"}, "strict": True}


def read(**members: Any) -> Read | Refused:
    """Read a request with these members."""
    return read_request(msgspec.json.encode(BASE | members))


def heard(**members: Any) -> Chat:
    """Return the request that is read, with nothing lost."""
    found = read(**members)
    assert isinstance(found, Read), found
    assert found.losses == ()
    return found.chat


def test_a_plain_request_says_nothing_else() -> None:
    """What the client hasn't said stays unsaid."""
    assert heard() == Chat(model="gpt-5", messages=(HI,))


def test_every_setting_has_its_place() -> None:
    """One request with all of them."""
    chat = heard(
        max_completion_tokens=100,
        temperature=1,
        top_p=0.5,
        top_k=40,
        frequency_penalty=-0.5,
        presence_penalty=0.25,
        seed=7,
        stop=["a", "b"],
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        parallel_tool_calls=False,
        reasoning_effort="xhigh",
        user="u-1",
    )

    assert chat == Chat(
        model="gpt-5",
        messages=(HI,),
        max_output_tokens=100,
        temperature=1.0,
        top_p=0.5,
        top_k=40,
        frequency_penalty=-0.5,
        presence_penalty=0.25,
        seed=7,
        stop=("a", "b"),
        stream=True,
        stream_usage=True,
        parallel_tool_calls=False,
        effort=Effort.HIGHEST,
        user="u-1",
    )


def test_what_says_nothing_loses_nothing() -> None:
    """Clients send defaults and nulls for what they don't want."""
    quiet = dict.fromkeys(
        (
            "audio",
            "functions",
            "function_call",
            "logit_bias",
            "metadata",
            "prediction",
            "stop",
            "tools",
            "user",
            "seed",
        )
    ) | {
        "n": 1,
        "logprobs": False,
        "top_logprobs": 0,
        "store": False,
        "service_tier": "auto",
        "verbosity": "medium",
        "modalities": ["text"],
        "prompt_cache_key": "k",
        "prompt_cache_retention": "in_memory",
        "prompt_cache_options": {"mode": "implicit"},
        "response_format": {"type": "text"},
        "stream": False,
        "stream_options": None,
        "tool_choice": None,
        "reasoning_effort": None,
    }

    assert heard(**quiet) == heard()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("function_call", "auto"),
        ("functions", [FUNCTION]),
        ("logit_bias", {"50256": -100}),
        ("logprobs", True),
        ("metadata", {"a": "b"}),
        ("modalities", ["text", "audio"]),
        ("moderation", {"model": "omni"}),
        ("n", 2),
        ("prediction", {"type": "content", "content": "a"}),
        ("prompt_cache_options", {"ttl": "30m"}),
        ("prompt_cache_retention", "24h"),
        ("service_tier", "flex"),
        ("store", True),
        ("top_logprobs", 2),
        ("verbosity", "low"),
        ("web_search_options", {}),
        ("response_format", {"type": "grammar"}),
        ("tool_choice", {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
        ("min_p", 0.1),
        ("chat_template_kwargs", {"enable_thinking": False}),
    ],
)
def test_what_no_other_dialect_can_say_is_told(name: str, value: object) -> None:
    """By the name that the client wrote; the rest of the request is read."""
    found = read(**{name: value})

    assert isinstance(found, Read)
    assert [loss.path for loss in found.losses] == [name]
    assert found.chat == Chat(model="gpt-5", messages=(HI,))


@pytest.mark.parametrize(
    ("members", "cap", "paths"),
    [
        ({"max_tokens": 5}, 5, []),
        ({"max_completion_tokens": 5, "max_tokens": 5}, 5, []),
        ({"max_completion_tokens": 5, "max_tokens": 9}, 5, ["max_tokens"]),
        ({"max_completion_tokens": None, "max_tokens": 9}, 9, []),
    ],
)
def test_the_newer_cap_counts(members: dict[str, Any], cap: int, paths: list[str]) -> None:
    """Two that differ can't both be kept."""
    found = read(**members)

    assert isinstance(found, Read)
    assert found.chat.max_output_tokens == cap
    assert [loss.path for loss in found.losses] == paths


@pytest.mark.parametrize(
    ("members", "user", "paths"),
    [
        ({"safety_identifier": "s"}, "s", []),
        ({"safety_identifier": "s", "user": "s"}, "s", []),
        ({"safety_identifier": "s", "user": "u"}, "u", ["safety_identifier"]),
    ],
)
def test_a_user_is_named_by_either_member(members: dict[str, Any], user: str, paths: list[str]) -> None:
    """The newer one has taken over from the older."""
    found = read(**members)

    assert isinstance(found, Read)
    assert found.chat.user == user
    assert [loss.path for loss in found.losses] == paths


def test_what_the_system_says_first_are_instructions() -> None:
    """Developers say the same under a newer name."""
    chat = heard(
        messages=[
            {"role": "system", "content": "Be kind"},
            {
                "role": "developer",
                "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief"}],
            },
            USER,
        ]
    )

    assert chat.instructions == (
        Text("Be kind", "messages[0].content"),
        Text("Be", "messages[1].content[0]"),
        Text("brief", "messages[1].content[1]"),
    )
    assert [message.path for message in chat.messages] == ["messages[2]"]


def test_tools_keep_their_schema_as_it_was_written() -> None:
    """White space, order and numbers included."""
    body = (
        b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":['
        b'{"type":"function","function":{"name":"a","parameters": { "z":1.0, "a":1e2 } }},'
        b'{"function":{"name":"b","description":"B","parameters":null,"strict":false}},'
        b'{"type":"custom","custom":{"name":"c"}}]}'
    )

    found = read_request(body)

    assert isinstance(found, Read)
    assert found.chat.tools == (
        Tool("a", "", '{ "z":1.0, "a":1e2 }', None, "tools[0]"),
        Tool("b", "B", "", False, "tools[1]"),
    )
    assert [loss.path for loss in found.losses] == ["tools[2]"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", (Choice.AUTO, "")),
        ("none", (Choice.NONE, "")),
        ("required", (Choice.REQUIRED, "")),
        ({"type": "function", "function": {"name": "weather"}}, (Choice.NAMED, "weather")),
    ],
)
def test_a_tool_is_chosen(choice: object, expected: tuple[Choice, str]) -> None:
    """By a word or by name."""
    chat = heard(tools=[{"type": "function", "function": FUNCTION}], tool_choice=choice)

    assert (chat.tool_choice, chat.tool_name) == expected
    assert chat.tools == (Tool("weather", "Tells it", '{"type":"object"}', True, "tools[0]"),)


def test_an_answer_has_a_format() -> None:
    """Any JSON, or by a schema."""
    schema = {"name": "city", "description": "A city", "schema": {"type": "object"}, "strict": True}

    assert heard(response_format={"type": "json_object"}).format is Format.JSON
    chat = heard(response_format={"type": "json_schema", "json_schema": schema})
    assert (chat.format, chat.schema, chat.schema_name) == (Format.SCHEMA, '{"type":"object"}', "city")
    assert (chat.schema_description, chat.schema_strict) == ("A city", True)
    assert heard(response_format={"type": "json_schema", "json_schema": {"name": "a"}}).schema == "{}"


def test_a_schema_of_another_format_is_told() -> None:
    """It would change nothing."""
    found = read(response_format={"type": "json_object", "json_schema": {"name": "a"}})

    assert isinstance(found, Read)
    assert (found.chat.format, found.chat.schema_name) == (Format.JSON, "")
    assert [loss.path for loss in found.losses] == ["response_format.json_schema"]


def test_one_stop_sequence_needs_no_list() -> None:
    """Nor does the highest effort its own word."""
    assert heard(stop="END").stop == ("END",)
    assert heard(reasoning_effort="max").effort is Effort.HIGHEST
    assert heard(reasoning_effort="none").effort is Effort.NONE


def test_the_path_may_say_model_and_stream() -> None:
    """What the body says counts first."""
    nameless = read_request(msgspec.json.encode({"messages": [USER]}), model="by-path", stream=True)
    named = read_request(msgspec.json.encode(BASE), model="by-path")

    assert isinstance(nameless, Read)
    assert isinstance(named, Read)
    assert (nameless.chat.model, nameless.chat.stream) == ("by-path", True)
    assert (named.chat.model, named.chat.stream) == ("gpt-5", False)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"presence_penalty": 2.5}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "5"}, "max_completion_tokens"),
        ({"stop": [1]}, "stop[0]"),
        ({"stream": "yes"}, "stream"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"function": {"name": "a", "parameters": [1]}}]}, "tools[0].function.parameters"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_what_is_plainly_wrong_is_refused_by_its_path(members: dict[str, Any], param: str) -> None:
    """As OpenAI does it."""
    refused = read(**members)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


def test_bad_json_and_double_members_are_refused() -> None:
    """A provider may read another one of two than we do."""
    bad = read_request(b'{"model":')
    double = read_request(b'{"model":"a","messages":[],"model":"b"}')

    assert isinstance(bad, Refused)
    assert isinstance(double, Refused)
    assert (bad.reason, double.reason) == (Reason.INVALID_JSON, Reason.DUPLICATE_MEMBER)
