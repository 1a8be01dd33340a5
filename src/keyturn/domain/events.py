"""What happened to a key that somebody should know of."""

from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """What an event tells; a closed set."""

    KEY_IN_URL = "key.seen_in_url"
    KEY_IN_BROWSER = "key.seen_in_browser"
    """A secret key came with the marks of a browser: it stands in a page's source."""
    KEY_IN_PROMPT = "key.seen_in_prompt"
    DEAD_KEY_USED = "key.used_after_end"
    """A revoked, expired or rotated secret was presented again."""
    DECOY_USED = "key.decoy_used"
    GUESSING = "keys.guessing"
    """One address presented many keys that nobody holds."""
    SIGN_IN_GUESSING = "sign_in.guessing"
    """Somebody failed so often to show who they are that they have to wait."""
    SIGN_UP_WAITS = "sign_up.waiting"
    """Somebody has signed up, and there is no mail server to send them the link that confirms their address."""
    EXPIRY_NEAR = "key.expiry.near"
    EXPIRED_UNUSED = "key.disabled.unused"
    ROTATION_NEAR = "key.rotation.near"
    ROTATION_PENDING = "key.rotation.pending"
    ROTATION_STARTED = "key.rotation.started"
    """The new secret was used for the first time: the old one's overlap runs."""
    ROTATION_STUCK = "key.rotation.stuck"
    ROTATION_FINISHED = "key.rotation.finished"
    ROTATION_FAILED = "key.rotation.failed"
    CLAIMED_TWICE = "key.claimed_twice"
    LEAK_REPORTED = "key.leak.reported"
    REVOKED_BY_HOLDER = "key.revoked_by_holder"
    LIMIT_REACHED = "limit.reached"
    """So much of a limit, a budget or a credit has been used that somebody wants to know."""
    USAGE_SPIKE = "key.usage_spike"
    """Many times more than a key uses at this hour."""
    DEARER_MODEL = "key.dearer_model"
    """A model that a key never used, and dearer than all it did."""
    WOKE_UP = "key.woke_up"
    """A key is used again after a month of rest."""
    SCOPE_PROBING = "key.scope_probing"
    """A key tried, one after the other, what it may not do."""
    FAILING = "key.failing"
    """Most of what a key asks for fails, and it did not before."""
    CREDIT_GRANTED = "credit.granted"
    CREDIT_EXHAUSTED = "credit.exhausted"
    """A prepaid account has nothing left: its keys are refused until it has."""
    CREDIT_EXPIRES_SOON = "credit.expires_soon"


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


SEVERITIES: dict[EventKind, Severity] = {
    EventKind.KEY_IN_URL: Severity.WARNING,
    EventKind.KEY_IN_BROWSER: Severity.CRITICAL,
    EventKind.KEY_IN_PROMPT: Severity.CRITICAL,
    EventKind.DEAD_KEY_USED: Severity.WARNING,
    EventKind.DECOY_USED: Severity.CRITICAL,
    EventKind.GUESSING: Severity.WARNING,
    EventKind.SIGN_IN_GUESSING: Severity.WARNING,
    EventKind.SIGN_UP_WAITS: Severity.WARNING,
    EventKind.EXPIRY_NEAR: Severity.INFO,
    EventKind.EXPIRED_UNUSED: Severity.INFO,
    EventKind.ROTATION_NEAR: Severity.INFO,
    EventKind.ROTATION_PENDING: Severity.INFO,
    EventKind.ROTATION_STARTED: Severity.INFO,
    EventKind.ROTATION_STUCK: Severity.WARNING,
    EventKind.ROTATION_FINISHED: Severity.INFO,
    EventKind.ROTATION_FAILED: Severity.WARNING,
    EventKind.CLAIMED_TWICE: Severity.CRITICAL,
    EventKind.LEAK_REPORTED: Severity.CRITICAL,
    EventKind.REVOKED_BY_HOLDER: Severity.CRITICAL,
    EventKind.LIMIT_REACHED: Severity.WARNING,
    EventKind.USAGE_SPIKE: Severity.CRITICAL,
    EventKind.DEARER_MODEL: Severity.WARNING,
    EventKind.WOKE_UP: Severity.WARNING,
    EventKind.SCOPE_PROBING: Severity.CRITICAL,
    EventKind.FAILING: Severity.WARNING,
    EventKind.CREDIT_GRANTED: Severity.INFO,
    EventKind.CREDIT_EXHAUSTED: Severity.WARNING,
    EventKind.CREDIT_EXPIRES_SOON: Severity.INFO,
}
"""Of a limit only the usual one: how much of it is used decides."""


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """What a worker or a use case saw; the store adds whose key it is. Never holds a credential."""

    kind: EventKind
    at: float
    """Seconds since 1970 UTC."""
    key_id: str = ""
    """Empty where no key is concerned."""
    address: str = ""
    request_id: str = ""
    details: dict[str, str] = {}
    account_id: str = ""
    """Where no key is concerned, but an account."""
