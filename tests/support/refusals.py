"""The rows of the error contract, each as a refusal with the facts that it carries."""

from keyturn.dialects.errors import Dialect
from keyturn.dialects.help import Help
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import answers

KEY_ID = "key_0123456789ABCDEFGHij"
REQUEST_ID = "req_0123456789ABCDEFGHij"
SUPPORT = "help@example.com"
_KEY = {"key_id": KEY_ID}

ROWS: dict[str, Refused] = {
    "missing": Refused(Reason.MISSING_API_KEY),
    "malformed": Refused(Reason.MALFORMED_API_KEY, details={**_KEY, "hint": "looks like an OpenAI key"}),
    "unknown": Refused(Reason.UNKNOWN_API_KEY, details=_KEY),
    "revoked": Refused(Reason.REVOKED_API_KEY, details={**_KEY, "reason": "revoked"}),
    "disabled": Refused(Reason.DISABLED_API_KEY, details=_KEY),
    "expired": Refused(Reason.EXPIRED_API_KEY, details={**_KEY, "expired_at": "2024-01-01T00:00:00Z"}),
    "rotated": Refused(Reason.ROTATED_API_KEY, details={**_KEY, "rotated_at": "2026-11-20T00:00:00Z"}),
    "two_credentials": Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": "authorization, query"}),
    "location": Refused(Reason.LOCATION_NOT_ALLOWED, details={"location": "query", "allowed": "header"}),
    "account_inactive": Refused(Reason.ACCOUNT_INACTIVE, details=_KEY),
    "ip": Refused(Reason.IP_NOT_ALLOWED, details={**_KEY, "client_ip": "192.0.2.1"}),
    "origin": Refused(Reason.ORIGIN_NOT_ALLOWED, details={**_KEY, "origin": "https://example.com"}),
    "validity_window": Refused(
        Reason.OUTSIDE_VALIDITY_WINDOW, details={**_KEY, "not_before": "2027-01-01T00:00:00Z"}
    ),
    "factor": Refused(Reason.FACTOR_REQUIRED, details={**_KEY, "factors": "signature"}),
    "signature": Refused(Reason.INVALID_SIGNATURE, details={**_KEY, "reason": "replayed"}),
    "permission": Refused(
        Reason.INSUFFICIENT_PERMISSIONS, details={**_KEY, "required": "write", "granted": "read"}
    ),
    "endpoint": Refused(Reason.ENDPOINT_NOT_ALLOWED, details={**_KEY, "endpoints": "/v1/embeddings"}),
    "model": Refused(Reason.MODEL_NOT_ALLOWED, param="model", details={**_KEY, "models": "gpt-4o-*"}),
    "rate": Refused(
        Reason.RATE_LIMIT_EXCEEDED,
        details={**_KEY, "policy": "rpm", "limit": "60", "window": "minute", "retry_after": "12"},
        retry_after_s=12,
    ),
    "quota": Refused(
        Reason.QUOTA_EXCEEDED,
        details={**_KEY, "policy": "month", "resets_at": "2026-12-01T00:00:00Z"},
        retry_after_s=864_000,
    ),
    "credits": Refused(Reason.INSUFFICIENT_CREDITS, details={**_KEY, "balance": "0.00", "needed": "0.02"}),
    "quarantined": Refused(Reason.KEY_QUARANTINED, details={**_KEY, "case_id": "evt_0123456789ABCDEFGHij"}),
    "auth_unavailable": Refused(Reason.AUTH_UNAVAILABLE),
    "idempotency_invalid": Refused(Reason.IDEMPOTENCY_KEY_INVALID),
    "idempotency_reused": Refused(Reason.IDEMPOTENCY_KEY_REUSED),
    "idempotency_in_flight": Refused(Reason.IDEMPOTENCY_IN_FLIGHT),
}
"""Name → refusal."""

RENDERINGS: dict[str, tuple[Dialect, bool]] = {
    **{dialect.value: (dialect, False) for dialect in Dialect},
    "problem": (Dialect.ENVELOPE, True),
}
"""Name → dialect, and whether the client accepts a problem document."""


def answer(refused: Refused, rendering: str, support: str = "") -> bytes:
    """Return the whole answer as a worker writes it."""
    dialect, problem = RENDERINGS[rendering]
    return answers.error(
        refused,
        dialect=dialect,
        request_id=REQUEST_ID,
        keep_alive=True,
        problem=problem,
        support=Help(support),
    )
