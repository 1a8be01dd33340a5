"""How often somebody may try to show who they are."""

import pytest
from sqlalchemy import select

from keyturn import system
from keyturn.domain.refusals import Reason
from keyturn.services import throttle
from keyturn.services.throttle import WINDOW_MS, Throttle
from keyturn.store.engine import Store
from keyturn.store.people_tables import sign_in_failures


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_connection_counts_as_one_address(address: str, network: str) -> None:
    """With IPv6 everybody has as many addresses as they like."""
    assert throttle.network_of(address) == network


async def test_the_window_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is locked out for good, and nobody who was right has a past."""
    subject = Throttle(store)
    for _ in range(5):
        assert await subject.attempt("kim@example.com", "192.0.2.7") is None
    refused = await subject.attempt("kim@example.com", "192.0.2.8")
    assert refused is not None
    assert (refused.reason, refused.wait_s) == (Reason.TOO_MANY_FAILURES, 900)

    now_ms = system.now_ms()
    monkeypatch.setattr(system, "now_ms", lambda: now_ms + WINDOW_MS)
    assert await subject.attempt("kim@example.com", "192.0.2.8") is None
    await subject.right("kim@example.com", "192.0.2.8")
    for _ in range(5):
        assert await subject.attempt("kim@example.com", "192.0.2.9") is None


async def test_who_is_right_does_not_wash_an_address_clean(store: Store) -> None:
    """Somebody with a key of their own could guess others' passwords for ever."""
    subject = Throttle(store)
    for number in range(19):
        assert await subject.attempt(f"nobody{number}@example.com", "192.0.2.7") is None

    assert await subject.attempt("own@example.com", "192.0.2.7") is None
    await subject.right("own@example.com", "192.0.2.7")

    assert await subject.attempt("nobody@example.com", "192.0.2.7") is None
    assert await subject.attempt("nobody@example.com", "192.0.2.7") is not None


async def test_nobody_stands_there_in_the_clear_and_what_is_over_is_forgotten(store: Store) -> None:
    """The table is of use to nobody who steals it."""
    subject = Throttle(store)
    await subject.attempt("kim@example.com", "192.0.2.7")

    async with store.reading() as connection:
        rows = list(await connection.execute(select(sign_in_failures)))
    assert len(rows) == 2
    assert all(len(row[0]) == 32 for row in rows)
    await subject.forget_old(system.now_ms() + WINDOW_MS + 1)
    async with store.reading() as connection:
        assert list(await connection.execute(select(sign_in_failures))) == []
