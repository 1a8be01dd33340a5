"""When a key expires, as people write it."""

import re
from datetime import UTC, datetime, timedelta

from keyturn.cli.failure import CommandFailed

_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([1-9][0-9]{0,8})([mhdw])")
EXAMPLES = "90d, 12h or 2027-01-31T00:00:00Z"


def seconds_in(text: str) -> int | None:
    """Return the length of ``90d`` or ``12h`` in seconds; ``None`` when it is not of this form."""
    found = _SPAN.fullmatch(text.strip().lower())
    return int(found[1]) * _SECONDS[found[2]] if found else None


def moment(text: str) -> str:
    """Return an RFC 3339 date, or date and time, as RFC 3339 in UTC; a date means its first instant.

    Raises:
        CommandFailed: It is neither.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CommandFailed(f"{text!r} is not a time to expire; write {EXAMPLES}") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def for_creation(text: str | None) -> dict[str, object]:
    """Return the members of a new key that say when it expires. The node's clock decides on spans."""
    if text is None or text.strip().lower() == "never":
        return {}
    seconds = seconds_in(text)
    return {"expires_at": moment(text)} if seconds is None else {"expires_in_s": seconds}


def for_change(text: str | None, now: float) -> dict[str, object]:
    """Return the member of a change that says when a key expires; ``never`` takes the expiry away.

    Args:
        text: What was written; ``None``: nothing is to change.
        now: Seconds since 1970 UTC.
    """
    if text is None:
        return {}
    if text.strip().lower() == "never":
        return {"expires_at": None}
    return {"expires_at": instant(text, now)}


def instant(text: str, now: float) -> str:
    """Return ``90d`` from ``now``, or an RFC 3339 date or time, as RFC 3339 in UTC.

    Args:
        text: What was written.
        now: Seconds since 1970 UTC.

    Raises:
        CommandFailed: It is neither.
    """
    seconds = seconds_in(text)
    if seconds is None:
        return moment(text)
    try:
        return moment((datetime.fromtimestamp(now, UTC) + timedelta(seconds=seconds)).isoformat())
    except OverflowError:
        raise CommandFailed(f"{text!r} is too far away; write {EXAMPLES}") from None
