"""Sessions of people: what time does to them."""

import pytest

from keyturn import system
from keyturn.domain.secret import Secret
from keyturn.services.passwords import Passwords
from keyturn.services.sessions import ENDED_KEPT_MS, LINKS_KEPT_MS, Sessions, token_hash
from keyturn.services.sign_in import SETUP_MS, Newcomer, SignIn
from keyturn.services.throttle import Throttle
from keyturn.store import logins
from keyturn.store.engine import Store

NOON_MS = 1_800_000_000_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
IDLE_MINUTES, DAYS = 60, 3
FROM = {"address": "192.0.2.1", "request_id": "req_1"}


async def test_a_session_ends_when_nobody_uses_it_and_anyway_after_some_days(
    furnished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that was left open in a library is of no use the next day; old links go with old sessions."""
    now_ms = NOON_MS
    monkeypatch.setattr(system, "now_ms", lambda: now_ms)
    comers = SignIn(furnished, Passwords(), Throttle(furnished))
    sessions = Sessions(furnished, idle_minutes=IDLE_MINUTES, days=DAYS)
    link = await comers.setup_link()
    assert link is not None
    newcomer = Newcomer("kim@example.com", "Kim", Secret("correct horse battery"))
    user_id = await comers.set_up(link.reveal(), newcomer, address="192.0.2.1")
    assert isinstance(user_id, str)
    token = (await sessions.open(user_id, address="192.0.2.1", agent="Browser")).reveal()
    left = (await sessions.open(user_id, address="192.0.2.1", agent="Library")).reveal()

    used = []
    for _ in range(DAYS * 24):
        used.append(await sessions.find(token, **FROM) is not None)
        now_ms += IDLE_MINUTES * MINUTE_MS - 1
    forgotten = await sessions.find(left, **FROM)
    await sessions.end_old(now_ms)
    now_ms += 2 * MINUTE_MS
    at_the_end = await sessions.find(token, **FROM)

    assert all(used)
    assert forgotten is None
    assert at_the_end is None
    async with furnished.reading() as connection:
        assert await logins.link(connection, token_hash(link.reveal())) is not None
    await sessions.end_old(NOON_MS + SETUP_MS + LINKS_KEPT_MS + 1)
    async with furnished.reading() as connection:
        assert await logins.link(connection, token_hash(link.reveal())) is None


async def test_whose_a_session_was_is_remembered_over_a_weekend(
    furnished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they typed in it is there on Monday, for them alone; it lets nobody in."""
    now_ms = NOON_MS
    monkeypatch.setattr(system, "now_ms", lambda: now_ms)
    comers = SignIn(furnished, Passwords(), Throttle(furnished))
    sessions = Sessions(furnished, idle_minutes=IDLE_MINUTES, days=DAYS)
    link = await comers.setup_link()
    assert link is not None
    newcomer = Newcomer("kim@example.com", "Kim", Secret("correct horse battery"))
    user_id = await comers.set_up(link.reveal(), newcomer, address="192.0.2.1")
    assert isinstance(user_id, str)
    token = (await sessions.open(user_id, address="192.0.2.1", agent="Browser")).reveal()

    now_ms += IDLE_MINUTES * MINUTE_MS + ENDED_KEPT_MS
    await sessions.end_old(now_ms)
    remembered = await sessions.whose(token)
    let_in = await sessions.find(token, **FROM)
    now_ms += 1
    await sessions.end_old(now_ms)

    assert (remembered, let_in) == (user_id, None)
    assert await sessions.whose(token) == ""
