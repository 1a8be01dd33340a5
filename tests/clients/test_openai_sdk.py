"""The official OpenAI SDK through a node: what people wrote for OpenAI runs unchanged."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from keyturn.domain.ids import is_id
from support.conversations import HELLO, user
from support.node import Node

PARALLEL = 100


@pytest.fixture
async def asynchronous(node: Node, key: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """An asynchronous SDK client with a key of the test's own, that does not retry."""
    async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=key, max_retries=0, timeout=30) as made:
        yield made


def usage_of(node: Node, name: str, *, by: str = "key") -> dict[str, Any]:
    """Return a row of ``keyturn usage --json``: the key whose name ends with ``name``."""
    report = json.loads(node.cli("usage", "--by", by, "--json").stdout)
    [row] = [row for row in report["rows"] if str(row[f"{by}_name"]).endswith(name)]
    found: dict[str, Any] = row
    return found


# ── what works ──────────────────────────────────────────────────────────────


def test_chat_completions(client: openai.OpenAI) -> None:
    """The main job."""
    answer = client.chat.completions.create(model="echo", messages=HELLO, temperature=0.5, max_tokens=20)

    assert answer.choices[0].message.content == "hello big world"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3)


def test_an_alias_is_answered_by_the_model_behind_it(client: openai.OpenAI) -> None:
    """Code that names a famous model runs against another one."""
    answer = client.chat.completions.create(model="gpt-4o", messages=HELLO)

    assert "You sent 3 words" in (answer.choices[0].message.content or "")


def test_chat_streams_with_usage_at_the_end(client: openai.OpenAI) -> None:
    """The SDK reads the chunks as they come, and the usage when it asked for it."""
    stream = client.chat.completions.create(
        model="demo-chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("You sent 3 words about world.")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 3


def test_a_stream_without_include_usage_has_no_usage(client: openai.OpenAI) -> None:
    """The gateway needs the usage; a client that did not ask must not trip over a chunk without choices."""
    stream = client.chat.completions.create(model="echo", messages=HELLO, stream=True)

    chunks = list(stream)

    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


def test_completions(client: openai.OpenAI) -> None:
    """The legacy endpoint, plain and streamed."""
    answer = client.completions.create(model="echo", prompt="once upon a time", max_tokens=2)
    stream = client.completions.create(model="echo", prompt="once upon", stream=True)

    assert answer.choices[0].text == "once upon"
    assert answer.choices[0].finish_reason == "length"
    assert "".join(chunk.choices[0].text for chunk in stream) == "once upon"


def test_embeddings(client: openai.OpenAI) -> None:
    """The SDK asks for base64 unless told otherwise; both are the same vector."""
    encoded = client.embeddings.create(model="demo-embed", input=["a", "b"])
    plain = client.embeddings.create(model="demo-embed", input="a", encoding_format="float")

    assert [len(item.embedding) for item in encoded.data] == [256, 256]
    assert encoded.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)


def test_responses(client: openai.OpenAI) -> None:
    """The Responses API, plain and streamed."""
    answer = client.responses.create(model="echo", input="hello big world", instructions="Be brief.")
    with client.responses.stream(model="echo", input=[{"role": "user", "content": "hi there"}]) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert answer.output_text == "hello big world"
    assert deltas == ["hi ", "there"]
    assert final.output_text == "hi there"


def test_models(client: openai.OpenAI) -> None:
    """The list that a client shows to choose from, and one of them."""
    names = [model.id for model in client.models.list()]

    assert {"demo-chat", "demo-embed", "echo", "gpt-4o", "gpt-4", "davinci-codex"} <= set(names)
    assert names == sorted(names)
    assert client.models.retrieve("gpt-4o").owned_by == "demo"


def test_a_model_with_a_slash_in_its_name_can_be_called(node: Node, client: openai.OpenAI) -> None:
    """Names of two parts are common, and the SDK sends the slash encoded."""
    node.manage(
        "POST", "/api/v1/models", body={"name": "demo/echo", "upstream": "demo", "upstream_model": "echo"}
    )

    found = client.models.retrieve("demo/echo")
    answer = client.chat.completions.create(model="demo/echo", messages=HELLO)

    node.manage("DELETE", "/api/v1/models/demo/echo")
    assert found.id == "demo/echo"
    assert answer.choices[0].message.content == "hello big world"


def test_the_headers_of_an_answer_tell_its_id_cost_and_time(node: Node, client: openai.OpenAI) -> None:
    """What a client needs for a question to the operator."""
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=HELLO)

    answer = raw.parse()
    assert answer.choices[0].message.content == "hello big world"
    assert is_id(str(raw.request_id), "req_")
    assert raw.headers["x-request-id"] == raw.request_id
    assert float(raw.headers["x-keyturn-cost"]) == pytest.approx(3 * 0.15e-6 + 3 * 0.6e-6)
    assert "auth;dur=" in raw.headers["server-timing"]
    assert "upstream;dur=" in raw.headers["server-timing"]
    assert node.explain(str(raw.request_id))["status"] == 200


async def test_the_asynchronous_client(asynchronous: openai.AsyncOpenAI) -> None:
    """The other half of the SDK."""
    answer = await asynchronous.chat.completions.create(model="echo", messages=HELLO)
    stream = await asynchronous.chat.completions.create(model="echo", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]

    assert answer.choices[0].message.content == "hello big world"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hello big world"


async def test_many_streams_at_once_are_kept_apart(asynchronous: openai.AsyncOpenAI) -> None:
    """Every client gets its own words, in order."""

    async def ask(number: int) -> str:
        stream = await asynchronous.chat.completions.create(
            model="echo",
            messages=user(" ".join([f"client{number}"] * 10)),
            stream=True,
            extra_body={"demo_interval_ms": 5},
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    texts = await asyncio.gather(*(ask(number) for number in range(PARALLEL)))

    assert texts == [" ".join([f"client{number}"] * 10) for number in range(PARALLEL)]


# ── what it comes to ────────────────────────────────────────────────────────


def test_the_usage_of_a_key_is_what_its_client_saw(
    node: Node, client: openai.OpenAI, request: pytest.FixtureRequest
) -> None:
    """Bills are written from it."""
    seen: list[tuple[int, int]] = []
    chat = client.chat.completions.create(model="gpt-4", messages=HELLO)
    streamed = list(
        client.chat.completions.create(
            model="demo-chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    completion = client.completions.create(model="echo", prompt="once upon a time")
    for usage in (chat.usage, streamed[-1].usage, completion.usage):
        assert usage is not None
        seen.append((usage.prompt_tokens, usage.completion_tokens))
    response = client.responses.create(model="echo", input="hello big world")
    assert response.usage is not None
    seen.append((response.usage.input_tokens, response.usage.output_tokens))
    embedded = client.embeddings.create(model="demo-embed", input=["one two", "three"])
    seen.append((embedded.usage.prompt_tokens, 0))

    row = usage_of(node, request.node.name)

    assert row["requests"] == len(seen)
    assert row["input_tokens"] == sum(pair[0] for pair in seen)
    assert row["output_tokens"] == sum(pair[1] for pair in seen)
    assert row["estimated"] == 0
    expected = sum(0.15 * taken + 0.60 * given for taken, given in seen[:4]) + 0.02 * seen[4][0]
    assert float(row["cost_usd"]) == pytest.approx(expected / 1e6)


def test_the_usage_of_a_stream_is_counted_whether_or_not_the_client_asked_for_it(
    node: Node, client: openai.OpenAI, request: pytest.FixtureRequest
) -> None:
    """The provider reports it only when asked; Keyturn asks, and the client is not shown what it did not ask for."""
    chunks = list(client.chat.completions.create(model="demo-chat", messages=HELLO, stream=True))

    row = usage_of(node, request.node.name)

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert row["requests"] == 1
    assert row["estimated"] == 0
    assert row["input_tokens"] > 0
    assert row["output_tokens"] > 0


def test_what_the_provider_did_not_report_is_estimated_and_marked(
    node: Node, client: openai.OpenAI, request: pytest.FixtureRequest
) -> None:
    """An estimate is better than nothing, and worse than a report: it must not pass for one."""
    client.chat.completions.create(model="demo-no-usage", messages=HELLO)
    list(client.chat.completions.create(model="demo-no-usage", messages=HELLO, stream=True))
    with pytest.raises((openai.APIError, httpx2.RemoteProtocolError)):
        list(client.chat.completions.create(model="demo-cut", messages=HELLO, stream=True))
    reported = client.chat.completions.create(model="echo", messages=HELLO)
    assert reported.usage is not None

    row = usage_of(node, request.node.name)

    assert row["requests"] == 4
    assert row["estimated"] == 3
    assert row["input_tokens"] > reported.usage.prompt_tokens
    assert row["output_tokens"] > reported.usage.completion_tokens
