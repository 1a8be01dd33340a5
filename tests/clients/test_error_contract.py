"""The error contract, row by row: what clients are written against."""

import json
from pathlib import Path

import pytest

from keyturn.dialects.errors import Dialect
from keyturn.domain.refusals import Reason, Refused
from support.golden import FOLDER, files
from support.refusals import RENDERINGS, ROWS, SUPPORT, answer

GOLDEN = dict(files())

BEARER = 'Bearer realm="Keyturn"'
INVALID_TOKEN = BEARER + ', error="invalid_token"'

# Row → status (OpenAI's, Anthropic's, the envelope's), challenge, x-should-retry, retry-after.
CONTRACT: dict[str, tuple[tuple[int, int, int], str | None, str | None, str | None]] = {
    "missing": ((401, 401, 401), BEARER, "false", None),
    "malformed": ((401, 401, 401), INVALID_TOKEN + ', error_description="malformed"', "false", None),
    "unknown": ((401, 401, 401), INVALID_TOKEN, "false", None),
    "revoked": ((401, 401, 401), INVALID_TOKEN, "false", None),
    "disabled": ((401, 401, 401), INVALID_TOKEN, "false", None),
    "expired": ((401, 401, 401), INVALID_TOKEN + ', error_description="expired"', "false", None),
    "rotated": ((401, 401, 401), INVALID_TOKEN + ', error_description="rotated"', "false", None),
    "two_credentials": ((400, 400, 400), BEARER + ', error="invalid_request"', "false", None),
    "location": ((401, 401, 401), BEARER + ', error="invalid_request"', "false", None),
    "account_inactive": ((403, 403, 403), None, "false", None),
    "ip": ((403, 403, 403), None, "false", None),
    "origin": ((403, 403, 403), None, "false", None),
    "validity_window": ((403, 403, 403), None, "false", None),
    "factor": ((401, 401, 401), 'Signature realm="Keyturn"', "false", None),
    "signature": ((401, 401, 401), 'Signature realm="Keyturn", error="invalid_token"', "false", None),
    "permission": ((403, 403, 403), BEARER + ', error="insufficient_scope", scope="write"', "false", None),
    "endpoint": ((403, 403, 403), None, "false", None),
    "model": ((403, 403, 403), None, "false", None),
    "rate": ((429, 429, 429), None, None, "12"),
    "quota": ((429, 429, 429), None, "false", "864000"),
    "credits": ((429, 402, 402), None, "false", None),
    "quarantined": ((403, 403, 403), None, "false", None),
    "auth_unavailable": ((503, 503, 503), None, "true", "1"),
    "idempotency_invalid": ((400, 400, 400), None, "false", None),
    "idempotency_reused": ((422, 422, 422), None, "false", None),
    "idempotency_in_flight": ((409, 409, 409), None, "true", "1"),
}


def taken_apart(whole: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer."""
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize("path", list(GOLDEN), ids=lambda path: str(path.name))
def test_every_answer_stays_as_it_is(path: Path) -> None:
    """After a change that is meant, ``python -m support.golden`` in ``tests`` writes them again."""
    assert path.read_text() == GOLDEN[path]


def test_no_answer_has_lost_its_row() -> None:
    """A file that nothing is compared with promises what nobody keeps."""
    assert set((FOLDER / "errors").iterdir()) | set(FOLDER.glob("*.json")) == set(GOLDEN)
    assert set(CONTRACT) == set(ROWS)


@pytest.mark.parametrize("row", list(CONTRACT))
def test_status_challenge_and_retry_are_the_contracts(row: str) -> None:
    """They decide what a client does next: authenticate, wait, give up."""
    statuses, challenge, should_retry, retry_after = CONTRACT[row]

    answers = [taken_apart(answer(ROWS[row], name)) for name in ("openai", "anthropic", "envelope")]

    assert tuple(status for status, _, _ in answers) == statuses
    for _, headers, _ in answers:
        assert headers.get("www-authenticate") == challenge
        assert headers.get("x-should-retry") == should_retry
        assert headers.get("retry-after") == retry_after


@pytest.mark.parametrize("rendering", list(RENDERINGS))
@pytest.mark.parametrize("row", list(ROWS))
def test_every_body_has_error_message(row: str, rendering: str) -> None:
    """Clients of either published error format read that member, whatever else they know."""
    _, _, body = taken_apart(answer(ROWS[row], rendering))

    assert json.loads(body)["error"]["message"]


@pytest.mark.parametrize("rendering", list(RENDERINGS))
@pytest.mark.parametrize("row", list(ROWS))
def test_support_is_named_where_the_dialect_has_a_place_for_it(row: str, rendering: str) -> None:
    """The published bodies of the OpenAI dialect are exact: nothing is ever added to them."""
    without, named = (taken_apart(answer(ROWS[row], rendering, support))[2] for support in ("", SUPPORT))

    if rendering in {"envelope", "problem"}:
        assert json.loads(named)["error"]["details"]["support"] == SUPPORT
    else:
        assert named == without
    assert json.loads(named).get("support") == (SUPPORT if rendering == "problem" else None)


def test_a_quota_without_a_known_reset_does_not_make_one_up() -> None:
    """A wrong time is worse than none."""
    _, headers, _ = taken_apart(answer(Refused(Reason.QUOTA_EXCEEDED), Dialect.OPENAI))

    assert "retry-after" not in headers
    assert headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("factors", "challenge"),
    [
        ("signature", 'Signature realm="Keyturn"'),
        ("dpop", 'DPoP realm="Keyturn"'),
        ("totp", 'Bearer realm="Keyturn"'),
    ],
)
def test_a_missing_factor_is_asked_for_by_its_own_scheme(factors: str, challenge: str) -> None:
    """A client that speaks DPoP looks for the word."""
    assert Refused(Reason.FACTOR_REQUIRED, details={"factors": factors}).challenge == challenge
