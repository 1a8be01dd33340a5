"""Since when something is wanted, as people write it."""

from datetime import UTC, datetime, timedelta

from keyturn.cli.expiry import seconds_in
from keyturn.cli.failure import CommandFailed

EXAMPLES = "24h, 7d or 2026-11-20T00:00:00Z"


def moment(text: str | None, now: float) -> str | None:
    """Return ``24h`` before ``now``, or an RFC 3339 date or time, as RFC 3339 in UTC; ``None`` for ``None``.

    Args:
        text: What was written.
        now: Seconds since 1970 UTC.

    Raises:
        CommandFailed: It is neither.
    """
    if text is None:
        return None
    seconds = seconds_in(text)
    try:
        if seconds is not None:
            at = datetime.fromtimestamp(now, UTC) - timedelta(seconds=seconds)
        else:
            at = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise CommandFailed(f"{text!r} is not a time; write {EXAMPLES}") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
