"""Rows of the table whose difference matters."""

import pytest

from keyturn.providers.hosts import COMPATIBLE, HOSTED, LOCAL
from keyturn.providers.provider import Codec

BY_ID = {one.id: one for one in (*HOSTED, *LOCAL)}


@pytest.mark.parametrize(
    ("host", "operation", "codec", "path"),
    [
        ("openai", "chat", Codec.OPENAI_CHAT, "/chat/completions"),
        ("openai", "generate", Codec.OPENAI_CHAT, "/chat/completions"),
        ("openai", "responses", Codec.OPENAI_RESPONSES, "/responses"),
        ("openai", "messages", Codec.OPENAI_CHAT, "/chat/completions"),
        ("openai", "generate_content", Codec.OPENAI_CHAT, "/chat/completions"),
        ("openai", "embed_content", Codec.OPENAI_EMBEDDINGS, "/embeddings"),
        ("openai", "batch_embed_contents", Codec.OPENAI_EMBEDDINGS, "/embeddings"),
        ("openai", "transcriptions", Codec.OPENAI_AUDIO, "/audio/transcriptions"),
        ("mistral", "responses", Codec.OPENAI_CHAT, "/chat/completions"),
        ("deepseek", "messages", Codec.ANTHROPIC_MESSAGES, "/anthropic/v1/messages"),
        ("perplexity", "chat", Codec.OPENAI_RESPONSES, "/responses"),
        ("perplexity", "messages", Codec.OPENAI_RESPONSES, "/responses"),
        ("ollama", "messages", Codec.ANTHROPIC_MESSAGES, "/messages"),
        ("vllm", "count_tokens", Codec.ANTHROPIC_TOKENS, "/messages/count_tokens"),
    ],
)
def test_a_request_goes_where_the_host_takes_it(host: str, operation: str, codec: Codec, path: str) -> None:
    """As it is where the host speaks the client's dialect, else as the chat that it does speak."""
    one = BY_ID[host]

    assert (one.codec(operation), one.path(operation)) == (codec, path)


@pytest.mark.parametrize(
    ("host", "operation"),
    [
        ("groq", "embeddings"),
        ("mistral", "completions"),
        ("openai", "count_tokens"),
        ("groq", "embed_content"),
    ],
)
def test_what_a_host_has_not_can_not_be_asked(host: str, operation: str) -> None:
    """Embeddings are no chat: no chat can stand for them."""
    assert BY_ID[host].codec(operation) is None


def test_the_strict_host_gets_neither_of_the_newer_members() -> None:
    """Mistral answers 422 to `max_completion_tokens` and to `stream_options`."""
    quirks = BY_ID["mistral"].quirks

    assert (quirks.legacy_cap, quirks.stream_options, quirks.strict) == (True, False, True)
    assert quirks.random_seed


def test_thoughts_go_back_in_a_member_that_can_be_written() -> None:
    """A word that is mistyped here would send them nowhere."""
    members = {one.quirks.thoughts for one in (*HOSTED, *LOCAL)} - {""}

    assert members == {"reasoning", "reasoning_content", "reasoning_details"}


@pytest.mark.parametrize("host", ["deepseek", "moonshot", "zai", "fireworks", "llamacpp"])
def test_a_host_that_wants_its_thoughts_back_gets_them_by_their_name(host: str) -> None:
    """DeepSeek and Kimi answer 400 to a call without the thoughts that led to it."""
    assert BY_ID[host].quirks.thoughts == "reasoning_content"


@pytest.mark.parametrize("host", [one.id for one in (*HOSTED, *LOCAL) if one.quirks.thoughts])
def test_a_host_with_thoughts_says_where_it_says_so(host: str) -> None:
    """Its row, or the page that the row is from: nobody should have to believe it."""
    one = BY_ID[host]

    assert (one.quirks.source or one.source).startswith("https://")


def test_nothing_beyond_openais_dialect_is_sent_to_a_server_that_nobody_knows() -> None:
    """It may refuse what it doesn't know."""
    assert (COMPATIBLE.quirks.thoughts, COMPATIBLE.quirks.top_k) == ("", False)
    assert (BY_ID["openai"].quirks.thoughts, BY_ID["openai"].quirks.top_k) == ("", False)


def test_a_server_that_nobody_knows_is_sent_everything_of_openais() -> None:
    """It was so before there was a table, and an own vLLM behind a name of its own must go on working."""
    assert COMPATIBLE.codec("images") == Codec.OPENAI_IMAGES
    assert COMPATIBLE.codec("messages") == Codec.OPENAI_CHAT
    assert COMPATIBLE.local


def test_a_host_without_a_list_of_models_is_not_asked_for_one() -> None:
    """A 404 would look like a wrong address."""
    assert BY_ID["groq"].models_url("https://h/v1") == "https://h/v1/models"
    assert BY_ID["cohere"].models_url("https://h/v1") == ""
