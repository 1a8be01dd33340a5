"""Errors in Google's dialect."""

import json

import pytest

from keyturn.dialects import gemini_errors
from keyturn.domain.refusals import RULES, Reason, Refused

# google/rpc/code.proto
CODES = {
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
}


def test_every_reason_has_a_status_of_google_rpc() -> None:
    """And a reason in the form that ``ErrorInfo`` asks for."""
    assert set(gemini_errors.KINDS) == set(Reason)
    for name, reason in gemini_errors.KINDS.values():
        assert name in CODES
        assert reason == reason.upper()
        assert reason.replace("_", "").isalpha()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.UNKNOWN_API_KEY, (401, "UNAUTHENTICATED", "API_KEY_INVALID")),
        (Reason.INSUFFICIENT_PERMISSIONS, (403, "PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS")),
        (Reason.IP_NOT_ALLOWED, (403, "PERMISSION_DENIED", "API_KEY_IP_ADDRESS_BLOCKED")),
        (Reason.RATE_LIMIT_EXCEEDED, (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")),
        (Reason.MODEL_NOT_FOUND, (404, "NOT_FOUND", "MODEL_NOT_FOUND")),
        (Reason.AUTH_UNAVAILABLE, (503, "UNAVAILABLE", "AUTH_UNAVAILABLE")),
    ],
)
def test_code_status_and_reason_are_googles_where_google_has_one(
    reason: Reason, expected: tuple[int, str, str]
) -> None:
    """Clients of Gemini decide by them."""
    error = json.loads(gemini_errors.render(Refused(reason)))["error"]

    assert (error["code"], error["status"], error["details"][0]["reason"]) == expected


def test_a_body_carries_the_standard_details() -> None:
    """What it is about, which member is at fault, and when to come back."""
    refused = Refused(Reason.RATE_LIMIT_EXCEEDED, "Slower", "model", {"policy": "rpm"}, retry_after_s=5)

    error = json.loads(gemini_errors.render(refused))["error"]

    assert error == {
        "code": 429,
        "message": "Slower",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "keyturn",
                "metadata": {"policy": "rpm"},
            },
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "model", "description": "Slower"}],
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"},
        ],
    }


def test_there_is_a_name_for_every_status_in_use() -> None:
    """And for none that is not."""
    assert set(gemini_errors.NAMES) == {rule.status for rule in RULES.values()}
