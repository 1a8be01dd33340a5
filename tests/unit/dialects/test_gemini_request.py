"""Requests as Google's documentation and client show them; what of them can't be carried, and what is wrong."""

import json
from typing import Any

import pytest

from fakes.gemini_bodies import HELLO, of_parts, paths, read, refused
from keyturn.dialects import gemini
from keyturn.dialects.canonical import Chat, Choice, Effort, Format, Message, Read, Role, Text, Tool
from keyturn.domain.refusals import Reason


def test_the_shortest_question_is_read() -> None:
    """The path names the model and says whether to stream."""
    found = gemini.read_request(json.dumps(HELLO).encode(), model="gemini-3-pro", stream=True)

    text = Text("Hello", "contents[0].parts[0]")
    assert found == Read(
        Chat(model="gemini-3-pro", stream=True, messages=(Message(Role.USER, (text,), "contents[0]"),))
    )


def test_a_conversation_with_instructions_is_read() -> None:
    """Turns alternate, the model's are its own."""
    found = read(
        {
            "systemInstruction": {"parts": [{"text": "You are a cat. Your name is Neko."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": "Great to meet you."}]},
                {"parts": [{"text": "Who are you?"}]},
            ],
        }
    ).chat

    assert [text.text for text in found.instructions] == ["You are a cat. Your name is Neko."]
    assert [message.role for message in found.messages] == [Role.USER, Role.ASSISTANT, Role.USER]


def test_names_with_underscores_single_values_and_nulls_are_taken_as_google_takes_them() -> None:
    """Its own examples for curl are written so."""
    found = read(
        {
            "system_instruction": {"parts": {"text": "You are Neko"}},
            "contents": {"parts": {"text": "Hello"}, "role": None},
            "generation_config": {"max_output_tokens": "800", "stop_sequences": "Title", "top_k": 10.0},
            "tools": {"function_declarations": {"name": "f", "parameters_json_schema": {"type": "object"}}},
            "safety_settings": [],
            "cached_content": None,
        }
    )

    assert found.losses == ()
    assert found.chat.instructions == (Text("You are Neko", "systemInstruction.parts[0]"),)
    assert (found.chat.max_output_tokens, found.chat.stop, found.chat.top_k) == (800, ("Title",), 10)
    assert found.chat.tools == (
        Tool("f", schema='{"type":"object"}', path="tools[0].functionDeclarations[0]"),
    )


def test_settings_are_read() -> None:
    """Every one that other dialects know."""
    found = read(
        {
            **HELLO,
            "generationConfig": {
                "candidateCount": 1,
                "maxOutputTokens": 100,
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 40,
                "seed": 7,
                "presencePenalty": 0.1,
                "frequencyPenalty": 0.2,
                "stopSequences": ["END"],
                "responseModalities": ["TEXT"],
                "responseMimeType": "application/json",
                "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True},
            },
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        }
    )

    assert found.losses == ()
    assert found.chat == Chat(
        model="gemini-3-pro",
        messages=found.chat.messages,
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop=("END",),
        format=Format.JSON,
        effort=Effort.LOW,
        show_reasoning=True,
        tool_choice=Choice.AUTO,
    )


@pytest.mark.parametrize(
    ("thinking", "effort", "tokens"),
    [
        ({}, None, None),
        ({"thinkingBudget": -1}, None, None),
        ({"thinkingBudget": 0}, None, 0),
        ({"thinkingBudget": 1024}, None, 1024),
        ({"thinkingLevel": "XHIGH"}, Effort.HIGHEST, None),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None, None),
    ],
)
def test_how_long_to_think_is_read(thinking: Any, effort: Effort | None, tokens: int | None) -> None:
    """By a budget or by a level; minus one is the model's own choice, as it is without."""
    found = read({**HELLO, "generationConfig": {"thinkingConfig": thinking}})

    assert found.losses == ()
    assert (found.chat.effort, found.chat.reasoning_tokens) == (effort, tokens)


@pytest.mark.parametrize(
    ("calling", "choice", "name"),
    [
        ({}, None, ""),
        ({"mode": "MODE_UNSPECIFIED"}, None, ""),
        ({"mode": "none"}, Choice.NONE, ""),
        ({"mode": "ANY"}, Choice.REQUIRED, ""),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, Choice.NAMED, "f"),
    ],
)
def test_whether_to_call_is_read(calling: Any, choice: Choice | None, name: str) -> None:
    """One allowed name is a name."""
    found = read({**HELLO, "toolConfig": {"functionCallingConfig": calling}})

    assert found.losses == ()
    assert (found.chat.tool_choice, found.chat.tool_name) == (choice, name)
    assert read({**HELLO, "toolConfig": {}}).chat.tool_choice is None


def test_the_model_may_stand_in_the_body_too() -> None:
    """As it does in Google's description of the request."""
    assert read({**HELLO, "model": "models/m"}, model="m").chat.model == "m"
    assert read({**HELLO, "model": "models/m"}, model="").chat.model == "m"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({**HELLO, "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT"}]}, "safetySettings"),
        ({**HELLO, "cached_content": "cachedContents/1"}, "cached_content"),
        ({**HELLO, "labels": {"team": "a"}}, "labels"),
        ({**HELLO, "store": False}, "store"),
        ({**HELLO, "tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({**HELLO, "tools": [{}, {"code_execution": {}}]}, "tools[1].code_execution"),
        (
            {**HELLO, "tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]},
            "tools[0].functionDeclarations[0].behavior",
        ),
        ({**HELLO, "toolConfig": {"retrievalConfig": {}}}, "toolConfig.retrievalConfig"),
        (
            {**HELLO, "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {
                **HELLO,
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}},
            },
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        ({**HELLO, "generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        (
            {**HELLO, "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}},
            "generationConfig.responseModalities",
        ),
        ({**HELLO, "generationConfig": {"responseLogprobs": True}}, "generationConfig.responseLogprobs"),
        ({**HELLO, "generationConfig": {"logprobs": 2}}, "generationConfig.logprobs"),
        (
            {**HELLO, "generationConfig": {"responseMimeType": "text/x.enum"}},
            "generationConfig.responseMimeType",
        ),
        ({**HELLO, "generationConfig": {"speechConfig": {}}}, "generationConfig.speechConfig"),
        (
            {**HELLO, "generationConfig": {"thinkingConfig": {"thinkingLevel": "EXTREME"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (of_parts({"text": "a"}, {"executableCode": {"code": "1"}}), "contents[0].parts[1].executableCode"),
        (of_parts({"text": "a", "partMetadata": {"a": 1}}), "contents[0].parts[0].partMetadata"),
        (
            of_parts({"text": "a", "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
            "contents[0].parts[0].mediaResolution",
        ),
        (
            of_parts(
                {
                    "inlineData": {"mimeType": "image/png", "data": "AAAA"},
                    "mediaResolution": {"level": "MEDIA_RESOLUTION_MEDIUM"},
                }
            ),
            "contents[0].parts[0].mediaResolution",
        ),
        (
            of_parts({"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": True}),
            "contents[0].parts[0].thought",
        ),
        (
            {
                **HELLO,
                "systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            },
            "systemInstruction.parts[0]",
        ),
    ],
)
def test_what_no_other_dialect_knows_is_a_loss_with_its_path(body: Any, path: str) -> None:
    """Nothing that a client has written is lost in silence."""
    found = read(body)

    assert paths(found) == [path]
    assert found.losses[0].why


@pytest.mark.parametrize(
    ("body", "reason", "param"),
    [
        (b"{", Reason.INVALID_JSON, None),
        (b'{"contents":[],"contents":[]}', Reason.DUPLICATE_MEMBER, "contents"),
        (b'{"contents":[{"parts":[{"text":"a\\ud800"}]}]}', Reason.INVALID_JSON, None),
        (
            b'{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":'
            + b'{"items":' * 400
            + b"1"
            + b"}" * 400
            + b"}]}]}",
            Reason.INVALID_JSON,
            None,
        ),
        (
            {"systemInstruction": None, "system_instruction": {}, "systemInstruction ": 1},
            Reason.INVALID_MEMBER,
            "contents",
        ),
        (
            {**HELLO, "generationConfig": {"topK": 1, "top_k": 2}},
            Reason.DUPLICATE_MEMBER,
            "generationConfig.top_k",
        ),
        ({}, Reason.INVALID_MEMBER, "contents"),
        ({"contents": []}, Reason.INVALID_MEMBER, "contents"),
        ({"contents": "Hello"}, Reason.INVALID_MEMBER, "contents[0]"),
        ({"contents": [{"parts": []}]}, Reason.INVALID_MEMBER, "contents[0].parts"),
        ({"contents": [{"parts": [{"text": 1}]}]}, Reason.INVALID_MEMBER, "contents[0].parts[0].text"),
        (
            {"contents": [{"role": "system", "parts": [{"text": "a"}]}]},
            Reason.INVALID_MEMBER,
            "contents[0].role",
        ),
        (of_parts({}), Reason.INVALID_MEMBER, "contents[0].parts[0]"),
        (
            of_parts({"text": "a", "functionCall": {"name": "f"}}),
            Reason.INVALID_MEMBER,
            "contents[0].parts[0]",
        ),
        (
            of_parts({"functionCall": {"name": "f"}}),
            Reason.INVALID_MEMBER,
            "contents[0].parts[0].functionCall",
        ),
        (
            of_parts({"functionCall": {}}, role="model"),
            Reason.INVALID_MEMBER,
            "contents[0].parts[0].functionCall.name",
        ),
        (
            of_parts({"functionResponse": {"name": "f"}}, role="model"),
            Reason.INVALID_MEMBER,
            "contents[0].parts[0].functionResponse",
        ),
        (
            of_parts({"functionResponse": {"name": "f", "response": [1]}}),
            Reason.INVALID_MEMBER,
            "contents[0].parts[0].functionResponse.response",
        ),
        (
            of_parts({"inlineData": {"data": "AAAA"}}),
            Reason.INVALID_MEMBER,
            "contents[0].parts[0].inlineData",
        ),
        (of_parts({"fileData": {}}), Reason.INVALID_MEMBER, "contents[0].parts[0].fileData.fileUri"),
        (
            {**HELLO, "tools": [{"functionDeclarations": [{}]}]},
            Reason.INVALID_MEMBER,
            "tools[0].functionDeclarations[0].name",
        ),
        (
            {
                **HELLO,
                "tools": [
                    {"functionDeclarations": [{"name": "f", "parameters": {}, "parametersJsonSchema": {}}]}
                ],
            },
            Reason.INVALID_MEMBER,
            "tools[0].functionDeclarations[0].parameters",
        ),
        (
            {**HELLO, "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": 1}]}]},
            Reason.INVALID_MEMBER,
            "tools[0].functionDeclarations[0].parametersJsonSchema",
        ),
        (
            {**HELLO, "generationConfig": {"responseSchema": [1]}},
            Reason.INVALID_MEMBER,
            "generationConfig.responseSchema",
        ),
        (
            {**HELLO, "generationConfig": {"responseJsonSchema": [1]}},
            Reason.INVALID_MEMBER,
            "generationConfig.responseJsonSchema",
        ),
        (
            {**HELLO, "generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}},
            Reason.INVALID_MEMBER,
            "generationConfig.thinkingConfig.thinkingBudget",
        ),
        (
            {**HELLO, "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            Reason.INVALID_MEMBER,
            "toolConfig.functionCallingConfig.mode",
        ),
        ({**HELLO, "model": "models/other"}, Reason.INVALID_MEMBER, "model"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(body: Any, reason: Reason, param: str | None) -> None:
    """The provider's own error would name a body that the client has not written."""
    found = refused(body)

    assert (found.reason, found.param) == (reason, param)


def test_nesting_of_any_depth_is_refused() -> None:
    """The interpreter's own limit is no fault of the gateway's."""
    for depth in (*range(300, 1000, 7), 10_000):
        body = b'{"contents":[{"parts":[{"text":"a"}]}],"x":%b1%b}' % (b"[" * depth, b"]" * depth)
        found = gemini.read_request(body, model="m")
        assert isinstance(found, Read) or found.reason is Reason.INVALID_JSON
