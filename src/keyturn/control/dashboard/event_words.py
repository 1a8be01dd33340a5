"""What kinds of events are in words."""

from collections.abc import Mapping

from keyturn.domain.events import EventKind

WHOLE_LIMIT = "A limit is used up"
WORDS = {
    EventKind.LIMIT_REACHED: "Much of a limit is used",
    EventKind.KEY_IN_URL: "A key stood in a URL",
    EventKind.KEY_IN_BROWSER: "A secret key came from a browser",
    EventKind.KEY_IN_PROMPT: "A key stood in a prompt",
    EventKind.DEAD_KEY_USED: "A key was used after its end",
    EventKind.DECOY_USED: "A decoy key was used",
    EventKind.GUESSING: "Somebody guesses keys",
    EventKind.USAGE_SPIKE: "A key uses far more than usual",
    EventKind.DEARER_MODEL: "A key uses a dearer model",
    EventKind.WOKE_UP: "A key is used after a long rest",
    EventKind.SCOPE_PROBING: "A key tries what it may not",
    EventKind.FAILING: "Most requests of a key fail",
    EventKind.CREDIT_EXHAUSTED: "An account has no credit left",
    EventKind.LEAK_REPORTED: "A key was found in public",
    EventKind.SIGN_IN_GUESSING: "Somebody guesses passwords or codes",
    EventKind.SIGN_UP_WAITS: "Somebody waits for their address to be confirmed",
    EventKind.EXPIRY_NEAR: "A key ends soon",
    EventKind.EXPIRED_UNUSED: "A key that nobody used was disabled",
    EventKind.ROTATION_NEAR: "A key is rotated soon",
    EventKind.ROTATION_PENDING: "A new secret was not used yet",
    EventKind.ROTATION_STARTED: "A new secret is in use",
    EventKind.ROTATION_STUCK: "A new secret is used, and the old one too",
    EventKind.ROTATION_FINISHED: "An old secret has ended",
    EventKind.ROTATION_FAILED: "A key could not be rotated",
    EventKind.CLAIMED_TWICE: "A link was opened twice",
    EventKind.REVOKED_BY_HOLDER: "Whoever held a key revoked it",
    EventKind.CREDIT_GRANTED: "An account got credit",
    EventKind.CREDIT_EXPIRES_SOON: "Credit ends soon",
}
_ALL = 100


def words_of(kind: str, details: Mapping[str, str] | None = None) -> str:
    """Return what a kind of event is in words; with its details, what this one is."""
    percent = (details or {}).get("percent", "")
    if kind == EventKind.LIMIT_REACHED and percent.isdecimal() and int(percent) >= _ALL:
        return WHOLE_LIMIT
    return next((text for known, text in WORDS.items() if known == kind), kind)
