"""Errors and usage of OpenAI's responses."""

import msgspec
import pytest

from keyturn.dialects import openai_chat, openai_responses
from keyturn.dialects.canonical import ProviderError
from keyturn.domain.usage import Usage
from openai_schema import problems

BODIES = [
    (
        b'{"error":{"message":"Too long","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}',
        ProviderError("Too long", "context_length_exceeded"),
    ),
    (
        b'{"error":{"message":"Busy","type":"server_error","code":null}}',
        ProviderError("Busy", "server_error"),
    ),
    (b'{"error":{"message":"Busy","code":503}}', ProviderError("Busy", "503")),
    (b'{"error":"no such model"}', ProviderError("no such model")),
    (b'{"message":"Not found"}', ProviderError("Not found")),
    (
        b'{"object":"response","status":"failed","error":{"code":"server_error","message":"Oh"}}',
        ProviderError("Oh", "server_error"),
    ),
]


@pytest.mark.parametrize(("body", "error"), BODIES)
def test_an_error_is_read_in_every_form_that_hosts_give_it(body: bytes, error: ProviderError) -> None:
    """The client has to hear the provider's words."""
    assert openai_responses.read_error(body) == error


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"error":[1]}', b'{"error":{"message":1}}', b'{"a":"\xff"}']
)
def test_what_is_no_error_is_none(body: bytes) -> None:
    """Proxies answer with pages."""
    assert openai_responses.read_error(body) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "invalid_request_error"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
    ],
)
def test_an_error_is_written_as_clients_read_it(status: int, kind: str) -> None:
    """SDKs choose their exception by status, programs go by type and code."""
    body = openai_responses.write_error(status, ProviderError("No", "overloaded_error"), "req_1")

    assert problems(msgspec.json.decode(body), "ErrorResponse") == []
    assert msgspec.json.decode(body)["error"]["type"] == kind
    assert openai_responses.read_error(body) == ProviderError("No", "overloaded_error")


def test_an_error_is_the_same_in_both_of_openais_dialects() -> None:
    """Their clients are the same programs."""
    for status in (400, 401, 402, 403, 404, 429, 500, 503, 529):
        for code in ("", "insufficient_quota", "overloaded_error"):
            error = ProviderError("No", code)
            body = openai_responses.write_error(status, error, "req_1")
            assert body == openai_chat.write_error(status, error, "req_1")


def test_usage_is_read_from_what_passes_through() -> None:
    """It is counted there, too."""
    usage = b'"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":2,"total_tokens":11}'

    assert openai_responses.usage_of_answer(b"{%b}" % usage) == Usage(9, 2, 4)
    assert openai_responses.usage_of_tail(b'data: {"response":{%b}}\n\n' % usage) == Usage(9, 2, 4)
