"""Answers and errors of Amazon Bedrock's Converse, in shapes of its documentation."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.bedrock_answer import read_answer, read_error, read_stop, usage_of_answer
from keyturn.dialects.canonical import Answer, Media, ProviderError, Reasoning, Stop, Text, ToolCall
from keyturn.domain.usage import Usage


def answer(*content: Any, **members: Any) -> bytes:
    """Return an answer with these blocks."""
    told = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 30, "outputTokens": 8, "totalTokens": 38},
        "metrics": {"latencyMs": 1275},
    }
    return msgspec.json.encode(told | members)


def test_every_block_has_its_place() -> None:
    """What nobody knows yet is passed over."""
    body = answer(
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
        {"text": "Sunny"},
        {"citationsContent": {"content": [{"text": "It "}, {"text": "is."}], "citations": []}},
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Rome"}}},
        {"toolUse": {"toolUseId": "t2", "name": "now"}},
        {"image": {"format": "png", "source": {"bytes": "aWNvbg=="}}},
        {"guardContent": {"text": {}}},
        stopReason="tool_use",
    )

    assert read_answer(body) == Answer(
        id="",
        model="",
        parts=(
            Reasoning("Hm.", "sig"),
            Reasoning("", sealed="c2VhbGVk"),
            Text("Sunny"),
            Text("It is."),
            ToolCall("t1", "weather", '{"city":"Rome"}'),
            ToolCall("t2", "now", "{}"),
            Media("image/png", "aWNvbg=="),
        ),
        stop=Stop.TOOLS,
        usage=Usage(30, 8),
    )


def test_what_came_from_the_cache_is_input_too() -> None:
    """Amazon tells it beside the input, everybody here counts it in."""
    usage = {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 20}
    body = answer({"text": "x"}, usage=usage)

    assert usage_of_answer(body) == Usage(130, 5, cached_tokens=100, cache_write_tokens=20)
    assert usage_of_answer(b"{}") is None
    found = read_answer(answer({"text": "x"}, usage=None))
    assert found is not None
    assert found.usage is None


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("model_context_window_exceeded", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("guardrail_intervened", Stop.FILTERED),
        ("malformed_model_output", Stop.FILTERED),
        ("malformed_tool_use", Stop.FILTERED),
        ("content_filtered", Stop.FILTERED),
        ("something_new", Stop.END),
    ],
)
def test_each_reason_is_one_of_ours(reason: str, stop: Stop) -> None:
    """One that nobody knows yet must not break the answer."""
    assert read_stop(reason) == stop


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"output":{}}', b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """Nothing is guessed."""
    assert read_answer(body) is None
    assert read_error(body) is None
    assert usage_of_answer(body) is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"message":"Too many tokens"}', ProviderError("Too many tokens")),
        (
            b'{"Message":"not authorized","__type":"com.amazon.coral.service#AccessDeniedException"}',
            ProviderError("not authorized", "AccessDeniedException"),
        ),
    ],
)
def test_an_error_is_read_under_either_name(body: bytes, error: ProviderError) -> None:
    """The gateway before the service writes it with a capital."""
    assert read_error(body) == error
