"""The application as a whole, before any request."""

from pathlib import Path

from keyturn.config.sections import Settings
from keyturn.control.app import create_app
from keyturn.control.bus_server import BusServer
from keyturn.control.ingest import Ingest
from keyturn.control.management import Management
from keyturn.services.configuration import Configuration
from keyturn.services.keys import Keys
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.reports import Reports
from keyturn.services.upstreams import Upstreams
from keyturn.store.engine import Store
from keyturn.store.vault import Vault


async def test_it_is_put_together_without_a_warning(store: Store, vault: Vault, tmp_path: Path) -> None:
    """The framework warns of what its next version drops, and warnings are errors here."""
    configuration = Configuration(store, vault, demo_port=0)
    lookup = Lookup(store, vault)
    bus = BusServer(
        journals=tmp_path, locations=frozenset(), look=lookup.by_digest, configuration=configuration.read
    )
    management = Management(
        settings=Settings(),
        started_at=0.0,
        store=store,
        lookup=lookup,
        keys=Keys(store, vault, bus),
        upstreams=Upstreams(store, vault, bus, configuration),
        models=Models(store, bus),
        reports=Reports(store),
        ingest=Ingest(store, tmp_path),
        bus=bus,
    )

    app = create_app(management)

    assert {"/", "/docs", "/healthz", "/metrics"} <= {route.path for route in app.routes}
