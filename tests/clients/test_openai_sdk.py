"""The official OpenAI SDK through a node: what people wrote for OpenAI runs unchanged, failures included."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from fakes.recording_provider import RecordingProvider
from keyturn.domain.ids import is_id
from support.node import Node, until

PARALLEL = 100


def user(content: str) -> list[ChatCompletionMessageParam]:
    """Return a conversation of one message."""
    return [{"role": "user", "content": content}]


HELLO = user("hello big world")


@pytest.fixture
def client(node: Node, key: str) -> Iterator[openai.OpenAI]:
    """An SDK client with a key of the test's own, that does not retry."""
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=key, max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
async def asynchronous(node: Node, key: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The same, asynchronous."""
    async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=key, max_retries=0, timeout=30) as made:
        yield made


def usage_of(node: Node, name: str, *, by: str = "key") -> dict[str, Any]:
    """Return a row of ``keyturn usage --json``: the key whose name ends with ``name``."""
    report = json.loads(node.cli("usage", "--by", by, "--json").stdout)
    [row] = [row for row in report["rows"] if str(row[f"{by}_name"]).endswith(name)]
    found: dict[str, Any] = row
    return found


def tries(node: Node, key: str) -> tuple[openai.OpenAI, list[str]]:
    """Return a client that retries as it does by default, and the list of the requests it has made."""
    made: list[str] = []

    def note(request: httpx2.Request) -> None:
        made.append(str(request.url))

    http = openai.DefaultHttpxClient(event_hooks={"request": [note]})
    return openai.OpenAI(base_url=f"{node.url}/v1", api_key=key, http_client=http, timeout=20), made


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


# ── what fails, as the SDK says it ──────────────────────────────────────────


@pytest.mark.parametrize("wrong", ["sk-wrong", "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38", "anything"])
def test_a_wrong_key_is_an_authentication_error_and_not_tried_again(node: Node, wrong: str) -> None:
    """Asking again can't help, and looks like an attack."""
    client, made = tries(node, wrong)

    with client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="echo", messages=HELLO)

    assert caught.value.code == "invalid_api_key"
    assert caught.value.message.endswith("Invalid authentication credentials")
    assert is_id(str(caught.value.request_id), "req_")
    assert len(made) == 1


def test_a_key_without_the_permission_is_denied_and_not_tried_again(node: Node) -> None:
    """PermissionDeniedError is the SDK's 403."""
    _, writer = node.new_key("writer of the SDK", permissions=["write"])
    client, made = tries(node, writer)

    with client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="echo", messages=HELLO)

    assert (caught.value.code, caught.value.type) == ("insufficient_permissions", "permission_error")
    assert len(made) == 1


def test_an_unknown_model_is_not_found_and_near_ones_are_named(client: openai.OpenAI) -> None:
    """Nearly always it is a typo."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="demo-chta", messages=HELLO)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "demo-chta" in caught.value.message
    assert "Did you mean demo-chat" in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("demo-chta")


def test_an_unknown_path_is_not_found(client: openai.OpenAI) -> None:
    """What is not built yet says so at once."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.moderations.create(input="x")

    assert caught.value.code == "path_not_found"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
    ],
)
def test_a_wrong_member_is_a_bad_request_that_names_it(
    client: openai.OpenAI, members: dict[str, Any], param: str
) -> None:
    """``param`` is what tools highlight."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="echo", messages=HELLO, extra_body=members)

    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("size", [30_000, 3_000_000])
def test_a_body_that_is_too_large_is_refused_with_a_reason(strict_node: Node, size: int) -> None:
    """The SDK must get to read the answer although it is still sending."""
    client, made = tries(strict_node, strict_node.key)

    with client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="echo", messages=user("x" * size))

    assert caught.value.status_code == 413
    assert caught.value.code == "body_too_large"
    assert len(made) == 1


def test_a_provider_that_limits_is_waited_for_and_then_an_error(node: Node, key: str) -> None:
    """The provider's ``Retry-After`` reaches the SDK, which honours it."""
    client, made = tries(node, key)
    began = time.monotonic()

    with client, pytest.raises(openai.RateLimitError) as caught:
        client.with_options(max_retries=1).chat.completions.create(model="demo-429", messages=HELLO)

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "1"
    assert len(made) == 2
    assert time.monotonic() - began >= 1.0


def test_a_provider_that_is_down_is_asked_again_and_then_an_error(node: Node, key: str) -> None:
    """5xx are worth another try, and the SDK makes it."""
    client, made = tries(node, key)

    with client, pytest.raises(openai.InternalServerError) as caught:
        client.with_options(max_retries=1).chat.completions.create(model="demo-503", messages=HELLO)

    assert caught.value.status_code == 503
    assert caught.value.code == "service_unavailable"
    assert len(made) == 2


def test_a_provider_that_can_not_be_reached_is_an_error_of_the_server(
    node: Node, client: openai.OpenAI
) -> None:
    """The message names the provider's fault and never its address."""
    body = {"name": "absent", "base_url": "http://127.0.0.1:9/v1", "models": ["absent-model"]}
    node.manage("POST", "/api/v1/upstreams", body=body)

    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="absent-model", messages=HELLO)

    node.manage("DELETE", "/api/v1/upstreams/absent")
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_unreachable"
    assert "127.0.0.1:9" not in caught.value.message


def test_a_client_that_gives_up_is_noted(node: Node, key: str, request: pytest.FixtureRequest) -> None:
    """A time-out of the client is the client's: what it asked for is counted as estimated."""
    with (
        openai.OpenAI(base_url=f"{node.url}/v1", api_key=key, max_retries=0, timeout=0.2) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model="demo-slow", messages=HELLO)

    row = until(lambda: _rows(node, request), what="the usage of the abandoned request")[0]
    assert (row["requests"], row["estimated"], row["output_tokens"]) == (1, 1, 0)


def _rows(node: Node, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    rows = node.manage("GET", "/api/v1/usage")["data"]["rows"]
    return [row for row in rows if row["key_name"] == f"key of {request.node.name}"]


def test_a_stream_that_the_provider_cuts_off_raises(client: openai.OpenAI) -> None:
    """Half an answer must not look like a whole one."""
    stream = client.chat.completions.create(model="demo-cut", messages=HELLO, stream=True)
    texts: list[str] = []

    with pytest.raises((openai.APIError, httpx2.RemoteProtocolError)):
        texts.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    assert "".join(texts).startswith("You")


def test_an_answer_that_the_provider_cuts_off_raises(client: openai.OpenAI) -> None:
    """The same without streaming."""
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model="demo-cut", messages=HELLO)


def test_a_stream_that_the_client_leaves_is_cancelled_at_the_provider(
    recorder: RecordingProvider, client: openai.OpenAI, node: Node, request: pytest.FixtureRequest
) -> None:
    """Otherwise the provider would go on generating, and charging, for nobody."""
    recorder.left.clear()
    stream = client.chat.completions.create(model="endless", messages=HELLO, stream=True)
    first = next(iter(stream))
    assert first.choices[0].delta.content == "word "
    assert not recorder.left.is_set()

    stream.close()

    assert recorder.left.wait(10)
    [row] = until(lambda: _rows(node, request), what="the usage of the abandoned stream")
    assert (row["requests"], row["estimated"]) == (1, 1)
    assert row["output_tokens"] >= 1


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
    """The provider reports it only when asked, and the client did not ask: then it is an estimate, and says so."""
    list(client.chat.completions.create(model="demo-chat", messages=HELLO, stream=True))

    row = usage_of(node, request.node.name)

    assert row["requests"] == 1
    assert row["estimated"] == 1
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
