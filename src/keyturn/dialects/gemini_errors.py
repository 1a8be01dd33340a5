"""Errors as Google's clients expect them: a ``google.rpc.Status`` with its standard details.

Source: https://google.aip.dev/193; ``google/rpc/code.proto`` and ``error_details.proto``; for the reasons of keys
``google/api/error_reason.proto``.
"""

import msgspec

from keyturn.domain.refusals import RULES, Reason, Refused

DOMAIN = "keyturn"
"""Who names the reasons: an ``ErrorInfo`` is known by its reason and its domain together."""
_TYPES = "type.googleapis.com/google.rpc."

NAMES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    417: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    426: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP status → ``google.rpc.Code``."""

REASONS: dict[Reason, str] = {
    **{reason: reason.value.upper() for reason in Reason},
    Reason.MISSING_API_KEY: "CREDENTIALS_MISSING",
    Reason.MALFORMED_API_KEY: "API_KEY_INVALID",
    Reason.UNKNOWN_API_KEY: "API_KEY_INVALID",
    Reason.REVOKED_API_KEY: "API_KEY_INVALID",
    Reason.ACCOUNT_INACTIVE: "CONSUMER_SUSPENDED",
    Reason.IP_NOT_ALLOWED: "API_KEY_IP_ADDRESS_BLOCKED",
    Reason.ORIGIN_NOT_ALLOWED: "API_KEY_HTTP_REFERRER_BLOCKED",
    Reason.ENDPOINT_NOT_ALLOWED: "API_KEY_SERVICE_BLOCKED",
    Reason.QUOTA_EXCEEDED: "RESOURCE_QUOTA_EXCEEDED",
    Reason.INSUFFICIENT_CREDITS: "BILLING_DISABLED",
}

KINDS: dict[Reason, tuple[str, str]] = {
    **{reason: (NAMES[RULES[reason].status], REASONS[reason]) for reason in Reason},
    # A 401, but no fault of the key that the client sent.
    Reason.UPSTREAM_CREDENTIAL: ("UNAVAILABLE", "UPSTREAM_CREDENTIAL"),
}
"""Status name and reason."""


def render(refused: Refused) -> bytes:
    """Return the body of an error answer."""
    name, reason = KINDS[refused.reason]
    details: list[dict[str, object]] = [
        {"@type": _TYPES + "ErrorInfo", "reason": reason, "domain": DOMAIN, "metadata": refused.details}
    ]
    if refused.param is not None:
        violation = {"field": refused.param, "description": refused.text}
        details.append({"@type": _TYPES + "BadRequest", "fieldViolations": [violation]})
    if refused.wait_s is not None:
        details.append({"@type": _TYPES + "RetryInfo", "retryDelay": f"{refused.wait_s}s"})
    error = {"code": refused.rule.status, "message": refused.text, "status": name, "details": details}
    return msgspec.json.encode({"error": error})
