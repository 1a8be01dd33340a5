"""What requests wait for in the control process: the bus, and all that answers on it.

It is up before the rest, and what this module imports is imported before anybody is answered: nothing of the
management API, its pages, and how people sign in. An import-linter contract sees to it.
"""

from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.config.live import Live
from keyturn.config.sections import Settings
from keyturn.control.body_intake import BodyIntake
from keyturn.control.bus_server import BusServer
from keyturn.control.counting import Counting
from keyturn.control.ingest import Ingest
from keyturn.control.once_only import OnceOnly
from keyturn.domain.anomalies import Use
from keyturn.node.child import Brief
from keyturn.services.anomalies import NANO_USD_PER_CENT, Anomalies
from keyturn.services.attempts import Attempts
from keyturn.services.bodies import Bodies
from keyturn.services.configuration import Configuration
from keyturn.services.countermeasures import Countermeasures
from keyturn.services.delivery_sinks import Sinks
from keyturn.services.events import Events
from keyturn.services.lookup import Lookup
from keyturn.services.peppers import Renewal
from keyturn.services.pricing import PriceRules, per_million, rules_of
from keyturn.services.rotation import Rotation
from keyturn.services.settings import NodeSettings, access_of
from keyturn.services.thresholds import Thresholds
from keyturn.services.upstreams import Upstreams
from keyturn.store import shipped_prices
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that answer workers, which the management API works with, too."""

    started_at: float
    """Seconds since 1970 UTC."""
    live: Live
    store: Store
    vault: Vault
    rules: PriceRules
    configuration: Configuration
    secrets: KeyLookup
    lookup: Lookup
    bus: BusServer
    node_settings: NodeSettings
    sinks: Sinks
    rotation: Rotation
    events: Events
    thresholds: Thresholds
    anomalies: Anomalies
    upstreams: Upstreams
    ingest: Ingest
    counting: Counting
    once_only: OnceOnly
    bodies: Bodies
    body_intake: BodyIntake

    async def listen(self, data: DataDirectory) -> None:
        """Listen on the bus: from now on workers are answered."""
        await self.bus.listen(
            data.bus_socket,
            first_used=self.rotation.first_used,
            noticed=self.anomalies.noticed,
            limits=self.counting,
            attempts=self.once_only,
            bodies=self.body_intake.take,
        )

    def work(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return what goes on in the background, by its name."""
        return {
            "counting": self.counting.run(),
            "scope probing": self.anomalies.run(),
            "ingest": self.ingest.run(),
            # Workers are told of no upstream whose access token this process has yet to ask for.
            "access tokens": self.upstreams.renew_tokens(),
        }

    async def flush(self) -> None:
        """Store what is held in memory."""
        await self.ingest.flush()
        await self.body_intake.flush()


async def prepare(
    brief: Brief, store: Store, vault: Vault, tasks: system.Tasks, closing: AsyncExitStack
) -> Answering:
    """Put together what answers workers, with all that it has to know first; ``closing`` ends it.

    Args:
        brief: The supervisor's.
        store: Open, furnished.
        vault: Checked.
        tasks: Of the process.
        closing: Unwound at the end of the process.
    """
    data, settings = DataDirectory(brief.settings.data), brief.settings
    rules = rules_of(settings.prices, shipped_prices.load())
    live = Live(settings, brief.origins, anonymous_allowed=brief.anonymous_allowed)
    configuration = Configuration(
        store,
        vault,
        demo_port=brief.demo_port,
        rules=rules,
        relay=settings.relay,
        access=lambda: access_of(live.now),
    )
    secrets = KeyLookup(data.database)
    closing.callback(secrets.close)
    lookup = Lookup(secrets.find, vault, Renewal(store, vault, tasks).renew, version=secrets.version)
    bus = BusServer(
        journals=data.journals,
        look=lookup.by_digest,
        configuration=configuration.read,
    )
    closing.push_async_callback(bus.close)
    node_settings = NodeSettings(store, bus, live)
    await node_settings.load()
    sinks = Sinks(settings.rotation.sinks)
    events = Events(store)
    thresholds = Thresholds(store, settings.alerts.thresholds)
    await thresholds.load()
    anomalies = _anomalies(settings, store, bus, events, rules)
    ingest = Ingest(store, data.journals, anomalies.probing.note)
    await ingest.load()
    counting = Counting(
        store,
        ingest,
        bus,
        journals=data.journals,
        thresholds=thresholds.of,
        tell=thresholds.crossed,
    )
    closing.push_async_callback(counting.close)
    once_only = OnceOnly(Attempts(store, vault), ingest, bus, journals=data.journals)
    closing.push_async_callback(once_only.close)
    bodies = Bodies(store, vault)
    body_intake = BodyIntake(bodies)
    closing.push_async_callback(body_intake.close)
    return Answering(
        started_at=system.now(),
        live=live,
        store=store,
        vault=vault,
        rules=rules,
        configuration=configuration,
        secrets=secrets,
        lookup=lookup,
        bus=bus,
        node_settings=node_settings,
        sinks=sinks,
        rotation=Rotation(store, vault, bus, sinks),
        events=events,
        thresholds=thresholds,
        anomalies=anomalies,
        upstreams=Upstreams(store, vault, bus, configuration),
        ingest=ingest,
        counting=counting,
        once_only=once_only,
        bodies=bodies,
        body_intake=body_intake,
    )


def _anomalies(
    settings: Settings, store: Store, bus: BusServer, events: Events, rules: PriceRules
) -> Anomalies:
    async def prices(connection: AsyncConnection) -> dict[str, int]:
        return await per_million(connection, rules, system.now_ms())

    floor = Use(settings.alerts.spike_floor_tokens, settings.alerts.spike_floor_cents * NANO_USD_PER_CENT)
    countermeasures = Countermeasures(store, bus, settings.alerts)
    return Anomalies(store, countermeasures, events.noticed, floor=floor, prices=prices)
