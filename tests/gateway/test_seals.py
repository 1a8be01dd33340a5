"""A conversation that goes from one maker's models to another's: nobody is sent what another one has sealed."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from fakes.origin import Origin, origin_server, plain
from gateway.messages import MESSAGE
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.providers import MODEL, UPSTREAM_SECRET
from support.conversations import HELLO
from support.node import Node

TURN = "turning-model"
"""Goes wherever a test sends it."""
NAMES = {"anthropic": "sealed-by-anthropic", "gemini": "sealed-by-gemini", "openai": "sealed-by-openai"}
GOOGLES, CLAUDES = "R29vZ2xl", "Q2xhdWRl"
LOOK = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
THOUGHT = json.dumps(
    {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hm", "thought": True, "thoughtSignature": GOOGLES},
                        {
                            "functionCall": {"id": "call_1", "name": "look", "args": {}},
                            "thoughtSignature": GOOGLES,
                        },
                    ],
                },
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "responseId": "r1",
    }
).encode()
CLAUDES_THOUGHT = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": CLAUDES},
            {"type": "tool_use", "id": "call_1", "name": "look", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
).encode()


@pytest.fixture(scope="session")
def connected_makers(node: Node) -> Iterator[Origin]:
    """One server that answers as three makers of models; tests ask for ``maker``."""
    with origin_server() as origin:
        for provider, name in NAMES.items():
            body = {"name": name, "provider": provider, "base_url": origin.url, "api_key": UPSTREAM_SECRET}
            node.manage("POST", "/api/v1/upstreams", body=body | {"models": [f"own-of-{name}"]})
        body = {"name": TURN, "upstream": NAMES["gemini"], "upstream_model": MODEL}
        node.manage("POST", "/api/v1/models", body=body)
        yield origin


@pytest.fixture
def maker(connected_makers: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    connected_makers.forget()
    connected_makers.hang_up()
    return connected_makers


def turn_to(node: Node, provider: str) -> None:
    """Send the model to a maker."""
    targets = [{"upstream": NAMES[provider], "model": MODEL}]
    node.manage("PATCH", f"/api/v1/models/{TURN}", body={"targets": targets})


def ask(node: Node, path: str, body: dict[str, Any]) -> httpx.Response:
    """Send a request."""
    return node.send("POST", path, headers={"x-api-key": node.key}, json=body)


def messages(node: Node, *turns: dict[str, Any], **members: Any) -> httpx.Response:
    """Ask in Anthropic's dialect."""
    body = {"model": TURN, "max_tokens": 3000, "messages": [*HELLO, *turns], "tools": [LOOK], **members}
    return ask(node, "/v1/messages", body)


def sent(maker: Origin) -> Any:
    """Return the last request that a maker has got."""
    return json.loads(maker.received[-1].body)


RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}]}


def test_claude_is_not_sent_what_google_has_sealed(node: Node, maker: Origin) -> None:
    """Though the request passes as it is: it would be refused whole, for a signature that is none of Claude's."""
    turn_to(node, "gemini")
    maker.arrange(plain(THOUGHT))
    said = messages(node).json()["content"]
    turn_to(node, "anthropic")
    maker.arrange(plain(MESSAGE))

    answer = messages(
        node,
        {"role": "assistant", "content": said},
        RESULT,
        thinking={"type": "enabled", "budget_tokens": 2000},
        novelty=1,
    )

    assert [block["type"] for block in said] == ["thinking", "tool_use", "thinking"]
    assert said[0]["signature"] == f"keyturn:gemini:{GOOGLES}"
    assert [block["type"] for block in sent(maker)["messages"][1]["content"]] == ["tool_use"]
    assert "thinking" not in sent(maker)
    assert sent(maker)["novelty"] == 1
    assert answer.content == MESSAGE
    assert answer.headers["x-keyturn-dropped"] == ("messages[1].content[0], messages[1].content[2], thinking")


def test_google_is_sent_back_what_it_has_sealed(node: Node, maker: Origin) -> None:
    """To the letter, through a client of another dialect."""
    turn_to(node, "gemini")
    maker.arrange(plain(THOUGHT))
    said = messages(node).json()["content"]
    maker.arrange(plain(THOUGHT))

    answer = messages(node, {"role": "assistant", "content": said}, RESULT)

    thought, call = sent(maker)["contents"][1]["parts"]
    assert (thought["text"], thought["thoughtSignature"]) == ("Hm", GOOGLES)
    assert call["thoughtSignature"] == GOOGLES
    assert "x-keyturn-dropped" not in answer.headers


def test_google_is_not_sent_what_claude_has_sealed(node: Node, maker: Origin) -> None:
    """Through a client of a third dialect; the drop is named, and nothing is refused."""
    turn_to(node, "anthropic")
    maker.arrange(plain(CLAUDES_THOUGHT))
    tool = {"type": "function", "name": "look", "parameters": LOOK["input_schema"]}
    body = {"model": TURN, "store": False, "tools": [tool]}
    said = ask(node, "/v1/responses", body | {"input": HELLO}).json()["output"]
    result = {"type": "function_call_output", "call_id": "call_1", "output": "ok"}
    turn_to(node, "gemini")
    maker.arrange(plain(THOUGHT))

    answer = ask(node, "/v1/responses", body | {"input": [*HELLO, *said, result]})

    assert answer.status_code == 200, answer.text
    assert CLAUDES.encode() not in maker.received[-1].body
    assert answer.headers["x-keyturn-dropped"] == "input[1]"


def test_gemini_is_not_sent_what_claude_has_sealed_in_its_own_dialect(node: Node, maker: Origin) -> None:
    """A call that another model has made gets Google's word for that."""
    turn_to(node, "anthropic")
    maker.arrange(plain(CLAUDES_THOUGHT))
    user = {"role": "user", "parts": [{"text": "hello"}]}
    tools = [{"functionDeclarations": [{"name": "look"}]}]
    path = f"/v1beta/models/{TURN}:generateContent"
    said = ask(node, path, {"contents": [user], "tools": tools}).json()["candidates"][0]["content"]
    result = {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"a": 1}}}]}
    turn_to(node, "gemini")
    maker.arrange(plain(THOUGHT))

    answer = ask(node, path, {"contents": [user, said, result], "tools": tools})

    (call,) = sent(maker)["contents"][1]["parts"]
    assert call["thoughtSignature"] == "skip_thought_signature_validator"
    assert answer.content == THOUGHT
    assert answer.headers["x-keyturn-dropped"] == "contents[1].parts[0].thoughtSignature"


def test_a_body_of_the_clients_own_maker_passes_byte_for_byte(node: Node, maker: Origin) -> None:
    """A seal without a mark came from there."""
    turn_to(node, "anthropic")
    maker.arrange(plain(CLAUDES_THOUGHT))
    said = messages(node).json()["content"]
    maker.arrange(plain(MESSAGE))

    answer = messages(node, {"role": "assistant", "content": said}, RESULT)

    assert sent(maker)["messages"][1]["content"] == json.loads(CLAUDES_THOUGHT)["content"]
    assert "x-keyturn-dropped" not in answer.headers


def test_the_sdk_reads_what_is_marked_in_a_stream(node: Node, maker: Origin) -> None:
    """And hands it back as it came."""
    turn_to(node, "gemini")
    maker.arrange(SSE + CHUNKED + chunk(b"data: " + THOUGHT + b"\r\n\r\n") + chunk(b""))
    tool: Any = LOOK
    asked: Any = HELLO

    with (
        anthropic.Anthropic(base_url=node.url, api_key=node.key, max_retries=0) as client,
        client.messages.stream(model=TURN, max_tokens=3000, messages=asked, tools=[tool]) as stream,
    ):
        found = stream.get_final_message().content

    assert [block.type for block in found] == ["thinking", "tool_use", "thinking"]
    assert isinstance(found[0], anthropic.types.ThinkingBlock)
    assert found[0].signature == f"keyturn:gemini:{GOOGLES}"
