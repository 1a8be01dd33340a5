"""The native route."""

import json

import pytest

from keyturn.dialects import generate, json_scan
from keyturn.domain.refusals import Reason, Refused


def to_chat(body: bytes) -> bytes | Refused:
    """Translate a body."""
    found = json_scan.members(body)
    assert not isinstance(found, Refused)
    return generate.to_chat(found)


def test_a_prompt_becomes_a_chat_with_one_message() -> None:
    """What else the request says is carried along."""
    chat = to_chat(b'{"prompt":"Hello \\u2603","model":"m","max_tokens":5,"stream":false}')

    assert isinstance(chat, bytes)
    assert json.loads(chat) == {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hello \N{SNOWMAN}"}],
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"m"}', "prompt"),
        (b'{"prompt":["a"]}', "prompt"),
        (b'{"prompt":null}', "prompt"),
        (b'{"prompt":"a","stream":true}', "stream"),
        (b'{"prompt":"a","messages":[]}', "messages"),
    ],
)
def test_what_the_route_does_not_do_is_refused_with_the_member(body: bytes, param: str) -> None:
    """Nothing is dropped in silence."""
    refused = to_chat(body)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


def test_a_null_stream_is_no_stream() -> None:
    """Generated clients send every member."""
    assert isinstance(to_chat(b'{"prompt":"a","stream":null}'), bytes)


def test_a_chat_answer_becomes_a_native_one() -> None:
    """The text, why it ended and what it used."""
    body = (
        b'{"id":"c","model":"m","choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
    )

    answer = generate.from_chat(body, "req_1")

    assert answer is not None
    assert json.loads(answer) == {
        "success": True,
        "id": "req_1",
        "model": "m",
        "text": "Hi",
        "finish_reason": "stop",
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    }


def test_an_answer_without_text_or_usage_is_still_an_answer() -> None:
    """A model may call a tool instead of speaking."""
    answer = generate.from_chat(b'{"choices":[{"message":{"content":null}}]}', "req_1")

    assert answer is not None
    assert json.loads(answer) == {
        "success": True,
        "id": "req_1",
        "model": "",
        "text": "",
        "finish_reason": None,
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":"x"}',
        b'{"model":"\xff","choices":[{}]}',
        b'{"a":' * 9999,
    ],
)
def test_an_answer_that_is_no_chat_is_told_apart(body: bytes) -> None:
    """The caller gets a 502, not half an answer."""
    assert generate.from_chat(body, "req_1") is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            b'{"error":{"message":"Slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}',
            "RATE_LIMIT_EXCEEDED",
            "Slow down",
        ),
        (
            b'{"error":{"message":"Bad","type":"invalid_request_error","code":null}}',
            "INVALID_REQUEST_ERROR",
            "Bad",
        ),
        (b'{"error":{"message":"Bad","code":1234}}', "1234", "Bad"),
        (b'{"error":{"message":"Bad"}}', "UPSTREAM_ERROR", "Bad"),
        (b"<html>", "UPSTREAM_MALFORMED", "The model's provider answered with an error"),
        (b'{"error":"Bad"}', "UPSTREAM_MALFORMED", "The model's provider answered with an error"),
        (
            b'{"error":{"message":"\xff"}}',
            "UPSTREAM_MALFORMED",
            "The model's provider answered with an error",
        ),
        (b'{"error":' * 9999, "UPSTREAM_MALFORMED", "The model's provider answered with an error"),
    ],
)
def test_an_upstreams_error_keeps_its_message(body: bytes, code: str, message: str) -> None:
    """It says what the caller can do about it."""
    assert json.loads(generate.from_error(body)) == {
        "success": False,
        "error": {"code": code, "message": message, "details": {}},
    }
