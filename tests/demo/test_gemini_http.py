"""Gemini's dialect of the demo upstream, over real sockets."""

import json

import httpx
import pytest

from fakes.demo_upstream import DemoUpstream

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello big world"}]}]}
BAD_KEY = 401


def url(upstream: DemoUpstream, path: str) -> str:
    """Return an address of the dialect."""
    return f"{upstream.url.removesuffix('/v1')}/v1beta/{path}"


@pytest.mark.parametrize("credential", ["x-goog-api-key", "query", "bearer"])
def test_the_key_comes_as_clients_of_gemini_send_it(upstream: DemoUpstream, credential: str) -> None:
    """In a header of its own, in the address, or as a token."""
    headers = {
        "x-goog-api-key": {"x-goog-api-key": upstream.key},
        "bearer": {"authorization": f"Bearer {upstream.key}"},
    }.get(credential, {})
    query = f"?key={upstream.key}" if credential == "query" else ""

    answer = httpx.post(url(upstream, f"models/echo:generateContent{query}"), json=HELLO, headers=headers)

    assert answer.json()["candidates"][0]["content"]["parts"] == [{"text": "hello big world"}]


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-goog-api-key": "wrong"}, {"x-api-key": "upstream-secret"}, {"authorization": "Bearer x"}],
)
def test_a_wrong_key_is_refused_in_the_words_of_google(
    upstream: DemoUpstream, headers: dict[str, str]
) -> None:
    """A key in another dialect's header is none."""
    answer = httpx.get(url(upstream, "models"), headers=headers)

    assert answer.status_code == BAD_KEY
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_the_headers_of_other_dialects_bring_nothing_to_openai(upstream: DemoUpstream) -> None:
    """A gateway that sends the wrong one is found out."""
    body = {"model": "echo", "messages": [{"role": "user", "content": "x"}]}
    headers = {"x-api-key": upstream.key, "x-goog-api-key": upstream.key}

    assert httpx.post(f"{upstream.url}/chat/completions", json=body, headers=headers).status_code == BAD_KEY


@pytest.mark.parametrize("alt", ["", "?alt=sse"])
def test_a_stream_comes_in_pieces(upstream: DemoUpstream, alt: str) -> None:
    """As an array, or as events, and is logged before its last byte."""
    before = len(upstream.served())
    headers = {"x-goog-api-key": upstream.key}

    answer = httpx.post(url(upstream, f"models/echo:streamGenerateContent{alt}"), json=HELLO, headers=headers)

    pieces = (
        [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
        if alt
        else answer.json()
    )
    texts = [part["text"] for piece in pieces for part in piece["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "hello big world"
    assert pieces[-1]["usageMetadata"]["totalTokenCount"] == 6
    (line,) = upstream.served()[before:]
    assert (line["model"], line["input_tokens"], line["output_tokens"]) == ("echo", 3, 3)
