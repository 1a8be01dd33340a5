"""Anthropic's answers, errors and counts."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import (
    read_answer,
    read_counted,
    read_error,
    write_answer,
    write_count,
    write_error,
)
from keyturn.dialects.canonical import (
    Answer,
    Media,
    Part,
    ProviderError,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.domain.usage import Usage

RECORDED = b"""{
  "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": "claude-opus-5",
  "content": [
    {"type": "thinking", "thinking": "The user wants the weather.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"},
    {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP"},
    {"type": "text", "text": "I'll look.", "citations": null},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "tool_use", "id": "toolu_01D7FLrfh4GYq7yT1ULFeyMV", "name": "get_weather", "input": {"b": 1.0}}
  ],
  "stop_reason": "tool_use", "stop_sequence": null, "container": null,
  "usage": {"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 60, "output_tokens_details": {"thinking_tokens": 40}, "service_tier": "standard"}
}"""


def test_an_answer_with_thoughts_and_a_call() -> None:
    """What Anthropic's own tools have done is its own affair."""
    assert read_answer(RECORDED) == Answer(
        id="msg_01XFDUDYJgAACzvnptvVoYEL",
        model="claude-opus-5",
        parts=(
            Reasoning("The user wants the weather.", "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"),
            Reasoning("", sealed="EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP"),
            Text("I'll look."),
            ToolCall("toolu_01D7FLrfh4GYq7yT1ULFeyMV", "get_weather", '{"b": 1.0}'),
        ),
        stop=Stop.TOOLS,
        usage=Usage(33, 60, 20, 40, 3),
    )


def answered(**members: Any) -> Answer:
    """Read an answer with these members."""
    body = {"type": "message", "content": [{"type": "text", "text": "Hi"}]} | members
    found = read_answer(msgspec.json.encode(body))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("model_context_window_exceeded", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("tool_use", Stop.TOOLS),
        ("pause_turn", Stop.PAUSED),
        ("refusal", Stop.REFUSED),
        ("something_new", Stop.END),
        (None, Stop.END),
    ],
)
def test_why_an_answer_is_over(reason: str | None, stop: Stop) -> None:
    """All reasons that there are, and any new one."""
    assert answered(stop_reason=reason).stop is stop


def test_a_stop_sequence_is_told() -> None:
    """The client has asked for it."""
    assert answered(stop_reason="stop_sequence", stop_sequence="END").stop_sequence == "END"


def test_a_refusal_says_why() -> None:
    """Where Anthropic does."""
    details = {"type": "refusal", "category": "cyber", "explanation": "It might do harm."}

    found = answered(stop_reason="refusal", stop_details=details)
    silent = answered(stop_reason="refusal", stop_details=details | {"explanation": None})

    assert found.parts == (Text("Hi"), Refusal("It might do harm."))
    assert silent.parts == (Text("Hi"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"type":"error","error":{}}',
        b'{"type":"message"}',
        b'{"type":"message","content":"x"}',
        b'{"type":"message","content":[{"type":"tool_use","input":{"a":"\xff"}}]}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """The gateway answers for it."""
    assert read_answer(body) is None


def write(*parts: Part, stop: Stop = Stop.END, usage: Usage | None = None) -> dict[str, Any]:
    """Write an answer."""
    answer = Answer(id="chatcmpl-1", model="gpt", parts=parts, stop=stop, usage=usage)
    body: dict[str, Any] = msgspec.json.decode(write_answer(answer, created=7))
    return body


def test_an_answer_has_all_that_clients_look_for() -> None:
    """The SDK takes these members for granted."""
    assert write(Text("Hi"), usage=Usage(33, 60, 20, 40, 3)) == {
        "type": "message",
        "id": "chatcmpl-1",
        "role": "assistant",
        "model": "gpt",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 60,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 3,
            "output_tokens_details": {"thinking_tokens": 40},
        },
    }


def test_what_others_answer_finds_a_place() -> None:
    """Nothing of it is thrown away."""
    picture = Media("image/png", "AA==", name="a cat")
    parts = (
        Text(""),
        Refusal("I won't"),
        picture,
        Media("", url="https://x/y.png"),
        ToolCall("call|1", "f", "{}", "CiQB"),
        Reasoning("summary", sealed="abc"),
        Reasoning(""),
    )

    assert write(*parts)["content"] == [
        {"type": "text", "text": "I won't"},
        {"type": "text", "text": "![a cat](data:image/png;base64,AA==)"},
        {"type": "text", "text": "![](https://x/y.png)"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
        {"type": "thinking", "thinking": "", "signature": "keyturn-call:call_1:CiQB"},
        {"type": "redacted_thinking", "data": "abc"},
        {"type": "thinking", "thinking": "summary", "signature": ""},
        {"type": "thinking", "thinking": "", "signature": ""},
    ]


def test_a_filter_of_another_provider_is_a_refusal() -> None:
    """The nearest that Anthropic has."""
    assert write(stop=Stop.FILTERED)["stop_reason"] == "refusal"
    assert write(stop=Stop.PAUSED)["usage"]["input_tokens"] == 0


def test_an_answer_holds_no_result() -> None:
    """A mistake of ours."""
    with pytest.raises(TypeError):
        write(ToolResult("t", "f", ()))


def test_an_error_is_read() -> None:
    """The type is the most specific word that there is."""
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'

    assert read_error(body) == ProviderError("Overloaded", "overloaded_error")
    assert read_error(b'{"error":{}}') == ProviderError("")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error":"x"}', b"\xff", b"<html>", b"[" * 100_000])
def test_what_is_no_error_is_none(body: bytes) -> None:
    """A proxy in between may answer anything."""
    assert read_error(body) is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "", "invalid_request_error"),
        (401, "invalid_api_key", "authentication_error"),
        (429, "rate_limit_exceeded", "rate_limit_error"),
        (400, "overloaded_error", "overloaded_error"),
        (529, "", "overloaded_error"),
        (418, "", "invalid_request_error"),
        (599, "", "api_error"),
    ],
)
def test_an_error_is_written(status: int, code: str, kind: str) -> None:
    """Its type goes by the status; a code of another dialect stands in the details."""
    found = msgspec.json.decode(write_error(status, ProviderError("No", code), "req_1"))

    error: dict[str, Any] = {"type": kind, "message": "No"}
    if code not in ("", kind):
        error["details"] = {"error_code": code}
    assert found == {"type": "error", "error": error, "request_id": "req_1"}


def test_counted_tokens() -> None:
    """Written and read."""
    assert read_counted(write_count(2095)) == 2095
    for body in (b"", b"{}", b'{"input_tokens":"1"}', b"[" * 100_000):
        assert read_counted(body) is None
