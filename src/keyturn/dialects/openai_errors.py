"""Errors as OpenAI clients expect them.

Source: ``components.schemas.Error`` of the OpenAI API description: message, type, param and code are required.
"""

import msgspec

from keyturn.dialects.canonical import ProviderError
from keyturn.domain.refusals import Reason, Refused

INVALID, PERMISSION, API = "invalid_request_error", "permission_error", "api_error"
RATE, QUOTA = "rate_limit_error", "insufficient_quota"
SERVER = "server_error"
_BY_STATUS = {403: PERMISSION, 429: RATE}

KINDS: dict[Reason, tuple[str, str]] = {
    Reason.MISSING_API_KEY: (INVALID, "invalid_api_key"),
    Reason.MALFORMED_API_KEY: (INVALID, "invalid_api_key"),
    Reason.UNKNOWN_API_KEY: (INVALID, "invalid_api_key"),
    Reason.REVOKED_API_KEY: (INVALID, "invalid_api_key"),
    Reason.DISABLED_API_KEY: (INVALID, "invalid_api_key"),
    Reason.EXPIRED_API_KEY: (INVALID, "expired_api_key"),
    Reason.ROTATED_API_KEY: (INVALID, "rotated_api_key"),
    Reason.ACCOUNT_INACTIVE: (PERMISSION, "account_inactive"),
    Reason.KEY_QUARANTINED: (PERMISSION, "key_quarantined"),
    Reason.IP_NOT_ALLOWED: (PERMISSION, "ip_not_allowed"),
    Reason.ORIGIN_NOT_ALLOWED: (PERMISSION, "origin_not_allowed"),
    Reason.OUTSIDE_VALIDITY_WINDOW: (PERMISSION, "outside_validity_window"),
    Reason.FACTOR_REQUIRED: (INVALID, "additional_factor_required"),
    Reason.INVALID_SIGNATURE: (INVALID, "invalid_signature"),
    Reason.ENDPOINT_NOT_ALLOWED: (PERMISSION, "endpoint_not_allowed"),
    Reason.MODEL_NOT_ALLOWED: (PERMISSION, "model_not_allowed"),
    Reason.TOO_MANY_FAILURES: (RATE, "too_many_failures"),
    Reason.RATE_LIMIT_EXCEEDED: (RATE, "rate_limit_exceeded"),
    Reason.QUOTA_EXCEEDED: (QUOTA, "insufficient_quota"),
    Reason.INSUFFICIENT_CREDITS: (QUOTA, "insufficient_quota"),
    Reason.VERSION_MISMATCH: (INVALID, "version_mismatch"),
    Reason.IDEMPOTENCY_KEY_INVALID: (INVALID, "idempotency_key_invalid"),
    Reason.IDEMPOTENCY_KEY_REUSED: (INVALID, "idempotency_key_reused"),
    Reason.IDEMPOTENCY_IN_FLIGHT: (INVALID, "idempotency_in_flight"),
    Reason.CONFIRMATION_REQUIRED: (PERMISSION, "confirmation_required"),
    Reason.SIGN_IN_REQUIRED: (INVALID, "sign_in_required"),
    Reason.CSRF_MISMATCH: (PERMISSION, "csrf_mismatch"),
    Reason.MULTIPLE_CREDENTIALS: (INVALID, "multiple_credentials"),
    Reason.LOCATION_NOT_ALLOWED: (INVALID, "api_key_location_not_allowed"),
    Reason.INSUFFICIENT_PERMISSIONS: (PERMISSION, "insufficient_permissions"),
    Reason.MODEL_NOT_FOUND: (INVALID, "model_not_found"),
    Reason.MODEL_UNPRICED: (PERMISSION, "model_unpriced"),
    Reason.PATH_NOT_FOUND: (INVALID, "path_not_found"),
    Reason.RESOURCE_NOT_FOUND: (INVALID, "resource_not_found"),
    Reason.METHOD_NOT_ALLOWED: (INVALID, "method_not_allowed"),
    Reason.CONFLICT: (INVALID, "conflict"),
    Reason.INVALID_JSON: (INVALID, "invalid_json"),
    Reason.INVALID_MEMBER: (INVALID, "invalid_value"),
    Reason.DUPLICATE_MEMBER: (INVALID, "duplicate_member"),
    Reason.MALFORMED_REQUEST: (INVALID, "malformed_request"),
    Reason.HEAD_TOO_LARGE: (INVALID, "head_too_large"),
    Reason.BODY_TOO_LARGE: (INVALID, "body_too_large"),
    Reason.REQUEST_TIMEOUT: (INVALID, "request_timeout"),
    Reason.EXPECTATION_FAILED: (INVALID, "expectation_failed"),
    Reason.UPGRADE_REQUIRED: (INVALID, "upgrade_required"),
    Reason.LOOPBACK_ONLY: (PERMISSION, "loopback_only"),
    Reason.AUTH_UNAVAILABLE: (API, "auth_unavailable"),
    Reason.CONTROL_UNAVAILABLE: (API, "control_unavailable"),
    Reason.JOURNAL_UNAVAILABLE: (API, "journal_unavailable"),
    Reason.LIMITS_UNAVAILABLE: (API, "limits_unavailable"),
    Reason.NOT_CONFIRMED: (API, "not_confirmed"),
    Reason.UPSTREAM_CREDENTIAL: (API, "upstream_credential"),
    Reason.UPSTREAM_UNREACHABLE: (API, "upstream_unreachable"),
    Reason.UPSTREAM_TIMEOUT: (API, "upstream_timeout"),
    Reason.UPSTREAM_MALFORMED: (API, "upstream_malformed"),
    Reason.UPSTREAM_CLOSED: (API, "upstream_closed"),
    Reason.UPSTREAM_BUSY: (API, "upstream_busy"),
    Reason.INTERNAL: (API, "internal_error"),
}

INVALID_CREDENTIALS = "Invalid authentication credentials"
"""The text that the documented 401 carries whenever no known key was presented."""

_UNKNOWN_CALLER = frozenset({Reason.MISSING_API_KEY, Reason.MALFORMED_API_KEY, Reason.UNKNOWN_API_KEY})


def render(refused: Refused) -> bytes:
    """Return the body of an error answer."""
    kind, code = KINDS[refused.reason]
    message = INVALID_CREDENTIALS if refused.reason in _UNKNOWN_CALLER else refused.text
    return msgspec.json.encode(
        {"error": {"message": message, "type": kind, "code": code, "param": refused.param}}
    )


def write(status: int, error: ProviderError, request_id: str) -> bytes:
    """Return the body of a provider's error; the request's id stands in a header in this dialect."""
    del request_id
    kind = QUOTA if error.code == QUOTA else _BY_STATUS.get(status, INVALID if status < 500 else SERVER)
    return msgspec.json.encode(
        {"error": {"message": error.message, "type": kind, "code": error.code or None, "param": None}}
    )


def render_event(refused: Refused) -> bytes:
    """Return the event that ends a stream which has already begun."""
    return b"data: " + render(refused) + b"\n\n"
