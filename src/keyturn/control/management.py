"""What the resources of the management API work with."""

import msgspec
from litestar.di import NamedDependency

from keyturn.config.sections import Settings
from keyturn.control.bus_server import BusServer
from keyturn.control.ingest import Ingest
from keyturn.services.keys import Keys
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.reports import Reports
from keyturn.services.upstreams import Upstreams
from keyturn.store.engine import Store


class Management(msgspec.Struct, frozen=True, kw_only=True):
    """The use cases, and the parts of this process that resources show."""

    settings: Settings
    origins: dict[str, str] = {}
    """Where each setting came from, by its path."""
    started_at: float
    """Seconds since 1970 UTC."""
    store: Store
    lookup: Lookup
    keys: Keys
    upstreams: Upstreams
    models: Models
    reports: Reports
    ingest: Ingest
    bus: BusServer


Managed = NamedDependency[Management]
"""How a handler asks for it: a parameter named ``management``."""
