"""Every way Keyturn says no, and who must act on it.

A refusal is a value: the caller asked and the answer is no. The value of a reason is at once its
metric label, the word ``keyturn explain`` shows and the anchor of its entry in docs/reference/errors.md.
What each dialect makes of it stands in that dialect's table.
"""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a request was refused; a closed set."""

    MISSING_API_KEY = "missing_api_key"
    MALFORMED_API_KEY = "malformed_api_key"
    UNKNOWN_API_KEY = "unknown_api_key"
    REVOKED_API_KEY = "revoked_api_key"
    DISABLED_API_KEY = "disabled_api_key"
    EXPIRED_API_KEY = "expired_api_key"
    ROTATED_API_KEY = "rotated_api_key"
    MULTIPLE_CREDENTIALS = "multiple_credentials"
    LOCATION_NOT_ALLOWED = "api_key_location_not_allowed"
    ACCOUNT_INACTIVE = "account_inactive"
    KEY_QUARANTINED = "key_quarantined"
    IP_NOT_ALLOWED = "ip_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    OUTSIDE_VALIDITY_WINDOW = "outside_validity_window"
    FACTOR_REQUIRED = "additional_factor_required"
    INVALID_SIGNATURE = "invalid_signature"
    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    ENDPOINT_NOT_ALLOWED = "endpoint_not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    TOO_MANY_FAILURES = "too_many_failures"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    QUOTA_EXCEEDED = "quota_exceeded"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_UNPRICED = "model_unpriced"
    PATH_NOT_FOUND = "path_not_found"
    RESOURCE_NOT_FOUND = "resource_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    VERSION_MISMATCH = "version_mismatch"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_IN_FLIGHT = "idempotency_in_flight"
    CONFIRMATION_REQUIRED = "confirmation_required"
    SIGN_IN_REQUIRED = "sign_in_required"
    CSRF_MISMATCH = "csrf_mismatch"
    INVALID_JSON = "invalid_json"
    INVALID_MEMBER = "invalid_member"
    DUPLICATE_MEMBER = "duplicate_member"
    MALFORMED_REQUEST = "malformed_request"
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"
    REQUEST_TIMEOUT = "request_timeout"
    EXPECTATION_FAILED = "expectation_failed"
    UPGRADE_REQUIRED = "upgrade_required"
    LOOPBACK_ONLY = "loopback_only"
    # From here on it is not the caller's doing.
    AUTH_UNAVAILABLE = "auth_unavailable"
    CONTROL_UNAVAILABLE = "control_unavailable"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    LIMITS_UNAVAILABLE = "limits_unavailable"
    NOT_CONFIRMED = "not_confirmed"
    UPSTREAM_CREDENTIAL = "upstream_credential"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_MALFORMED = "upstream_malformed"
    UPSTREAM_CLOSED = "upstream_closed"
    UPSTREAM_BUSY = "upstream_busy"
    INTERNAL = "internal_error"


REALM = "Keyturn"


class Actor(StrEnum):
    """Who must act."""

    CLIENT = "client"
    OPERATOR = "operator"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class Rule(msgspec.Struct, frozen=True):
    """What holds for a reason in every dialect."""

    status: int
    actor: Actor
    message: str
    """The default text; a refusal may carry a more telling one."""
    challenge: str | None = None
    """What follows the realm in ``WWW-Authenticate``; empty when no credential was sent (RFC 6750 3.1)."""
    hopeless: bool = False
    """Say ``x-should-retry: false``: the same request can't succeed."""
    retry_after_s: int | None = None
    scheme: str = "Bearer"
    """The first word of ``WWW-Authenticate``."""

    @property
    def should_retry(self) -> bool | None:
        """What ``x-should-retry`` says; ``None`` leaves it to the client, which goes by status and ``retry-after``."""
        if self.hopeless:
            return False
        return True if self.status in {409, 503} and self.retry_after_s is not None else None


_TOKEN = 'error="invalid_token"'  # noqa: S105 -- a word of RFC 6750
_BAD_REQUEST = 'error="invalid_request"'
_C, _O, _U, _G = Actor.CLIENT, Actor.OPERATOR, Actor.UPSTREAM, Actor.GATEWAY

RULES: dict[Reason, Rule] = {
    Reason.MISSING_API_KEY: Rule(401, _C, "API key is required", "", True),
    Reason.MALFORMED_API_KEY: Rule(
        401, _C, "The provided API key is invalid", _TOKEN + ', error_description="malformed"', True
    ),
    Reason.UNKNOWN_API_KEY: Rule(401, _C, "The provided API key is invalid", _TOKEN, True),
    Reason.REVOKED_API_KEY: Rule(401, _C, "This API key has been revoked", _TOKEN, True),
    Reason.DISABLED_API_KEY: Rule(401, _C, "This API key is disabled", _TOKEN, True),
    Reason.EXPIRED_API_KEY: Rule(
        401, _C, "The API key has expired", _TOKEN + ', error_description="expired"', True
    ),
    Reason.ROTATED_API_KEY: Rule(
        401,
        _C,
        "This secret was replaced when its API key was rotated; use the new one",
        _TOKEN + ', error_description="rotated"',
        True,
    ),
    Reason.ACCOUNT_INACTIVE: Rule(
        403,
        _C,
        "The account that this API key belongs to is suspended; ask whoever runs this gateway",
        None,
        True,
    ),
    Reason.KEY_QUARANTINED: Rule(
        403, _C, "This API key is frozen until whoever runs this gateway has looked at it", None, True
    ),
    Reason.IP_NOT_ALLOWED: Rule(
        403, _C, "This API key may be used from the addresses on its list only", None, True
    ),
    Reason.ORIGIN_NOT_ALLOWED: Rule(
        403, _C, "This API key may be used from the origins on its list only", None, True
    ),
    Reason.OUTSIDE_VALIDITY_WINDOW: Rule(
        403, _C, "This API key is not valid yet; wait for its first day, or ask for another one", None, True
    ),
    Reason.FACTOR_REQUIRED: Rule(
        401,
        _C,
        "This API key is not enough by itself; send the second factor that it was set up with",
        "",
        True,
        scheme="Signature",
    ),
    Reason.INVALID_SIGNATURE: Rule(
        401,
        _C,
        "The request's signature is not valid; sign this very request, with the present time and a new nonce",
        _TOKEN,
        True,
        scheme="Signature",
    ),
    Reason.ENDPOINT_NOT_ALLOWED: Rule(
        403, _C, "This API key may be used for the endpoints on its list only", None, True
    ),
    Reason.MODEL_NOT_ALLOWED: Rule(403, _C, "This API key may use the models on its list only", None, True),
    Reason.TOO_MANY_FAILURES: Rule(
        429,
        _C,
        "Too many refused requests from this address; correct the API key, then try again",
        retry_after_s=30,
    ),
    Reason.RATE_LIMIT_EXCEEDED: Rule(429, _C, "Rate limit exceeded", retry_after_s=1),
    Reason.QUOTA_EXCEEDED: Rule(
        429, _C, "The quota of this period is used up; wait for the next, or ask for a larger one", None, True
    ),
    Reason.INSUFFICIENT_CREDITS: Rule(
        429, _C, "The credit is used up; more has to be bought before anything is served", None, True
    ),
    Reason.MULTIPLE_CREDENTIALS: Rule(
        400, _C, "The request carries two different credentials; send one", _BAD_REQUEST, True
    ),
    Reason.LOCATION_NOT_ALLOWED: Rule(
        401,
        _C,
        "API keys are not accepted in this place; send yours in the Authorization header",
        _BAD_REQUEST,
        True,
    ),
    Reason.INSUFFICIENT_PERMISSIONS: Rule(
        403, _C, "You do not have access to this resource", 'error="insufficient_scope"', True
    ),
    Reason.MODEL_NOT_FOUND: Rule(
        404, _C, "The model does not exist or you do not have access to it", None, True
    ),
    Reason.MODEL_UNPRICED: Rule(
        403, _C, "The model has no price here, and this gateway serves none without", None, True
    ),
    Reason.PATH_NOT_FOUND: Rule(404, _C, "There is nothing at this path", None, True),
    Reason.RESOURCE_NOT_FOUND: Rule(404, _C, "There is no such resource", None, True),
    Reason.METHOD_NOT_ALLOWED: Rule(405, _C, "This path does not take this method", None, True),
    Reason.CONFLICT: Rule(409, _C, "The request conflicts with what exists", None, True),
    Reason.VERSION_MISMATCH: Rule(412, _C, "It has changed since you read it; read it again", None, True),
    Reason.IDEMPOTENCY_KEY_INVALID: Rule(
        400, _C, "An Idempotency-Key is 1 to 255 visible ASCII characters", None, True
    ),
    Reason.IDEMPOTENCY_KEY_REUSED: Rule(
        422, _C, "This Idempotency-Key was used for another request", None, True
    ),
    Reason.IDEMPOTENCY_IN_FLIGHT: Rule(
        409, _C, "The first request with this Idempotency-Key is not answered yet", retry_after_s=1
    ),
    Reason.CONFIRMATION_REQUIRED: Rule(403, _C, "This needs the caller's credential once more", None, True),
    Reason.SIGN_IN_REQUIRED: Rule(401, _C, "The session is over; sign in again", "", True),
    Reason.CSRF_MISMATCH: Rule(
        403, _C, "The request does not carry what shows that a page of this node sent it", None, True
    ),
    Reason.INVALID_JSON: Rule(400, _C, "The request body is not valid JSON", None, True),
    Reason.INVALID_MEMBER: Rule(
        400, _C, "A member of the request has a value that is not allowed", None, True
    ),
    Reason.DUPLICATE_MEMBER: Rule(400, _C, "The request body has a member twice", None, True),
    Reason.MALFORMED_REQUEST: Rule(400, _C, "The request is not well-formed HTTP/1.1", None, True),
    Reason.HEAD_TOO_LARGE: Rule(431, _C, "The request line and headers are too large", None, True),
    Reason.BODY_TOO_LARGE: Rule(413, _C, "The request body is too large", None, True),
    Reason.REQUEST_TIMEOUT: Rule(408, _C, "The request did not arrive in time"),
    Reason.EXPECTATION_FAILED: Rule(417, _C, "Only 'Expect: 100-continue' can be met", None, True),
    Reason.UPGRADE_REQUIRED: Rule(426, _C, "This path speaks WebSocket, version 13", None, True),
    Reason.LOOPBACK_ONLY: Rule(403, _C, "This path is answered on the machine itself only", None, True),
    Reason.AUTH_UNAVAILABLE: Rule(503, _O, "API keys can't be checked at the moment", retry_after_s=1),
    Reason.CONTROL_UNAVAILABLE: Rule(
        503, _O, "Management is restarting; model traffic goes on", retry_after_s=1
    ),
    Reason.JOURNAL_UNAVAILABLE: Rule(
        503, _O, "Usage can't be recorded at the moment, so nothing is served", retry_after_s=5
    ),
    Reason.LIMITS_UNAVAILABLE: Rule(
        503, _O, "Limits can't be counted at the moment, so nothing is served", retry_after_s=1
    ),
    Reason.NOT_CONFIRMED: Rule(
        503, _O, "The change is stored, but not every worker has confirmed it yet; ask again", retry_after_s=1
    ),
    Reason.UPSTREAM_CREDENTIAL: Rule(
        401, _O, "The model's provider refused the gateway's own credential", "", True
    ),
    Reason.UPSTREAM_UNREACHABLE: Rule(502, _U, "The model's provider can't be reached"),
    Reason.UPSTREAM_TIMEOUT: Rule(504, _U, "The model's provider did not answer in time"),
    Reason.UPSTREAM_MALFORMED: Rule(502, _U, "The model's provider sent an answer that can't be read"),
    Reason.UPSTREAM_CLOSED: Rule(
        502, _U, "The model's provider closed the connection before it had answered"
    ),
    Reason.UPSTREAM_BUSY: Rule(
        503,
        _O,
        "As many requests as whoever runs this gateway allows are with the model's provider already",
        retry_after_s=1,
    ),
    Reason.INTERNAL: Rule(500, _G, "Keyturn failed; the request id finds the cause in the log"),
}


_FACTOR_SCHEMES = {"dpop": "DPoP", "totp": "Bearer", "certificate": "Bearer"}
"""Factors that are asked for by another scheme than a signature's (RFC 9449 7.1)."""


class Refused(msgspec.Struct, frozen=True):
    """The answer is no.

    Attributes:
        reason: Why.
        message: What to tell the caller; empty for the rule's default text.
        param: The member of the request at fault, as a path (``messages[0].role``), or ``None``.
        details: Further facts for the envelope dialect, all safe to show to the caller.
        allow: For a 405, the methods the path takes, comma-separated.
        retry_after_s: When to come back, where that is not the rule's: a quota's reset is known to the second.
        retry_after_ms: The same, where it is known more closely.
        hopeless: The same request can't succeed, whatever the rule says.
    """

    reason: Reason
    message: str = ""
    param: str | None = None
    details: dict[str, str] = {}
    allow: str = ""
    retry_after_s: int | None = None
    retry_after_ms: int | None = None
    hopeless: bool = False

    @property
    def rule(self) -> Rule:
        """What holds for this refusal in every dialect."""
        return RULES[self.reason]

    @property
    def text(self) -> str:
        """The message to show."""
        return self.message or self.rule.message

    @property
    def wait_s(self) -> int | None:
        """When to come back, in seconds; ``None`` where nobody can say."""
        if self.hopeless:
            return None
        return self.rule.retry_after_s if self.retry_after_s is None else self.retry_after_s

    @property
    def wait_ms(self) -> int | None:
        """When to come back, in milliseconds."""
        if self.retry_after_ms is not None or self.wait_s is None:
            return self.retry_after_ms
        return self.wait_s * 1000

    @property
    def should_retry(self) -> bool | None:
        """What ``x-should-retry`` says; ``None`` leaves it to the client."""
        return False if self.hopeless else self.rule.should_retry

    @property
    def challenge(self) -> str | None:
        """The value of ``WWW-Authenticate``, where the answer carries one (RFC 6750 3)."""
        if self.rule.challenge is None:
            return None
        scope = f'scope="{self.details["required"]}"' if "required" in self.details else ""
        scheme = _FACTOR_SCHEMES.get(self.details.get("factors", ""), self.rule.scheme)
        return f'{scheme} realm="{REALM}"' + "".join(
            f", {part}" for part in (self.rule.challenge, scope) if part
        )
