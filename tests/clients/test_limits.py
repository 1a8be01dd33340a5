"""Limits as clients meet them: official SDKs, headers, streams that come to the end of a budget."""

import time
from collections.abc import Iterator

import openai
import pytest

from support.conversations import HELLO, user
from support.limits import limited
from support.node import Node

WORDS = 4_000
DOLLAR = 10**9
PER_TOKEN_NANO_USD = 1_000_000


@pytest.fixture(scope="module")
def priced(node: Node) -> Iterator[str]:
    """A model that costs a tenth of a cent for each token of output, and makes as many as it is told words."""
    body = {"upstream": "demo", "upstream_model": "echo"}
    node.manage("POST", "/api/v1/models", body={"name": "dear-echo", **body})
    price = {"input_usd_per_million": "0", "output_usd_per_million": "1000"}
    node.manage("PATCH", "/api/v1/models/dear-echo", body=price)
    yield "dear-echo"
    node.manage("DELETE", "/api/v1/models/dear-echo")


def sdk(node: Node, secret: str, *, retries: int = 2) -> openai.OpenAI:
    """Return the official client."""
    return openai.OpenAI(base_url=f"{node.url}/v1", api_key=secret, max_retries=retries, timeout=20)


def charged_nano_usd(node: Node, key_id: str) -> int:
    """Return what the requests of a key have cost."""
    total = node.manage("GET", f"/api/v1/keys/{key_id}/usage")["data"]["total"]
    return round(float(total["cost_usd"]) * DOLLAR)


def test_the_sdk_waits_as_it_is_told_and_succeeds(node: Node) -> None:
    """A rate refuses for a moment only; the client that comes back in time never sees it."""
    _, secret = limited(node, "one a second", {"metric": "requests", "window": "second", "max": 1})
    with sdk(node, secret) as client:
        began = time.monotonic()
        client.chat.completions.create(model="echo", messages=HELLO)
        answer = client.chat.completions.create(model="echo", messages=HELLO)

    assert answer.choices[0].message.content == "hello big world"
    assert 1 <= time.monotonic() - began < 5


def test_the_sdk_does_not_come_back_for_a_quota(node: Node) -> None:
    """Three tries would be three refusals; the error says what it is at once."""
    _, secret = limited(node, "one a month", {"metric": "requests", "window": "month", "max": 1})
    with sdk(node, secret, retries=5) as client:
        client.chat.completions.create(model="echo", messages=HELLO)
        began = time.monotonic()
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="echo", messages=HELLO)

    assert time.monotonic() - began < 0.5
    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert int(refused.value.response.headers["retry-after"]) > 0


def test_a_budget_says_402_where_the_dialect_knows_it(node: Node, priced: str) -> None:
    """OpenAI's clients know 429, Keyturn's own say what it is."""
    _, secret = limited(node, "no money", {"metric": "cost_usd", "window": "month", "max": "0"})
    bearer = {"authorization": f"Bearer {secret}"}
    native = node.send("POST", "/v1/generate", headers=bearer, json={"model": priced, "prompt": "hi"})
    with sdk(node, secret) as client, pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model=priced, messages=HELLO)

    assert native.status_code == 402
    error = native.json()["error"]
    assert error["code"] == "INSUFFICIENT_CREDITS"
    assert (error["details"]["policy"], error["details"]["limit"]) == ("key cost_usd/month", "0")
    assert refused.value.code == "insufficient_quota"


def test_every_metered_answer_tells_what_is_left(node: Node) -> None:
    """Whoever reads the headers need not run into the limit."""
    _, secret = limited(
        node,
        "told",
        {"metric": "requests", "window": "minute", "max": 3},
        {"metric": "tokens", "window": "minute", "max": 10_000},
        {"metric": "requests", "window": "month", "max": 1_000},
    )
    with sdk(node, secret, retries=0) as client:
        answers = [
            client.chat.completions.with_raw_response.create(model="echo", messages=HELLO, max_tokens=10)
            for _ in range(3)
        ]
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="echo", messages=HELLO, max_tokens=10)

    assert [one.headers["x-ratelimit-remaining-requests"] for one in answers] == ["2", "1", "0"]
    assert {one.headers["x-ratelimit-limit-requests"] for one in answers} == {"3"}
    assert {one.headers["x-ratelimit-limit-tokens"] for one in answers} == {"10000"}
    assert int(answers[-1].headers["x-ratelimit-remaining-tokens"]) == 10_000 - 3 * 6
    assert '"key requests/month";r=997' in answers[-1].headers["ratelimit"]
    assert answers[0].headers["x-ratelimit-reset-requests"] == "1m0s"
    headers = refused.value.response.headers
    assert 0 < int(headers["retry-after"]) <= 60
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.value.body == {
        "message": "Rate limit exceeded",
        "type": "rate_limit_error",
        "code": "rate_limit_exceeded",
        "param": None,
    }


def test_a_chat_stream_ends_at_its_budget_as_one_that_is_long_enough(node: Node, priced: str) -> None:
    """The client keeps what it has, knows why it ended, and the budget is not passed by a cent."""
    key_id, secret = limited(node, "chat", {"metric": "cost_usd", "window": "month", "max": "2"})
    with sdk(node, secret) as client:
        stream = client.chat.completions.create(model=priced, messages=user("word " * WORDS), stream=True)
        chunks = list(stream)

    words = sum(len((one.choices[0].delta.content or "").split()) for one in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"
    assert 1_500 < words <= 2_000
    assert words * PER_TOKEN_NANO_USD <= charged_nano_usd(node, key_id) <= 2 * DOLLAR


def test_a_response_stream_ends_as_incomplete(node: Node, priced: str) -> None:
    """The responses API has its own way to say so."""
    key_id, secret = limited(node, "response", {"metric": "cost_usd", "window": "month", "max": "2"})
    with sdk(node, secret) as client:
        events = list(client.responses.create(model=priced, input="word " * WORDS, stream=True))

    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert DOLLAR < charged_nano_usd(node, key_id) <= 2 * DOLLAR


def test_a_token_quota_ends_a_stream_and_a_token_rate_does_not(node: Node) -> None:
    """A rate takes the surplus as a debt, which the next request waits for."""
    _, by_day = limited(node, "by day", {"metric": "output_tokens", "window": "day", "max": 1_500})
    _, by_minute = limited(node, "by minute", {"metric": "output_tokens", "window": "minute", "max": 1_500})
    reasons = []
    for secret in (by_day, by_minute):
        with sdk(node, secret, retries=0) as client:
            asked = user("word " * WORDS)
            chunks = list(client.chat.completions.create(model="echo", messages=asked, stream=True))
            reasons.append(chunks[-1].choices[0].finish_reason)
            with pytest.raises(openai.RateLimitError):
                client.chat.completions.create(model="echo", messages=HELLO, max_tokens=1_000)

    assert reasons == ["length", "stop"]


def test_a_request_that_never_fits_is_not_asked_to_come_back(node: Node) -> None:
    """Waiting would not help; a smaller maximum would."""
    _, secret = limited(node, "small", {"metric": "tokens", "window": "minute", "max": 100})
    with sdk(node, secret, retries=3) as client:
        began = time.monotonic()
        with pytest.raises(openai.RateLimitError, match="larger than the limit"):
            client.chat.completions.create(model="echo", messages=HELLO, max_tokens=500)
        unnamed = client.chat.completions.create(model="echo", messages=HELLO)

    assert time.monotonic() - began < 2
    assert unnamed.choices[0].message.content == "hello big world"


def test_several_answers_are_reserved_several_times(node: Node) -> None:
    """``n`` multiplies what a request may make."""
    _, secret = limited(node, "n", {"metric": "output_tokens", "window": "minute", "max": 100})
    with sdk(node, secret, retries=0) as client:
        client.chat.completions.create(model="echo", messages=HELLO, max_tokens=20, n=4)
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="echo", messages=HELLO, max_tokens=26, n=4)


def test_a_failed_request_gives_its_tokens_and_money_back(node: Node) -> None:
    """The provider made nothing; only the attempt counts."""
    key_id, secret = limited(
        node,
        "failed",
        {"metric": "tokens", "window": "day", "max": 2_000},
        {"metric": "requests", "window": "day", "max": 100},
    )
    with sdk(node, secret, retries=0) as client:
        for _ in range(5):
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model="demo-503", messages=HELLO, max_tokens=1_500)
        answer = client.chat.completions.with_raw_response.create(
            model="echo", messages=HELLO, max_tokens=1_500
        )

    assert '"key requests/day";r=94' in answer.headers["ratelimit"]
    assert '"key tokens/day";r=1994' in answer.headers["ratelimit"]
    assert node.manage("GET", f"/api/v1/keys/{key_id}/usage")["data"]["total"]["requests"] == 6
