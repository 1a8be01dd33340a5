"""Calls in one dialect that are answered in another, over real sockets, from providers that misbehave."""

from typing import Any

import msgspec
import pytest

from fakes.origin import Origin, plain
from gateway.messages import MESSAGE
from gateway.providers import MODEL, UPSTREAM_SECRET
from gateway.strangers import BARD, CLAUDE, CONTENT, THINKER, chat, served
from support.conversations import HELLO
from support.node import Node

THOUGHT_AND_CALLED = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"","reasoning_content":"It is about the sky","tool_calls":[{"id":"call_1","type":"function",'
    b'"function":{"name":"weather","arguments":"{}"}}]},"finish_reason":"tool_calls"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":8,"total_tokens":17}}'
)


# ── whole answers ───────────────────────────────────────────────────────────


def test_an_openai_client_is_answered_by_anthropic(node: Node, stranger: Origin) -> None:
    """The request is Anthropic's to the last header, the answer OpenAI's, the usage what Anthropic says."""
    stranger.arrange(plain(MESSAGE))

    answer = chat(node, CLAUDE, max_completion_tokens=50, stop=["!"])
    received = stranger.received[0]
    sent = msgspec.json.decode(received.body)

    assert received.line == "POST /v1/messages HTTP/1.1"
    assert received.values("x-api-key") == [UPSTREAM_SECRET]
    assert received.values("anthropic-version") == ["2023-06-01"]
    assert not received.values("authorization")
    assert (sent["model"], sent["max_tokens"], sent["stop_sequences"]) == (MODEL, 50, ["!"])
    said = answer.json()
    assert said["choices"][0]["message"]["content"] == "Good day"
    assert said["choices"][0]["finish_reason"] == "stop"
    assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (14, 3)
    noted = served(node, answer)
    assert (noted["input_tokens"], noted["output_tokens"], noted["usage_source"]) == (14, 3, "reported")


def test_an_openai_client_is_answered_by_gemini(node: Node, stranger: Origin) -> None:
    """The model goes into the path, the key into Google's header; thoughts are output."""
    stranger.arrange(plain(CONTENT))

    answer = chat(node, BARD)
    received = stranger.received[0]

    assert received.line == f"POST /v1/models/{MODEL}:generateContent HTTP/1.1"
    assert received.values("x-goog-api-key") == [UPSTREAM_SECRET]
    assert answer.json()["choices"][0]["message"]["content"] == "Servus"
    assert answer.json()["usage"]["completion_tokens"] == 5


@pytest.mark.parametrize(
    ("path", "body", "find"),
    [
        (
            "/v1/messages",
            {"model": BARD, "max_tokens": 9, "messages": HELLO},
            lambda said: said["content"][0]["text"],
        ),
        (
            "/v1/responses",
            {"model": BARD, "input": "hello"},
            lambda said: said["output"][0]["content"][0]["text"],
        ),
        ("/v1/generate", {"model": BARD, "prompt": "hello"}, lambda said: said["text"]),
        (
            f"/v1beta/models/{BARD}:generateContent",
            {"contents": [{"parts": [{"text": "hello"}]}]},
            lambda said: said["candidates"][0]["content"]["parts"][0]["text"],
        ),
    ],
)
def test_every_dialect_reaches_every_provider(
    node: Node, stranger: Origin, path: str, body: dict[str, Any], find: Any
) -> None:
    """Whoever wrote the client."""
    stranger.arrange(plain(CONTENT))

    answer = node.send("POST", path, headers={"x-api-key": node.key}, json=body)

    assert answer.status_code == 200, answer.text
    assert find(answer.json()) == "Servus"


def test_the_same_dialect_passes_byte_for_byte(node: Node, stranger: Origin) -> None:
    """Unknown members too, and the answer as it is, but for the model's name in the request."""
    stranger.arrange(plain(MESSAGE + b" "))
    body = b'{ "model": "%b", "max_tokens":1, "novelty": [1, 2],"messages":[] }' % CLAUDE.encode()

    headers = {"x-api-key": node.key, "anthropic-version": "2024-01-01", "anthropic-beta": "b1"}
    answer = node.send("POST", "/v1/messages", headers=headers, content=body)

    assert answer.content == MESSAGE + b" "
    received = stranger.received[0]
    assert received.body == body.replace(CLAUDE.encode(), MODEL.encode())
    assert (received.values("anthropic-version"), received.values("anthropic-beta")) == (
        ["2024-01-01"],
        ["b1"],
    )


def test_a_host_that_wants_its_thoughts_back_gets_them_with_the_calls(node: Node, stranger: Origin) -> None:
    """DeepSeek refuses the next turn without; they have been to a client of another dialect in between."""
    stranger.arrange(plain(THOUGHT_AND_CALLED))
    headers = {"authorization": f"Bearer {node.key}"}
    asked = {"model": THINKER, "input": "Weather?", "tools": [{"type": "function", "name": "weather"}]}
    answer = node.send("POST", "/v1/responses", headers=headers, json=asked).json()
    result = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    turns = [{"role": "user", "content": "Weather?"}, *answer["output"], result]

    stranger.arrange(plain(THOUGHT_AND_CALLED))
    again = node.send("POST", "/v1/responses", headers=headers, json=asked | {"input": turns})

    assert again.status_code == 200, again.text
    assert "x-keyturn-dropped" not in again.headers
    sent = msgspec.json.decode(stranger.received[1].body)["messages"]
    assert [one["role"] for one in sent] == ["user", "assistant", "tool"]
    assert sent[1]["reasoning_content"] == "It is about the sky"
    assert sent[1]["tool_calls"][0]["id"] == "call_1"


# ── what can't be said ──────────────────────────────────────────────────────


def test_what_cannot_be_said_is_refused_by_the_name_the_client_gave_it(node: Node, stranger: Origin) -> None:
    """Silently lost, it would be found in production."""
    answer = chat(node, CLAUDE, seed=7)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "seed"
    assert "x-keyturn-lossy" in answer.json()["error"]["message"]
    assert not stranger.received


def test_a_client_may_have_it_dropped_and_is_told(node: Node, stranger: Origin) -> None:
    """Some would rather have an answer."""
    stranger.arrange(plain(MESSAGE))

    answer = chat(node, CLAUDE, headers={"x-keyturn-lossy": "allow"}, seed=7, logit_bias={"1": 1})

    assert answer.status_code == 200
    assert answer.headers["x-keyturn-dropped"] == "logit_bias, seed"


def test_the_name_of_what_is_dropped_begins_no_header(node: Node, stranger: Origin) -> None:
    """Names of members are the client's own, line ends and all."""
    stranger.arrange(plain(MESSAGE))

    answer = chat(node, CLAUDE, headers={"x-keyturn-lossy": "allow"}, **{"a\r\nset-cookie: b": 1, "ü": 2})

    assert answer.status_code == 200, answer.text
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-keyturn-dropped"] == "a\\r\\nset-cookie: b, \\xfc"


def test_a_hint_for_a_cache_is_dropped_unasked(node: Node, stranger: Origin) -> None:
    """It makes no answer different, and some clients always send it."""
    text = {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}
    body = {"model": BARD, "max_tokens": 9, "messages": [{"role": "user", "content": [text]}]}
    stranger.arrange(plain(CONTENT))

    answer = node.send("POST", "/v1/messages", headers={"x-api-key": node.key}, json=body)

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-keyturn-dropped"] == "messages[0].content[0].cache_control"


def test_an_operation_that_a_provider_has_not_is_refused(node: Node, stranger: Origin) -> None:
    """Anthropic has no embeddings."""
    answer = node.send(
        "POST",
        "/v1/embeddings",
        headers={"authorization": f"Bearer {node.key}"},
        json={"model": CLAUDE, "input": "hello"},
    )

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
    assert not stranger.received


# ── errors ──────────────────────────────────────────────────────────────────


def test_a_providers_error_keeps_its_status_and_words_in_the_clients_dialect(
    node: Node, stranger: Origin
) -> None:
    """And says when to come again, and nothing of our credential."""
    said = (
        b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down, %b"}}'
        % UPSTREAM_SECRET.encode()
    )
    stranger.arrange(plain(said, b"retry-after: 7", status=b"429 Too Many Requests"))

    answer = chat(node, CLAUDE)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    error = answer.json()["error"]
    assert error["message"].startswith("Slow down")
    assert UPSTREAM_SECRET not in answer.text
    assert set(error) >= {"message", "type", "code", "param"}


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"{}", b"[]"])
def test_an_answer_that_is_none_is_said_to_be_the_providers_fault(
    node: Node, stranger: Origin, body: bytes
) -> None:
    """Never a client's."""
    stranger.arrange(plain(body))

    answer = chat(node, CLAUDE)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_malformed")
