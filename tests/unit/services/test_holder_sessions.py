"""Sessions of whoever has a key alone: the parts that no page shows."""

from typing import Any, cast

from keyturn.domain.refusals import Reason
from keyturn.services.holder_sessions import (
    ADDRESSES_REMEMBERED,
    FAILURES_A_WINDOW,
    WINDOW_S,
    HolderSessions,
)

ADDRESS = "203.0.113.7"


def _sessions() -> HolderSessions:
    return HolderSessions(cast("Any", None), lambda _key_id: [])


def test_an_address_waits_for_the_rest_of_its_window_and_no_longer() -> None:
    """Guesses are slowed down, and somebody who mistypes is not locked out for good."""
    sessions = _sessions()
    for second in range(FAILURES_A_WINDOW - 1):
        sessions.failed(ADDRESS, float(second))
    assert sessions.refused_by_failures(ADDRESS, 10.0) is None
    sessions.failed(ADDRESS, 10.0)

    refused = sessions.refused_by_failures(ADDRESS, 10.0)

    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_FAILURES
    assert refused.wait_s == int(WINDOW_S) - 10 + 1
    assert sessions.refused_by_failures("203.0.113.8", 10.0) is None
    assert sessions.refused_by_failures(ADDRESS, WINDOW_S) is None
    sessions.failed(ADDRESS, WINDOW_S)
    assert sessions.refused_by_failures(ADDRESS, WINDOW_S) is None


def test_a_flood_from_many_addresses_does_not_fill_the_memory() -> None:
    """The oldest is forgotten."""
    sessions = _sessions()
    for number in range(ADDRESSES_REMEMBERED + 10):
        sessions.failed(str(number), 0.0)

    assert len(sessions._failures) == ADDRESSES_REMEMBERED
