"""What the demo upstream answers, byte for byte, without a socket."""

import json
from typing import Any

import pytest

from keyturn.demo.answers import Answers
from keyturn.demo.models import MODELS
from keyturn.demo.prose import PIECES_LIMIT
from keyturn.demo.replies import Reply, Served
from openai_schema import problems

CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
)
HELLO = [{"role": "user", "content": "hello big world"}]
ANSWERS = Answers(created=1_700_000_000)


def post(path: str, **body: object) -> Reply:
    """Answer a POST."""
    return ANSWERS.prepare(b"POST", path.encode(), json.dumps(body).encode())


def status(reply: Reply) -> int:
    """Return a reply's status."""
    return int(reply.head.split(b" ", 2)[1])


def value(reply: Reply) -> Any:
    """Return the JSON of a plain reply."""
    return json.loads(reply.pieces[0])


def events(reply: Reply) -> list[Any]:
    """Return the JSON of a stream's events, ``[DONE]`` as a string."""
    lines = [line for piece in reply.pieces for line in piece.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line[6:]) if line != b"data: [DONE]" else "[DONE]" for line in lines]


def answered(reply: Reply) -> str:
    """Return the text of a plain chat completion."""
    return str(value(reply)["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        (CHAT, {"model": "demo-chat", "messages": HELLO}, "CreateChatCompletionResponse"),
        (CHAT, {"model": "echo", "messages": HELLO, "n": 2}, "CreateChatCompletionResponse"),
        (COMPLETIONS, {"model": "demo-chat", "prompt": "hello"}, "CreateCompletionResponse"),
        (RESPONSES, {"model": "demo-chat", "input": "hello"}, "Response"),
        (RESPONSES, {"model": "demo-chat", "input": "hello", "max_output_tokens": 2}, "Response"),
        (EMBEDDINGS, {"model": "demo-embed", "input": "hello"}, "CreateEmbeddingResponse"),
        (CHAT, {"model": "nobody", "messages": HELLO}, "ErrorResponse"),
        (CHAT, {"model": "demo-503", "messages": HELLO}, "ErrorResponse"),
        (CHAT, {}, "ErrorResponse"),
    ],
)
def test_an_answer_conforms_to_the_api_description(path: str, body: dict[str, Any], schema: str) -> None:
    """The demo stands in for OpenAI; what it gets wrong, every test above it gets wrong."""
    assert problems(value(post(path, **body)), schema) == []


def test_the_check_of_shapes_finds_what_is_wrong() -> None:
    """A check that can't fail proves nothing."""
    broken = {
        "id": 1,
        "object": "chat.completion",
        "created": True,
        "model": "m",
        "choices": [{"index": "0"}],
    }

    assert problems(broken, "CreateChatCompletionResponse") == [
        "$.id is no string",
        "$.choices[0].finish_reason is missing",
        "$.choices[0].message is missing",
        "$.choices[0].logprobs is missing",
        "$.choices[0].index is no integer",
        "$.created is no integer",
    ]


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_chat_stream_has_role_words_finish_and_usage_when_asked(*, include_usage: bool) -> None:
    """Clients and the gateway's meter read all of these events."""
    reply = post(
        CHAT, model="echo", messages=HELLO, stream=True, stream_options={"include_usage": include_usage}
    )

    *chunks, done = events(reply)

    assert done == "[DONE]"
    assert [problems(chunk, "CreateChatCompletionStreamResponse") for chunk in chunks] == [[]] * len(chunks)
    usage = chunks.pop()["usage"] if include_usage else None
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert [delta.get("content") for delta in deltas[1:]] == ["hello ", "big ", "world", None]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (usage is not None and usage["total_tokens"]) == (6 if include_usage else False)
    assert all(("usage" in chunk) == include_usage for chunk in chunks)


@pytest.mark.parametrize("limit", [None, 2])
def test_a_response_stream_has_its_events_in_order(limit: int | None) -> None:
    """The SDK builds the response from numbered, typed events."""
    told = events(
        post(RESPONSES, model="echo", input="hello big world", stream=True, max_output_tokens=limit)
    )

    kinds = [event["type"].removeprefix("response.") for event in told]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:-1] == ["output_text.done", "content_part.done", "output_item.done"]
    assert kinds[-1] == ("completed" if limit is None else "incomplete")
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert problems(told[-1]["response"], "Response") == []
    assert told[-1]["response"]["usage"]["output_tokens"] == limit or 3


def test_a_completion_stream_gives_each_prompt_its_choice() -> None:
    """The legacy endpoint takes several prompts at once."""
    told = events(
        post(
            COMPLETIONS,
            model="echo",
            prompt=["a b", "c"],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    texts = [(choice["index"], choice["text"]) for event in told[:-1] for choice in event["choices"]]
    assert texts == [(0, "a "), (0, "b"), (1, "c"), (0, ""), (1, "")]
    assert told[-2]["usage"]["total_tokens"] == 6


def test_echo_repeats_the_last_user_message_verbatim() -> None:
    """Tests compare what comes out with what went in."""
    content = ' {"a": "\u00e9\\n"}\n\u0000 \U0001f511'
    messages = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "no"}]

    assert (
        answered(post(CHAT, model="echo", messages=[*messages, {"role": "user", "content": content}]))
        == content
    )


def test_content_in_parts_is_joined() -> None:
    """SDKs send a list of parts as soon as there is an image."""
    parts = [
        {"type": "text", "text": "what is"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": "this"},
    ]

    assert (
        answered(post(CHAT, model="echo", messages=[{"role": "user", "content": parts}])) == "what is\nthis"
    )


def test_max_tokens_cuts_the_answer_and_says_so() -> None:
    """Clients look at ``finish_reason`` to know that there was more."""
    for name in ("max_tokens", "max_completion_tokens"):
        answer = value(post(CHAT, model="demo-chat", messages=HELLO, **{name: 4}))

        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["choices"][0]["message"]["content"] == "You sent 3 words"
        assert answer["usage"]["completion_tokens"] == 4


def test_stop_ends_the_answer() -> None:
    """One text or several."""
    assert answered(post(CHAT, model="echo", messages=HELLO, stop=" big")) == "hello"
    assert answered(post(CHAT, model="echo", messages=HELLO, stop=["x", "lo"])) == "hel"


def test_prompts_may_be_token_numbers() -> None:
    """Some clients tokenise themselves."""
    one = value(post(COMPLETIONS, model="echo", prompt=[1, 2]))
    several = value(post(EMBEDDINGS, model="demo-embed", input=[[1, 2], [3]]))

    assert [choice["text"] for choice in one["choices"]] == ["1 2"]
    assert [item["index"] for item in several["data"]] == [0, 1]


def test_the_same_request_has_the_same_answer() -> None:
    """Deterministic: another instance, another process, the same bytes."""
    body = b'{"model":"demo-chat","messages":[{"role":"user","content":"hi"}]}'

    again = Answers(created=1_700_000_000).prepare(b"POST", CHAT.encode(), body)

    assert again == ANSWERS.prepare(b"POST", CHAT.encode(), body)


def test_demo_words_sets_the_length_of_a_stream() -> None:
    """Benchmarks count chunks."""
    reply = post(CHAT, model="demo-chat", messages=HELLO, stream=True, demo_words=50, demo_interval_ms=7)

    assert len(reply.pieces) == 1 + 50 + 1
    assert reply.interval_ms == 7
    assert (
        len(post(CHAT, model="echo", messages=HELLO, demo_words=PIECES_LIMIT, stream=True).pieces)
        == PIECES_LIMIT + 2
    )


def test_models_misbehave_as_their_names_say() -> None:
    """Tests of the gateway need an upstream that fails on demand."""
    failed, limited, slow, silent = (
        post(CHAT, model=name, messages=HELLO)
        for name in ("demo-503", "demo-429", "demo-slow", "demo-no-usage")
    )

    assert status(failed) == 503
    assert status(limited) == 429
    assert b"retry-after: 1\r\n" in limited.head
    assert slow.delay_ms == 2_000
    assert post(CHAT, model="demo-slow", messages=HELLO, demo_delay_ms=5).delay_ms == 5
    assert "usage" not in value(silent)
    assert "usage" not in value(post(EMBEDDINGS, model="demo-no-usage", input="x"))
    assert b'"usage"' not in b"".join(
        post(
            CHAT, model="demo-no-usage", messages=HELLO, stream=True, stream_options={"include_usage": True}
        ).pieces
    )


def test_demo_cut_ends_in_the_middle() -> None:
    """Half of a body, or half of a stream, and no proper end."""
    plain = post(CHAT, model="demo-cut", messages=HELLO)
    streamed = post(CHAT, model="demo-cut", messages=HELLO, stream=True)

    assert plain.cut
    promised = int(plain.head.rpartition(b"content-length: ")[2])
    assert len(plain.pieces[0]) == promised // 2
    assert streamed.cut
    assert streamed.pieces[-1] == b""
    assert len(streamed.pieces) > 3


def test_what_was_served_is_noted_with_its_usage() -> None:
    """The log of the demo is compared with the gateway's usage."""
    streamed = post(CHAT, model="echo", messages=HELLO, stream=True)

    assert streamed.served == Served(model="echo", input_tokens=3, output_tokens=3, streamed=True, status=200)
    assert post(CHAT, model="demo-no-usage", messages=HELLO).served is not None
    assert post(EMBEDDINGS, model="demo-503", input="x").served == Served(
        model="demo-503", input_tokens=0, output_tokens=0, streamed=False, status=503
    )


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (CHAT, b"", None),
        (CHAT, b"{", None),
        (CHAT, b"[]", None),
        (CHAT, b'{"model":"echo"}', "messages"),
        (CHAT, b'{"messages":[{"role":"user","content":"x"}]}', "model"),
        (CHAT, b'{"model":"echo","messages":[]}', "messages"),
        (CHAT, b'{"model":"echo","messages":[{"role":"user","content":5}]}', "messages[0].content"),
        (CHAT, b'{"model":"echo","messages":[{"content":"x"}]}', "messages[0].role"),
        (CHAT, b'{"model":"echo","messages":[{"role":"user"}],"max_tokens":0}', "max_tokens"),
        (COMPLETIONS, b'{"model":"echo","prompt":{}}', "prompt"),
        (EMBEDDINGS, b'{"model":"demo-embed","input":""}', "input"),
        (EMBEDDINGS, b'{"model":"demo-embed","input":"x","dimensions":0}', "dimensions"),
        (RESPONSES, b'{"model":"echo","input":5}', "input"),
        (CHAT, b"[" * 100_000, None),
    ],
)
def test_a_body_that_cannot_be_answered_is_a_400(path: str, body: bytes, param: str | None) -> None:
    """Bad input is the client's fault, and it is told which member is wrong."""
    reply = ANSWERS.prepare(b"POST", path.encode(), body)

    assert status(reply) == 400
    assert value(reply)["error"]["param"] == param
    assert value(reply)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (CHAT, "nobody"),
        (CHAT, "demo-embed"),
        (EMBEDDINGS, "demo-chat"),
        (EMBEDDINGS, "nobody"),
        (RESPONSES, ""),
    ],
)
def test_a_model_that_is_not_there_is_a_404(path: str, model: str) -> None:
    """OpenAI's status and code, which SDKs turn into ``NotFoundError``."""
    reply = post(path, model=model, messages=HELLO, input="x")

    assert status(reply) == 404
    assert value(reply)["error"]["code"] == "model_not_found"


def test_the_models_are_listed() -> None:
    """A gateway asks for the list when the upstream is added."""
    listing = value(ANSWERS.prepare(b"GET", b"/v1/models?limit=5", b""))
    one = value(ANSWERS.prepare(b"GET", b"/v1/models/echo", b""))

    assert [model["id"] for model in listing["data"]] == list(MODELS)
    assert problems(listing, "ListModelsResponse") == []
    assert problems(one, "Model") == []
    assert status(ANSWERS.prepare(b"GET", b"/v1/models/nobody", b"")) == 404


@pytest.mark.parametrize(
    ("method", "path", "expected", "allow"),
    [
        (b"GET", b"/healthz", 200, None),
        (b"HEAD", b"/healthz", 200, None),
        (b"GET", b"/nowhere", 404, None),
        (b"GET", CHAT.encode(), 405, b"POST"),
        (b"PUT", b"/v1/models", 405, b"GET, HEAD"),
        (b"POST", b"/healthz", 405, b"GET, HEAD"),
    ],
)
def test_paths_and_methods_have_their_statuses(
    method: bytes, path: bytes, expected: int, allow: bytes | None
) -> None:
    """A wrong method says which are right."""
    reply = ANSWERS.prepare(method, path, b"")

    assert status(reply) == expected
    assert allow is None or b"allow: %b\r\n" % allow in reply.head
