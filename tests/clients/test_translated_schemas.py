"""Translated answers as OpenAI describes them: the demo speaks Anthropic's and Gemini's dialects, clients read OpenAI's."""

import base64
from typing import Any

import httpx
import msgspec
import pytest

from openai_schema import EVENTS, problems
from support.node import Node

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = ("get_weather", "get_time")
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
CHAT: dict[str, dict[str, Any]] = {
    "words": {"messages": "hello big world", "max_tokens": 100},
    "calls": {
        "messages": "get_weather and get_time",
        "tools": [{"type": "function", "function": {"name": one, "parameters": CITY}} for one in TOOLS],
        "max_tokens": 100,
    },
    "thoughts": {"messages": "hello", "reasoning_effort": "low", "max_completion_tokens": 9000},
    "a picture": {
        "messages": [
            {"type": "text", "text": "see"},
            {"type": "image_url", "image_url": {"url": PICTURE}},
        ],
        "max_tokens": 100,
    },
    "JSON": {
        "messages": "hello",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "city", "strict": True, "schema": CITY},
        },
        "max_tokens": 100,
    },
    "too long": {"messages": "hello", "max_tokens": 3},
}
"""What is asked, by what comes; a conversation of one turn stands for itself."""
RESPONSES: dict[str, dict[str, Any]] = {
    "words": {"input": "hello big world"},
    "calls": {
        "input": "get_weather and get_time",
        "tools": [{"type": "function", "name": one, "parameters": CITY, "strict": True} for one in TOOLS],
    },
    "thoughts": {
        "input": "hello",
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 9000,
    },
    "a picture": {
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "see"},
                    {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
                ],
            }
        ]
    },
    "JSON": {
        "input": "hello",
        "text": {"format": {"type": "json_schema", "name": "city", "strict": True, "schema": CITY}},
    },
    "too long": {"input": "hello", "max_output_tokens": 16},
}
every_model = pytest.mark.parametrize("model", ["demo-claude", "demo-gemini"])


def chat(node: Node, model: str, what: str, **members: Any) -> httpx.Response:
    """Ask in the dialect of chats."""
    asked = CHAT[what]
    conversation = [{"role": "user", "content": asked["messages"]}]
    body = asked | {"model": model, "messages": conversation} | members
    return ask(node, "/v1/chat/completions", body)


def respond(node: Node, model: str, what: str, **members: Any) -> httpx.Response:
    """Ask in the dialect of responses."""
    return ask(node, "/v1/responses", RESPONSES[what] | {"model": model} | members)


def ask(node: Node, path: str, body: dict[str, Any]) -> httpx.Response:
    """Ask for what every model can say."""
    headers = {"authorization": f"Bearer {node.key}"}
    answer = node.send("POST", path, headers=headers, json=body)
    assert answer.status_code == 200, answer.text
    return answer


def documents(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a stream."""
    assert answer.headers["content-type"] == "text/event-stream"
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [msgspec.json.decode(line) for line in lines if line != "[DONE]"]


@every_model
@pytest.mark.parametrize("what", CHAT)
def test_a_translated_chat_is_one_by_openais_description(node: Node, model: str, what: str) -> None:
    """Whole, it has what was asked for and nothing that the description forbids."""
    answer = chat(node, model, what).json()

    assert problems(answer, "CreateChatCompletionResponse") == []
    (choice,) = answer["choices"]
    assert (len(choice["message"].get("tool_calls") or ()) > 1) is (what == "calls")
    assert (choice["finish_reason"] == "length") is (what == "too long")
    assert bool(choice["message"].get("reasoning_content")) is (what == "thoughts")


@every_model
@pytest.mark.parametrize("what", CHAT)
def test_every_piece_of_a_translated_chat_is_one_by_openais_description(
    node: Node, model: str, what: str
) -> None:
    """From the first to the one that tells the usage."""
    pieces = documents(chat(node, model, what, stream=True, stream_options={"include_usage": True}))

    assert [problems(one, "CreateChatCompletionStreamResponse") for one in pieces] == [[]] * len(pieces)
    assert pieces[-1]["usage"]["total_tokens"] > 0
    calls = [call for one in pieces[:-1] for call in one["choices"][0]["delta"].get("tool_calls") or ()]
    assert ({call["index"] for call in calls} == {0, 1}) is (what == "calls")


@every_model
@pytest.mark.parametrize("what", RESPONSES)
def test_a_translated_response_is_one_by_openais_description(node: Node, model: str, what: str) -> None:
    """Whole, it has what was asked for and nothing that the description forbids."""
    answer = respond(node, model, what).json()

    assert problems(answer, "Response") == []
    kinds = [item["type"] for item in answer["output"]]
    assert (kinds.count("function_call") > 1) is (what == "calls")
    assert ("reasoning" in kinds) is (what == "thoughts")
    assert (answer["status"] == "incomplete") is (what == "too long")


@every_model
@pytest.mark.parametrize("what", RESPONSES)
def test_every_event_of_a_translated_response_is_one_by_openais_description(
    node: Node, model: str, what: str
) -> None:
    """Each by the schema of its type, numbered without a gap, with the whole response at the end."""
    events = documents(respond(node, model, what, stream=True))

    assert [problems(one, EVENTS[one["type"]]) for one in events] == [[]] * len(events)
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == f"response.{'incomplete' if what == 'too long' else 'completed'}"
    assert problems(last["response"], "Response") == []
    added, done = (
        [one["output_index"] for one in events if one["type"] == f"response.output_item.{kind}"]
        for kind in ("added", "done")
    )
    assert sorted(added) == sorted(done) == list(range(len(last["response"]["output"])))


@every_model
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_translated_error_is_one_by_openais_description(node: Node, model: str, path: str) -> None:
    """What a provider refuses too."""
    headers = {"authorization": f"Bearer {node.key}"}
    name = "max_tokens" if "chat" in path else "max_output_tokens"
    said = {"messages": [{"role": "user", "content": "hello"}], "input": "hello"}
    member = "messages" if "chat" in path else "input"

    answers = [
        node.send("POST", path, headers=headers, json={"model": model, member: said[member], name: wrong})
        for wrong in (-1, "many")
    ]

    assert [one.status_code for one in answers] == [400, 400]
    assert [problems(one.json(), "ErrorResponse") for one in answers] == [[], []]
