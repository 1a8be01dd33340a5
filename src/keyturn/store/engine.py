"""The database: opened, brought up to date, and one connection at a time to read or to write through."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path

from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from keyturn.domain import latency
from keyturn.store.driver import READS, Driver
from keyturn.store.migrations import HEAD, REVISIONS
from keyturn.store.recent_usage import RecentUsage

BUSY_TIMEOUT_S = 5.0
KEPT_CONNECTIONS, MORE_CONNECTIONS = 8, 8
"""A page asks up to eight questions at once; a connection that is not kept is opened anew for each look at it."""
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    # In KiB: lists of keys are scanned from memory.
    "cache_size=-16384",
)
_WRITES = {"keyturn_writes": True}

WITH_CHANGE: ContextVar[Callable[[AsyncConnection], Awaitable[None]] | None] = ContextVar(
    "with_change", default=None
)
"""What the call under way wants written in each transaction of its changes, so that both stand or neither."""

BEFORE_CHANGE: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("before_change", default=None)
"""What the call under way wants looked at when its first change has its turn; must not write. Raises to stop the change."""


class UnusableDatabaseError(Exception):
    """The database can't be used; the text is one line for the operator."""


class Store:
    """A database that is open. ``open_store`` makes one; ``close`` ends it."""

    def __init__(self, path: Path, engine: AsyncEngine) -> None:
        self.path = path
        self.recent = RecentUsage()
        """What ingest has stored lately."""
        self._engine = engine
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection inside a transaction that sees one state of the database throughout."""
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection inside a transaction that is committed at the end, or undone by an exception.

        SQLite has one writer. Waiting for the turn here costs nothing; waiting for it inside SQLite is
        a thread asleep in a back-off loop.
        """
        async with self._writer, self._engine.connect() as plain:
            connection = await plain.execution_options(**_WRITES)
            async with connection.begin():
                before_change = BEFORE_CHANGE.get()
                if before_change is not None:
                    BEFORE_CHANGE.set(None)
                    await before_change()
                yield connection
                with_change = WITH_CHANGE.get()
                if with_change is not None:
                    await with_change(connection)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def open_store(path: Path) -> Store:
    """Open the database, make it if there is none, and bring its schema up to date.

    Raises:
        UnusableDatabaseError: It is not ours to open: newer than this program, or not a database.
    """
    options = {"timeout": BUSY_TIMEOUT_S, "async_creator_fn": Driver}
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        connect_args=options,
        pool_size=KEPT_CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
    )
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    store = Store(path, engine)
    try:
        revision = await _revision(store)
        if revision != HEAD:
            await _migrate(store, path, revision)
    except BaseException:
        await store.close()
        raise
    return store


def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin transactions by itself, but only before some statements: a read followed by a
    # write then fails under a concurrent writer. With it out of the way, ``_begin`` decides.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("combine_histograms", 2, latency.combine)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("keyturn_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else READS)


async def _revision(store: Store) -> str:
    """Return the schema revision of the database, empty for a new one."""
    known = text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    try:
        async with store.reading() as connection:
            if await connection.scalar(known) is None:
                return ""
            return str(await connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
    except DatabaseError as error:
        why = str(error.orig)
        raise UnusableDatabaseError(f"cannot open the database {store.path}: {why}") from None


async def _migrate(store: Store, path: Path, revision: str) -> None:
    if revision and revision not in REVISIONS:
        raise UnusableDatabaseError(
            f"the database {path} has schema revision {revision}, which this version of Keyturn does not know; "
            "start the newer version that wrote it"
        )
    # Alembic takes 0.1 s to import, and nearly every start finds the schema current.
    migrate = importlib.import_module("keyturn.store.migrate")
    async with store.writing() as connection:
        await connection.run_sync(migrate.upgrade)
