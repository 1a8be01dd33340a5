"""The order in which a request is checked. The first refusal wins."""

from keyturn.domain.refusals import Reason

CHECKS: tuple[tuple[str, frozenset[Reason]], ...] = (
    ("path", frozenset({Reason.PATH_NOT_FOUND, Reason.METHOD_NOT_ALLOWED})),
    (
        "credential found",
        frozenset({Reason.MISSING_API_KEY, Reason.MULTIPLE_CREDENTIALS, Reason.LOCATION_NOT_ALLOWED}),
    ),
    ("well formed", frozenset({Reason.MALFORMED_API_KEY})),
    ("known", frozenset({Reason.UNKNOWN_API_KEY, Reason.AUTH_UNAVAILABLE})),
    ("active", frozenset({Reason.REVOKED_API_KEY, Reason.DISABLED_API_KEY})),
    ("not expired", frozenset({Reason.EXPIRED_API_KEY})),
    ("permission", frozenset({Reason.INSUFFICIENT_PERMISSIONS})),
    ("request body", frozenset({Reason.INVALID_JSON, Reason.INVALID_MEMBER, Reason.DUPLICATE_MEMBER})),
    ("model", frozenset({Reason.MODEL_NOT_FOUND})),
)
"""Each check's name and the reasons it refuses for."""


def results(reason: str) -> list[tuple[str, bool | None]]:
    """Return each check with what came of it: passed, failed, or ``None`` for never reached.

    Args:
        reason: Why the request was refused, or empty when it was admitted.
    """
    found: list[tuple[str, bool | None]] = []
    failed = False
    for name, reasons in CHECKS:
        if failed:
            found.append((name, None))
            continue
        failed = reason in {str(one) for one in reasons}
        found.append((name, not failed))
    return found
