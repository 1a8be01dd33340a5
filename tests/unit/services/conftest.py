"""A furnished database and the use cases over it."""

import pytest

from fakes.heard import Heard
from keyturn.services import bootstrap
from keyturn.services.configuration import Configuration
from keyturn.services.keys import Keys
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.upstreams import Upstreams
from keyturn.store.engine import Store
from keyturn.store.vault import Vault


@pytest.fixture
def workers() -> Heard:
    """Who hears of changes."""
    return Heard()


@pytest.fixture
async def furnished(store: Store, vault: Vault) -> Store:
    """A database after its first start with the demo upstream."""
    await bootstrap.first_start(store, vault, {})
    await bootstrap.add_demo(store)
    return store


@pytest.fixture
def keys(furnished: Store, vault: Vault, workers: Heard) -> Keys:
    """The use cases of keys."""
    return Keys(furnished, vault, workers)


@pytest.fixture
def lookup(furnished: Store, vault: Vault) -> Lookup:
    """What workers ask."""
    return Lookup(furnished, vault)


@pytest.fixture
def models(furnished: Store, workers: Heard) -> Models:
    """The use cases of models."""
    return Models(furnished, workers)


@pytest.fixture
def upstreams(furnished: Store, vault: Vault, workers: Heard) -> Upstreams:
    """The use cases of upstreams, the demo not running."""
    return Upstreams(furnished, vault, workers, Configuration(furnished, vault, demo_port=0))
