"""Takes usage from the journals into the store: exactly once, whatever dies.

The position reached in a file is committed in the transaction that holds the rows, so that a batch is in the store
whole or not at all, and is read again from where the last one ended.

====================  =========================================================================
a file is             then
====================  =========================================================================
locked                its worker lives: read to where it ends for now, look again later
unlocked, followed    complete: read to the end, finish it
unlocked, the last    its worker is dead: read to the end, settle what it left open, finish it
finished              everything is in the store: delete the file, then its row
====================  =========================================================================

A worker opens its next segment before it lets go of the last, so that "unlocked and not followed" says the
worker is dead, if asked in this order. A segment is read only when the one before it is finished: a request's end
never overtakes its beginning.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import system
from keyturn.control.journal_files import JournalFile, journal_files
from keyturn.control.tally import Tally
from keyturn.domain import journal
from keyturn.domain.anomalies import Tried
from keyturn.store import journals
from keyturn.store.engine import Store
from keyturn.store.journals import Batch
from keyturn.store.recent_usage import state_of
from keyturn.store.series import Series

READ_EVERY_S = 0.5
"""How often files are read unasked. Larger batches cost less a request; reports ask for what they need."""
SWEEP_EVERY_MS = 3_600_000
RETRY_AFTER_S = 1.0
ABANDONED_AFTER_S = 60
SMALL_READ, LARGE_READ = 1 << 16, 1 << 20
"""What a quiet and a busy worker writes between two reads; the larger takes 10 ms to add up."""
BATCH_RECORDS = 65_536
"""Read into one transaction at most. The more requests, the more of them share a row of sums."""
LARGEST_READ = journal.HEADER_LENGTH + journal.LARGEST_FRAME


class Ingest:
    """Reads this node's journals. ``load`` first, then ``run`` in the background and ``flush`` at will."""

    def __init__(
        self, store: Store, folder: Path, tried: Callable[[Sequence[Tried]], None] | None = None
    ) -> None:
        """Take in what is read.

        Args:
            store: Where it goes.
            folder: Where the journals stand.
            tried: Is told what was refused to keys because they may not do it, once that is in the store.
        """
        self._store = store
        self._folder = folder
        self._tried = tried
        self.heard: Callable[[Sequence[tuple[str, str, bytes]]], None] | None = None
        """Is given the requests that were stored: first and last identifier, and the records as the store has them."""
        self._positions: dict[str, tuple[int, bool]] = {}
        self._unreadable: set[str] = set()
        self._lock = asyncio.Lock()
        self.failing = False
        """The store could not be written to the last time."""
        self._look_for_abandoned = True
        self._series = Series()
        self._swept_at_ms = 0

    async def load(self) -> None:
        """Learn where an earlier run of this process stopped."""
        async with self._store.reading() as connection:
            self._positions = await journals.positions(connection)

    async def run(self) -> None:
        """Read forever. A store that can't be written to is tried again; the files wait."""
        while True:
            read = await self.flush()
            await asyncio.sleep(READ_EVERY_S if read else RETRY_AFTER_S)

    async def flush(self) -> bool:
        """Bring everything that workers wrote before this call into the store.

        Returns:
            ``False`` when the store or the files could not be used; it is logged, nothing is lost.
        """
        async with self._lock:
            try:
                await self._pass()
            except (SQLAlchemyError, OSError) as error:
                if not self.failing:
                    structlog.get_logger().error(
                        "usage can't be stored; trying again", why=_first_line(error)
                    )
                self.failing = True
                self._series = Series()  # what was numbered in the transaction is undone
                return False
        if self.failing:
            structlog.get_logger().info("usage is stored again")
        self.failing = False
        return True

    def behind(self) -> dict[str, int]:
        """Return for each worker how many bytes of its journals wait to be stored; one MiB a file at most."""
        found: dict[str, int] = {}
        for file in journal_files(self._folder):
            with file.path.open("rb") as stream:
                _, length = journal.cut(os.pread(stream.fileno(), LARGE_READ, self._position(file)))
                found[file.worker] = found.get(file.worker, 0) + length
        return found

    @property
    def unreadable(self) -> list[str]:
        """The journals that hold what this program can't read, by name."""
        return sorted(self._unreadable)

    async def _pass(self) -> None:
        files = journal_files(self._folder)
        for worker, own in itertools.groupby(files, key=lambda file: file.worker):
            await self._read_worker(worker, list(own))
        await self._drop_lost({file.name for file in files})
        if self._look_for_abandoned:
            await self._settle_abandoned({file.worker for file in files})
        now_ms = system.now_ms()
        if now_ms - self._swept_at_ms >= SWEEP_EVERY_MS:
            self._sweep(now_ms)

    async def _read_worker(self, worker: str, files: Sequence[JournalFile]) -> None:
        for file in files:
            finished = self._positions.get(file.name, (0, False))[1]
            if not finished and not await self._read_file(worker, file):
                return
            file.path.unlink(missing_ok=True)
            await self._forget(file.name)

    async def _read_file(self, worker: str, file: JournalFile) -> bool:
        """Read a file as far as it goes; say whether it is finished."""
        complete = not system.is_locked(file.path)
        dead = complete and not file.successor().exists()
        with file.path.open("rb", buffering=0) as stream:
            over = False
            while not over:
                tally, position, readable = Tally(), self._position(file), True
                while readable and not over and tally.read < BATCH_RECORDS:
                    payloads, length, at_the_end = _read(stream.fileno(), position)
                    # A read may end with a record and still not be the last: of a complete file, all is read. Of a busy
                    # worker's, what has come meanwhile is for the next pass: chasing it makes small batches.
                    over = not payloads or (at_the_end and not complete)
                    before = tally.read
                    readable = self._add(tally, payloads, file)
                    if not readable:
                        taken = payloads[: tally.read - before]
                        length = sum(journal.HEADER_LENGTH + len(one) for one in taken)
                    position += length
                    await asyncio.sleep(0)  # the loop has others to serve
                if tally.read:
                    await self._commit(tally, worker, file.name, position)
                if not readable:
                    return False
        if complete:
            tally = Tally()
            if dead:
                await self._recover(tally, worker)
            await self._commit(tally, worker, file.name, self._position(file), finished=True)
        return complete

    def _add(self, tally: Tally, payloads: Sequence[bytes], file: JournalFile) -> bool:
        try:
            tally.add(payloads)
        except msgspec.DecodeError as error:
            if file.name not in self._unreadable:
                structlog.get_logger().error(
                    "a journal holds what this version can't read; the rest of it waits",
                    journal=file.name,
                    why=str(error),
                )
            self._unreadable.add(file.name)
            return False
        return True

    async def _recover(self, tally: Tally, worker: str) -> None:
        async with self._store.reading() as connection:
            orphans = await journals.under_way(connection, worker)
        tally.recover(orphans)
        if orphans:
            structlog.get_logger().warning(
                "a worker died in mid-request", worker=worker, recovered=len(orphans)
            )

    async def _commit(
        self, tally: Tally, worker: str, name: str, position: int, *, finished: bool = False
    ) -> None:
        # In a thread: of very many keys it takes a fifth of a second, in which look-ups must be answered.
        batch = await asyncio.to_thread(
            tally.batch, journal=name, worker=worker, position=position, finished=finished
        )
        await self._write(batch)
        self._positions[name] = position, finished
        if self.heard is not None:
            self.heard(batch.blocks)
        if tally.tried and self._tried is not None:
            self._tried(tally.tried)

    async def _write(self, batch: Batch) -> None:
        recent = self._store.recent
        if not recent.begun:
            async with self._store.reading() as connection:
                recent.begin((await state_of(connection, ())).requests)
        try:
            async with self._store.writing() as connection:
                await journals.write(connection, batch, self._series)
        except BaseException:
            recent.forget()  # it may be in the store or not
            raise
        recent.add(batch.rollups)

    def _position(self, file: JournalFile) -> int:
        return self._positions.get(file.name, (0, False))[0]

    async def _forget(self, name: str) -> None:
        async with self._store.writing() as connection:
            await journals.forget(connection, name)
        del self._positions[name]
        self._unreadable.discard(name)

    async def _drop_lost(self, present: set[str]) -> None:
        """Forget rows whose file is gone: deleted by us just before we died, or by somebody else."""
        for name, (_, finished) in list(self._positions.items()):
            if name in present:
                continue
            if not finished:
                structlog.get_logger().error("a journal is gone before it was read to its end", journal=name)
                self._look_for_abandoned = True
            await self._forget(name)

    async def _settle_abandoned(self, workers: set[str]) -> None:
        """Settle what was left open by workers that have no journal any more."""
        async with self._store.reading() as connection:
            abandoned = await journals.workers_under_way(connection) - workers
        for worker in sorted(abandoned):
            tally = Tally()
            await self._recover(tally, worker)
            await self._write(tally.batch(journal="", worker=worker, position=0, finished=True))
        self._look_for_abandoned = False

    def _sweep(self, now_ms: int) -> None:
        """Delete what a worker left that died while opening a segment; a young one may not be locked yet."""
        for path in self._folder.glob("*.new"):
            if not system.is_locked(path) and now_ms / 1000 - path.stat().st_mtime > ABANDONED_AFTER_S:
                path.unlink(missing_ok=True)
        self._swept_at_ms = now_ms


def _read(descriptor: int, start: int) -> tuple[list[bytes], int, bool]:
    """Return the next records from ``start`` on, some thousands at most, their bytes, and whether they are the last."""
    at_the_end = False
    payloads: list[bytes] = []
    length = 0
    for size in (SMALL_READ, LARGE_READ, LARGEST_READ):
        data = os.pread(descriptor, size, start + length)
        more, more_length = journal.cut(data)
        payloads += more
        length += more_length
        at_the_end = not data[more_length : more_length + journal.HEADER_LENGTH].strip(b"\0")
        if at_the_end or (size >= LARGE_READ and payloads):
            break
    return payloads, length, at_the_end


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
