"""What is untidy about a key that works."""

from enum import StrEnum


class Finding(StrEnum):
    """One thing that somebody should tidy up; a closed set, worst first."""

    SEEN_IN_URL = "seen_in_url"
    """It was sent in a URL, where proxies and histories keep it."""
    IDLE = "idle"
    """Nobody has used it for ``SPAN_DAYS``."""
    NEVER_USED = "never_used"
    """It is older than ``SETTLING_DAYS``, and nobody has ever used it."""
    OLD = "old"
    """Its secret has been the same for ``SPAN_DAYS``."""
    NO_EXPIRY = "no_expiry"
    """It works until somebody ends it."""


SPAN_DAYS = 90
SETTLING_DAYS = 7

WEIGHTS: dict[Finding, int] = {
    Finding.SEEN_IN_URL: 16,
    Finding.IDLE: 8,
    Finding.NEVER_USED: 8,
    Finding.OLD: 4,
    Finding.NO_EXPIRY: 1,
}
"""The sum over a key's findings says how bad it is; one of a kind outweighs all below it."""
