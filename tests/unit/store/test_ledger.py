"""Charges: written with the usage, for whoever it belongs to."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import IntegrityError

from fakes.billing import differences, entries, store_usage, use
from fakes.usage_records import START_MS, admitted, served
from keyturn import system
from keyturn.domain.ledger import EntryKind, GrantSource, Posting
from keyturn.store import ledger, tables
from keyturn.store.engine import Store, open_store
from keyturn.store.migrate import configuration

ACCOUNT, OTHER = "acct_1", "acct_2"
MINUTE_MS = 60_000


@pytest.fixture
async def furnished(store: Store) -> Store:
    """Two accounts with a key each, and one more key of the first."""
    async with store.writing() as connection:
        for number in (1, 2):
            await connection.execute(
                insert(tables.accounts).values(id=f"acct_{number}", name="a", created_at=1)
            )
            project = {"id": f"proj_{number}", "account_id": f"acct_{number}", "name": "p", "created_at": 1}
            await connection.execute(insert(tables.projects).values(project))
        for key_id, project_id in (("key_1", "proj_1"), ("key_2", "proj_2"), ("key_3", "proj_1")):
            await connection.execute(insert(tables.keys).values(_key(key_id, project_id)))
    return store


def _key(key_id: str, project_id: str) -> dict[str, object]:
    return {
        "id": key_id,
        "project_id": project_id,
        "name": key_id,
        "description": "",
        "kind": "secret",
        "preset": "",
        "permissions": "read",
        "enabled": True,
        "created_at": 1,
        "created_by": "test",
        "version": 1,
    }


async def give(store: Store, account_id: str, amount: int, *, expires_at: int | None = None) -> str:
    """Give an account credit; return the grant's identifier."""
    async with store.writing() as connection:
        book = (await ledger.books(connection, [account_id]))[account_id]
        posting = Posting(START_MS)
        new = ledger.new_grant(account_id, GrantSource.GRANT, amount, posting, expires_at=expires_at)
        book.grant(new, posting)
        await ledger.write(connection, [book])
    return new.id


async def available(store: Store, account_id: str, now_ms: int = START_MS) -> int:
    """Return what an account may use."""
    async with store.reading() as connection:
        return await ledger.available(connection, account_id, now_ms)


async def test_a_batch_charges_each_account_once(furnished: Store) -> None:
    """Not each request: a million of them would be a million entries."""
    keys = ("key_1", "key_2", "key_3", "key_1")
    records = [served(admitted(key_id=key_id), cost_nano_usd=5) for key_id in keys]

    await store_usage(furnished, records)

    first, second = await entries(furnished, ACCOUNT), await entries(furnished, OTHER)
    assert [(one.amount, one.requests, one.kind) for one in first] == [(-15, 3, EntryKind.CHARGE)]
    assert [(one.amount, one.requests, one.balance) for one in second] == [(-5, 1, -5)]
    assert await differences(furnished) == []


async def test_what_costs_nothing_and_what_is_nobodys_is_not_charged(furnished: Store) -> None:
    """Anonymous calls, keys that never were, models that are free."""
    free = served(admitted(key_id="key_1"), cost_nano_usd=0)
    nobodys = [served(admitted(key_id=key_id), cost_nano_usd=9) for key_id in ("", "key_9")]

    await store_usage(furnished, [free, *nobodys])

    assert await entries(furnished, ACCOUNT) == []
    assert await differences(furnished) == []


async def test_a_charge_uses_up_credit_and_then_is_owed(furnished: Store) -> None:
    """Prepaid or not, what was used was used."""
    await give(furnished, ACCOUNT, 10)

    await use(furnished, "key_1", 4)
    in_between = await available(furnished, ACCOUNT)
    await use(furnished, "key_1", 10)

    assert (in_between, await available(furnished, ACCOUNT)) == (6, -4)
    assert await differences(furnished) == []


async def test_usage_of_two_months_stands_in_two_entries(furnished: Store) -> None:
    """A batch may hold what was used before midnight and after it."""
    async with furnished.writing() as connection:
        zone = "UPDATE accounts SET time_zone = 'Asia/Kolkata' WHERE id = 'acct_1'"
        await connection.execute(text(zone))
    begins = 1_793_471_400_000  # 2026-11-01T00:00:00+05:30
    records = [
        served(admitted(key_id="key_1"), cost_nano_usd=cost, started_us=(begins + at) * 1000)
        for cost, at in ((1, -1), (2, 0), (4, MINUTE_MS))
    ]

    await store_usage(furnished, records)

    found = await entries(furnished, ACCOUNT)
    assert [(one.month, one.amount) for one in found] == [("2026-10", -1), ("2026-11", -6)]
    assert await differences(furnished) == []


async def test_credit_that_had_ended_when_something_was_used_pays_for_nothing(furnished: Store) -> None:
    """The end is written down first."""
    ends = START_MS - MINUTE_MS
    grant_id = await give(furnished, ACCOUNT, 10, expires_at=ends)

    await use(furnished, "key_1", 4)

    found = await entries(furnished, ACCOUNT)
    assert [(one.kind, one.amount, one.grant_id) for one in found] == [
        (EntryKind.GRANT, 10, grant_id),
        (EntryKind.EXPIRY, -10, grant_id),
        (EntryKind.CHARGE, -4, ""),
    ]
    assert await differences(furnished) == []


async def test_a_batch_that_fails_is_charged_as_little_as_it_is_counted(furnished: Store) -> None:
    """Both are one transaction."""
    async with furnished.writing() as connection:
        trigger = "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        await connection.execute(text(trigger))

    with pytest.raises(IntegrityError):
        await use(furnished, "key_1", 4)

    async with furnished.reading() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM key_usage")) == 0
    assert await differences(furnished) == []


async def test_usage_that_is_priced_anew_is_charged_or_given_back(furnished: Store) -> None:
    """The difference, in the transaction in which the usage changes; once for each reference."""
    await give(furnished, ACCOUNT, 10)
    await use(furnished, "key_1", 4)
    await use(furnished, "key_2", 4)

    async with furnished.writing() as connection:
        for key_id, cost in (("key_1", 7), ("key_2", 1)):
            of_key = f"key_id = '{key_id}'"
            for table, rows in (
                ("rollups", f"series_id IN (SELECT id FROM series WHERE {of_key})"),  # noqa: S608 -- constants
                ("key_usage", of_key),
            ):
                change = f"UPDATE {table} SET cost_nano_usd = {cost} WHERE {rows}"  # noqa: S608 -- constants
                await connection.execute(text(change))
        diffs = {ACCOUNT: 3, OTHER: -3, "acct_gone": 5}
        await ledger.adjust_for_rerate(connection, diffs, at_ms=START_MS, reference="rerate 1")

    assert (await available(furnished, ACCOUNT), await available(furnished, OTHER)) == (3, -1)
    kinds = [(one.kind, one.amount) for one in await entries(furnished, OTHER)]
    assert kinds == [(EntryKind.CHARGE, -4), (EntryKind.RERATE, 3)]
    assert await differences(furnished) == []
    with pytest.raises(IntegrityError):
        async with furnished.writing() as connection:
            await ledger.adjust_for_rerate(connection, {ACCOUNT: 1}, at_ms=START_MS, reference="rerate 1")


async def test_an_account_that_is_not_there_has_nothing(furnished: Store) -> None:
    """Whoever counts may ask about one that was deleted meanwhile."""
    assert await available(furnished, "acct_gone") == 0
    assert await available(furnished, ACCOUNT) == 0


@pytest.mark.parametrize("change", ["UPDATE ledger SET amount = 0", "DELETE FROM ledger"])
async def test_no_entry_is_changed_or_deleted(furnished: Store, change: str) -> None:
    """Not even by a program with a fault."""
    await use(furnished, "key_1", 4)

    with pytest.raises(IntegrityError, match="only ever added to"):
        async with furnished.writing() as connection:
            await connection.execute(text(change))


async def test_what_was_used_before_there_was_a_ledger_is_charged_by_the_month(tmp_path: Path) -> None:
    """Charges are what was used from the first day on, also for whoever comes from an older version."""
    path = tmp_path / "k.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as before:
        command.upgrade(configuration(before), "0006")
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "INSERT INTO accounts (id, name, created_at) VALUES ('acct_1', 'a', 1), ('acct_2', 'b', 1);"
            "INSERT INTO projects (id, account_id, name, created_at) VALUES ('proj_1', 'acct_1', 'p', 1);"
            "INSERT INTO keys (id, project_id, name, description, kind, preset, permissions, enabled, created_at, "
            "created_by, version) VALUES ('key_1', 'proj_1', 'k', '', 'secret', '', 'read', 1, 1, 'test', 1);"
        )
        for start, cost in ((1_790_812_799, 5), (1_790_812_800, 7), (1_790_899_200, 1)):
            day = start // 86_400 * 86_400
            row = ("day", day, "key_1", "m", 200, 2, 1, 1, 0, cost, 0, 0, 0)
            connection.execute(f"INSERT INTO rollups VALUES ({','.join('?' * 13)})", row)  # noqa: S608 -- marks
        connection.execute("INSERT INTO key_usage VALUES ('key_1', 6, 3, 3, 13, 1, '', 0)")
    connection.close()

    migrated = await open_store(path)

    found = await entries(migrated, ACCOUNT)
    assert [(one.seq, one.month, one.amount, one.balance, one.requests) for one in found] == [
        (1, "2026-09", -5, -5, 2),
        (2, "2026-10", -8, -13, 4),
    ]
    assert all(one.at <= system.now_ms() for one in found)
    assert await differences(migrated) == []
    assert await entries(migrated, OTHER) == []
    await migrated.close()
