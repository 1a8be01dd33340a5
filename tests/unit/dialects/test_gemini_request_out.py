"""Requests as they are written for Google."""

import json
from typing import Any

import msgspec
import pytest

from fakes.gemini_bodies import ask, read, written
from keyturn.dialects import gemini
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)


def test_a_conversation_is_written_as_google_documents_it() -> None:
    """Responses to parallel calls stand in one turn, or the API refuses them."""
    chat = Chat(
        model="gemini-3-pro",
        instructions=(Text("Be brief."),),
        messages=(
            Message(Role.USER, (Text("Weather?"),)),
            Message(
                Role.ASSISTANT,
                (
                    Reasoning("Hm.", "AAAA"),
                    Reasoning("", "BBBB"),
                    Reasoning("", ""),
                    Refusal("No, but:"),
                    ToolCall("c1", "weather", '{"city":"Paris"}', "CCCC"),
                    ToolCall("c2", "time", ""),
                ),
            ),
            Message(Role.USER, (ToolResult("c1", "weather", (Text('{"temp":1}'),)),)),
            Message(Role.USER, (ToolResult("c2", "time", (), failed=True),)),
        ),
        tools=(Tool("weather", "d", '{"type":"object"}'), Tool("time")),
        tool_choice=Choice.NAMED,
        tool_name="weather",
        parallel_tool_calls=True,
        user="u1",
    )

    assert written(chat) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather?"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True, "thoughtSignature": "AAAA"},
                    {"text": "", "thoughtSignature": "BBBB"},
                    {"text": "No, but:"},
                    {
                        "functionCall": {"id": "c1", "name": "weather", "args": {"city": "Paris"}},
                        "thoughtSignature": "CCCC",
                    },
                    {"functionCall": {"id": "c2", "name": "time", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c1", "name": "weather", "response": {"temp": 1}}},
                    {"functionResponse": {"id": "c2", "name": "time", "response": {"error": ""}}},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "d", "parametersJsonSchema": {"type": "object"}},
                    {"name": "time"},
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
    }


@pytest.mark.parametrize(
    ("texts", "failed", "response"),
    [
        ((), False, {}),
        (("noon",), False, {"output": "noon"}),
        (("a", "b"), False, {"output": ["a", "b"]}),
        (("a", "b"), True, {"error": ["a", "b"]}),
        (('{"temp":1}',), False, {"temp": 1}),
        (('{"temp":1}',), True, {"error": '{"temp":1}'}),
        (("{}",), False, {"output": "{}"}),
        (("{no",), False, {"output": "{no"}),
        (('{"error":"x"}',), False, {"output": '{"error":"x"}'}),
        (('{"output":["x"]}',), False, {"output": ["x"]}),
        (('{"output":[1,2]}',), False, {"output": [1, 2]}),
        (('{"output":3}',), False, {"output": 3}),
    ],
)
def test_a_tools_result_is_written_so_that_it_is_read_as_the_same(
    texts: tuple[str, ...],
    failed: bool,  # noqa: FBT001 -- a case
    response: Any,
) -> None:
    """A response must be an object; what is none is put into the member that Gemini looks at."""
    result = ToolResult("c", "f", tuple(map(Text, texts)), failed)

    body = written(ask(result))

    assert body["contents"][0]["parts"][0]["functionResponse"]["response"] == response
    again = read(body).chat.messages[0].parts[0]
    assert isinstance(again, ToolResult)
    assert again.failed is failed
    if texts[:1] not in {('{"output":["x"]}',), ('{"output":[1,2]}',), ('{"output":3}',)}:
        assert tuple(text.text for text in again.parts if isinstance(text, Text)) == texts


def test_media_are_written_by_value_or_by_address() -> None:
    """An address without a media type gets the one that its end tells, which older models ask for."""
    chat = ask(
        Media("image/png", "AAAA", name="a.png", detail="high"),
        Media("", url="https://example.com/a.JPG?x=1"),
        Media("", url="https://example.com/a"),
        ToolResult("c", "f", (Text("see"), Media("image/png", "AAAA"))),
    )

    assert written(chat)["contents"][0]["parts"] == [
        {
            "inlineData": {"mimeType": "image/png", "data": "AAAA"},
            "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"},
        },
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/a.JPG?x=1"}},
        {"fileData": {"fileUri": "https://example.com/a"}},
        {
            "functionResponse": {
                "id": "c",
                "name": "f",
                "response": {"output": "see"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
            }
        },
    ]


@pytest.mark.parametrize(
    ("choice", "mode"), [(None, "VALIDATED"), (Choice.AUTO, "VALIDATED"), (Choice.NONE, "NONE")]
)
def test_a_strict_tool_is_called_by_its_schema(choice: Choice | None, mode: str) -> None:
    """Gemini has a mode for what OpenAI says of each tool."""
    chat = Chat(
        model="m",
        messages=(Message(Role.USER, (Text("x"),)),),
        tools=(Tool("f", strict=True),),
        tool_choice=choice,
    )

    assert written(chat)["toolConfig"] == {"functionCallingConfig": {"mode": mode}}


def test_instructions_alone_are_a_turn_of_the_users() -> None:
    """Google refuses a request without contents."""
    assert written(Chat(model="m", instructions=(Text("Be brief."), Text("")))) == {
        "contents": [{"role": "user", "parts": [{"text": "Be brief."}]}]
    }
    assert written(Chat(model="m")) == {"contents": [{"role": "user", "parts": [{"text": " "}]}]}


def test_texts_without_a_character_are_left_out() -> None:
    """Google refuses them; a turn that would have nothing says a blank, so that turns still alternate."""
    chat = Chat(
        model="m",
        instructions=(Text(""), Text("Be brief.")),
        messages=(
            Message(Role.USER, (Text(""), Text("a"), Text(" "), Text("b"))),
            Message(Role.ASSISTANT, (Text(""),)),
            Message(Role.USER, (Text(""),)),
            Message(Role.USER, (Media("image/png", "AAAA"), Text(""))),
            Message(Role.ASSISTANT, (Refusal(""), ToolCall("c", "f", "{}"))),
            Message(Role.USER, (ToolResult("c", "f", ()), Text(""))),
        ),
    )

    body = written(chat)

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "a"}, {"text": " "}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": " "}]},
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "f", "response": {}}}]},
    ]
    assert "systemInstruction" not in written(
        Chat(model="m", instructions=(Text(""),), messages=(Message(Role.USER, (Text("x"),)),))
    )


def test_how_tools_are_used_is_said_where_there_are_some() -> None:
    """Google refuses the member beside no tools; that one must be called can't be kept then."""
    plain = Chat(model="m", messages=(Message(Role.USER, (Text("x"),)),), parallel_tool_calls=False)
    required = msgspec.structs.replace(plain, tool_choice=Choice.REQUIRED)

    assert written(plain) == {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    assert written(msgspec.structs.replace(plain, tool_choice=Choice.NONE)) == written(plain)
    assert written(msgspec.structs.replace(plain, tool_choice=Choice.AUTO)) == written(plain)
    assert [loss.path for loss in gemini.write_request(required).losses] == ["tool_choice"]
    assert json.loads(gemini.write_request(required).body) == written(plain)


def test_penalties_of_nothing_are_not_said() -> None:
    """Many models refuse the members, and many clients send the default."""
    chat = Chat(
        model="m",
        messages=(Message(Role.USER, (Text("x"),)),),
        frequency_penalty=0.0,
        presence_penalty=0.5,
    )

    assert written(chat)["generationConfig"] == {"presencePenalty": 0.5}


@pytest.mark.parametrize(("model", "taken"), [("gemini-2.0-flash", True), ("google/gemini-2.5-pro", False)])
def test_penalties_are_said_to_the_models_that_have_them(model: str, taken: bool) -> None:  # noqa: FBT001 -- a case
    """Since the 2.5 generation Google answers 400: the client may have them dropped instead."""
    turns = (Message(Role.USER, (Text("x"),)),)
    chat = Chat(model=model, messages=turns, frequency_penalty=0.5, presence_penalty=-1.0)

    made = gemini.write_request(chat)

    lost = [] if taken else ["frequency_penalty", "presence_penalty"]
    assert [loss.path for loss in made.losses] == lost
    assert ("generationConfig" in json.loads(made.body)) is taken


def test_older_models_know_calls_by_their_order() -> None:
    """They give no ids and may refuse them, so that results stand in the order of the calls."""
    calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"), ToolCall("c", "g", "{}"))
    results = (
        ToolResult("c", "g", (Text("3"),)),
        Text("and"),
        ToolResult("b", "f", (Text("2"),)),
        ToolResult("strange", "f", (Text("4"),)),
        ToolResult("a", "f", (Text("1"),)),
    )
    turns = (Message(Role.ASSISTANT, calls), Message(Role.USER, results))

    body = written(Chat(model="gemini-2.5-pro", messages=turns))

    assert [part["functionCall"] for part in body["contents"][0]["parts"]] == [
        {"name": "f", "args": {}},
        {"name": "f", "args": {}},
        {"name": "g", "args": {}},
    ]
    assert body["contents"][1]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": "1"}}},
        {"text": "and"},
        {"functionResponse": {"name": "f", "response": {"output": "2"}}},
        {"functionResponse": {"name": "g", "response": {"output": "3"}}},
        {"functionResponse": {"name": "f", "response": {"output": "4"}}},
    ]


def test_what_gemini_cannot_say_is_a_loss() -> None:
    """The body is whole without it."""
    chat = Chat(
        model="m",
        messages=(
            Message(Role.SYSTEM, (Text("now"),), "messages[0]"),
            Message(
                Role.ASSISTANT,
                (
                    ToolCall("c", "f", "[1]", path="messages[1].tool_calls[0]"),
                    ToolCall("c", "f", "{}", "no base64", path="messages[1].tool_calls[1]"),
                    Reasoning("", sealed="x", path="messages[1].content[0]"),
                ),
            ),
            Message(Role.USER, ()),
        ),
        tools=(Tool("f"),),
        parallel_tool_calls=False,
        effort=Effort.LOW,
        reasoning_tokens=10,
        format=Format.SCHEMA,
        schema="{}",
        schema_description="d",
    )

    made = gemini.write_request(chat)

    assert [loss.path for loss in made.losses] == [
        "messages[0]",
        "messages[1].tool_calls[0]",
        "messages[1].tool_calls[1]",
        "messages[1].content[0]",
        "parallel_tool_calls",
        "effort",
        "schema_description",
    ]
    assert all(loss.why for loss in made.losses)
    assert json.loads(made.body) == {
        "contents": [
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "c", "name": "f", "args": {}}},
                    {"functionCall": {"id": "c", "name": "f", "args": {}}},
                ],
            }
        ],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": {},
            "thinkingConfig": {"thinkingBudget": 10},
        },
    }


@pytest.mark.parametrize(
    ("model", "signed"),
    [
        ("gemini-3-pro", True),
        ("google/gemini-3-pro", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
        ("m", False),
    ],
)
def test_a_call_of_another_model_is_vouched_for(model: str, signed: bool) -> None:  # noqa: FBT001 -- a case
    """Newer models refuse a turn whose first call is not signed; what vouches for it is no signature when it comes back."""
    calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))
    chat = Chat(model=model, messages=(Message(Role.ASSISTANT, (Text("x"), *calls)),))

    body = written(chat)

    _, first, second = body["contents"][0]["parts"]
    assert first.get("thoughtSignature") == ("skip_thought_signature_validator" if signed else None)
    assert "thoughtSignature" not in second
    assert [part.signature for part in read(body).chat.messages[0].parts if isinstance(part, ToolCall)] == [
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("choice", "tools", "minor"),
    [
        (Choice.REQUIRED, "f", True),
        (Choice.NAMED, "fg", True),
        (Choice.REQUIRED, "fg", False),
    ],
)
def test_one_call_of_the_one_tool_there_is_to_call_is_what_gemini_makes_anyhow(
    choice: Choice, tools: str, *, minor: bool
) -> None:
    """SDKs that get JSON by way of a tool always ask for no more."""
    chat = Chat(
        model="m",
        messages=(Message(Role.USER, (Text("x"),)),),
        tools=tuple(Tool(name, "", "{}") for name in tools),
        tool_choice=choice,
        tool_name="f",
        parallel_tool_calls=False,
    )

    (loss,) = gemini.write_request(chat).losses

    assert (loss.path, loss.minor) == ("parallel_tool_calls", minor)
