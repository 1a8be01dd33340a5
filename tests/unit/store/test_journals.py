"""What ingest writes: usage and what is charged for it, in one transaction."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from fakes.billing import differences, entries
from fakes.usage_records import KEY, WorkerJournal, admitted, served
from keyturn.control.ingest import Ingest
from keyturn.domain.latency import counts
from keyturn.store import tables
from keyturn.store.engine import Store
from keyturn.store.journals import LONG_HISTOGRAM


@pytest.fixture
async def owned(store: Store) -> Store:
    """A database in which the key belongs to an account."""
    async with store.writing() as connection:
        await connection.execute(insert(tables.accounts).values(id="acct_1", name="a", created_at=1))
        project = {"id": "proj_1", "account_id": "acct_1", "name": "p", "created_at": 1}
        await connection.execute(insert(tables.projects).values(project))
        texts = dict.fromkeys(("name", "kind", "preset", "permissions", "created_by"), "x")
        key = {"id": KEY, "project_id": "proj_1", "enabled": True, "created_at": 1, "version": 1, **texts}
        await connection.execute(insert(tables.keys).values(key))
    return store


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerJournal]:
    """A living worker."""
    folder = tmp_path / "journals"
    folder.mkdir()
    found = WorkerJournal(folder)
    yield found
    found.close()


async def start(store: Store, worker: WorkerJournal) -> Ingest:
    """Return what a started process has."""
    found = Ingest(store, worker.folder)
    await found.load()
    return found


async def test_what_is_counted_is_charged_whenever_the_process_dies(
    owned: Store, worker: WorkerJournal
) -> None:
    """Between two batches, and in the middle of one: the entry, the rows and the position stand or fall together."""
    worker.write(served(cost_nano_usd=3))
    await (await start(owned, worker)).flush()
    worker.write(served(cost_nano_usd=4))
    async with owned.writing() as connection:
        await connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON journals BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    assert not await (await start(owned, worker)).flush()
    async with owned.writing() as connection:
        await connection.execute(text("DROP TRIGGER full"))

    for _ in range(2):
        await (await start(owned, worker)).flush()

    assert [(one.seq, one.amount) for one in await entries(owned, "acct_1")] == [(1, -3), (2, -4)]
    assert await differences(owned) == []


async def test_no_sum_keeps_a_long_histogram(owned: Store, worker: WorkerJournal) -> None:
    """Whoever looks at a month by the hour reads 1,500 of them, and must not have to count each request again."""
    ingest = await start(owned, worker)
    for number in range(600):
        worker.write(served(model=f"m{number % 60}", total_us=1_000 + 97 * (number % 7)))
    await ingest.flush()

    async with owned.reading() as connection:
        found = [
            bytes(row[0])
            for table in ("totals", "overall", "rollups")
            for row in await connection.execute(text(f"SELECT durations FROM {table}"))  # noqa: S608 -- constants
        ]

    assert max(map(len, found)) <= LONG_HISTOGRAM
    assert sum(sum(counts([one]).values()) for one in found) == 600 * 3 * 3


async def test_a_request_whose_worker_died_is_charged_at_its_reservation(
    owned: Store, worker: WorkerJournal
) -> None:
    """As it is counted."""
    worker.write(admitted(cost_nano_usd=7_000))
    worker.close()

    await (await start(owned, worker)).flush()

    assert [one.amount for one in await entries(owned, "acct_1")] == [-7_000]
    assert await differences(owned) == []
