"""What is kept, for how long, and that the rest goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.used import own, requests, use
from keyturn import system
from keyturn.domain.periods import DAY_S, HOUR_S
from keyturn.services.retention import Kept, Retention
from keyturn.store import retention, tables
from keyturn.store.engine import Store
from keyturn.store.usage_tables import overall, owner_sums, rollups

NOW_S = int(system.now()) // HOUR_S * HOUR_S
DAYS = 10


async def counts(store: Store) -> dict[str, int]:
    """Return requests by where they stand; all of them where nothing is gone."""
    found: dict[str, int] = {}
    async with store.reading() as connection:
        for table in (rollups, overall, owner_sums):
            query = select(table.c.period, func.sum(table.c.requests)).group_by(table.c.period)
            for period, count in await connection.execute(query):
                found[f"{table.name} {period}"] = count
        found["blocks"] = (
            await connection.scalar(select(func.count()).select_from(tables.request_blocks)) or 0
        )
    return found


@pytest.fixture
async def used(store: Store) -> Store:
    """A database with requests of ten days."""
    await own(store)
    await use(store, requests(800, since_s=NOW_S - DAYS * DAY_S, until_s=NOW_S), batch=20)
    return store


async def test_what_was_kept_long_enough_goes_and_the_days_stay(
    used: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that grows for ever fills the disk; a bill needs its days. A little at a time, and all of it."""
    monkeypatch.setattr(retention, "BLOCKS_AT_ONCE", 7)
    monkeypatch.setattr(retention, "ROLLUPS_AT_ONCE", 11)
    before = await counts(used)

    await Retention(used, lambda: Kept(requests_days=5, minutes_days=2, hours_days=7)).prune(NOW_S * 1000)

    after = await counts(used)
    async with used.reading() as connection:
        starts = {
            (table.name, period): await connection.scalar(
                select(func.min(table.c.start)).where(table.c.period == period)
            )
            for table in (rollups, overall)
            for period in ("minute", "hour")
        }
        oldest = await connection.scalar(select(func.min(tables.request_blocks.c.last_id)))
        complete = await retention.complete_from(connection)
    for name in ("day", "hour"):
        assert after[f"owner_sums {name}"] == after[f"rollups {name}"]
    for table in ("rollups", "overall"):
        assert after[f"{table} day"] == before[f"{table} day"] == 800
        assert 0 < after[f"{table} minute"] < after[f"{table} hour"] < 800
        assert NOW_S - 2 * DAY_S <= (starts[table, "minute"] or 0) < NOW_S - DAY_S
        assert NOW_S - 7 * DAY_S <= (starts[table, "hour"] or 0) < NOW_S - 6 * DAY_S
    assert 0 < after["blocks"] < before["blocks"]
    assert oldest is not None
    assert complete == {"minute": NOW_S - 2 * DAY_S, "hour": NOW_S - 7 * DAY_S}


async def test_what_is_gone_does_not_come_back_when_more_is_to_be_kept(used: Store) -> None:
    """A report over what was deleted must stay refused, whatever the setting says now."""
    await Retention(used, lambda: Kept(requests_days=5, minutes_days=2, hours_days=7)).prune(NOW_S * 1000)

    await Retention(used, lambda: Kept(requests_days=9, minutes_days=9, hours_days=9)).prune(NOW_S * 1000)

    async with used.reading() as connection:
        complete = await retention.complete_from(connection)
    assert complete == {"minute": NOW_S - 2 * DAY_S, "hour": NOW_S - 7 * DAY_S}


async def test_others_write_between_the_parts(used: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of a million requests takes seconds to delete: no key may wait for that to be disabled."""
    monkeypatch.setattr(retention, "BLOCKS_AT_ONCE", 5)
    sizes: list[int] = []
    writing = used.writing

    @asynccontextmanager
    async def watched() -> AsyncIterator[AsyncConnection]:
        async with writing() as connection:
            query = select(func.count()).select_from(tables.request_blocks)
            before = await connection.scalar(query) or 0
            yield connection
            sizes.append(before - (await connection.scalar(query) or 0))

    monkeypatch.setattr(used, "writing", watched)

    await Retention(used, lambda: Kept(requests_days=1, minutes_days=30, hours_days=30)).prune(NOW_S * 1000)

    assert max(sizes) == 5
    assert len(sizes) > 10
