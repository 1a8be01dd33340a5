"""Answers that Keyturn gives itself."""

import json
from email.parser import BytesHeaderParser

import pytest

from keyturn.dialects import errors
from keyturn.dialects.errors import Dialect
from keyturn.domain.refusals import RULES, Reason, Refused
from keyturn.gateway import answers


def read(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Take an answer apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    headers = {name.lower(): value for name, value in BytesHeaderParser().parsebytes(fields).items()}
    return int(line.split(b" ")[1]), headers, body


def error(refused: Refused, **changes: object) -> tuple[int, dict[str, str], bytes]:
    """Render an error and take it apart."""
    settings: dict[str, object] = {"dialect": Dialect.OPENAI, "keep_alive": True, **changes}
    return read(answers.error(refused, request_id="req_1", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("problem", [False, True])
@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_refusal_is_a_whole_answer(reason: Reason, dialect: Dialect, *, problem: bool) -> None:
    """With status, length, type and request id, in every dialect."""
    status, headers, body = error(Refused(reason), dialect=dialect, problem=problem)

    assert status == errors.status_of(dialect, Refused(reason))
    assert headers["content-type"] == f"application/{'problem+' if problem else ''}json"
    assert int(headers["content-length"]) == len(body)
    assert headers["x-request-id"] == "req_1"
    assert json.loads(body)["error"]["message"]
    assert "connection" not in headers


@pytest.mark.parametrize("reason", list(Reason))
def test_the_headers_say_whether_to_come_back(reason: Reason) -> None:
    """Both SDKs retry what they are not told not to."""
    rule = RULES[reason]

    _, headers, _ = error(Refused(reason))

    assert (headers.get("x-should-retry") == "false") is rule.hopeless
    if rule.retry_after_s is None:
        assert "retry-after" not in headers
    else:
        assert headers["retry-after"] == str(rule.retry_after_s)
        assert headers["retry-after-ms"] == str(rule.retry_after_s * 1000)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_challenge_says_how_to_authenticate(reason: Reason) -> None:
    """Wherever another credential would help."""
    _, headers, _ = error(Refused(reason))

    assert headers.get("www-authenticate") == Refused(reason).challenge


def test_a_405_says_what_is_allowed() -> None:
    """RFC 9110 15.5.6."""
    _, headers, _ = error(Refused(Reason.METHOD_NOT_ALLOWED, allow="GET, HEAD"))

    assert headers["allow"] == "GET, HEAD"


def test_a_connection_that_ends_is_announced() -> None:
    """Otherwise the next request is lost."""
    assert error(Refused(Reason.INVALID_JSON), keep_alive=False)[1]["connection"] == "close"


def test_an_answer_to_a_url_with_a_key_is_not_kept_anywhere() -> None:
    """A cache or a referrer would spread the key."""
    _, headers, _ = error(Refused(Reason.UNKNOWN_API_KEY), extra=answers.NO_STORE)

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("problem", [False, True])
def test_an_upstreams_own_status_can_be_kept(*, problem: bool) -> None:
    """A provider's 403 stays a 403, also where the body repeats the status."""
    status, _, body = error(Refused(Reason.UPSTREAM_CREDENTIAL), status=403, problem=problem)

    assert status == 403
    assert json.loads(body).get("status", 403) == 403


def test_a_quota_says_when_it_is_reset_and_that_trying_before_is_hopeless() -> None:
    """The OpenAI SDK looks at the one first, Anthropic's at the other."""
    _, headers, _ = error(Refused(Reason.QUOTA_EXCEEDED, retry_after_s=86_400))

    assert (headers["x-should-retry"], headers["retry-after"]) == ("false", "86400")


def test_every_status_has_a_line_of_our_own() -> None:
    """An upstream's phrase could hold anything."""
    assert answers.STATUS_LINES[200] == b"HTTP/1.1 200 OK\r\n"
    assert answers.STATUS_LINES[299] == b"HTTP/1.1 299 Unknown\r\n"
    assert set(answers.STATUS_LINES) == set(range(100, 600))


def test_an_empty_answer_has_no_body_and_no_length() -> None:
    """RFC 9110 8.6: none with 204."""
    answer = answers.empty(204, headers=b"allow: GET\r\n", keep_alive=False)

    assert answer == b"HTTP/1.1 204 No Content\r\nallow: GET\r\nconnection: close\r\n\r\n"
    assert b"connection" not in answers.empty(204, headers=b"", keep_alive=True)


def test_an_answer_to_head_is_the_head_of_the_answer_to_get() -> None:
    """With the length of the body that is not there."""
    answer = answers.document(200, b'{"a":"\\r\\n\\r\\n"}', keep_alive=True)

    status, headers, body = read(answers.without_body(answer))

    assert (status, body) == (200, b"")
    assert headers["content-length"] == "16"
