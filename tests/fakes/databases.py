"""Databases of tests, one after the other behind one engine, which keeps what it has compiled of SQL."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import event

from keyturn.store.engine import Store, open_store


class Databases:
    """Makes databases for one test at a time.

    Compiling a statement takes longer than executing it, and an engine forgets nothing: with an engine of its own,
    each test would compile anew whatever it executes.
    """

    def __init__(self, folder: Path) -> None:
        """Make a migrated database once: migrating takes longer than most tests."""
        self.empty = self._current = folder / "empty.db"
        self._engine = asyncio.run(self._migrated())
        event.listen(self._engine.sync_engine, "do_connect", self._connect)

    async def _migrated(self) -> Any:
        store = await open_store(self.empty)
        await store.close()
        return store._engine

    def open(self, path: Path, *, like: Path | None = None) -> Store:
        """Return a new database at this path, empty or like another; the one before must be closed."""
        shutil.copy(like or self.empty, path)
        self._current = path
        return Store(path, self._engine)

    def _connect(self, _dialect: object, _record: object, arguments: list[Any], _named: object) -> None:
        arguments[0] = str(self._current)


def become(store: Store, template: Path) -> None:
    """Give a database the content of another one."""
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(store.path)) as target:
        target.execute("PRAGMA synchronous=OFF")
        source.backup(target)
