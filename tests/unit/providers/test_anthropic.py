"""Anthropic's own ways."""

import pytest

from keyturn.providers.anthropic import ANTHROPIC
from keyturn.providers.provider import Codec


@pytest.mark.parametrize("operation", ["chat", "responses", "messages", "generate_content", "generate"])
def test_every_chat_becomes_messages(operation: str) -> None:
    """It speaks nothing else."""
    assert ANTHROPIC.codec(operation) == Codec.ANTHROPIC_MESSAGES
    assert ANTHROPIC.path(operation, "claude-sonnet-4-5", stream=True) == "/messages"


def test_tokens_can_be_counted_and_nothing_else_asked() -> None:
    """It has neither embeddings nor images."""
    assert ANTHROPIC.codec("count_tokens") == Codec.ANTHROPIC_TOKENS
    assert ANTHROPIC.path("count_tokens") == "/messages/count_tokens"
    assert ANTHROPIC.codec("embeddings") is None


def test_the_key_and_the_version_stand_in_headers_of_its_own() -> None:
    """Without a version it refuses every request."""
    assert ANTHROPIC.headers("sk-ant-1") == (("x-api-key", "sk-ant-1"),)
    assert ANTHROPIC.defaults == (("anthropic-version", "2023-06-01"),)


def test_what_changes_the_answer_is_forwarded_and_whose_account_it_is_stays_here() -> None:
    """Betas are asked for in a header; the limits of the account are the operator's business."""
    assert {b"anthropic-beta", b"anthropic-version"} <= ANTHROPIC.forwarded
    assert {b"anthropic-organization-id", b"anthropic-ratelimit-input-tokens-remaining"} <= ANTHROPIC.withheld


def test_its_models_are_listed_on_one_page() -> None:
    """Twenty are shown without asking for more."""
    assert ANTHROPIC.models_url("https://h/v1") == "https://h/v1/models?limit=1000"
    assert ANTHROPIC.read_models(b'{"data":[{"type":"model","id":"claude-x"}],"has_more":false}') == [
        "claude-x"
    ]
