"""The search in lists of keys finds what reading every text would find."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from hypothesis import given, settings, strategies as st
from sqlalchemy import create_engine, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.databases import Databases
from keyturn.domain import ids
from keyturn.store import keys, tables
from keyturn.store.engine import Store, open_store
from keyturn.store.keys import KeyFilter
from keyturn.store.migrate import configuration

LETTERS = "abAB %_\\\"*'^-éÉßİ测试😀"
TEXTS = st.text(LETTERS, max_size=6)
ACCOUNT, PROJECT = ids.mint(ids.ACCOUNT, now_ms=1, entropy=1), ids.mint(ids.PROJECT, now_ms=1, entropy=1)
MANY = 2500
"""Several times more than the search looks up one by one."""


async def _add(connection: AsyncConnection, texts: list[tuple[str, str]]) -> list[str]:
    key_ids = [ids.mint(ids.KEY, now_ms=number, entropy=number) for number in range(len(texts))]
    fixed = {"kind": "secret", "preset": "read", "permissions": "read", "enabled": True, "version": 1}
    fixed |= {"project_id": PROJECT, "created_at": 1, "created_by": "operator"}
    named = zip(key_ids, texts, strict=True)
    rows = [{"id": one, "name": name, "description": words} | fixed for one, (name, words) in named]
    if rows:
        await connection.execute(insert(tables.keys), rows)
    return key_ids


async def _project(connection: AsyncConnection) -> None:
    await connection.execute(insert(tables.accounts).values(id=ACCOUNT, name="a", created_at=1))
    await connection.execute(
        insert(tables.projects).values(id=PROJECT, account_id=ACCOUNT, name="p", created_at=1)
    )


async def _found(store: Store, sought: str, limit: int = 100) -> list[str]:
    async with store.reading() as connection:
        page = await keys.page(connection, KeyFilter(search=sought), before=None, limit=limit, now_ms=5)
    return [key.id for key in page]


def _plain(value: str) -> str:
    """Without ASCII case, as SQLite compares."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in value)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Path:
    """A database with a project."""
    store = databases.open(tmp_path_factory.mktemp("searched") / "keyturn.db")

    async def prepare() -> None:
        async with store.writing() as connection:
            await _project(connection)
        await store.close()

    asyncio.run(prepare())
    return store.path


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.tuples(TEXTS, TEXTS), max_size=5),
    after=st.lists(st.none() | st.tuples(TEXTS, TEXTS), max_size=5),
    sought=st.lists(TEXTS.filter(bool), min_size=1, max_size=4),
)
def test_whatever_is_sought_is_found_after_every_change(
    searched: Path,
    before: list[tuple[str, str]],
    after: list[tuple[str, str] | None],
    sought: list[str],
) -> None:
    """Short or long, in any alphabet, with letters that mean something to an index; renamed and removed keys too."""

    async def look() -> None:
        store = await open_store(searched)
        async with store.writing() as connection:
            await connection.execute(tables.keys.delete())
            texts = dict(zip(await _add(connection, before), before, strict=True))
            for key_id, changed in zip(list(texts), after, strict=False):
                await _change(connection, key_id, changed)
                texts[key_id] = changed or ("", "")
                if changed is None:
                    del texts[key_id]
        for one in sought:
            expected = [
                key_id
                for key_id, words in sorted(texts.items(), reverse=True)
                if any(_plain(one) in _plain(word) for word in words)
            ]
            assert await _found(store, one) == expected, one
        await store.close()

    asyncio.run(look())


async def _change(connection: AsyncConnection, key_id: str, words: tuple[str, str] | None) -> None:
    chosen = tables.keys.c.id == key_id
    if words is None:
        await connection.execute(tables.keys.delete().where(chosen))
    else:
        changed = update(tables.keys).where(chosen).values(name=words[0], description=words[1])
        await connection.execute(changed)


async def test_what_nearly_every_key_mentions_is_found_newest_first(store: Store) -> None:
    """Then the index is no help, and the list is read until the page is full."""
    async with store.writing() as connection:
        await _project(connection)
        key_ids = await _add(connection, [(f"service {n}", "of a team") for n in range(MANY)])

    assert await _found(store, "team", 3) == key_ids[:-4:-1]
    assert await _found(store, "te", 3) == key_ids[:-4:-1]
    assert await _found(store, "e", 3) == key_ids[:-4:-1]
    assert await _found(store, f"service {MANY - 1}") == key_ids[-1:]


@pytest.mark.parametrize("sought", ["\0", "\0bill", "bi\0"])
async def test_a_letter_that_ends_texts_is_sought_like_any_other(store: Store, sought: str) -> None:
    """It comes in a URL as ``%00``."""
    async with store.writing() as connection:
        await _project(connection)
        await _add(connection, [("Billing", "old")])

    assert await _found(store, sought) in ([], [ids.mint(ids.KEY, now_ms=0, entropy=0)])


async def test_an_older_database_finds_its_keys(tmp_path: Path) -> None:
    """The index is filled when it is made."""
    path = tmp_path / "k.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0009")
        connection.execute(text("INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 1)"))
        project = "INSERT INTO projects (id, account_id, name, created_at) VALUES ('p', 'a', 'p', 1)"
        connection.execute(text(project))
        key = (
            "INSERT INTO keys (id, project_id, name, description, kind, preset, permissions, enabled, created_at,"
            " created_by, version) VALUES ('k', 'p', 'Billing', 'old', 'secret', '', 'read', 1, 1, 'me', 1)"
        )
        connection.execute(text(key))
    engine.dispose()

    again = await open_store(path)

    assert await _found(again, "illi") == ["k"]
    await again.close()
