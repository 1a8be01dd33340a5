"""Errors in the OpenAI dialect."""

import json
from pathlib import Path

import pytest

from keyturn.dialects import openai_errors
from keyturn.domain.refusals import RULES, Reason, Refused
from openai_schema import problems

GOLDEN = json.loads((Path(__file__).parents[2] / "data/golden/errors_openai.json").read_text())

WORD_FOR_WORD = [
    (
        Reason.UNKNOWN_API_KEY,
        401,
        (
            b'{"error":{"message":"Invalid authentication credentials","type":"invalid_request_error",'
            b'"code":"invalid_api_key","param":null}}'
        ),
    ),
    (
        Reason.INSUFFICIENT_PERMISSIONS,
        403,
        (
            b'{"error":{"message":"You do not have access to this resource","type":"permission_error",'
            b'"code":"insufficient_permissions","param":null}}'
        ),
    ),
]


def test_every_reason_has_a_type_and_a_code() -> None:
    """A reason without them could not be answered on an OpenAI route."""
    assert set(openai_errors.KINDS) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_the_body_of_every_reason_stays_as_it_is(reason: Reason) -> None:
    """Clients are written against these bodies."""
    assert json.loads(openai_errors.render(Refused(reason))) == GOLDEN[reason]


def test_no_golden_body_has_lost_its_reason() -> None:
    """A renamed reason is a change that clients see."""
    assert set(GOLDEN) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_body_fits_openais_schema(reason: Reason) -> None:
    """Typed clients read it by that schema."""
    body = json.loads(openai_errors.render(Refused(reason, param="model")))

    assert problems(body, "ErrorResponse") == []


@pytest.mark.parametrize(("reason", "status", "body"), WORD_FOR_WORD)
def test_the_documented_bodies_are_word_for_word(reason: Reason, status: int, body: bytes) -> None:
    """They were promised before there was a gateway."""
    assert RULES[reason].status == status
    assert openai_errors.render(Refused(reason, details={"key_id": "key_1"})) == body


@pytest.mark.parametrize("reason", [Reason.MISSING_API_KEY, Reason.MALFORMED_API_KEY, Reason.UNKNOWN_API_KEY])
def test_a_caller_without_a_known_key_gets_the_one_documented_text(reason: Reason) -> None:
    """Guessing learns nothing from the difference."""
    body = json.loads(openai_errors.render(Refused(reason, "something else")))

    assert body["error"]["message"] == openai_errors.INVALID_CREDENTIALS
    assert body["error"]["code"] == "invalid_api_key"


def test_the_holder_of_a_key_is_told_what_became_of_it() -> None:
    """Whoever has the secret may know that it was revoked."""
    body = json.loads(openai_errors.render(Refused(Reason.REVOKED_API_KEY)))

    assert body["error"]["message"] == "This API key has been revoked"


def test_a_stream_ends_with_the_same_body_as_an_event() -> None:
    """Official SDKs raise what stands under `error`."""
    refused = Refused(Reason.UPSTREAM_CLOSED)

    assert openai_errors.render_event(refused) == b"data: " + openai_errors.render(refused) + b"\n\n"
