"""What SQLAlchemy speaks to SQLite through: a thread for each connection, and one change of threads for a statement.

The driver below goes to the thread of a connection and back for each call: to make a cursor, to execute, to fetch and to close.
A change takes longer than what most statements do there, and a page of the dashboard has dozens of them. Here a statement is
executed and all of its rows are fetched at once, a transaction that only reads begins with its first statement, and nobody waits
for its end.
"""

from collections.abc import Sequence
from typing import Any, Self, cast

import aiosqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

READS = "BEGIN"
"""The statement that begins a transaction which only reads: it takes no lock, so that it may as well come later."""
_ROWS_AT_ONCE = 64

Statement = tuple[str, Sequence[Sequence[Any]] | None]
"""In SQL, with the values of each time that it is executed; ``None``: it has none."""
Outcome = tuple[Sequence[Any] | None, int, int | None, Sequence[Any]]
"""Description, row count, last row and rows."""


class Driver(aiosqlite.Connection):
    """A connection."""

    def __init__(self, path: str, **options: Any) -> None:  # noqa: ANN401 -- as sqlite3.connect takes them
        """Prepare it; awaiting it opens it.

        Args:
            path: Of the database.
            options: Of ``sqlite3.connect``.
        """
        plain = aiosqlite.connect(path, **options)
        super().__init__(plain._connector, _ROWS_AT_ONCE)  # noqa: SLF001 -- of its own class
        self._thread.daemon = True  # a process that ends in disorder does not wait for it
        self._reads = self._begun = False

    def cursor(self) -> "Cursor":  # type: ignore[override]  # the adapter needs less of one
        """Return what executes a statement."""
        return Cursor(self)

    def begin_to_read(self) -> None:
        """Begin a transaction with the next statement."""
        self._reads, self._begun = True, False

    async def run(self, statement: str, values: Sequence[Any], *, many: bool) -> Outcome:
        """Execute a statement in the connection's thread, and fetch its rows.

        Args:
            statement: In SQL.
            values: What its question marks stand for; with ``many``, of each time that it is executed.
            many: Whether it is executed several times.
        """
        begins = self._reads and not self._begun
        self._begun = True

        def work() -> Outcome:
            if begins:
                self._conn.execute(READS)
            raw = self._conn
            cursor = raw.executemany(statement, values) if many else raw.execute(statement, values)
            try:
                rows = cursor.fetchall() if cursor.description else ()
                return cursor.description, cursor.rowcount, cursor.lastrowid, rows
            finally:
                cursor.close()

        found: Outcome = await self._execute(work)  # type: ignore[no-untyped-call]
        return found

    async def run_all(self, statements: Sequence[Statement]) -> None:
        """Execute statements one after another in the connection's thread."""

        def work() -> None:
            for statement, values in statements:
                if values is None:
                    self._conn.execute(statement)
                else:
                    self._conn.executemany(statement, values)

        await self._execute(work)  # type: ignore[no-untyped-call]

    async def rollback(self) -> None:
        """End a transaction; of one that only read, all that follows comes after its end anyway."""
        reads, begun, self._reads = self._reads, self._begun, False
        if not reads:
            await super().rollback()
        elif begun:
            self._tx.put_nowait((None, self._conn.rollback))

    async def commit(self) -> None:
        """Keep what a transaction wrote."""
        self._reads = False
        await super().commit()


async def execute_all(connection: AsyncConnection, statements: Sequence[Statement]) -> None:
    """Execute statements of which no rows are wanted, in order and in one change of threads.

    Args:
        connection: Allowed to write: the transaction has begun.
        statements: To execute.

    Raises:
        DBAPIError: One has failed; the transaction is to be undone.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    try:
        await cast(Driver, driver).run_all(statements)
    except aiosqlite.Error as error:
        raise DBAPIError.instance(None, None, error, aiosqlite.Error, dialect=connection.dialect) from error


class Cursor:
    """One statement at a time, and what came of it."""

    arraysize = 1

    def __init__(self, connection: Driver) -> None:
        self._connection = connection
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: Sequence[Any] = ()

    async def __aenter__(self) -> Self:
        """Do nothing: there is nothing to open."""
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Execute a statement."""
        if statement == READS:
            self._connection.begin_to_read()
            return
        self._take(await self._connection.run(statement, parameters, many=False))

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Execute a statement with each of several sets of values."""
        self._take(await self._connection.run(statement, parameters, many=True))

    def _take(self, outcome: Outcome) -> None:
        self.description, self.rowcount, self.lastrowid, self._rows = outcome

    async def fetchall(self) -> Sequence[Any]:
        """Return the rows."""
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """Do nothing: nothing is open."""
