"""Problem details (RFC 9457)."""

import json

import pytest

from keyturn.dialects import errors, problem
from keyturn.dialects.errors import Dialect
from keyturn.dialects.help import Help
from keyturn.domain.refusals import Reason, Refused

S0 = {
    "message": "Invalid authentication credentials",
    "type": "invalid_request_error",
    "code": "invalid_api_key",
    "param": None,
}


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (b"application/problem+json", True),
        (b"APPLICATION/Problem+JSON", True),
        (b"application/json, application/problem+json", True),
        (b"application/problem+json;q=0.5, */*", True),
        (b"application/problem+json ; charset=utf-8 ; q=1", True),
        (b"application/problem+json;q=0", False),
        (b"application/problem+json;q=0.000", False),
        (b"application/x-problem+json", False),
        (b"application/json", False),
        (b"*/*", False),
        (b"", False),
    ],
)
def test_only_who_names_the_media_type_gets_it(accept: bytes, *, wanted: bool) -> None:
    """``*/*`` is what everybody sends, and everybody else expects the dialect's own body."""
    assert problem.wanted(accept) is wanted


def test_a_problem_says_what_why_where_and_whom_to_ask() -> None:
    """The members of RFC 9457 3.1, and our own."""
    refused = Refused(Reason.EXPIRED_API_KEY, "The API key expired on Monday", details={"key_id": "key_1"})

    status, media_type, body = errors.render(
        Dialect.ENVELOPE, refused, "req_1", problem=True, support=Help("help@example.com")
    )

    assert (status, media_type) == (401, "application/problem+json")
    assert json.loads(body) == {
        "type": "/docs/errors#expired_api_key",
        "title": "The API key has expired",
        "status": 401,
        "detail": "The API key expired on Monday",
        "instance": "/api/v1/requests/req_1",
        "support": "help@example.com",
        "error": {
            "code": "EXPIRED_API_KEY",
            "message": "The API key expired on Monday",
            "details": {"key_id": "key_1", "support": "help@example.com"},
        },
    }


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_problem_can_be_read_by_the_dialects_own_clients(reason: Reason, dialect: Dialect) -> None:
    """They look for ``error`` and find in it what they would find without."""
    plain = json.loads(errors.render(dialect, Refused(reason), "req_1")[2])

    status, _, body = errors.render(dialect, Refused(reason), "req_1", problem=True)

    assert json.loads(body)["error"] == plain["error"]
    assert json.loads(body)["status"] == status


def test_the_published_error_stands_in_the_problem_word_for_word() -> None:
    """What S0 shows, and the ``param`` of OpenAI's schema."""
    body = errors.render(Dialect.OPENAI, Refused(Reason.MISSING_API_KEY), "req_1", problem=True)[2]

    assert json.loads(body)["error"] == S0


def test_without_a_request_id_there_is_no_instance() -> None:
    """An address that names nothing would be worse."""
    refused = Refused(Reason.INTERNAL)

    assert "instance" not in json.loads(problem.render(refused, 500, "", {"message": "x"}))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_problem_has_the_hint_in_every_dialect(dialect: Dialect) -> None:
    """The published OpenAI body has no place for it, and it is what a troubled caller needs."""
    refused = Refused(Reason.MALFORMED_API_KEY, details={"hint": "missing prefix sk-"})

    _, _, body = errors.render(dialect, refused, "req_1", problem=True)

    assert json.loads(body)["hint"] == "missing prefix sk-"
