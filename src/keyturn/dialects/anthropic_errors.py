"""Errors as Anthropic's clients expect them.

The type is broad; which refusal it is stands in ``details.error_code``, where the official SDK looks for it.

Source: https://docs.anthropic.com/en/api/errors, and ``_exceptions.py`` of the official SDK, which goes by status.
"""

import msgspec

from keyturn.domain.refusals import RULES, Reason, Refused

INVALID, AUTHENTICATION, BILLING = "invalid_request_error", "authentication_error", "billing_error"
PERMISSION, NOT_FOUND, TOO_LARGE = "permission_error", "not_found_error", "request_too_large"
RATE, CONFLICT = "rate_limit_error", "conflict_error"
API, OVERLOADED, TIMEOUT = "api_error", "overloaded_error", "timeout_error"

_BY_STATUS = {
    401: AUTHENTICATION,
    402: BILLING,
    403: PERMISSION,
    404: NOT_FOUND,
    409: CONFLICT,
    413: TOO_LARGE,
    429: RATE,
    500: API,
    502: API,
    503: OVERLOADED,
    504: TIMEOUT,
    529: OVERLOADED,
}

STATUSES: dict[Reason, int] = {Reason.INSUFFICIENT_CREDITS: 402}
"""Where the status is another than the rule's."""

TYPES: dict[Reason, str] = {
    **{reason: _BY_STATUS.get(STATUSES.get(reason, RULES[reason].status), INVALID) for reason in Reason},
    # A 401, but no fault of the key that the client sent.
    Reason.UPSTREAM_CREDENTIAL: API,
}


def type_of(status: int) -> str:
    """Return the type that goes with a status."""
    return _BY_STATUS.get(status, INVALID if status < 500 else API)


def render(refused: Refused, request_id: str) -> bytes:
    """Return the body of an error answer."""
    error = {
        "type": TYPES[refused.reason],
        "message": refused.text,
        "details": {"error_code": refused.reason.value},
    }
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
