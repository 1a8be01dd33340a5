"""Errors in Keyturn's own envelope."""

import json
from pathlib import Path

import pytest

from keyturn.dialects import envelope
from keyturn.domain.refusals import Reason, Refused

GOLDEN = json.loads((Path(__file__).parents[2] / "data/golden/errors_envelope.json").read_text())

WORD_FOR_WORD = [
    (
        Refused(Reason.UNKNOWN_API_KEY, details={"key_id": "key_1234567890"}),
        (
            b'{"success":false,"error":{"code":"INVALID_API_KEY","message":"The provided API key is invalid",'
            b'"details":{"key_id":"key_1234567890"}}}'
        ),
    ),
    (
        Refused(Reason.EXPIRED_API_KEY, details={"expired_at": "2024-01-01T00:00:00Z"}),
        (
            b'{"success":false,"error":{"code":"EXPIRED_API_KEY","message":"The API key has expired",'
            b'"details":{"expired_at":"2024-01-01T00:00:00Z"}}}'
        ),
    ),
    (
        Refused(Reason.MISSING_API_KEY),
        (
            b'{"success":false,"error":{"code":"MISSING_API_KEY","message":"API key is required",'
            b'"details":{"header":"Authorization"}}}'
        ),
    ),
]


def test_every_reason_has_a_code() -> None:
    """A reason without one could not be answered on a native route."""
    assert set(envelope.CODES) == set(Reason)
    assert all(code == code.upper() and code.replace("_", "").isalpha() for code in envelope.CODES.values())


@pytest.mark.parametrize("reason", list(Reason))
def test_the_body_of_every_reason_stays_as_it_is(reason: Reason) -> None:
    """Clients are written against these bodies."""
    assert json.loads(envelope.render(Refused(reason))) == GOLDEN[reason]


def test_no_golden_body_has_lost_its_reason() -> None:
    """A renamed reason is a change that clients see."""
    assert set(GOLDEN) == set(Reason)


@pytest.mark.parametrize(("refused", "body"), WORD_FOR_WORD)
def test_the_documented_bodies_are_word_for_word(refused: Refused, body: bytes) -> None:
    """They were promised before there was a gateway."""
    assert envelope.render(refused) == body


def test_a_refusal_shows_its_message_and_its_facts() -> None:
    """A caller finds the member at fault in `details.param`."""
    refused = Refused(Reason.INVALID_MEMBER, "'n' must be 1", "n", {"limit": "1"})

    error = json.loads(envelope.render(refused))["error"]

    assert error == {
        "code": "INVALID_MEMBER",
        "message": "'n' must be 1",
        "details": {"limit": "1", "param": "n"},
    }


def test_rendering_leaves_the_refusal_as_it_was() -> None:
    """A refusal's details are shared by all that have none."""
    envelope.render(Refused(Reason.MISSING_API_KEY, param="x"))

    assert Refused(Reason.MISSING_API_KEY).details == {}
