"""The application as a whole, before any request."""

from contextlib import AsyncExitStack
from pathlib import Path

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.config.sections import Settings
from keyturn.control.app import create_app
from keyturn.node import answering, management_api
from keyturn.node.child import Brief
from keyturn.store.engine import open_store
from keyturn.store.vault import Vault


async def test_it_is_put_together_without_a_warning(tmp_path: Path) -> None:
    """The framework warns of what its next version drops, and warnings are errors here."""
    data = DataDirectory(str(tmp_path))
    data.create()
    tasks = system.Tasks()
    async with AsyncExitStack() as closing:
        store = await open_store(data.database)
        closing.push_async_callback(store.close)
        vault = Vault(data.secrets)
        vault.create()
        brief = Brief(settings=Settings(data=str(tmp_path)), process="control", ready_fd=-1)

        parts = await answering.prepare(brief, store, vault, tasks, closing)
        app = create_app(management_api.manage(parts, data, tasks))

    assert {"/", "/docs", "/healthz", "/metrics"} <= {route.path for route in app.routes}
