"""Sessions of whoever has a key alone: the parts that no page shows."""

from collections.abc import Callable

import pytest

from fakes.stored_keys import BY_OPERATOR
from keyturn import system
from keyturn.domain import verifier
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Reason
from keyturn.services.holder_sessions import (
    ADDRESSES_REMEMBERED,
    FAILURES_A_WINDOW,
    IDLE_MS,
    WINDOW_S,
    HolderSessions,
)
from keyturn.services.key_terms import NewKey
from keyturn.services.keys import Issued, Keys
from keyturn.services.lookup import Lookup
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup

ADDRESS = "203.0.113.7"
NOON_MS = 1_800_000_000_000


@pytest.fixture
def sessions(furnished: Store, key_lookup: KeyLookup) -> HolderSessions:
    """The use cases."""
    return HolderSessions(furnished, key_lookup.of_key)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time of day."""

    def set_to(now_ms: int) -> None:
        monkeypatch.setattr(system, "now_ms", lambda: now_ms)

    set_to(NOON_MS)
    return set_to


async def held(keys: Keys, lookup: Lookup) -> KeyRecord:
    """Return a new key, as whoever presents it is known."""
    issued = await keys.create(NewKey(name="mine"), by=BY_OPERATOR)
    assert isinstance(issued, Issued)
    found = await lookup.by_digest(verifier.digest(issued.secret.reveal().encode()))
    assert found is not None
    return found


async def test_a_session_ends_an_hour_after_its_last_use(
    sessions: HolderSessions, keys: Keys, lookup: Lookup, clock: Callable[[int], None]
) -> None:
    """And each use puts that off; what is over is taken away."""
    key = await held(keys, lookup)
    token = (await sessions.open(key)).reveal()
    for moment in (IDLE_MS - 1, 2 * IDLE_MS - 2):
        clock(NOON_MS + moment)
        found = await sessions.find(token)
        assert found is not None
        assert (found.key.id, found.session.secret_id) == (key.id, key.secret_id)
    clock(NOON_MS + 3 * IDLE_MS - 2)

    over = await sessions.find(token)
    await sessions.end_old(NOON_MS + 2 * IDLE_MS)
    clock(NOON_MS + 2 * IDLE_MS)
    kept = await sessions.find(token)
    await sessions.end_old(NOON_MS + 3 * IDLE_MS)

    assert over is None
    assert kept is not None
    assert await sessions.find(token) is None


async def test_a_session_knows_its_key_as_it_is_now(
    sessions: HolderSessions, keys: Keys, lookup: Lookup
) -> None:
    """What was changed since is asked anew each time, and nobody comes in with another token."""
    key = await held(keys, lookup)
    token = (await sessions.open(key)).reveal()
    await keys.disable(key.id, by=BY_OPERATOR)

    found = await sessions.find(token)

    assert found is not None
    assert not found.key.enabled
    assert await sessions.find(token + "x") is None
    await sessions.end(found.session)
    assert await sessions.find(token) is None


def test_an_address_waits_for_the_rest_of_its_window_and_no_longer(sessions: HolderSessions) -> None:
    """Guesses are slowed down, and somebody who mistypes is not locked out for good."""
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


def test_a_whole_network_of_one_customer_waits_together(sessions: HolderSessions) -> None:
    """Whoever has an IPv6 connection has more addresses than there are guesses."""
    for number in range(FAILURES_A_WINDOW):
        sessions.failed(f"2001:db8:1:2::{number:x}", 0.0)

    assert sessions.refused_by_failures("2001:db8:1:2:ffff::1", 0.0) is not None
    assert sessions.refused_by_failures("2001:db8:1:3::1", 0.0) is None


def test_a_flood_from_many_addresses_does_not_fill_the_memory(sessions: HolderSessions) -> None:
    """The oldest is forgotten."""
    for number in range(ADDRESSES_REMEMBERED + 10):
        sessions.failed(str(number), 0.0)

    assert len(sessions._failures) == ADDRESSES_REMEMBERED
