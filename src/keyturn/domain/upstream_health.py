"""How upstreams have been doing, as single requests tell it: when each last answered, and when it last failed."""

from collections.abc import Iterable

import msgspec

from keyturn.domain.journal import Refused, Served, attempts_of
from keyturn.domain.routing import failure_of

_SAYS_NOTHING = frozenset({"busy", "client_left"})
"""Ends that are not the provider's doing: the operator's own limits, a client that did not wait."""


class UpstreamHealth(msgspec.Struct):
    """What is known of one. Times are milliseconds since 1970 UTC, of when the request began."""

    answered: int = 0
    failed: int = 0
    answered_at: int | None = None
    failed_at: int | None = None
    failure: str = ""
    """How it last failed: a status, ``unreachable``, ``timeout``, …"""

    @property
    def well(self) -> bool | None:
        """Say whether the last that was heard is an answer; ``None``: nothing was heard."""
        if self.failed_at is None:
            return None if self.answered_at is None else True
        return self.answered_at is not None and self.answered_at > self.failed_at


def health_of(records: Iterable[Served | Refused], model: str = "") -> dict[str, UpstreamHealth]:
    """Return how upstreams have been doing.

    Args:
        records: Requests, in any order.
        model: Only what was asked for by this name; empty: everything.

    Returns:
        By upstream; one that nothing was asked of is missing.
    """
    found: dict[str, UpstreamHealth] = {}
    for record in records:
        if isinstance(record, Refused) or model not in {"", record.model}:
            continue
        for upstream, outcome in _tries(record):
            _take(found, upstream, outcome, record.started_us // 1000)
    return found


def _tries(record: Served) -> list[tuple[str, str]]:
    attempts = attempts_of(record.attempts)
    if attempts:
        return [(one.target.partition("/")[0], one.outcome) for one in attempts]
    said = str(record.status) if record.outcome == "ok" else record.outcome.removeprefix("upstream_")
    return [(record.upstream, said)] if record.upstream else []


def _take(found: dict[str, UpstreamHealth], upstream: str, outcome: str, at_ms: int) -> None:
    if outcome in _SAYS_NOTHING:
        return
    health = found.setdefault(upstream, UpstreamHealth())
    if outcome == "ok" or (outcome.isdecimal() and failure_of(int(outcome)) is None):
        health.answered += 1
        health.answered_at = max(at_ms, health.answered_at or 0)
    else:
        health.failed += 1
        if health.failed_at is None or at_ms >= health.failed_at:
            health.failed_at, health.failure = at_ms, outcome
