"""What Anthropic offers beside chats, and errors in the words of each dialect."""

import pytest

from keyturn.demo.models import MODELS
from support.demo_answers import ANSWERS, get, post, status, value

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello big world"}]}]}


def test_tokens_are_counted_as_they_are_billed() -> None:
    """Nothing is served, so nothing is logged."""
    messages = [{"role": "user", "content": "hello big world"}]

    anthropic = post("/v1/messages/count_tokens", {"model": "demo-claude", "messages": messages})
    gemini = post("/v1beta/models/demo-gemini:countTokens", HELLO)

    assert value(anthropic) == {"input_tokens": 3}
    assert value(gemini) == {"totalTokens": 3}
    assert (anthropic.served, gemini.served) == (None, None)
    assert status(post("/v1/messages/count_tokens", {"model": "nobody", "messages": messages})) == 404
    assert status(post("/v1beta/models/demo-503:countTokens", HELLO)) == 503


def test_anthropic_lists_the_models_that_talk() -> None:
    """To those who say which version of its API they mean; a page at a time."""
    talking = sorted(name for name, model in MODELS.items() if "text" in model.does)

    first = value(get("/v1/models?limit=2", anthropic=True))
    rest = value(get(f"/v1/models?limit=100&after_id={first['last_id']}", anthropic=True))

    assert [one["id"] for one in first["data"] + rest["data"]] == talking
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert value(get("/v1/models/demo-claude", anthropic=True))["type"] == "model"
    assert status(get("/v1/models/demo-embed", anthropic=True)) == 404
    assert value(get("/v1/models"))["object"] == "list"


@pytest.mark.parametrize(
    ("method", "path", "anthropic", "expected"),
    [
        (b"GET", "/v1/messages", True, 405),
        (b"GET", "/v1/messages/batches", True, 404),
        (b"POST", "/v1/models", True, 405),
        (b"GET", "/v1beta/models/demo-gemini:generateContent", False, 405),
        (b"POST", "/v1beta/models/demo-gemini:dance", False, 404),
        (b"POST", "/v1beta/models", False, 405),
        (b"POST", "/v1beta/files", False, 404),
    ],
)
def test_paths_and_methods_have_their_statuses(
    method: bytes, path: str, *, anthropic: bool, expected: int
) -> None:
    """In the words of the dialect."""
    reply = ANSWERS.prepare(method, path.encode(), b"", anthropic_version=anthropic)

    error = value(reply)
    assert status(reply) == expected
    assert ("request_id" in error) == anthropic
    assert ("status" in error["error"]) != anthropic
