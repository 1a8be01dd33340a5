"""A node's books: a real database with keys in it, real journals, and requests that stand there."""

from pathlib import Path

from sqlalchemy import insert

from fakes.usage_records import WorkerJournal, admitted, request_id, served
from keyturn.control.ingest import Ingest
from keyturn.domain.journal import Admitted, Record, Served
from keyturn.store import accounts, projects, tables
from keyturn.store.accounts import StoredAccount
from keyturn.store.engine import Store
from keyturn.store.projects import StoredProject

ACCOUNT, PROJECT, OTHER_PROJECT = "acc_1", "prj_1", "prj_2"


async def furnish(store: Store, *, keys: int = 3) -> list[str]:
    """Put an account with two projects into a database; all keys but the last are in the first."""
    found = [f"key_{number:020}" for number in range(keys)]
    async with store.writing() as connection:
        await accounts.add(connection, StoredAccount(ACCOUNT, "a", 0))
        for project in (PROJECT, OTHER_PROJECT):
            await projects.add(connection, StoredProject(project, ACCOUNT, project, 0))
        rows = [
            {
                "id": key_id,
                "project_id": OTHER_PROJECT if key_id == found[-1] else PROJECT,
                "name": key_id,
                "kind": "secret",
                "preset": "",
                "permissions": "read",
                "enabled": True,
                "created_at": 0,
                "created_by": "test",
                "version": 1,
                "deleted_at": 5 if number == 1 else None,
            }
            for number, key_id in enumerate(found)
        ]
        await connection.execute(insert(tables.keys), rows)
    return found


def begun(at: float, **changes: object) -> Admitted:
    """Return a request that came at a time, in seconds since 1970 UTC."""
    return admitted(request_id=request_id(int(at * 1000)), started_us=int(at * 1e6), **changes)


def ended(of: Admitted, **changes: object) -> Served:
    """Return its end: it read 9 tokens and made 21, for 5,000 nano-dollars."""
    return served(of, **changes)


class Journals:
    """Workers' journals, and what reads them."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.ingest = Ingest(store, folder)
        self._workers: dict[str, WorkerJournal] = {}

    def write(self, *records: Record, worker: str = "1-aaaa") -> int:
        """Have a worker write; return the place its journal has come to."""
        if worker not in self._workers:
            self._workers[worker] = WorkerJournal(self.folder, worker)
        self._workers[worker].write(*records)
        return self._workers[worker]._journal.place

    def kill(self, worker: str = "1-aaaa") -> None:
        """Have a worker die."""
        self._workers.pop(worker).close()

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self.kill(worker)
