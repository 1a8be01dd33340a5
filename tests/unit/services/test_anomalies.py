"""Keys that are used as they never were, over real rollups, at a time of the test's own."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert

from fakes.usage_records import KEY
from fakes.watched import DAY_MS, HOUR_MS, MINUTE_MS, NOW, Watched
from keyturn.domain.anomalies import PROBES, Tried
from keyturn.services.countermeasures import Finding
from keyturn.store.engine import Store
from keyturn.store.usage_tables import rollups, series
from keyturn.store.vault import Vault

USD = 10**9


@pytest.fixture
def watched(furnished: Store, vault: Vault) -> Watched:
    """The rules with their usual settings."""
    return Watched(furnished, vault)


async def usual_days(watched: Watched, key_id: str, tokens: int) -> None:
    """Have a key use so many tokens every hour of two weeks."""
    hours = (NOW - hour * HOUR_MS for hour in range(24 * 14, 1, -1))
    await watched.use_at(key_id, hours, input_tokens=tokens, output_tokens=0)


# ── usage_spike ─────────────────────────────────────────────────────────────


async def test_the_bill_of_47_dollars_is_told_of_within_two_minutes(watched: Watched) -> None:
    """The $-47.18 case: 17.5 million tokens in half an hour from a key that used less than a million a day."""
    key_id, steady = await watched.key(), await watched.key("steady")
    await usual_days(watched, key_id, 40_000)
    await usual_days(watched, steady, 400_000)
    await watched.rules.evaluate(now_ms=NOW)
    quiet = await watched.kinds()

    # It begins just after a look, and looks come once a minute.
    for minute in range(2):
        for second in range(0, 60, 10):
            at = NOW + minute * MINUTE_MS + second * 1_000
            cost = 47_180_000_000 // 180
            await watched.use(
                key_id, at, input_tokens=97_222, output_tokens=0, cost_nano_usd=cost, model="gpt-4o"
            )
        await watched.use(steady, NOW + minute * MINUTE_MS, input_tokens=13_000, output_tokens=0)
        await watched.rules.evaluate(now_ms=NOW + (minute + 1) * MINUTE_MS)

    (event,) = await watched.told()
    assert quiet == []
    assert (event.kind, event.key_id) == ("key.usage_spike", key_id)
    assert int(event.details["tokens"]) <= 2 * 6 * 97_222


async def test_a_key_younger_than_three_days_has_no_spikes(watched: Watched) -> None:
    """There is nothing to compare with; the limits are there for that."""
    key_id = await watched.key(age_days=2)
    await watched.use(key_id, NOW, input_tokens=50_000_000)

    await watched.rules.evaluate(now_ms=NOW)

    assert await watched.kinds() == []


async def test_a_nightly_job_is_usual_at_night(watched: Watched) -> None:
    """The median is of the same time of the day, not of the whole day."""
    key_id = await watched.key()
    for day in range(1, 15):
        await watched.use(key_id, NOW - day * DAY_MS, input_tokens=4_000_000)
    await watched.use(key_id, NOW, input_tokens=4_000_000)

    await watched.rules.evaluate(now_ms=NOW + 29 * MINUTE_MS)

    assert await watched.kinds() == []


# ── dearer_model, wake_up, failing ──────────────────────────────────────────


async def test_a_dearer_model_than_ever_is_told_of_once(watched: Watched) -> None:
    """A thief takes the best that there is."""
    key_id = await watched.key()
    await watched.use(key_id, NOW - MINUTE_MS, model="demo-embed")
    await watched.rules.evaluate(now_ms=NOW)

    await watched.use(key_id, NOW, model="demo-chat")
    await watched.rules.evaluate(now_ms=NOW + MINUTE_MS)
    await watched.rules.evaluate(now_ms=NOW + 2 * MINUTE_MS)
    await watched.use(key_id, NOW + 2 * MINUTE_MS, model="gpt-4o")
    watched.restart()
    await watched.rules.evaluate(now_ms=NOW + 3 * MINUTE_MS)

    (event,) = await watched.told()
    assert (event.kind, event.details["model"]) == ("key.dearer_model", "demo-chat")
    assert event.details["dearest_before"] == "demo-embed"


async def test_the_first_models_of_a_key_are_no_surprise(watched: Watched) -> None:
    """Every key begins with one it never used."""
    key_id = await watched.key(age_days=0)
    await watched.use(key_id, NOW, model="demo-embed")
    await watched.use(key_id, NOW, model="demo-chat")

    await watched.rules.evaluate(now_ms=NOW + MINUTE_MS)

    assert await watched.kinds() == []


async def test_a_key_that_wakes_up_after_a_month_is_told_of(watched: Watched) -> None:
    """Nobody missed it, so nobody sees who has it now."""
    woken, awake = await watched.key(), await watched.key("awake")
    for day in range(40, 0, -10):
        await watched.use(awake, NOW - day * DAY_MS)
        if day > 30:
            await watched.use(woken, NOW - day * DAY_MS)
        await watched.rules.evaluate(now_ms=NOW - day * DAY_MS + MINUTE_MS)

    await watched.use_many({woken: 1, awake: 1}, NOW)
    await watched.rules.evaluate(now_ms=NOW + MINUTE_MS)
    await watched.rules.evaluate(now_ms=NOW + 2 * MINUTE_MS)

    (event,) = await watched.told()
    assert (event.kind, event.key_id, event.details["idle_days"]) == ("key.woke_up", woken, "40")


async def test_what_fails_now_and_did_not_before_is_told_of(watched: Watched) -> None:
    """A provider that is down for one key only is that key's affair: its credential, its quota, its thief."""
    failing, always = await watched.key(), await watched.key("always failing")
    await watched.use_many({failing: 100}, NOW - 3 * HOUR_MS)
    await watched.use_many({always: 100, failing: 3}, NOW - 3 * HOUR_MS, status=502)
    await watched.use_many({failing: 30, always: 30}, NOW, status=502)
    await watched.use_many({failing: 100}, NOW, status=499)

    await watched.rules.evaluate(now_ms=NOW + MINUTE_MS)

    (event,) = await watched.told()
    assert (event.kind, event.key_id) == ("key.failing", failing)
    assert (event.details["succeeded"], event.details["usual"]) == ("0 %", "97 %")


# ── scope_probing ───────────────────────────────────────────────────────────


async def test_a_key_that_tries_five_things_it_may_not_do_is_found(watched: Watched) -> None:
    """Whatever workers they were tried at: what all of them refused is looked at together."""
    tried = [Tried(KEY, f"operation {n}", NOW / 1000 + n, "192.0.2.1", f"req_{n}") for n in range(PROBES)]
    probing = watched.rules.probing

    for one in tried:
        probing.note([one])
    ((last, details),) = await probing.found()

    assert last == tried[-1]
    assert details["operations"] == ", ".join(one.operation for one in tried)


async def test_slow_or_repeated_refusals_are_no_probing(watched: Watched) -> None:
    """A program that asks for one thing again and again, or a person who tries a few things a day."""
    probing = watched.rules.probing
    probing.note(Tried(KEY, "chat", NOW / 1000 + n, "", "") for n in range(50))
    probing.note(Tried("key_slow", f"{n}", NOW / 1000 + 76 * n, "", "") for n in range(50))
    probing.note(Tried("key_fast", f"{n}", NOW / 1000, "", "") for n in range(200))

    found = await probing.found()

    assert [last.key_id for last, _ in found] == ["key_fast"]


async def test_a_failure_about_one_key_does_not_end_the_watch(
    furnished: Store, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next key that probes is looked at all the same."""
    watched = Watched(furnished, vault)
    key_id = await watched.key()
    told = asyncio.Event()
    passing = watched.rules._countermeasures.take

    async def take(found: Finding, now_ms: int) -> None:
        if found.notice.key_id == KEY:
            raise OSError("the disk is full")
        await passing(found, now_ms)
        told.set()

    monkeypatch.setattr(watched.rules._countermeasures, "take", take)
    running = asyncio.get_running_loop().create_task(watched.rules.run())
    for number in range(PROBES):
        watched.rules.probing.note(
            Tried(one, f"operation {number}", NOW / 1000, "192.0.2.1", "") for one in (KEY, key_id)
        )
    async with asyncio.timeout(5):
        await told.wait()
    running.cancel()

    assert [(event.kind, event.key_id) for event in await watched.told()] == [("key.scope_probing", key_id)]


# ── cost ────────────────────────────────────────────────────────────────────


async def test_keys_that_rest_cost_nothing(watched: Watched) -> None:
    """Ten thousand keys with a history, twenty in use: a look takes as much as with the twenty alone."""
    in_use = [await watched.key(f"busy {number}") for number in range(20)]
    for key_id in in_use:
        await watched.use(key_id, NOW, times=3, input_tokens=400_000)
    await watched.rules.evaluate(now_ms=NOW + MINUTE_MS)
    few = await steps_of_a_look(watched)

    resting = [f"key_{number:020}" for number in range(10_000)]
    row = dict.fromkeys(
        ("requests", "input_tokens", "output_tokens", "cost_nano_usd", "cached_tokens", "reasoning_tokens"), 1
    ) | dict.fromkeys(("errors", "estimated", "recovered", "unpriced"), 0)
    group = {"model": "demo-chat", "status": 200, "operation": "chat", "upstream": "demo"}
    groups = [{"id": 1_000 + number, "key_id": key_id, **group} for number, key_id in enumerate(resting)]
    rows = [
        {"period": period, "start": NOW // 1000 - ago_s, "series_id": one["id"], **row}
        for one in groups
        for period, ago_s in (("hour", 86_400), ("hour", 2 * 86_400), ("day", 86_400), ("minute", 7_200))
    ]
    async with watched.store.writing() as connection:
        await connection.execute(insert(series), groups)
        await connection.execute(insert(rollups), rows)
    many = await steps_of_a_look(watched)

    assert few > 0
    assert many < 1.2 * few


async def steps_of_a_look(watched: Watched) -> int:
    """Return how many hundreds of instructions the database takes for a look: another than its time, it is always the same."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    # There is one connection, which everything goes through in turn.
    async with watched.store.reading() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.set_progress_handler(count, 100)
    await watched.rules.evaluate(now_ms=NOW + 2 * MINUTE_MS)
    await driver.set_progress_handler(None, 0)
    return steps
