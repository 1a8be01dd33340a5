"""A real database in a folder of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keyturn.store.engine import Store, open_store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, made once: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "keyturn.db"

    async def migrate() -> None:
        await (await open_store(path)).close()

    asyncio.run(migrate())
    return path


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    """A new database."""
    path = tmp_path / "keyturn.db"
    shutil.copy(empty_database, path)
    found = await open_store(path)
    yield found
    await found.close()


@pytest.fixture
def key_lookup(store: Store) -> Iterator[KeyLookup]:
    """What the look-ups of that database go through."""
    found = KeyLookup(store.path)
    yield found
    found.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """New secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    found = Vault(folder)
    found.create()
    return found
