"""A real database in a folder of its own."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from fakes.databases import Databases
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Log without colours: drawing a traceback with all variables takes a second, and nobody looks at it."""
    *before, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, plain])


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """What makes the databases of all tests."""
    return Databases(tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Secrets, made once: each file is written through to the disk."""
    folder = tmp_path_factory.mktemp("secrets")
    Vault(folder).create()
    return folder


@pytest.fixture
async def store(tmp_path: Path, databases: Databases) -> AsyncIterator[Store]:
    """A new database."""
    found = databases.open(tmp_path / "keyturn.db")
    yield found
    await found.close()


@pytest.fixture
def key_lookup(store: Store) -> Iterator[KeyLookup]:
    """What the look-ups of that database go through."""
    found = KeyLookup(store.path)
    yield found
    found.close()


@pytest.fixture
def vault(tmp_path: Path, secrets_folder: Path) -> Vault:
    """Secrets in a folder of the test's own."""
    return Vault(shutil.copytree(secrets_folder, tmp_path / "secrets"))
