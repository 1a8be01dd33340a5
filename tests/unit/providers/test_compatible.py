"""Which headers go to a provider, and which come back."""

import pytest

from keyturn.providers.compatible import FORWARDED, WITHHELD, is_document
from keyturn.schemes.headers import KEY_HEADERS


@pytest.mark.parametrize(
    "name",
    [
        b"authorization",
        *KEY_HEADERS,
        b"cookie",
        b"host",
        b"x-forwarded-for",
        b"forwarded",
        b"origin",
        b"referer",
    ],
)
def test_nothing_that_names_the_caller_reaches_the_provider(name: bytes) -> None:
    """The provider knows the operator, not the operator's users."""
    assert name not in FORWARDED


@pytest.mark.parametrize(
    "name", [b"connection", b"transfer-encoding", b"content-length", b"expect", b"accept-encoding"]
)
def test_framing_is_written_by_the_gateway(name: bytes) -> None:
    """A client's framing behind another connection is request smuggling; its coding hides the usage."""
    assert name not in FORWARDED


@pytest.mark.parametrize(
    "name", [b"openai-organization", b"openai-project", b"set-cookie", b"www-authenticate", b"x-request-id"]
)
def test_nothing_that_names_the_operator_reaches_the_client(name: bytes) -> None:
    """Nor a cookie of the provider's, which would be set for our origin."""
    assert name in WITHHELD


@pytest.mark.parametrize(
    "name", [b"retry-after", b"content-type", b"x-should-retry", b"openai-processing-ms"]
)
def test_what_tells_the_client_what_to_do_comes_back(name: bytes) -> None:
    """A 429 without its `retry-after` is retried too early."""
    assert name not in WITHHELD


def test_names_are_in_lower_case() -> None:
    """They are compared with lower-case names."""
    assert all(name == name.lower() for name in FORWARDED | WITHHELD)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"content-type", b": ", b"application/json; charset=utf-8", b"\r\n"], True),
        ([b"content-type", b": ", b"Application/JSON", b"\r\n"], True),
        ([b"content-type", b": ", b"application/x-ndjson", b"\r\n"], False),
        ([b"content-type", b": ", b"audio/mpeg", b"\r\n"], False),
        ([], False),
    ],
)
def test_only_json_is_worth_waiting_for(lines: list[bytes], *, expected: bool) -> None:
    """Anything else without a length may be a stream, and a stream must not be held back."""
    assert is_document(lines) == expected
