"""Chat completions: whole answers and errors."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import Answer, Media, ProviderError, Reasoning, Refusal, Stop, Text, ToolCall
from keyturn.dialects.openai_chat import read_answer, read_error, usage_of_answer, write_answer, write_error
from keyturn.domain.usage import Usage
from openai_schema import problems

PUBLISHED = b"""{
  "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1741569952,
  "model": "gpt-5.4", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!",
  "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
  "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
  "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
  "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 0, "accepted_prediction_tokens": 0,
  "rejected_prediction_tokens": 0}}, "service_tier": "default"}"""


def heard(message: dict[str, Any], reason: str | None = "stop", **members: Any) -> Answer:
    """Return the answer with this message."""
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": reason}
    answer = read_answer(msgspec.json.encode({"id": "c", "model": "m", "choices": [choice]} | members))
    assert answer is not None
    return answer


def written(answer: Answer) -> Any:
    """Return the body of an answer, which is one by OpenAI's description."""
    body = msgspec.json.decode(write_answer(answer, created=7))
    assert problems(body, "CreateChatCompletionResponse") == []
    return body


def test_the_published_answer_is_read() -> None:
    """With all that it used."""
    usage = Usage(19, 10, 4, 6)

    assert read_answer(PUBLISHED) == Answer(
        id="chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        model="gpt-5.4",
        parts=(Text("Hello!"),),
        stop=Stop.END,
        usage=usage,
        created=1741569952,
    )
    assert usage_of_answer(PUBLISHED) == usage


@pytest.mark.parametrize(
    ("message", "reason", "stop"),
    [
        ({"content": "a"}, "stop", Stop.END),
        ({"content": "a"}, "length", Stop.LENGTH),
        ({"content": "a"}, "content_filter", Stop.FILTERED),
        ({"content": "a"}, None, Stop.END),
        ({"content": "a"}, "eos", Stop.END),
        ({"content": "a"}, "insufficient_system_resource", Stop.LENGTH),
        ({"refusal": "a"}, "stop", Stop.REFUSED),
        ({"refusal": "a"}, "length", Stop.LENGTH),
        ({"tool_calls": [{"id": "x", "function": {"name": "a"}}]}, "tool_calls", Stop.TOOLS),
        ({"tool_calls": [{"id": "x", "function": {"name": "a"}}]}, "stop", Stop.TOOLS),
        ({"tool_calls": [{"id": "x", "function": {"name": "a"}}]}, None, Stop.TOOLS),
        ({"tool_calls": [{"id": "x", "function": {"name": "a"}}]}, "length", Stop.LENGTH),
        ({"function_call": {"name": "a"}}, "function_call", Stop.TOOLS),
    ],
)
def test_an_answer_says_why_it_is_over(message: dict[str, Any], reason: str | None, stop: Stop) -> None:
    """In OpenAI's words, in a host's own, or not at all."""
    assert heard(message, reason).stop is stop


def test_calls_are_read_with_ids_and_arguments() -> None:
    """A host that gives none of either is helped out."""
    calls = [
        {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
        {"id": "", "function": {"name": "time", "arguments": {"zone": "UTC"}}},
        {"id": "x", "extra_content": {"google": {"thought_signature": "sig"}}, "function": {"name": "b"}},
        {},
    ]

    assert heard({"content": "", "tool_calls": calls}, "tool_calls").parts == (
        ToolCall("call_a", "weather", '{"city":"Oslo"}'),
        ToolCall("call_0_1", "time", '{"zone":"UTC"}'),
        ToolCall("x", "b", "{}", "sig"),
        ToolCall("call_0_3", "", "{}"),
    )
    assert heard({"function_call": {"name": "a", "arguments": "{}"}}).parts == (
        ToolCall("call_0_0", "a", "{}"),
    )
    assert heard({"function_call": {}}).parts == (ToolCall("call_0_0", "", "{}"),)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"reasoning_content": "Hm", "content": "Hi"}, (Reasoning("Hm"), Text("Hi"))),
        ({"reasoning": "Hm", "content": "Hi"}, (Reasoning("Hm"), Text("Hi"))),
        (
            {
                "reasoning": "Hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "s"}],
            },
            (Reasoning("Hm", "s"),),
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, {"type": "reference"}]},
                    {"type": "thinking", "thinking": "Ah"},
                    {"type": "text", "text": "Hi"},
                    {"type": "reference"},
                ]
            },
            (Reasoning("Hm"), Reasoning("Ah"), Text("Hi")),
        ),
    ],
)
def test_thoughts_are_read_in_every_hosts_way(message: dict[str, Any], parts: tuple[object, ...]) -> None:
    """DeepSeek's, OpenRouter's, Mistral's."""
    assert heard(message).parts == parts


def test_images_are_read() -> None:
    """As OpenRouter gives them."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    assert heard({"content": "Here", "images": [image]}).parts == (Text("Here"), Media("image/png", "AAAA"))


def test_a_host_may_say_little() -> None:
    """No id, no model, no time, no usage, or one that is nonsense."""
    body = b'{"choices":[{"message":{"content":"Hi"}}],"usage":null,"created":1.5}'

    assert read_answer(body) == Answer(id="", model="", parts=(Text("Hi"),), stop=Stop.END, created=1)
    assert heard({"content": "Hi"}, usage={"prompt_tokens": "many"}).usage is None
    assert heard({"content": "Hi"}, usage={"prompt_tokens": 5, "prompt_cache_hit_tokens": 3}).usage == Usage(
        5, 0, 3
    )
    assert heard({"content": "Hi"}, usage={"prompt_tokens": 5, "cached_tokens": 2}).usage == Usage(5, 0, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":null}]}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"error":{"message":"no"}}',
        b'{"choices":[{"message":{"content":"a"},"logprobs":' + b"[" * 10**5 + b"]" * 10**5 + b"}]}",
    ],
)
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """The gateway then says that the provider's answer makes no sense."""
    assert read_answer(body) is None


def test_an_answer_is_written_with_all_that_it_has() -> None:
    """Texts are one text, thoughts stand with their proofs."""
    answer = Answer(
        id="msg_1",
        model="claude",
        parts=(
            Reasoning("Hm", "proof"),
            Reasoning("", sealed="x"),
            Text("Hel"),
            Text("lo"),
            Media("image/png", "AAAA"),
            ToolCall("call_1", "weather", '{"city": "Oslo"}', "sig"),
        ),
        stop=Stop.TOOLS,
        usage=Usage(9, 5, 3, 2, 1),
        created=5,
    )

    assert written(answer) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 5,
        "model": "claude",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "reasoning_content": "Hm",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm", "signature": "proof", "index": 0},
                        {"type": "reasoning.encrypted", "data": "x", "index": 1},
                    ],
                    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                            "extra_content": {"google": {"thought_signature": "sig"}},
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


@pytest.mark.parametrize(
    ("stop", "refusal", "reason"),
    [
        (Stop.END, False, "stop"),
        (Stop.LENGTH, False, "length"),
        (Stop.TOOLS, False, "tool_calls"),
        (Stop.SEQUENCE, False, "stop"),
        (Stop.FILTERED, False, "content_filter"),
        (Stop.REFUSED, False, "content_filter"),
        (Stop.REFUSED, True, "stop"),
        (Stop.PAUSED, False, "stop"),
    ],
)
def test_every_stop_has_a_word(stop: Stop, refusal: bool, reason: str) -> None:  # noqa: FBT001
    """A refusal with words of its own is an end; one without looks filtered, or it would seem a silent answer."""
    body = written(Answer(id="a", model="m", parts=(Refusal("No"),) if refusal else (), stop=stop))

    choice = body["choices"][0]
    assert choice["finish_reason"] == reason
    assert choice["message"]["content"] is None
    assert choice["message"]["refusal"] == ("No" if refusal else None)
    assert body["created"] == 7
    assert "usage" not in body


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            b'{"error":{"message":"Too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}',
            ProviderError("Too long", "context_length_exceeded"),
        ),
        (
            b'{"error":{"message":"Busy","type":"server_error","code":null}}',
            ProviderError("Busy", "server_error"),
        ),
        (b'{"error":{"message":"Slow down","code":429}}', ProviderError("Slow down")),
        (b'{"error":"model not found"}', ProviderError("model not found")),
        (
            b'{"object":"error","message":"Bad","type":"invalid_request_error","code":3000}',
            ProviderError("Bad", "invalid_request_error"),
        ),
        (b'{"detail":[{"loc":["body"],"msg":"bad"}]}', ProviderError('[{"loc":["body"],"msg":"bad"}]')),
        (b'{"detail":"Not Found"}', ProviderError("Not Found")),
        (b'{"error":{}}', None),
        (b'{"error":""}', None),
        (b'{"error":[]}', None),
        (b"{}", None),
        (b"<html>", None),
        (b'{"error":"\xff"}', None),
        (b"", None),
    ],
)
def test_errors_are_read_in_every_hosts_words(body: bytes, error: ProviderError | None) -> None:
    """OpenAI's, Ollama's, Mistral's, FastAPI's."""
    assert read_error(body) == error


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "context_length_exceeded", "invalid_request_error"),
        (401, "", "invalid_request_error"),
        (403, "", "permission_error"),
        (404, "model_not_found", "invalid_request_error"),
        (429, "RESOURCE_EXHAUSTED", "rate_limit_error"),
        (429, "insufficient_quota", "insufficient_quota"),
        (503, "overloaded_error", "server_error"),
    ],
)
def test_errors_are_written_in_openais_words(status: int, code: str, kind: str) -> None:
    """With the provider's own code, where it has one."""
    body = msgspec.json.decode(write_error(status, ProviderError("No", code), "req_1"))

    assert problems(body, "ErrorResponse") == []
    assert body == {"error": {"message": "No", "type": kind, "code": code or None, "param": None}}
