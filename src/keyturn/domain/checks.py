"""The order in which a request is checked. The first refusal wins."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from keyturn.domain.refusals import Reason

CHECKS: tuple[tuple[str, frozenset[Reason]], ...] = (
    (
        "request",
        frozenset(
            {
                Reason.MALFORMED_REQUEST,
                Reason.HEAD_TOO_LARGE,
                Reason.BODY_TOO_LARGE,
                Reason.REQUEST_TIMEOUT,
                Reason.EXPECTATION_FAILED,
            }
        ),
    ),
    ("path", frozenset({Reason.PATH_NOT_FOUND, Reason.METHOD_NOT_ALLOWED, Reason.UPGRADE_REQUIRED})),
    (
        "credential found",
        frozenset({Reason.MISSING_API_KEY, Reason.MULTIPLE_CREDENTIALS, Reason.LOCATION_NOT_ALLOWED}),
    ),
    ("well formed", frozenset({Reason.MALFORMED_API_KEY})),
    ("known", frozenset({Reason.UNKNOWN_API_KEY, Reason.AUTH_UNAVAILABLE, Reason.TOO_MANY_FAILURES})),
    ("active", frozenset({Reason.REVOKED_API_KEY, Reason.DISABLED_API_KEY, Reason.KEY_QUARANTINED})),
    ("not expired", frozenset({Reason.EXPIRED_API_KEY, Reason.ROTATED_API_KEY})),
    ("account active", frozenset({Reason.ACCOUNT_INACTIVE})),
    ("address", frozenset({Reason.IP_NOT_ALLOWED})),
    ("origin", frozenset({Reason.ORIGIN_NOT_ALLOWED})),
    ("validity window", frozenset({Reason.OUTSIDE_VALIDITY_WINDOW})),
    ("permission", frozenset({Reason.INSUFFICIENT_PERMISSIONS})),
    ("endpoint", frozenset({Reason.ENDPOINT_NOT_ALLOWED})),
    ("request body", frozenset({Reason.INVALID_JSON, Reason.INVALID_MEMBER, Reason.DUPLICATE_MEMBER})),
    ("model", frozenset({Reason.MODEL_NOT_ALLOWED, Reason.MODEL_NOT_FOUND, Reason.MODEL_UNPRICED})),
    (
        "limits",
        frozenset(
            {
                Reason.RATE_LIMIT_EXCEEDED,
                Reason.QUOTA_EXCEEDED,
                Reason.INSUFFICIENT_CREDITS,
                Reason.LIMITS_UNAVAILABLE,
            }
        ),
    ),
)
"""Each check's name and the reasons it refuses for."""

_NOTHING_KNOWN: Mapping[str, str] = MappingProxyType({})


class Check(msgspec.Struct, frozen=True):
    """What came of one check."""

    name: str
    passed: bool | None
    """``None``: never reached, because an earlier one refused the request."""
    detail: str = ""
    """What it was decided by, where that is known."""


def results(reason: str, detail: str = "", passed: Mapping[str, str] = _NOTHING_KNOWN) -> list[Check]:
    """Return each check with what came of it, in order.

    Args:
        reason: Why the request was refused, or empty when it was admitted.
        detail: What the check that refused it was decided by.
        passed: Likewise of checks that were passed, by their names.
    """
    found: list[Check] = []
    failed = False
    for name, reasons in CHECKS:
        if failed:
            found.append(Check(name, None))
            continue
        failed = reason in {str(one) for one in reasons}
        found.append(Check(name, not failed, detail if failed else passed.get(name, "")))
    return found
