"""Requests as they are written for Google."""

import json
from typing import Any

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
    ("model", "said", "thinking"),
    [
        ("gemini-3-pro", {"effort": Effort.HIGHEST}, {"thinkingLevel": "XHIGH"}),
        ("gemini-3-pro", {"effort": Effort.NONE}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"effort": Effort.MEDIUM}, {"thinkingBudget": 8192}),
        ("gemini-2.5-flash", {"effort": Effort.HIGHEST}, {"thinkingBudget": 24576}),
        ("gemini-2.5-flash", {"reasoning_tokens": 5}, {"thinkingBudget": 5}),
        ("gemini-3-pro", {"show_reasoning": False}, {"includeThoughts": False}),
    ],
)
def test_how_long_to_think_is_written_as_the_model_takes_it(model: str, said: Any, thinking: Any) -> None:
    """Levels came with the third generation."""
    chat = Chat(model=model, messages=(Message(Role.USER, (Text("x"),)),), **said)

    assert written(chat)["generationConfig"] == {"thinkingConfig": thinking}


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
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": {},
            "thinkingConfig": {"thinkingBudget": 10},
        },
    }


@pytest.mark.parametrize(
    ("model", "signed"),
    [("gemini-3-pro", True), ("gemini-flash-latest", True), ("gemini-2.5-pro", False), ("m", False)],
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
