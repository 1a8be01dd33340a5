"""Keyturn's own answers: ``{"success": …}``, spoken by the native routes and the management API."""

import msgspec

from keyturn.domain.refusals import Reason, Refused

CODES: dict[Reason, str] = {
    **{reason: reason.value.upper() for reason in Reason},
    Reason.MALFORMED_API_KEY: "INVALID_API_KEY",
    Reason.UNKNOWN_API_KEY: "INVALID_API_KEY",
    Reason.REVOKED_API_KEY: "INVALID_API_KEY",
    Reason.MULTIPLE_CREDENTIALS: "MULTIPLE_API_KEYS",
    Reason.LOCATION_NOT_ALLOWED: "KEY_LOCATION_NOT_ALLOWED",
}


def render(refused: Refused) -> bytes:
    """Return the body of an error answer."""
    details = dict(refused.details)
    if refused.reason is Reason.MISSING_API_KEY:
        details["header"] = "Authorization"
    if refused.param is not None:
        details["param"] = refused.param
    error = {"code": CODES[refused.reason], "message": refused.text, "details": details}
    return msgspec.json.encode({"success": False, "error": error})
