"""Answers as Google's documentation shows them, and as its client reads them."""

import json
from typing import Any

import pytest

from keyturn.dialects import gemini
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
from keyturn.dialects.gemini_signature import is_base64, pack, unpack
from keyturn.domain.usage import Usage

PLAIN = {
    "candidates": [
        {
            "content": {"parts": [{"text": "AI learns patterns from data."}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
            "avgLogprobs": -0.1,
            "citationMetadata": {"citationSources": []},
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 8,
        "candidatesTokenCount": 6,
        "totalTokenCount": 14,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
    },
    "modelVersion": "gemini-2.5-flash",
    "responseId": "abc",
}


def read(body: Any) -> Answer:
    """Read an answer of this dialect."""
    found = gemini.read_answer(json.dumps(body).encode())
    assert found is not None
    return found


def of(*parts: Any, reason: str = "STOP", **more: Any) -> dict[str, Any]:
    """Return an answer with these parts."""
    return {
        "candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}],
        "responseId": "r",
        **more,
    }


def written(parts: tuple[Part, ...], stop: Stop = Stop.END) -> Any:
    """Return the answer with these parts as it is written."""
    answer = Answer(id="r", model="m", parts=parts, stop=stop)
    return json.loads(gemini.write_answer(answer, created=5))


def test_a_plain_answer_is_read() -> None:
    """What other dialects know of it."""
    assert read(PLAIN) == Answer(
        id="abc",
        model="gemini-2.5-flash",
        parts=(Text("AI learns patterns from data."),),
        stop=Stop.END,
        usage=Usage(8, 6),
    )


def test_thoughts_calls_and_images_are_read() -> None:
    """A call without an id gets one that no other answer has, and the answer waits for it."""
    found = read(
        of(
            {"text": "Hm.", "thought": True, "thoughtSignature": "AAAA"},
            {"thought": True},
            {"text": ""},
            {"text": "Look:", "thoughtSignature": "BBBB"},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            {"executableCode": {"code": "1"}},
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "CCCC"},
            {"functionCall": {"id": "x", "name": "g"}},
        )
    )

    assert found.stop is Stop.TOOLS
    assert found.parts == (
        Reasoning("Hm.", "AAAA"),
        Text("Look:"),
        Reasoning("", "BBBB"),
        Media("image/png", "AAAA"),
        ToolCall("call_r_0", "f", '{"a": 1}', "CCCC"),
        ToolCall("x", "g", "{}"),
    )


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", Stop.END),
        ("MAX_TOKENS", Stop.LENGTH),
        *(
            (reason, Stop.FILTERED)
            for reason in (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "OTHER",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "MALFORMED_FUNCTION_CALL",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_OTHER",
                "NO_IMAGE",
                "IMAGE_RECITATION",
                "UNEXPECTED_TOOL_CALL",
                "TOO_MANY_TOOL_CALLS",
                "MISSING_THOUGHT_SIGNATURE",
                "MALFORMED_RESPONSE",
                "OF_TOMORROW",
            )
        ),
    ],
)
def test_every_reason_to_stop_is_read(reason: str, stop: Stop) -> None:
    """An answer that was cut off, for whatever reason, must not look whole."""
    assert read(of({"text": "a"}, reason=reason)).stop is stop


def test_a_blocked_question_is_an_answer_that_was_filtered() -> None:
    """Google answers 200 without candidates."""
    blocked = read({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}})
    told = read({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}, "candidates": []})

    assert (blocked.stop, blocked.parts) == (Stop.FILTERED, ())
    assert (told.stop, told.parts) == (Stop.FILTERED, (Refusal("no"),))


def test_an_answer_may_be_nearly_empty() -> None:
    """As it is when all tokens went into thinking."""
    assert read({"candidates": [{"finishReason": "MAX_TOKENS"}]}).stop is Stop.LENGTH
    assert read({"candidates": [{"content": {"role": "model"}}]}).stop is Stop.END
    assert (
        read({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}).stop is Stop.TOOLS
    )
    assert read({"usageMetadata": {"promptTokenCount": 3}}).usage == Usage(3, 0)
    assert read({"candidates": [], "promptFeedback": {}}).parts == ()


def test_an_image_by_its_address_is_told_and_read() -> None:
    """Hosts that answer in OpenAI's dialect give some so."""
    image = Media("", url="https://example.com/a.png")

    (part,) = written((image,))["candidates"][0]["content"]["parts"]

    assert part == {"fileData": {"fileUri": "https://example.com/a.png"}}
    assert read(of(part)).parts == (image,)


@pytest.mark.parametrize("body", [b"{}", b"no", b"[]", b'{"choices":[]}', b'{"candidates":1}', b"\xff"])
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """Whoever asked decides what becomes of it."""
    assert gemini.read_answer(body) is None


def test_an_answer_is_written_as_google_writes_it() -> None:
    """With every part in its place."""
    answer = Answer(
        id="r",
        model="m",
        parts=(
            Reasoning("Hm.", "AAAA"),
            Reasoning("", ""),
            Text("Hi"),
            Refusal("No."),
            Media("image/png", "AAAA"),
            ToolCall("c", "f", '{"a":1}', "BBBB"),
        ),
        stop=Stop.TOOLS,
        usage=Usage(10, 7, 4, 3),
    )

    assert json.loads(gemini.write_answer(answer, created=1)) == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hm.", "thought": True, "thoughtSignature": "AAAA"},
                        {"text": "Hi"},
                        {"text": "No."},
                        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                        {
                            "functionCall": {"id": "c", "name": "f", "args": {"a": 1}},
                            "thoughtSignature": "BBBB",
                        },
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 4,
            "thoughtsTokenCount": 3,
            "totalTokenCount": 17,
        },
        "modelVersion": "m",
        "responseId": "r",
    }


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.END, "STOP"),
        (Stop.SEQUENCE, "STOP"),
        (Stop.TOOLS, "STOP"),
        (Stop.LENGTH, "MAX_TOKENS"),
        (Stop.FILTERED, "SAFETY"),
        (Stop.REFUSED, "SAFETY"),
        (Stop.PAUSED, "OTHER"),
    ],
)
def test_every_stop_is_written(stop: Stop, reason: str) -> None:
    """A paused turn says what to do."""
    (candidate,) = written((Text("a"),), stop)["candidates"]

    assert candidate["finishReason"] == reason
    assert ("finishMessage" in candidate) is (stop is Stop.PAUSED)


def test_a_call_that_is_no_object_is_told_as_googles_models_tell_it() -> None:
    """The dialect has a reason for calls that can't be made."""
    (candidate,) = written((ToolCall("c", "f", '{"a":'),), Stop.TOOLS)["candidates"]

    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert candidate["finishMessage"] == 'Malformed function call: f({"a":)'
    assert "parts" not in candidate["content"]


def test_no_answer_holds_a_tools_result() -> None:
    """It would be a fault of ours."""
    with pytest.raises(TypeError):
        written((ToolResult("c", "f", ()),))


# ── signatures ──────────────────────────────────────────────────────────────


def test_base64_stands_as_it_is() -> None:
    """Gemini's own signatures must come back byte for byte."""
    assert pack("AAAA") == "AAAA"
    assert pack("") == ""
    assert unpack("AAAA") == ("AAAA", "", "")


@pytest.mark.parametrize(
    "held",
    [("sig~nature", "", ""), ("AAAA", "sealed", ""), ("", "sealed", "rs_1"), ("", "", "rs_1"), ("é", "", "")],
)
def test_what_other_providers_want_back_survives_a_client_that_decodes_it(held: tuple[str, str, str]) -> None:
    """Google's client takes a signature for base64 and would fail on anything else."""
    packed = pack(*held)

    assert is_base64(packed)
    assert unpack(packed) == held


@pytest.mark.parametrize("text", ["a2V5dHVybgABAAAA", "a2V5dHVybgABA", "a2V5dHVybgAB"])
def test_what_only_looks_packed_is_a_signature(text: str) -> None:
    """A client can write anything there."""
    assert unpack(text) == (text, "", "")


# ── usage and errors ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (
            {
                "promptTokenCount": 4,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 3,
                "totalTokenCount": 12,
            },
            Usage(4, 8, 0, 3),
        ),
        (
            {"promptTokenCount": 4, "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": 9},
            Usage(4, 5, 0, 3),
        ),
        ({"promptTokenCount": 4, "thoughtsTokenCount": 3, "totalTokenCount": 4}, Usage(4, 3, 0, 3)),
        ({"promptTokenCount": 4, "cachedContentTokenCount": 3}, Usage(4, 0, 3)),
        ({"promptTokenCount": 4, "toolUsePromptTokenCount": 6, "candidatesTokenCount": 1}, Usage(10, 1)),
        ({"candidatesTokenCount": 1, "cachedContentTokenCount": 3}, Usage(0, 1)),
        ({"totalTokenCount": 4}, None),
    ],
)
def test_usage_is_read_whole(told: Any, usage: Usage | None) -> None:
    """Thoughts are paid for as output, and stand beside the candidates or among them."""
    body = json.dumps({"usageMetadata": told}).encode()

    assert gemini.usage_of_answer(body) == usage
    assert gemini.usage_of_answer(b" [{}," + body + b"]") == usage
    assert gemini.usage_of_tail(b'xx"}}},"usageMetadata" : {}}' + body[1:]) == usage


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"[{}]", b"{}", b'{"usageMetadata":{"promptTokenCount":-1}}', b"[1]"]
)
def test_no_usage_is_none(body: bytes) -> None:
    """It is estimated then."""
    assert gemini.usage_of_answer(body) is None
    assert gemini.usage_of_tail(body) is None


def test_the_last_usage_of_a_stream_is_read_and_words_are_none() -> None:
    """Every piece tells what it was so far; an answer may speak of it."""
    tail = (
        b'{"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}\n'
        b'{"usageMetadata": {"promptTokenCount": 1,"candidatesTokenCount": 2,'
        b'"promptTokensDetails":[{"modality":"TEXT","tokenCount":1}]}}\n'
        b'{"text":"\\"usageMetadata\\":{\\"promptTokenCount\\":9}"} {"usageMetadata":{"promptTokenCount":"x"}}'
    )

    assert gemini.usage_of_tail(tail) == Usage(1, 2)


def test_errors_are_read_and_written() -> None:
    """Of a stream they come in a list."""
    body = b'{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[]}}'
    error = ProviderError("slow down", "RESOURCE_EXHAUSTED")

    assert gemini.read_error(body) == gemini.read_error(b"[" + body + b"]") == error
    assert [gemini.read_error(other) for other in (b"[]", b"{}", b"no", b"\xff")] == [None] * 4
    assert json.loads(gemini.write_error(429, error, "req_1")) == {
        "error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}
    }
    assert [
        json.loads(gemini.write_error(status, error, ""))["error"]["status"] for status in (529, 418)
    ] == ["INTERNAL", "INVALID_ARGUMENT"]
