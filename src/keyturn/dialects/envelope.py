"""Keyturn's own answers: ``{"success": …}``, spoken by the native routes and the management API."""

import msgspec

from keyturn.dialects.help import NO_HELP, Help
from keyturn.dialects.problem import PAGE
from keyturn.domain.refusals import Reason, Refused

CODES: dict[Reason, str] = {
    **{reason: reason.value.upper() for reason in Reason},
    Reason.MALFORMED_API_KEY: "INVALID_API_KEY",
    Reason.UNKNOWN_API_KEY: "INVALID_API_KEY",
    Reason.REVOKED_API_KEY: "INVALID_API_KEY",
    Reason.MULTIPLE_CREDENTIALS: "MULTIPLE_API_KEYS",
    Reason.LOCATION_NOT_ALLOWED: "KEY_LOCATION_NOT_ALLOWED",
}

FIXED: dict[Reason, dict[str, str]] = {
    Reason.MISSING_API_KEY: {"header": "Authorization"},
    Reason.ROTATED_API_KEY: {"docs": f"{PAGE}#{Reason.ROTATED_API_KEY}"},
}
"""Details that are the same every time."""

STATUSES: dict[Reason, int] = {Reason.INSUFFICIENT_CREDITS: 402}
"""Where the status is another than the rule's."""


def render(refused: Refused, support: Help = NO_HELP) -> bytes:
    """Return the body of an error answer, with what ``support`` has for it."""
    details = dict(refused.details)
    details.update(FIXED.get(refused.reason, {}))
    if refused.param is not None:
        details["param"] = refused.param
    details.update(support.members(refused))
    error = {"code": CODES[refused.reason], "message": refused.text, "details": details}
    return msgspec.json.encode({"success": False, "error": error})
