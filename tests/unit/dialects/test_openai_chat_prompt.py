"""Chat completion requests, written."""

from typing import Any

import msgspec
import pytest

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
from keyturn.dialects.openai_chat import write_request

HI = Message(Role.USER, (Text("Hi"),), "messages[0]")
CALL = ToolCall("call_1", "weather", '{"city": "Oslo"}', "sig")
WEATHER = Tool("weather", schema='{"type": "object"}')


def written(chat: Chat, **host: Any) -> dict[str, Any]:
    """Return the body, with nothing lost."""
    found = write_request(chat, **host)
    assert found.losses == ()
    body: dict[str, Any] = msgspec.json.decode(found.body)
    return body


def lost(chat: Chat, **host: Any) -> list[str]:
    """Return the paths of what is lost."""
    return [loss.path for loss in write_request(chat, **host).losses]


def said(*parts: Part, role: Role = Role.USER) -> Chat:
    """Return a request with one message."""
    return Chat(model="m", messages=(Message(role, parts, "at"),))


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


def test_a_failure_is_told() -> None:
    """Its words go, the mark doesn't."""
    assert lost(said(ToolResult("call_1", "a", (Text("no"),), failed=True, path="here"))) == ["here"]


def test_silence_beside_calls_is_null() -> None:
    """As OpenAI itself answers; some hosts want the member."""
    messages = written(said(CALL, role=Role.ASSISTANT))["messages"]

    assert messages[0]["content"] is None
    assert "extra_content" not in messages[0]["tool_calls"][0]


def test_a_call_goes_back_with_its_signature_to_who_wants_it() -> None:
    """Others may refuse the member."""
    messages = written(said(CALL, role=Role.ASSISTANT), signatures=True)["messages"]

    assert messages[0]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}


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
