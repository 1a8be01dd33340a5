"""A furnished database and the use cases over it."""

import asyncio
from pathlib import Path

import pytest

from fakes.billing import House, house
from fakes.databases import Databases, become
from fakes.heard import Heard
from fakes.price_rules import RULES
from fakes.stored_keys import StoredKeys
from keyturn.services import bootstrap
from keyturn.services.accounts import Accounts
from keyturn.services.configuration import Configuration
from keyturn.services.credit import Credit
from keyturn.services.delivery_sinks import Sinks
from keyturn.services.keys import Keys
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.plans import Plans
from keyturn.services.projects import Projects
from keyturn.services.upstreams import Upstreams
from keyturn.services.users import Users
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault


@pytest.fixture
def workers() -> Heard:
    """Who hears of changes."""
    return Heard()


@pytest.fixture(scope="session")
def furnished_database(
    databases: Databases, secrets_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A database after its first start with the demo upstream, made once."""

    async def furnish() -> Path:
        store = databases.open(tmp_path_factory.mktemp("furnished") / "keyturn.db")
        await bootstrap.first_start(store, Vault(secrets_folder), {})
        await bootstrap.add_demo(store)
        await store.close()
        return store.path

    return asyncio.run(furnish())


@pytest.fixture
def furnished(store: Store, furnished_database: Path) -> Store:
    """A database after its first start with the demo upstream."""
    become(store, furnished_database)
    return store


@pytest.fixture
def keys(furnished: Store, vault: Vault, workers: Heard, tmp_path: Path) -> Keys:
    """The use cases of keys."""
    return Keys(furnished, vault, workers, Sinks([str(tmp_path)]))


@pytest.fixture
def lookup(furnished: Store, key_lookup: KeyLookup, vault: Vault) -> Lookup:
    """What workers ask."""
    return Lookup(key_lookup.find, vault, version=key_lookup.version)


@pytest.fixture
def models(furnished: Store, workers: Heard) -> Models:
    """The use cases of models."""
    return Models(furnished, workers, RULES)


@pytest.fixture
def upstreams(furnished: Store, vault: Vault, workers: Heard) -> Upstreams:
    """The use cases of upstreams, the demo not running."""
    return Upstreams(furnished, vault, workers, Configuration(furnished, vault, demo_port=0, rules=RULES))


@pytest.fixture
def stored_keys(furnished: Store, vault: Vault) -> StoredKeys:
    """Puts keys into the database past the use cases."""
    return StoredKeys(furnished, vault)


@pytest.fixture
def accounts(furnished: Store, workers: Heard) -> Accounts:
    """The use cases of accounts."""
    return Accounts(furnished, workers, workers)


@pytest.fixture
def projects(furnished: Store, workers: Heard) -> Projects:
    """The use cases of projects."""
    return Projects(furnished, workers)


@pytest.fixture
def credit(furnished: Store, workers: Heard) -> Credit:
    """The use cases of credit."""
    return Credit(furnished, workers)


@pytest.fixture
def plans(furnished: Store, workers: Heard) -> Plans:
    """The use cases of plans."""
    return Plans(furnished, workers, workers)


@pytest.fixture
async def acme(accounts: Accounts, projects: Projects, stored_keys: StoredKeys) -> House:
    """A customer with a key."""
    return await house(accounts, projects, stored_keys)


@pytest.fixture
def users(furnished: Store, workers: Heard) -> Users:
    """The use cases of users and members."""
    return Users(furnished, workers)
