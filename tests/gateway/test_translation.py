"""Calls in one dialect that are answered in another, over real sockets, from providers that misbehave."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from fakes.origin import Origin, hangs_up, origin_server, plain, waits_for, watches_it_leave
from gateway.messages import ENDED, MESSAGE, STARTED, word
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.providers import MODEL, UPSTREAM_SECRET
from support.conversations import HELLO
from support.node import Node, until
from support.wire import CHAT, Wire, request

CLAUDE, BARD, PLAIN, THINKER = "claude-model", "gemini-model", "plain-model", "thinking-model"
CONTENT = (
    b'{"candidates":[{"content":{"role":"model","parts":[{"text":"Servus"}]},"finishReason":"STOP","index":0}],'
    b'"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":11},'
    b'"modelVersion":"gemini-x","responseId":"r1"}'
)
THOUGHT_AND_CALLED = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"","reasoning_content":"It is about the sky","tool_calls":[{"id":"call_1","type":"function",'
    b'"function":{"name":"weather","arguments":"{}"}}]},"finish_reason":"tool_calls"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":8,"total_tokens":17}}'
)


@pytest.fixture(scope="session")
def connected_strangers(node: Node) -> Iterator[Origin]:
    """One server that answers as Anthropic, as Gemini and as somebody compatible; tests ask for ``stranger``."""
    with origin_server() as origin:
        for provider, model in (
            ("anthropic", CLAUDE),
            ("gemini", BARD),
            ("compatible", PLAIN),
            ("deepseek", THINKER),
        ):
            name = f"as-{provider}"
            body = {"name": name, "provider": provider, "base_url": origin.url, "api_key": UPSTREAM_SECRET}
            node.manage("POST", "/api/v1/upstreams", body=body | {"models": [MODEL]})
            node.manage(
                "POST", "/api/v1/models", body={"name": model, "upstream": name, "upstream_model": MODEL}
            )
        yield origin


@pytest.fixture
def stranger(connected_strangers: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    connected_strangers.forget()
    connected_strangers.hang_up()
    return connected_strangers


def chat(node: Node, model: str, *, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    """Ask in OpenAI's dialect."""
    sent = {"authorization": f"Bearer {node.key}"} | (headers or {})
    return node.send("POST", CHAT, headers=sent, json={"model": model, "messages": HELLO, **members})


def served(node: Node, answer: httpx.Response) -> dict[str, Any]:
    """Return what was noted of a request."""
    path = f"/api/v1/requests/{answer.headers['x-request-id']}"
    found: dict[str, Any] = until(lambda: node.manage("GET", path)["data"], what="the request in the log")
    return found


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


# ── streams ─────────────────────────────────────────────────────────────────


def ask_for_stream(node: Node, model: str, **members: Any) -> bytes:
    """Return the bytes of a request for a stream in OpenAI's dialect."""
    body = msgspec.json.encode({"model": model, "messages": HELLO, "stream": True, **members})
    return request("POST", CHAT, key=node.key, headers=("content-type: application/json",), body=body)


def test_a_word_is_handed_on_before_the_next_one_is_there(node: Node, stranger: Origin) -> None:
    """A stream that waits for its end is none."""
    go_on = threading.Event()
    stranger.arrange(
        SSE + CHUNKED + chunk(STARTED + word("Good ")),
        waits_for(go_on),
        chunk(word("day") + ENDED) + chunk(b""),
    )

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE, stream_options={"include_usage": True}))
        head = wire.head()
        first = wire.until(b"Good ")
        go_on.set()
        rest = wire.until(b"data: [DONE]")

    assert head.headers["content-type"] == "text/event-stream"
    assert b'"role":"assistant"' in first
    assert b'"content":"day"' in rest
    assert b'"finish_reason":"stop"' in rest
    assert b'"prompt_tokens":12,"completion_tokens":4' in rest


def test_a_provider_that_dies_in_mid_stream_is_told_of_in_the_stream(node: Node, stranger: Origin) -> None:
    """After the first byte there is no status; and what was streamed is charged."""
    stranger.arrange(SSE + CHUNKED + chunk(STARTED + word("Good ")), hangs_up)

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"error"' in said
    assert b'"upstream_closed"' in said


def test_a_stream_that_ends_before_its_end_is_an_error(node: Node, stranger: Origin) -> None:
    """A proxy at the provider's may cut it cleanly; half an answer must not look whole."""
    stranger.arrange(SSE + CHUNKED + chunk(STARTED + word("Good ")) + chunk(b""))

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"upstream_closed"' in said


def test_a_stream_of_garbage_is_an_error(node: Node, stranger: Origin) -> None:
    """And the provider is hung up on."""
    stranger.arrange(SSE + CHUNKED + chunk(STARTED + b"data: {garbage\n\n"), watches_it_leave)

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"upstream_malformed"' in said
    until(lambda: stranger.left, what="the gateway leaving the provider")


@pytest.mark.parametrize(
    ("model", "events"),
    [
        (
            CLAUDE,
            STARTED
            + word("Good ")
            + b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"%b"}}\n\n',
        ),
        (BARD, b'data: {"error":{"code":503,"message":"%b","status":"UNAVAILABLE"}}\r\n\r\n'),
    ],
)
def test_an_error_in_a_stream_does_not_tell_our_credential(
    node: Node, stranger: Origin, model: str, events: bytes
) -> None:
    """Some providers repeat what they don't like."""
    said = events.replace(b"%b", b"Wrong key: " + UPSTREAM_SECRET.encode())
    stranger.arrange(SSE + CHUNKED + chunk(said) + chunk(b""))

    answer = chat(node, model, stream=True)

    assert "Wrong key" in answer.text
    assert UPSTREAM_SECRET not in answer.text


def test_a_provider_that_does_not_stream_answers_a_client_that_does(node: Node, stranger: Origin) -> None:
    """Some models can't."""
    stranger.arrange(plain(MESSAGE))

    answer = chat(node, CLAUDE, stream=True)

    assert answer.headers["content-type"] == "text/event-stream"
    assert '"content":"Good day"' in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


def test_a_gemini_client_without_events_gets_an_array(node: Node, stranger: Origin) -> None:
    """As Google answers it; the provider is asked for events all the same, so that the stream can be followed."""
    stranger.arrange(SSE + CHUNKED + chunk(b"data: " + CONTENT + b"\r\n\r\n") * 2 + chunk(b""))

    path = f"/v1beta/models/{BARD}:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = node.send("POST", path, headers={"x-goog-api-key": node.key}, json=body)

    assert stranger.received[0].line.split(" ")[1].endswith(":streamGenerateContent?alt=sse")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b"[" + CONTENT + b",\r\n" + CONTENT + b"]"
    assert served(node, answer)["output_tokens"] == 5


def test_a_gemini_client_without_events_gets_an_array_of_a_whole_answer_too(
    node: Node, stranger: Origin
) -> None:
    """From a provider that does not stream, in another dialect."""
    stranger.arrange(plain(MESSAGE))

    path = f"/v1beta/models/{CLAUDE}:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = node.send("POST", path, headers={"x-goog-api-key": node.key}, json=body)
    pieces = answer.json()

    assert answer.headers["content-type"] == "application/json"
    said = [part["text"] for piece in pieces for part in piece["candidates"][0]["content"]["parts"]]
    assert "".join(said) == "Good day"
    assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"


def test_usage_is_asked_for_where_the_client_does_not_ask_and_taken_out_again(
    node: Node, stranger: Origin
) -> None:
    """It is counted to the token, and the client gets the stream that it asked for."""
    event = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}]%b}\n\n'
    figures = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":21,"completion_tokens":1,"total_tokens":22}}\n\n'
    done = b"data: [DONE]\n\n"
    stranger.arrange(SSE + CHUNKED + chunk(event % b',"usage":null' + figures + done) + chunk(b""))

    answer = chat(node, PLAIN, stream=True)

    assert msgspec.json.decode(stranger.received[0].body)["stream_options"] == {"include_usage": True}
    assert answer.content == event % b"" + done
    noted = served(node, answer)
    assert (noted["input_tokens"], noted["usage_source"]) == (21, "reported")
