"""From the journals into the store: exactly once, whatever dies."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from fakes.usage_records import KEY, START_MS, WorkerJournal, admitted, payload, request_id, served
from keyturn import system
from keyturn.control.ingest import LARGE_READ, Ingest
from keyturn.control.journal_files import journal_files
from keyturn.domain import journal
from keyturn.domain.journal import Served
from keyturn.store import journals, requests, tables, usage
from keyturn.store.engine import Store, open_store
from keyturn.store.usage_tables import key_sums, overall, owner_sums, rollups, totals

SUMMED = [
    *itertools.product((rollups, overall, totals), ("minute", "hour", "day")),
    (key_sums, "day"),
    (key_sums, "six_days"),
    (owner_sums, "hour"),
    (owner_sums, "day"),
]
"""Tables and periods in which every request is counted."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where journals stand."""
    found = tmp_path / "journals"
    found.mkdir()
    return found


@pytest.fixture
async def ingest(store: Store, folder: Path) -> Ingest:
    """An ingest that has just been started."""
    return await start(store, folder)


@pytest.fixture
async def worker(folder: Path) -> AsyncIterator[WorkerJournal]:
    """A living worker."""
    found = WorkerJournal(folder)
    yield found
    found.close()


async def start(store: Store, folder: Path) -> Ingest:
    """Return what a started process has."""
    found = Ingest(store, folder)
    await found.load()
    return found


async def counted(store: Store) -> int:
    """Return how many requests the key has, by every account the same."""
    async with store.reading() as connection:
        of_key = (await usage.of_keys(connection, [KEY]))[KEY].requests
        for table, period in SUMMED:
            query = select(func.sum(table.c.requests)).where(table.c.period == period)
            assert (await connection.scalar(query) or 0) == of_key
        records = await connection.scalars(select(tables.request_blocks.c.records))
        assert sum(len(msgspec.msgpack.decode(one, type=list[Served])) for one in records) == of_key
    return of_key


async def open_admissions(store: Store) -> int:
    """Return how many requests are under way."""
    async with store.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(tables.admissions)) or 0


async def test_what_a_living_worker_wrote_is_stored_once(
    ingest: Ingest, store: Store, worker: WorkerJournal
) -> None:
    """Nothing served goes uncounted, nothing is counted twice."""
    begun = admitted()
    worker.write(begun, served(begun), admitted())

    assert await ingest.flush()
    assert await ingest.flush()

    assert await counted(store) == 1
    assert await open_admissions(store) == 1
    assert worker.files() == ["1-aaaa.0.journal"]


async def test_an_end_that_comes_later_settles_the_beginning(
    ingest: Ingest, store: Store, worker: WorkerJournal
) -> None:
    """A long stream begins in one batch and ends in another."""
    begun = admitted()
    worker.write(begun)
    await ingest.flush()

    worker.write(served(begun))
    await ingest.flush()

    assert (await counted(store), await open_admissions(store)) == (1, 0)


async def test_a_restart_goes_on_where_the_last_one_stopped(
    ingest: Ingest, store: Store, folder: Path, worker: WorkerJournal
) -> None:
    """The position is in the transaction with the rows."""
    worker.write(served())
    await ingest.flush()
    worker.write(served())

    again = await start(store, folder)
    await again.flush()

    assert await counted(store) == 2


async def test_a_batch_whose_transaction_fails_is_read_again(
    ingest: Ingest, store: Store, worker: WorkerJournal
) -> None:
    """Rows without the position, or the position without the rows, would count twice or never."""
    worker.write(served())
    async with store.writing() as connection:
        await connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON journals BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )

    with capture_logs() as logs:
        failed = [await ingest.flush(), await ingest.flush()]
    state = ingest.failing
    async with store.writing() as connection:
        await connection.execute(text("DROP TRIGGER full"))
    recovered = await ingest.flush()

    assert (failed, state, recovered, ingest.failing) == ([False, False], True, True, False)
    assert [log["event"] for log in logs] == ["usage can't be stored; trying again"]
    assert await counted(store) == 1


async def test_a_dead_workers_open_requests_are_charged_and_its_journal_goes(
    ingest: Ingest, store: Store, worker: WorkerJournal
) -> None:
    """A request in flight at a kill -9 used something."""
    ended, orphan, earlier = admitted(), admitted(), admitted()
    worker.write(earlier)
    await ingest.flush()
    worker.write(ended, served(ended), orphan)

    worker.close()
    await ingest.flush()
    await ingest.flush()

    assert (await counted(store), await open_admissions(store)) == (3, 0)
    assert worker.files() == []
    async with store.reading() as connection:
        recovered = await connection.scalar(select(func.max(overall.c.recovered)))
        found = await requests.ended(connection, orphan.request_id)
        assert await journals.positions(connection) == {}
    assert recovered == 2
    assert isinstance(found, Served)
    assert found.outcome == "recovered"


async def test_a_full_segment_is_finished_while_its_worker_lives_on(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    """What is under way across two segments belongs to a living worker: it must not be charged as lost."""
    worker = WorkerJournal(folder, segment_bytes=16_384)
    across = admitted()
    worker.write(across)
    for _ in range(60):
        begun = admitted()
        worker.write(begun, served(begun))
    assert len(worker.files()) > 1

    await ingest.flush()
    under_way = await open_admissions(store)
    worker.write(served(across))
    await ingest.flush()
    left = worker.files()
    worker.close()
    await ingest.flush()

    assert (under_way, len(left)) == (1, 1)
    assert (await counted(store), await open_admissions(store)) == (61, 0)
    async with store.reading() as connection:
        assert await connection.scalar(select(func.max(overall.c.recovered))) == 0


async def test_a_segment_waits_for_the_one_before_it(ingest: Ingest, store: Store, folder: Path) -> None:
    """An end that overtook its beginning would leave the beginning to be charged again."""
    first = WorkerJournal(folder)
    begun = admitted()
    first.write(begun)
    path = folder / "1-aaaa.1.journal"
    path.write_bytes(journal.frame(payload(served(begun))) + bytes(64))

    await ingest.flush()
    before = await counted(store)
    first.close()
    await ingest.flush()

    assert before == 0
    assert (await counted(store), await open_admissions(store)) == (1, 0)


async def test_a_torn_tail_is_where_a_dead_workers_journal_ends(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    """The machine stopped in the middle of a write; what is before it counts."""
    whole, torn = journal.frame(payload(served())), journal.frame(payload(served()))
    (folder / "1-aaaa.0.journal").write_bytes(whole + torn[: len(torn) // 2] + bytes(500))

    await ingest.flush()

    assert await counted(store) == 1
    assert journal_files(folder) == []


async def test_a_record_still_being_written_is_read_when_it_is_whole(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    """The worker writes through a mapping: a reader may see half a record."""
    frame = journal.frame(payload(served()))
    path = folder / "1-aaaa.0.journal"
    path.write_bytes(frame[:50] + bytes(1000))
    with path.open("rb+", buffering=0) as stream:
        system.lock(stream.fileno())
        await ingest.flush()
        half = await counted(store)
        stream.write(frame)
        await ingest.flush()

        assert (half, await counted(store)) == (0, 1)


async def test_more_than_one_read_holds_is_read_to_the_end(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    """After a long pause there are megabytes."""
    frames = [journal.frame(payload(served())) for _ in range(2 * LARGE_READ // 170)]
    (folder / "1-aaaa.0.journal").write_bytes(b"".join(frames))

    await ingest.flush()

    assert await counted(store) == len(frames)


async def test_a_read_that_ends_with_a_record_is_not_taken_for_the_end(
    ingest: Ingest, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One read in some hundred does, and what follows in a dead worker's journal must not go with the file."""
    first, *others = [journal.frame(payload(served())) for _ in range(100)]
    for name in ("SMALL_READ", "LARGE_READ"):
        monkeypatch.setattr(f"keyturn.control.ingest.{name}", len(first))
    (folder / "1-aaaa.0.journal").write_bytes(b"".join([first, *others]))

    await ingest.flush()

    assert await counted(store) == 1 + len(others)


async def test_a_record_of_a_newer_version_stops_that_file_only(
    ingest: Ingest, store: Store, folder: Path, worker: WorkerJournal
) -> None:
    """After a downgrade the rest must go on, and nothing may be thrown away."""
    strange = journal.frame(msgspec.msgpack.encode([99, "from the future"]))
    path = folder / "2-bbbb.0.journal"
    path.write_bytes(journal.frame(payload(served())) + strange + journal.frame(payload(served())))
    worker.write(served())

    with capture_logs() as logs:
        await ingest.flush()
        await ingest.flush()

    assert await counted(store) == 2
    assert path.exists()
    assert ingest.unreadable == ["2-bbbb.0.journal"]
    assert [log["log_level"] for log in logs] == ["error"]


async def test_a_journal_deleted_by_hand_is_reported_and_its_open_requests_charged(
    ingest: Ingest, store: Store, worker: WorkerJournal
) -> None:
    """They would stay under way for ever."""
    worker.write(admitted())
    await ingest.flush()
    (worker.folder / "1-aaaa.0.journal").unlink()

    with capture_logs() as logs:
        await ingest.flush()
    await ingest.flush()

    assert (await counted(store), await open_admissions(store)) == (1, 0)
    assert logs[0]["event"] == "a journal is gone before it was read to its end"


async def test_a_file_that_was_finished_before_a_crash_is_deleted_after_it(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    """Between the commit and the unlink anything can die; the rows must not come twice."""
    path = folder / "1-aaaa.0.journal"
    frame = journal.frame(payload(served()))
    path.write_bytes(frame)
    await ingest.flush()
    path.write_bytes(frame)
    batch = journals.Batch(path.name, len(frame), True, [], [], [], [], [], [], [], [])
    async with store.writing() as connection:
        await journals.write(connection, batch)

    await (await start(store, folder)).flush()

    assert await counted(store) == 1
    assert not path.exists()


async def test_a_stored_request_is_found_by_its_identifier(
    ingest: Ingest, store: Store, worker: WorkerJournal
) -> None:
    """`keyturn explain` asks for it."""
    begun = admitted(request_id=request_id(START_MS + 240_000))
    ended, waiting = served(begun), admitted()
    worker.write(served(), begun, ended, served(), waiting)
    await ingest.flush()

    async with store.reading() as connection:
        assert await requests.ended(connection, ended.request_id) == ended
        assert await requests.ended(connection, request_id()) is None
        assert await requests.ended(connection, "req_") is None
        assert await requests.under_way(connection, waiting.request_id) == waiting
        assert await requests.under_way(connection, ended.request_id) is None


async def test_what_waits_is_measured(ingest: Ingest, worker: WorkerJournal) -> None:
    """`keyturn doctor` shows a store that can't keep up."""
    record = served()
    worker.write(record)

    before = ingest.behind()
    await ingest.flush()

    assert before == {"1-aaaa": len(journal.frame(payload(record)))}
    assert ingest.behind() == {"1-aaaa": 0}


async def test_processes_that_take_turns_lose_and_double_nothing(tmp_path: Path, folder: Path) -> None:
    """A supervisor restarts the control process whenever it dies."""
    store = await open_store(tmp_path / "other.db")
    worker = WorkerJournal(folder)
    for number in range(5):
        worker.write(served())
        another = await start(store, folder)
        if number % 2:
            await another.flush()
    worker.close()

    await (await start(store, folder)).flush()
    found = await counted(store)
    await store.close()

    assert found == 5
