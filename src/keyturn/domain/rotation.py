"""When keys rotate, how long old secrets live on, and when somebody should be told.

A key has at most one *pending* secret: issued by a rotation, not used yet. Until its first use nothing else changes,
however long that takes, because an old secret that died before the new one works would be an outage. The first use
starts the overlap of those before it:

    overlap ends = first use + overlap, but no later than the cap
    cap          = rotation + overlap + 14 days, but a late first use still leaves a day (or the whole overlap,
                   where that is shorter) to those who have not changed over

So an overlap always ends. A pending secret that is still unused when the cap passes is reported once a day.

Times are integer milliseconds since 1970 UTC.
"""

from enum import StrEnum

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PATIENCE_MS = 14 * DAY_MS
"""How long beyond its overlap a rotation may take before somebody is told."""
LATE_START_MS = DAY_MS
REMIND_DAYS = (30, 14, 7, 1)
"""How many days before a rotation or an expiry somebody is told."""


class Delivery(StrEnum):
    """How a new secret reaches whoever uses the key."""

    RETURN = "return"
    """In the answer, once."""
    SEALED = "sealed"
    """In the answer, encrypted to the key's X25519 public key."""
    CLAIM = "claim"
    """By a link that works once."""
    SINK = "sink"
    """Written to a file on the node's machine."""


def overlap_cap(rotated_ms: int, overlap_hours: int) -> int:
    """Return when a rotation ought to be over."""
    return rotated_ms + overlap_hours * HOUR_MS + PATIENCE_MS


def overlap_end(rotated_ms: int, first_use_ms: int, overlap_hours: int) -> int:
    """Return when the old secrets die; see the module.

    Args:
        rotated_ms: When the new secret was issued.
        first_use_ms: When it was used for the first time.
        overlap_hours: How long the old ones are to live on.
    """
    overlap_ms = overlap_hours * HOUR_MS
    latest = max(overlap_cap(rotated_ms, overlap_hours), first_use_ms + min(overlap_ms, LATE_START_MS))
    return min(first_use_ms + overlap_ms, latest)
