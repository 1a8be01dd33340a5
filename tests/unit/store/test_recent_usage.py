"""What is remembered of usage and brought up to date: always the same as what is read anew, and read only where it must be."""

import random
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.usage_records import WorkerJournal, served
from fakes.used import ACCOUNTS, KEYS, own, requests, use
from keyturn import system
from keyturn.control.ingest import Ingest
from keyturn.domain import latency, periods
from keyturn.domain.journal import Served
from keyturn.domain.periods import DAY_S, HOUR_S
from keyturn.store import owner_sums, usage_reports
from keyturn.store.engine import Store
from keyturn.store.key_rows import MOST_KNOWN, KeyRows
from keyturn.store.key_sums import Figures, KeySums
from keyturn.store.owner_sums import OwnerSums
from keyturn.store.recent_usage import RecentUsage, State, state_of
from keyturn.store.usage_rows import Dimension, Step, UsageFilter, UsageRow, shortened

UNTIL_S = int(system.now()) // HOUR_S * HOUR_S + HOUR_S
SINCE_S = UNTIL_S - 4 * DAY_S
SPANS = periods.cover(SINCE_S, UNTIL_S)
WHOLE = [Step(SINCE_S, UNTIL_S, SPANS)]
HALVES = [
    Step(since_s, since_s + 2 * DAY_S, periods.cover(since_s, since_s + 2 * DAY_S))
    for since_s in (SINCE_S, SINCE_S + 2 * DAY_S)
]
ODD = [
    Step(since_s, since_s + DAY_S, periods.cover(since_s, since_s + DAY_S))
    for since_s in range(SINCE_S + HOUR_S // 4, UNTIL_S, DAY_S)
]
"""Days of a time zone that begin within an hour, as in Nepal."""
NOW_US = (UNTIL_S - HOUR_S // 2) * 1_000_000

_CORRECT = """
UPDATE rollups SET cost_nano_usd = cost_nano_usd + 5 WHERE series_id IN (SELECT id FROM series WHERE key_id = :key)
"""
_OF_KEY = """
UPDATE key_sums SET cost_nano_usd = (
    SELECT sum(r.cost_nano_usd) FROM rollups r JOIN series s ON s.id = r.series_id
    WHERE r.period = 'day' AND r.start = key_sums.start AND s.key_id = :key
) WHERE key_id = :key AND period = 'day'
"""
_OF_ALL = """
UPDATE totals SET cost_nano_usd = (
    SELECT sum(r.cost_nano_usd) FROM rollups r WHERE r.period = totals.period AND r.start = totals.start
)
"""
Seen = tuple[Mapping[str, Figures], object]


class Looks:
    """Everything that remembers usage."""

    def __init__(self, recent: RecentUsage) -> None:
        self._key_sums = KeySums(recent)
        self._key_rows = KeyRows(recent)
        self._owner_sums = OwnerSums(recent)

    async def at(self, store: Store) -> Seen:
        """Ask each of them once."""
        async with store.reading() as connection:
            return await self.through(connection)

    async def through(self, connection: AsyncConnection) -> Seen:
        """Ask each of them for what a connection sees."""
        ranked = await usage_reports.ranking(connection, SPANS, Dimension.KEY, UsageFilter(), self._key_sums)
        rows = [
            _plain(rows)
            for steps in (WHOLE, HALVES)
            for rows in (
                await self._key_rows.rows(connection, steps, KEYS),
                *[await self._owner_sums.rows(connection, steps, by) for by in owner_sums.DIMENSIONS],
            )
            if rows is not None
        ]
        rows.append(_plain(await self._key_rows.rows(connection, ODD, KEYS)))
        return ranked, rows


def _plain(rows: Sequence[UsageRow]) -> set[tuple[object, ...]]:
    short = latency.combine
    return {
        (*msgspec.structs.astuple(row)[:-2], short(row.durations), short(row.first_bytes)) for row in rows
    }


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerJournal]:
    """A living worker."""
    (tmp_path / "journals").mkdir()
    found = WorkerJournal(tmp_path / "journals")
    yield found
    found.close()


@pytest.fixture
async def ingest(store: Store, worker: WorkerJournal) -> Ingest:
    """What reads its journal, into a database in which keys have been used."""
    await own(store)
    await use(store, requests(300, since_s=SINCE_S - DAY_S, until_s=UNTIL_S))
    found = Ingest(store, worker.folder)
    await found.load()
    return found


def now(key_id: str) -> Served:
    """Return a request of the hour that it is."""
    return served(key_id=key_id, started_us=NOW_US)


async def correct(store: Store, key_id: str) -> None:
    """Charge a key's requests otherwise, all of them, as a corrected price does."""
    async with store.writing() as connection:
        await connection.execute(text(_CORRECT), {"key": key_id})
        await connection.execute(text(_OF_KEY), {"key": key_id})
        await connection.execute(text(_OF_ALL))


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is read of keys from now on, as it is read."""
    asked: list[str] = []
    for name in ("keyturn.store.usage_reports.report", "keyturn.store.usage_reports._figures"):
        _note(monkeypatch, name, asked)
    _note(monkeypatch, "keyturn.store.key_sums._of_days", asked)
    return asked


def _note(monkeypatch: pytest.MonkeyPatch, name: str, asked: list[str]) -> None:
    module, _, member = name.rpartition(".")
    original = getattr(__import__(module, fromlist=[member]), member)

    async def read(connection: AsyncConnection, *rest: object) -> object:
        asked.append(
            f"{member} {list(rest[3]) if len(rest) > 3 and isinstance(rest[3], list) else ''}".strip()
        )
        return await original(connection, *rest)

    monkeypatch.setattr(name, read)


async def test_it_is_always_what_would_be_read(store: Store, worker: WorkerJournal, ingest: Ingest) -> None:
    """Whatever comes between two looks: requests of now and late ones, of one key and of many, or another price."""
    chance = random.Random(4)  # noqa: S311 -- the same each time
    looks = Looks(store.recent)
    late = iter(requests(200, since_s=SINCE_S, until_s=UNTIL_S))
    fresh = iter(requests(201, since_s=UNTIL_S - HOUR_S, until_s=UNTIL_S))
    for _ in range(40):
        what = chance.randrange(10)
        if what == 0:
            await correct(store, chance.choice(KEYS))
        else:
            for _ in range(what // 4):
                worker.write(next(fresh))
            if what == 9:
                worker.write(next(late))
            assert await ingest.flush()

        assert await looks.at(store) == await Looks(RecentUsage()).at(store)


async def test_the_same_request_of_two_keys_is_told_apart(
    store: Store, worker: WorkerJournal, ingest: Ingest
) -> None:
    """A look may fall between two batches that change the sums in the same way."""
    looks = Looks(store.recent)
    for key_id in (KEYS[0], KEYS[1], KEYS[0], KEYS[2]):
        worker.write(now(key_id))
        assert await ingest.flush()
        if key_id != KEYS[1]:
            await looks.at(store)

        assert await Looks(store.recent).at(store) == await Looks(RecentUsage()).at(store)
    assert await looks.at(store) == await Looks(RecentUsage()).at(store)


async def test_only_what_was_used_is_read_again(
    store: Store, worker: WorkerJournal, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 10,000 keys, to read all of them takes longer than a page may."""
    looks = Looks(store.recent)
    worker.write(now(KEYS[3]))
    await ingest.flush()
    await looks.at(store)
    asked = noted(monkeypatch)

    worker.write(now(KEYS[3]), now(KEYS[5]))
    await ingest.flush()
    await looks.at(store)

    assert [one for one in asked if "report" not in one] == []
    assert {tuple(one.removeprefix("report ").split()) for one in asked} == {
        (f"['{KEYS[3]}',", f"'{KEYS[5]}']")
    }


async def test_a_batch_that_failed_is_not_counted(
    store: Store, worker: WorkerJournal, ingest: Ingest
) -> None:
    """Nobody knows whether it is in the store, so that nothing is known of what came lately."""
    looks = Looks(store.recent)
    worker.write(now(KEYS[0]))
    await ingest.flush()
    await looks.at(store)
    async with store.writing() as connection:
        await connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON request_blocks BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    worker.write(now(KEYS[1]))

    assert not await ingest.flush()
    begun = store.recent.begun
    failed = await looks.at(store)
    async with store.writing() as connection:
        await connection.execute(text("DROP TRIGGER full"))
    assert await ingest.flush()

    assert not begun
    assert failed != await looks.at(store) == await Looks(RecentUsage()).at(store)


async def test_more_than_is_remembered_is_read(
    store: Store, worker: WorkerJournal, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dashboard that nobody has looked at for an hour."""
    monkeypatch.setattr("keyturn.store.recent_usage.MOST_ROWS", 2)
    looks = Looks(store.recent)
    await looks.at(store)
    for number in range(4):
        worker.write(now(KEYS[number]))
        await ingest.flush()

    assert await looks.at(store) == await Looks(RecentUsage()).at(store)


async def test_who_has_not_begun_or_stands_between_batches_is_told_nothing(store: Store) -> None:
    """Requests that were stored before ingest began, and those that somebody else has stored."""
    await own(store)
    recent = RecentUsage()
    async with store.reading() as connection:
        empty = await state_of(connection, SPANS)

    def at(count: int) -> State:
        return State(count, empty.spans)

    series = (KEYS[0], "m", 200, "chat", "demo")
    row = (NOW_US // 1_000_000, series, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, b"", b"")
    recent.add([row])
    unbegun = recent.between(at(0), at(2), [])
    recent.begin(10)
    recent.add([row])
    recent.add([row, row])

    assert unbegun is None
    assert [recent.between(at(10), at(end), []) for end in (10, 12, 16)] == [[], [], []]
    assert [
        recent.between(at(begin), at(end), []) for begin, end in ((10, 14), (11, 16), (8, 16), (12, 18))
    ] == [
        None,
        None,
        None,
        None,
    ]
    assert recent.between(at(10), at(16), SPANS) is None


async def test_a_look_at_an_older_state_shows_nothing_of_a_newer_one(
    store: Store, worker: WorkerJournal, ingest: Ingest
) -> None:
    """A page that began before another may end after it."""
    looks, late = Looks(store.recent), next(iter(requests(1, since_s=SINCE_S, until_s=UNTIL_S)))
    await looks.at(store)
    async with store.reading() as connection:
        await state_of(connection, SPANS)
        worker.write(now(KEYS[0]), msgspec.structs.replace(late, key_id="key_of_nobody"))
        await ingest.flush()
        newer = await looks.at(store)

        older = await looks.through(connection)

        assert older == await Looks(RecentUsage()).through(connection)
    assert newer != older
    assert await looks.at(store) == newer


@pytest.mark.usefixtures("ingest")
async def test_the_loop_is_not_held_while_histograms_are_made_short(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a thousand keys take a second, in which nobody would be let in."""
    threads: set[int] = set()

    def short(row: UsageRow) -> UsageRow:
        threads.add(threading.get_ident())
        return shortened(row)

    for module in ("key_rows", "owner_sums"):
        monkeypatch.setattr(f"keyturn.store.{module}.shortened", short)

    await Looks(store.recent).at(store)

    assert threads
    assert threading.get_ident() not in threads


async def test_what_is_remembered_stays_little_however_the_window_moves(store: Store, ingest: Ingest) -> None:
    """Somebody asks every hour for the last two days, for months."""
    key_rows, owners = KeyRows(store.recent), OwnerSums(store.recent)
    assert await ingest.flush()
    minutes = [Step(SINCE_S, SINCE_S + 120, periods.cover(SINCE_S, SINCE_S + 120))]
    for ago in range(40):
        since_s, until_s = UNTIL_S - (48 + ago) * HOUR_S, UNTIL_S - ago * HOUR_S
        steps = [Step(since_s, until_s, periods.cover(since_s, until_s))]
        async with store.reading() as connection:
            await key_rows.rows(connection, steps, KEYS)
            await owners.rows(connection, steps, Dimension.ACCOUNT)

    assert len(key_rows._known) == MOST_KNOWN
    assert {len(state.spans) for state, _ in owners._known.values()} == {1}
    assert not key_rows.takes(minutes, KEYS)


@pytest.mark.parametrize("by", sorted(owner_sums.DIMENSIONS))
async def test_some_owners_are_what_they_are_among_all(store: Store, ingest: Ingest, by: Dimension) -> None:
    """Nobody is one of them: whose key was nobody's, or is not known."""
    late = requests(3, since_s=SINCE_S, until_s=UNTIL_S)
    await use(store, [msgspec.structs.replace(one, key_id="key_of_nobody") for one in late])
    assert await ingest.flush()
    for wanted in (UsageFilter(), UsageFilter(account_id=ACCOUNTS[0])):
        async with store.reading() as connection:
            everybody = await usage_reports.report(connection, HALVES, by, wanted)
            groups = sorted({row.group for row in everybody})
            for only in ([""], groups[:1], groups[-1:], groups):
                some = await usage_reports.report(connection, HALVES, by, wanted, only)

                assert _plain(some) == _plain([row for row in everybody if row.group in only])
        assert groups
