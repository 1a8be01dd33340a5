"""What is done when a rule speaks, over real rollups, at a time of the test's own."""

from collections.abc import Sequence

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from fakes.watched import DAY_MS, HOUR_MS, MINUTE_MS, NOW, Watched
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.faults import Fault
from keyturn.domain.limits import Limit, Metric, Window, write_limits
from keyturn.domain.refusals import Reason
from keyturn.store.engine import Store
from keyturn.store.tables import keys
from keyturn.store.vault import Vault

USD = 10**9


@pytest.fixture
def watched(furnished: Store, vault: Vault) -> Watched:
    """The rules with their usual settings."""
    return Watched(furnished, vault)


async def dearer(watched: Watched, key_id: str, *, at: int = NOW) -> None:
    """Make ``dearer_model`` speak about a key."""
    await watched.use(key_id, at - MINUTE_MS, model="demo-embed")
    await watched.rules.evaluate(now_ms=at)
    await watched.use(key_id, at, model="demo-chat")
    await watched.rules.evaluate(now_ms=at + MINUTE_MS)


async def test_log_is_a_line_and_no_event(furnished: Store, vault: Vault) -> None:
    """For rules that are tried out."""
    watched = Watched(furnished, vault, dearer_model="log")
    key_id = await watched.key()

    with capture_logs() as lines:
        await dearer(watched, key_id)
        await watched.rules.evaluate(now_ms=NOW + 2 * MINUTE_MS)

    assert [line["key_id"] for line in lines if line["event"] == "key.dearer_model"] == [key_id]
    assert await watched.kinds() == []


async def test_a_quarantined_key_is_frozen_for_a_case_that_can_be_looked_up(
    furnished: Store, vault: Vault
) -> None:
    """What its holder is told leads the operator to why."""
    watched = Watched(furnished, vault, dearer_model="quarantine")
    key_id = await watched.key()

    await dearer(watched, key_id)

    (event,) = await watched.told()
    stored = await watched.stored(key_id)
    assert (stored.frozen_at, stored.case_id) == (NOW + MINUTE_MS, event.id)
    assert event.details["effect"] == "quarantined"
    assert watched.workers.changes == [[key_id]]
    assert await watched.audited() == [("alerts", "key.quarantine")]


async def test_the_event_of_a_quarantine_is_there_when_every_worker_knows_it_and_not_before(
    furnished: Store, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees the event may rely on it; a worker that does not answer is asked again a minute later."""
    watched = Watched(furnished, vault, dearer_model="quarantine")
    key_id = await watched.key()
    seen: list[list[str]] = []
    answers = iter([False, True])

    async def invalidate(_key_ids: Sequence[str]) -> None:
        seen.append(await watched.kinds())
        if not next(answers):
            raise Fault(Reason.NOT_CONFIRMED, "worker 1")

    monkeypatch.setattr(watched.workers, "invalidate", invalidate)
    await dearer(watched, key_id)
    before = await watched.kinds()
    await watched.rules.evaluate(now_ms=NOW + 2 * MINUTE_MS)

    (event,) = await watched.told()
    assert (seen, before) == ([[], []], [])
    assert (await watched.stored(key_id)).case_id == event.id


async def test_a_quarantine_that_a_crash_interrupts_is_told_of_after_the_restart(
    furnished: Store, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder has been told the case: there must be one."""
    watched = Watched(furnished, vault, dearer_model="quarantine")
    key_id = await watched.key()

    async def die(_key_ids: Sequence[str]) -> None:
        raise Fault(Reason.NOT_CONFIRMED, "worker 1")

    with monkeypatch.context() as dying:
        dying.setattr(watched.workers, "invalidate", die)
        await dearer(watched, key_id)
    before = await watched.kinds()
    watched.restart()
    await watched.rules.evaluate(now_ms=NOW + 5 * MINUTE_MS)
    await watched.rules.evaluate(now_ms=NOW + 6 * MINUTE_MS)

    (event,) = await watched.told()
    assert before == []
    assert (event.kind, event.id) == ("key.dearer_model", (await watched.stored(key_id)).case_id)
    assert event.details["model"] == "demo-chat"
    assert watched.workers.changes == [[key_id]]


@pytest.mark.parametrize("explicit", [False, True])
async def test_the_first_key_is_quarantined_only_where_the_settings_say_so(
    furnished: Store, vault: Vault, *, explicit: bool
) -> None:
    """An operator who is locked out by a false alarm switches the rules off."""
    watched = Watched(furnished, vault, wake_up="quarantine", quarantine_first_key=explicit)
    async with furnished.reading() as connection:
        first = str(await connection.scalar(select(func.min(keys.c.id))))

    await watched.rules.noticed([Notice(EventKind.WOKE_UP, NOW / 1000, first)])

    (event,) = await watched.told()
    assert ((await watched.stored(first)).frozen_at is not None) is explicit
    assert ("not quarantined" in event.details["effect"]) is not explicit


async def test_a_throttle_is_a_limit_of_the_key_that_goes_away_by_itself(
    furnished: Store, vault: Vault
) -> None:
    """A false alarm costs an hour of haste, not a call at night."""
    watched = Watched(furnished, vault, dearer_model="throttle")
    own = Limit(Metric.REQUESTS, Window.MINUTE, 5)
    key_id = await watched.key(limits=write_limits([own]))
    await watched.use(key_id, NOW - 5 * HOUR_MS, times=1_200, model="demo-embed")

    await dearer(watched, key_id)
    on = await watched.limits(key_id)
    await watched.rules.evaluate(now_ms=NOW + 60 * MINUTE_MS)
    still_on = await watched.limits(key_id)
    await watched.rules.evaluate(now_ms=NOW + 61 * MINUTE_MS)

    (event,) = await watched.told()
    (throttle,) = set(on) - {own}
    assert (throttle.metric, throttle.window, throttle.max) == (Metric.REQUESTS, Window.MINUTE, 20)
    assert throttle.until == (NOW + 61 * MINUTE_MS) / 1000
    assert "throttled to 20 requests/minute" in event.details["effect"]
    assert still_on == on
    assert await watched.limits(key_id) == (own,)
    assert watched.workers.changes == [[key_id], [key_id]]
    assert await watched.audited() == [("alerts", "key.throttle"), ("alerts", "key.unthrottle")]


async def test_a_rule_speaks_about_a_key_once_in_24_hours(watched: Watched) -> None:
    """Also after a restart; another key has its own day."""
    one, other = await watched.key(), await watched.key("other")

    async def notice(key_id: str, at: int) -> None:
        await watched.rules.noticed([Notice(EventKind.DEAD_KEY_USED, at / 1000, key_id)])

    await notice(one, NOW)
    watched.restart()
    await notice(one, NOW + DAY_MS - 1_000)
    await notice(other, NOW + DAY_MS - 1_000)
    await notice(one, NOW + DAY_MS)

    assert [event.key_id for event in await watched.told()] == [one, other, one]


async def test_what_no_rule_is_about_is_kept_as_ever(watched: Watched) -> None:
    """Every leak is news."""
    key_id = await watched.key()
    await watched.rules.noticed(
        [Notice(EventKind.KEY_IN_URL, 1.0, key_id), Notice(EventKind.KEY_IN_URL, 2.0)]
    )

    assert await watched.kinds() == ["key.seen_in_url"] * 2


async def test_two_addresses_that_guess_are_two_alerts(watched: Watched) -> None:
    """No key is concerned, so the address is what is told once."""
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        await watched.rules.noticed([Notice(EventKind.GUESSING, NOW / 1000, address=address)])

    assert await watched.kinds() == ["keys.guessing"] * 2


async def test_a_key_that_has_ended_is_told_of_and_left_alone(furnished: Store, vault: Vault) -> None:
    """There is nothing to take from it."""
    watched = Watched(furnished, vault, dead_key_used="quarantine", key_in_browser="throttle")
    key_id = await watched.key(revoked_at=NOW - 1)

    for kind in (EventKind.DEAD_KEY_USED, EventKind.KEY_IN_BROWSER):
        await watched.rules.noticed([Notice(kind, NOW / 1000, key_id)])

    stored = await watched.stored(key_id)
    assert (stored.frozen_at, stored.limits) == (None, "[]")
    assert [event.details for event in await watched.told()] == [{}, {}]
