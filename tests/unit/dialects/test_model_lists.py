"""Lists of models, a page at a time."""

import json
from typing import Any

import pytest

from keyturn.dialects.model_lists import (
    Listed,
    anthropic_model,
    anthropic_page,
    gemini_model,
    gemini_page,
)

MODELS = [Listed(name, 1_700_000_000) for name in ("a", "b", "c", "d", "e")]


def test_a_model_is_told_in_both_dialects() -> None:
    """With what their clients read of it."""
    assert json.loads(gemini_model("gpt-5")) == {
        "name": "models/gpt-5",
        "version": "001",
        "displayName": "gpt-5",
        "supportedGenerationMethods": [
            "generateContent",
            "countTokens",
            "embedContent",
            "batchEmbedContents",
        ],
    }
    assert json.loads(anthropic_model(Listed("gpt-5", 0))) == {
        "type": "model",
        "id": "gpt-5",
        "display_name": "gpt-5",
        "created_at": "1970-01-01T00:00:00Z",
    }


def names(page: Any) -> list[str]:
    """Return the names on a page."""
    return [one["name"].removeprefix("models/") for one in page["models"]]


def test_geminis_pages_follow_each_other() -> None:
    """Its client goes on as long as there is a token."""
    first = json.loads(gemini_page(MODELS, size=2))
    second = json.loads(gemini_page(MODELS, size=2, token=first["nextPageToken"]))
    third = json.loads(gemini_page(MODELS, size=2, token=second["nextPageToken"]))

    assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert "nextPageToken" not in third
    assert names(json.loads(gemini_page(MODELS, size=0))) == ["a"]
    assert json.loads(gemini_page([])) == {"models": []}


@pytest.mark.parametrize(
    ("asked", "told", "more"),
    [
        ({}, "abcde", False),
        ({"size": 2}, "ab", True),
        ({"size": 2, "after": "b"}, "cd", True),
        ({"size": 2, "after": "d"}, "e", False),
        ({"size": 2, "before": "d"}, "bc", True),
        ({"after": "a", "before": "c"}, "b", False),
        ({"after": "x"}, "", False),
    ],
)
def test_anthropics_pages_are_asked_for_by_name(asked: Any, told: str, more: bool) -> None:  # noqa: FBT001 -- a case
    """Forwards or backwards."""
    page = json.loads(anthropic_page(MODELS, **asked))

    assert [one["id"] for one in page["data"]] == list(told)
    assert page["has_more"] is more
    assert (page["first_id"], page["last_id"]) == ((told[0], told[-1]) if told else (None, None))
