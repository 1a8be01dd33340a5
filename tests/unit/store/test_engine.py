"""The database as it is opened."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from keyturn.domain import ids
from keyturn.domain.prices import Price
from keyturn.store import activity, milestones, models, prices, tables
from keyturn.store.engine import Store, UnusableDatabaseError, open_store
from keyturn.store.migrate import FOLDER, configuration
from keyturn.store.migrations import HEAD, REVISIONS


async def test_the_migrated_schema_is_the_one_the_tables_declare(store: Store) -> None:
    """A column that only one of the two has fails at the customer, not here."""

    def is_declared(name: str | None, kind: str, _parents: object) -> bool:
        # SQLite itself makes tables for what a virtual table keeps.
        return kind != "table" or not str(name).startswith(tables.SEARCHED)

    def differences(connection: Connection) -> list[object]:
        opts = {"compare_server_default": True, "include_name": is_declared}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, tables.metadata))

    async with store.reading() as connection:
        found = await connection.run_sync(differences)

    assert found == []


def test_the_revisions_named_in_the_code_are_the_scripts_there_are() -> None:
    """The start skips Alembic when the row says HEAD: HEAD must be the newest script."""
    scripts = ScriptDirectory(str(FOLDER))

    known = [script.revision for script in scripts.walk_revisions()]

    assert scripts.get_current_head() == HEAD
    assert sorted(known) == sorted(REVISIONS)


async def test_an_older_database_knows_what_its_keys_have_used(tmp_path: Path) -> None:
    """Otherwise every model would be new to every key on the day of the upgrade, or none would."""
    path = tmp_path / "k.db"
    used = [{"start": start, "model": model} for start, model in ((86_400, "a"), (172_800, "a"), (0, "b"))]
    row = "('day', :start, 'key_1', :model, 200, 1, 1, 1, 0, 0, 0, 0, 0)"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0003")
        connection.execute(text(f"INSERT INTO rollups VALUES {row}"), used)  # noqa: S608 -- a constant
    engine.dispose()

    new = await open_store(path)
    async with new.reading() as reading:
        known = await activity.models_known(reading, ["key_1"])
    await new.close()

    assert known == {"key_1": {"a": 172_800_000, "b": 0}}


async def test_a_database_is_in_wal_mode_with_foreign_keys_on(store: Store) -> None:
    """Readers must not wait for ingest, and no model may outlive its upstream."""
    async with store.reading() as connection:
        mode = await connection.scalar(text("PRAGMA journal_mode"))
        keys = await connection.scalar(text("PRAGMA foreign_keys"))
        durability = await connection.scalar(text("PRAGMA synchronous"))

    assert (mode, keys, durability) == ("wal", 1, 2)


async def test_a_second_opening_finds_what_the_first_wrote(tmp_path: Path) -> None:
    """A restart loses nothing."""
    path = tmp_path / "k.db"
    first = await open_store(path)
    async with first.writing() as connection:
        await milestones.reach(connection, "x", now_ms=1)
    await first.close()

    second = await open_store(path)
    async with second.reading() as connection:
        found = await milestones.reached(connection)
    await second.close()

    assert found == {"x"}


async def test_a_database_newer_than_the_program_is_refused(tmp_path: Path) -> None:
    """An old program would write rows that the new schema forbids."""
    path = tmp_path / "k.db"
    store = await open_store(path)
    async with store.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()

    with pytest.raises(UnusableDatabaseError, match="revision 9999"):
        await open_store(path)


async def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    """The operator must read why, not a traceback."""
    path = tmp_path / "k.db"
    path.write_bytes(b"not a database" * 100)

    with pytest.raises(UnusableDatabaseError, match=r"^cannot open the database [^\n]*$"):
        await open_store(path)


async def test_an_exception_undoes_everything_written_with_it(store: Store) -> None:
    """Half a change is worse than none."""

    async def fail_halfway() -> None:
        async with store.writing() as connection:
            await milestones.reach(connection, "half", now_ms=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_halfway()

    async with store.reading() as connection:
        assert await milestones.reached(connection) == set()


async def test_writers_take_turns_without_an_error(store: Store) -> None:
    """Ingest and management write at the same time; neither may see 'database is locked'."""

    async def write(number: int) -> None:
        async with store.writing() as connection:
            known = await connection.scalars(select(tables.milestones.c.name))
            assert len(list(known)) <= 20
            await milestones.reach(connection, str(number), now_ms=number)

    await asyncio.gather(*(write(number) for number in range(20)))

    async with store.reading() as connection:
        assert len(await milestones.reached(connection)) == 20


async def test_a_reader_sees_one_state_of_the_database_throughout(store: Store) -> None:
    """A report whose rows and total come from different moments does not add up."""
    async with store.reading() as connection:
        before = await milestones.reached(connection)
        async with store.writing() as other:
            await milestones.reach(other, "late", now_ms=1)
        after = await milestones.reached(connection)

    assert before == after == set()


async def test_prices_that_stood_on_models_become_the_operators(tmp_path: Path) -> None:
    """What somebody has set goes on to hold; the demo's own figures are shipped now."""
    path = tmp_path / "k.db"
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    async with engine.begin() as connection:
        await connection.run_sync(lambda one: command.upgrade(configuration(one), "0003"))
        for name in ("demo", "openai"):
            await connection.execute(
                text("INSERT INTO upstreams (id, name, base_url, created_at) VALUES (:n, :n, 'http://h', 1)"),
                {"n": name},
            )
        for row in (
            ("demo-chat", "demo", 150_000_000, 600_000_000, 75_000_000),
            ("demo-embed", "demo", 20_000_000, 0, None),
            ("echo", "demo", 7, 8, None),
            ("gpt-4o", "openai", 150_000_000, 600_000_000, None),
            ("unpriced", "openai", None, None, None),
        ):
            statement = (
                "INSERT INTO models (name, upstream, upstream_model, input_nano_usd, output_nano_usd,"
                " cached_input_nano_usd, created_at) VALUES (?, ?, 'm', ?, ?, ?, 1700000000000)"
            )
            await connection.exec_driver_sql(statement, row)
    await engine.dispose()

    store = await open_store(path)
    async with store.reading() as connection:
        said = {one.version.model: one.version for one in await prices.everything(connection)}
        kept = await models.everything(connection)
    await store.close()

    assert {name: (one.price, one.effective_from) for name, one in said.items()} == {
        "echo": (Price(7, 8), 1_700_000_000_000),
        "gpt-4o": (Price(150_000_000, 600_000_000), 1_700_000_000_000),
    }
    assert all(ids.is_id(one.id, ids.PRICE) for one in said.values())
    assert [one.name for one in kept] == ["demo-chat", "demo-embed", "echo", "gpt-4o", "unpriced"]
