"""What the store says of a limit."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from fakes.books_of_node import ACCOUNT, PROJECT, Journals, begun, ended, furnish
from keyturn import system
from keyturn.domain.leases import position_of
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window
from keyturn.domain.windows import period
from keyturn.store import counters
from keyturn.store.engine import Store
from keyturn.store.usage_tables import usage_horizons

HOUR_S, DAY_S = 3_600, 86_400
TODAY = system.now() // DAY_S * DAY_S
"""Midnight, UTC."""


@pytest.fixture
async def journals(store: Store, tmp_path: Path) -> AsyncIterator[Journals]:
    """Journals that nobody has written yet."""
    found = Journals(store, tmp_path / "journals")
    await found.ingest.load()
    yield found
    found.close()


def bound(owner: str, scope: Scope = Scope.KEY, metric: Metric = Metric.REQUESTS) -> Bound:
    """Return a limit of a lifetime."""
    return Bound(owner, scope, Limit(metric, Window.LIFETIME, 100))


async def used_since(store: Store, of: Bound, since: float) -> int:
    """Return what has ended since a time."""
    async with store.reading() as connection:
        keys = await counters.key_ids(connection, of)
        return await counters.used_since(connection, of, keys, since)


async def put(journals: Journals, key_id: str, *times: float) -> None:
    """Have a key's requests begin and end at these times."""
    for at in times:
        request = begun(at, key_id=key_id)
        journals.write(request, ended(request))
    assert await journals.ingest.flush()


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns"],
)
async def test_a_day_is_counted_to_the_minute_it_begins_in(
    store: Store, journals: Journals, zone: str
) -> None:
    """Half the world's midnights are no whole hour elsewhere."""
    (key_id, *_) = await furnish(store)
    midnight, following = period(Window.DAY, zone, TODAY + DAY_S / 2)
    assert datetime.fromtimestamp(midnight, ZoneInfo(zone)).hour == 0
    before = [midnight - 1, midnight - 61, midnight - HOUR_S]
    within = [
        midnight,
        midnight + 59,
        midnight + 61,
        midnight + HOUR_S,
        midnight + 13 * HOUR_S,
        following - 1,
    ]

    await put(journals, key_id, *before, *within)

    assert await used_since(store, bound(key_id), midnight) == len(within)


async def test_what_is_not_kept_by_the_minute_counts_by_the_hour_it_began_in(
    store: Store, journals: Journals
) -> None:
    """More rather than less."""
    (key_id, *_) = await furnish(store)
    begins = TODAY - 5 * HOUR_S + 1_800
    await put(journals, key_id, begins - 1_801, begins - 1_800, begins - 1, begins, begins + HOUR_S)

    kept = await used_since(store, bound(key_id), begins)
    async with store.writing() as connection:
        rows = [{"period": period, "complete_from": begins + 1} for period in ("minute", "hour")]
        await connection.execute(insert(usage_horizons), rows[:1])
        by_the_hour = await counters.used_since(connection, bound(key_id), frozenset({key_id}), begins)
        await connection.execute(insert(usage_horizons), rows[1:])
        by_the_day = await counters.used_since(connection, bound(key_id), frozenset({key_id}), begins)

    assert (kept, by_the_hour, by_the_day) == (2, 4, 5)


async def test_a_lifetime_counts_everything(store: Store, journals: Journals) -> None:
    """Rollups by the day stay for ever."""
    (key_id, *_) = await furnish(store)

    await put(journals, key_id, TODAY - 20 * DAY_S, TODAY - DAY_S, TODAY)

    assert await used_since(store, bound(key_id), 0.0) == 3


@pytest.mark.parametrize("count", [counters.FEW_KEYS - 1, counters.FEW_KEYS + 20])
@pytest.mark.parametrize(("owner", "scope"), [(PROJECT, Scope.PROJECT), (ACCOUNT, Scope.ACCOUNT)])
async def test_many_keys_are_counted_as_few(
    store: Store, journals: Journals, count: int, owner: str, scope: Scope
) -> None:
    """They are asked for in another way, and must come to the same."""
    keys = await furnish(store, keys=count)
    for number in (0, 1, count // 2, count - 2, count - 1):
        await put(journals, keys[number], TODAY + number)
    await put(journals, "key_of_nobody", TODAY)
    of = bound(owner, scope)

    async with store.reading() as connection:
        own = await counters.key_ids(connection, of)
        by_request = await counters.ended_since(connection, of, own, TODAY)
        by_minute = await counters.minutes_since(connection, of, own, TODAY)
    found = await used_since(store, of, TODAY)

    wanted = 5 if scope is Scope.ACCOUNT else 4
    assert len(own) == count - (scope is Scope.PROJECT)
    assert found == len(by_request) == sum(amount for _, amount in by_minute) == wanted


async def test_an_hour_is_read_by_the_minute_each_counted_at_its_end(
    store: Store, journals: Journals
) -> None:
    """Later than it was, and so for longer."""
    (key_id, *_) = await furnish(store)
    await put(journals, key_id, TODAY - 61, TODAY - 60, TODAY + 3, TODAY + 59, TODAY + 60)

    async with store.reading() as connection:
        of = bound(key_id, metric=Metric.OUTPUT_TOKENS)
        found = await counters.minutes_since(connection, of, frozenset({key_id}), TODAY + 10)

    assert sorted(found) == [(TODAY + 60, 42), (TODAY + 120, 21)]


async def test_each_journal_says_how_far_it_is_in_the_books(store: Store, journals: Journals) -> None:
    """The furthest of a worker's files; a finished file is forgotten when it is gone."""
    places = {worker: journals.write(begun(TODAY), worker=worker) for worker in ("1-aaaa", "2-bbbb")}
    assert await journals.ingest.flush()
    later = journals.write(begun(TODAY), worker="2-bbbb")

    async with store.reading() as connection:
        found = await counters.positions(connection)

    assert found == places
    assert found["2-bbbb"] < later < position_of(1, 0)
