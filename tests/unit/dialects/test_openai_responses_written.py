"""Requests as they go to a provider that speaks OpenAI's responses."""

import hashlib
from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
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
from keyturn.dialects.openai_responses_written import write_request

HELLO = Message(Role.USER, (Text("Hi"),))


def _chat(*messages: Message, **more: Any) -> Chat:
    return Chat(model="m", messages=messages or (HELLO,), **more)


def _body(chat: Chat) -> dict[str, Any]:
    written = write_request(chat)
    assert written.losses == ()
    found: dict[str, Any] = msgspec.json.decode(written.body)
    return found


def _lost(chat: Chat) -> list[str]:
    return [loss.path for loss in write_request(chat).losses]


def _said(*parts: Part) -> Chat:
    return _chat(HELLO, Message(Role.ASSISTANT, parts))


def test_the_shortest_request() -> None:
    """Nothing is to be stored that nobody can ask for."""
    assert _body(_chat()) == {"model": "m", "input": [{"role": "user", "content": "Hi"}], "store": False}


def test_everything_that_can_be_said_is() -> None:
    """In this dialect's words."""
    chat = _chat(
        instructions=(Text("Be brief."), Text("Be kind.")),
        tools=(Tool("a", "d", '{"type": "object"}', strict=True), Tool("b")),
        tool_choice=Choice.NAMED,
        tool_name="a",
        parallel_tool_calls=False,
        format=Format.SCHEMA,
        schema='{"a": 1.0}',
        max_output_tokens=99,
        temperature=0.5,
        top_p=0.25,
        effort=Effort.LOW,
        show_reasoning=True,
        stream=True,
        user="u",
    )

    assert _body(chat) == {
        "model": "m",
        "input": [
            {"role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
            {"role": "user", "content": "Hi"},
        ],
        "store": False,
        "instructions": "Be brief.",
        "tools": [
            {
                "type": "function",
                "name": "a",
                "description": "d",
                "parameters": {"type": "object"},
                "strict": True,
            },
            {"type": "function", "name": "b", "parameters": None, "strict": False},
        ],
        "tool_choice": {"type": "function", "name": "a"},
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"a": 1.0}}},
        "max_output_tokens": 99,
        "temperature": 0.5,
        "top_p": 0.25,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "stream": True,
        "user": "u",
    }
    assert b'"schema":{"a": 1.0}' in write_request(chat).body


def test_what_this_dialect_cant_say_is_a_loss_by_its_name() -> None:
    """It has no stop sequences, either."""
    chat = _chat(top_k=1, frequency_penalty=0.5, presence_penalty=0.5, seed=7, stop=("x",))

    assert _lost(chat) == ["top_k", "frequency_penalty", "presence_penalty", "seed", "stop"]


def test_penalties_of_nothing_are_no_loss() -> None:
    """Many clients send the default."""
    assert _body(_chat(frequency_penalty=0.0, presence_penalty=0.0)) == _body(_chat())
    assert _lost(_chat(seed=0)) == ["seed"]


@pytest.mark.parametrize(("asked", "sent", "lost"), [(1, 16, True), (15, 16, True), (16, 16, False)])
def test_the_least_that_openai_takes_is_asked_for(asked: int, sent: int, lost: bool) -> None:  # noqa: FBT001 -- a case
    """It refuses a smaller cap, with which some clients try whether a model is there."""
    written = write_request(_chat(max_output_tokens=asked))

    assert msgspec.json.decode(written.body)["max_output_tokens"] == sent
    assert [(loss.path, loss.minor) for loss in written.losses] == [("max_output_tokens", True)] * lost


@pytest.mark.parametrize(("budget", "effort"), [(2_048, "low"), (8_192, "medium"), (8_193, "high")])
def test_a_number_of_thoughts_becomes_an_effort_and_is_a_loss(budget: int, effort: str) -> None:
    """It was an upper bound, and an effort is none."""
    written = write_request(_chat(reasoning_tokens=budget))

    assert [loss.path for loss in written.losses] == ["reasoning_tokens"]
    assert msgspec.json.decode(written.body)["reasoning"] == {"effort": effort}


def test_no_thoughts_at_all_can_be_said() -> None:
    """And an effort that was given stands."""
    assert _body(_chat(reasoning_tokens=0))["reasoning"] == {"effort": "none"}
    assert "include" not in _body(_chat(reasoning_tokens=0))
    written = write_request(_chat(reasoning_tokens=9_000, effort=Effort.HIGH))
    assert msgspec.json.decode(written.body)["reasoning"] == {"effort": "high"}


def test_a_long_name_of_a_user_is_told_as_its_hash() -> None:
    """OpenAI takes 64 characters, and some clients have more; all that counts is that it stays the same."""
    name = "user_" * 20

    assert _body(_chat(user=name))["user"] == hashlib.sha256(name.encode()).hexdigest()


def test_json_of_any_form_and_words_for_a_choice() -> None:
    """The plain forms."""
    body = _body(_chat(format=Format.JSON, tools=(Tool("a"),), tool_choice=Choice.REQUIRED))

    assert (body["text"], body["tool_choice"]) == ({"format": {"type": "json_object"}}, "required")


def test_instructions_without_a_conversation_are_a_message() -> None:
    """A request has to have an input."""
    body = _body(Chat(model="m", instructions=(Text("a"), Text("b"))))

    assert [part["text"] for part in body["input"][0]["content"]] == ["a", "b"]
    assert "instructions" not in body


def test_a_schema_is_told_with_what_is_known_of_it() -> None:
    """Its name has to be told, the rest only where it was."""
    chat = _chat(
        format=Format.SCHEMA, schema="{}", schema_name="n", schema_description="d", schema_strict=False
    )

    assert _body(chat)["text"]["format"] == {
        "type": "json_schema",
        "name": "n",
        "description": "d",
        "schema": {},
        "strict": False,
    }


def test_media_have_their_own_forms() -> None:
    """By value with a name, by address without."""
    message = Message(
        Role.USER,
        (
            Text("See"),
            Media("image/png", "aGk=", detail="low"),
            Media("", url="https://e.com/a"),
            Media("application/pdf", "aGk="),
            Media("text/csv", "aGk="),
            Media("application/pdf", url="https://e.com/a.pdf", name="a.pdf"),
            Media("text/csv", url="https://e.com/a.csv"),
        ),
    )

    assert _body(_chat(message))["input"][0]["content"] == [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
        {"type": "input_image", "image_url": "https://e.com/a"},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,aGk="},
        {"type": "input_file", "filename": "document.csv", "file_data": "data:text/csv;base64,aGk="},
        {"type": "input_file", "file_url": "https://e.com/a.pdf", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://e.com/a.csv"},
    ]


def test_a_turn_becomes_items() -> None:
    """Results of tools are no part of a message here; one that has failed has not come to its end."""
    chat = _chat(
        HELLO,
        Message(
            Role.ASSISTANT,
            (
                Reasoning("Hm"),
                Reasoning("", sealed="gAAAA", id="rs_1"),
                Text("a"),
                Refusal("b"),
                ToolCall("call_1", "f", '{"c": 1}', signature="of another provider"),
                ToolCall("call_2", "f", "{}"),
            ),
        ),
        Message(
            Role.USER,
            (
                Text("first"),
                ToolResult("call_1", "f", (Text("ok"),)),
                ToolResult("call_2", "f", (Text("no"), Media("image/png", "aGk=")), failed=True),
                ToolResult("call_3", "f", ()),
                Text("last"),
            ),
        ),
        Message(Role.SYSTEM, (Text("Be rude."),)),
    )

    assert _body(chat)["input"][1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "encrypted_content": "gAAAA",
        },
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
        },
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"c": 1}'},
        {"type": "function_call", "call_id": "call_2", "name": "f", "arguments": "{}"},
        {"role": "user", "content": "first"},
        {"type": "function_call_output", "call_id": "call_1", "output": "ok"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [
                {"type": "input_text", "text": "no"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
            ],
            "status": "incomplete",
        },
        {"type": "function_call_output", "call_id": "call_3", "output": ""},
        {"role": "user", "content": "last"},
        {"role": "system", "content": "Be rude."},
    ]


def test_a_message_may_end_with_results() -> None:
    """As it does in a loop of calls."""
    message = Message(Role.USER, (ToolResult("call_1", "f", (Text("ok"),)),))

    assert [item["type"] for item in _body(_chat(message))["input"]] == ["function_call_output"]


@pytest.mark.parametrize("name", ["of_another_provider", "rs_" + "x" * 64])
def test_an_id_that_openai_would_refuse_is_left_out(name: str) -> None:
    """The seal alone is enough."""
    item = _body(_said(Reasoning("a", sealed="gAAAA", id=name), Text("b")))["input"][1]

    assert item == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "a"}],
        "encrypted_content": "gAAAA",
    }


@pytest.mark.parametrize(
    ("parts", "lost"),
    [
        ((Reasoning("a", path="p"), Text("b")), ["p"]),
        ((Reasoning("a", path="p"), Reasoning("b", path="q")), ["p", "q"]),
        ((Reasoning("a", "c2ln", path="p"), Reasoning("", sealed="s", path="q"), Text("b")), ["p"]),
        ((Media("image/png", "aGk=", path="p"),), ["p"]),
        ((ToolResult("a", "b", ()),), ["messages"]),
        ((Reasoning("a"),), ["messages"]),
    ],
)
def test_what_openai_cant_take_back_from_a_model_is_a_loss(parts: tuple[Part, ...], lost: list[str]) -> None:
    """Thoughts of other providers above all."""
    assert _lost(_said(*parts)) == lost


def test_thoughts_that_nothing_follows_are_left_out() -> None:
    """The model was cut off; OpenAI refuses them without what they led to, though it may be the next message's."""
    cut_off = (Reasoning("", sealed="s", path="p"), Reasoning("Hm", sealed="t", path="q"))
    turns = (Message(Role.ASSISTANT, (Text("a"), *cut_off)), HELLO)

    written = write_request(_chat(HELLO, *turns))
    assert [one["role"] for one in msgspec.json.decode(written.body)["input"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert [(loss.path, loss.minor) for loss in written.losses] == [("q", True), ("p", True)]

    more = Message(Role.ASSISTANT, (ToolCall("call_1", "f", "{}"),))
    assert [one.get("type") for one in _body(_chat(HELLO, turns[0], more))["input"]] == [
        None,
        None,
        "reasoning",
        "reasoning",
        "function_call",
    ]


@pytest.mark.parametrize("part", [Media("audio/wav", "aGk=", path="p"), Refusal("a", "p")])
def test_what_openai_cant_take_from_a_client_is_a_loss(part: Part) -> None:
    """It hears nothing here."""
    assert _lost(_chat(Message(Role.USER, (Text("a"), part)))) == ["p"]
