"""Connections: what they save must not be seen in what they answer."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from keyturn.store.driver import READS, Driver, execute_all
from keyturn.store.engine import Store

COUNT = text("SELECT count(*) FROM things")


@pytest_asyncio.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Driver]:
    """A connection as SQLAlchemy opens it."""
    found = Driver(str(tmp_path / "k.db"), isolation_level=None)
    await found
    await found.cursor().execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    yield found
    await found.close()


@pytest_asyncio.fixture
async def things(store: Store) -> Store:
    """A database with a table of nothing."""
    async with store.writing() as connection:
        await connection.execute(text("CREATE TABLE things (name TEXT UNIQUE)"))
    return store


async def test_a_statement_says_what_the_driver_below_says(driver: Driver) -> None:
    """Rows, their columns, how many were changed, and the last that was put in."""
    cursor = driver.cursor()

    await cursor.execute("INSERT INTO things (name) VALUES (?)", ("one",))
    put_in = cursor.rowcount, cursor.lastrowid, cursor.description
    await cursor.executemany("INSERT INTO things (name) VALUES (?)", [("two",), ("three",)])
    several = cursor.rowcount
    await cursor.execute("SELECT id, name FROM things ORDER BY id")
    columns = [column[0] for column in cursor.description or ()]
    rows = list(await cursor.fetchall())

    assert put_in == (1, 1, None)
    assert several == 2
    assert (columns, rows) == (["id", "name"], [(1, "one"), (2, "two"), (3, "three")])
    assert not await cursor.fetchall()


async def test_a_transaction_that_reads_begins_with_its_first_statement(driver: Driver) -> None:
    """And where there was none, nothing is to be ended."""
    cursor = driver.cursor()

    await cursor.execute(READS)
    before = driver.in_transaction
    await cursor.execute("SELECT count(*) FROM things")
    then = driver.in_transaction
    await driver.rollback()
    await cursor.execute("SELECT count(*) FROM things")
    after = driver.in_transaction

    assert (before, then, after) == (False, True, False)


async def test_a_transaction_that_writes_has_its_turn_when_it_begins(driver: Driver, tmp_path: Path) -> None:
    """Else two could both read what only one of them may change."""
    other = Driver(str(tmp_path / "k.db"), isolation_level=None, timeout=0)
    await other
    await driver.cursor().execute("BEGIN IMMEDIATE")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await other.cursor().execute("BEGIN IMMEDIATE")

    await driver.rollback()
    await other.cursor().execute("BEGIN IMMEDIATE")
    await other.commit()
    await other.close()


async def test_who_reads_sees_one_state_throughout(things: Store) -> None:
    """What others write meanwhile is there for who reads next."""
    async with things.reading() as connection:
        before = await connection.scalar(COUNT)
        async with things.writing() as other:
            await other.execute(text("INSERT INTO things VALUES ('one')"))
        meanwhile = await connection.scalar(COUNT)
    async with things.reading() as connection:
        after = await connection.scalar(COUNT)

    assert (before, meanwhile, after) == (0, 0, 1)


async def test_a_statement_that_fails_leaves_a_connection_that_works(things: Store) -> None:
    """Reading as well as writing, and nothing of a change that was given up is kept."""

    async def write_twice() -> None:
        async with things.writing() as connection:
            await connection.execute(text("INSERT INTO things VALUES ('one')"))
            await connection.execute(text("INSERT INTO things VALUES ('one')"))

    async def read_nothing() -> None:
        async with things.reading() as connection:
            await connection.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(IntegrityError):
        await write_twice()
    with pytest.raises(OperationalError):
        await read_nothing()

    for _ in range(10):  # more often than there are connections
        async with things.reading() as connection:
            assert await connection.scalar(COUNT) == 0
    async with things.writing() as connection:
        await connection.execute(text("INSERT INTO things VALUES ('one')"))
    async with things.reading() as connection:
        assert await connection.scalar(COUNT) == 1


async def test_several_statements_stand_or_fall_together(things: Store) -> None:
    """In their order; what the database says of one that fails is raised as of any other."""
    put = "INSERT INTO things VALUES (?)"
    async with things.writing() as connection:
        await execute_all(
            connection, [(put, [("one",), ("two",)]), ("DELETE FROM things WHERE name = 'one'", None)]
        )
    with pytest.raises(IntegrityError, match="UNIQUE"):
        async with things.writing() as connection:
            await execute_all(connection, [(put, [("three",)]), (put, [("two",)])])
    with pytest.raises(OperationalError, match="no such table"):
        async with things.writing() as connection:
            await execute_all(connection, [(put, [("four",)]), ("DELETE FROM no_table", None)])

    async with things.reading() as connection:
        names = (await connection.scalars(text("SELECT name FROM things"))).all()
    assert names == ["two"]
