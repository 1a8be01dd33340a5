"""The control process: store, bus, ingest and management API, wired together."""

import asyncio
import gc
import os
import signal
import sys
from contextlib import AsyncExitStack

import structlog
import uvloop
from litestar import Litestar

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.control.app import create_app
from keyturn.control.bus_server import BusServer
from keyturn.control.door import Door
from keyturn.control.http_server import HttpServer
from keyturn.control.ingest import Ingest
from keyturn.control.management import Management
from keyturn.node.child import Brief, Ready, read_brief, say_ready
from keyturn.services import bootstrap
from keyturn.services.configuration import Configuration
from keyturn.services.keys import Keys
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.reports import Reports
from keyturn.services.upstreams import Upstreams
from keyturn.store.engine import Store, UnusableDatabaseError, open_store
from keyturn.store.vault import Vault, VaultError
from keyturn.telemetry import logs


def main() -> None:
    """Serve as the supervisor's brief says, until it ends or says stop."""
    brief = read_brief(sys.stdin.buffer.readline())
    logs.configure(brief.settings.log, process=brief.process)
    os.umask(0o077)
    try:
        uvloop.run(_serve(brief))
    except (UnusableDatabaseError, VaultError) as error:
        structlog.get_logger().error("can't start", why=str(error))
        sys.exit(1)


async def _serve(brief: Brief) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop, lifeline=sys.stdin.fileno())
    data = DataDirectory(brief.settings.data)
    data.create()
    async with AsyncExitStack() as closing:
        store = await open_store(data.database)
        closing.push_async_callback(store.close)
        vault = Vault(data.secrets)
        await bootstrap.check_vault(store, vault)
        first_key = await bootstrap.first_start(store, vault, brief.provider_keys)
        if brief.demo_port:
            await bootstrap.add_demo(store)
        tasks = system.Tasks()
        closing.push_async_callback(tasks.cancel)
        management = await _management(brief, store, vault, closing)
        await management.bus.listen(data.bus_socket)
        tasks.spawn(management.ingest.run(), name="ingest")
        for upstream in await management.upstreams.everything():
            # A provider from the environment, or one that did not answer when it was added.
            if not upstream.models:
                name = upstream.stored.name
                tasks.spawn(management.upstreams.fill(name), name=f"models of {name}")
        servers = _servers(create_app(management), data, drain_s=brief.settings.server.drain_s)
        for server in servers:
            server.listen()
        gc.freeze()  # what stands now stands to the end: no collection need walk it
        say_ready(brief, Ready(process=brief.process, first_key=first_key.reveal() if first_key else ""))
        await _serve_until(stop, servers)
        await management.ingest.flush()


async def _management(brief: Brief, store: Store, vault: Vault, closing: AsyncExitStack) -> Management:
    data = DataDirectory(brief.settings.data)
    configuration = Configuration(store, vault, demo_port=brief.demo_port, relay=brief.settings.relay)
    lookup = Lookup(store, vault)
    bus = BusServer(
        journals=data.journals,
        locations=brief.settings.auth.locations,
        look=lookup.by_digest,
        configuration=configuration.read,
    )
    closing.push_async_callback(bus.close)
    ingest = Ingest(store, data.journals)
    await ingest.load()
    return Management(
        settings=brief.settings,
        origins=brief.origins,
        started_at=system.now(),
        store=store,
        lookup=lookup,
        keys=Keys(store, vault, bus),
        upstreams=Upstreams(store, vault, bus, configuration),
        models=Models(store, bus),
        reports=Reports(store),
        ingest=ingest,
        bus=bus,
    )


def _servers(app: Litestar, data: DataDirectory, *, drain_s: float) -> list[HttpServer]:
    return [
        HttpServer(Door(app, local=False), data.relay_socket, drain_s=drain_s),
        HttpServer(Door(app, local=True), data.control_socket, drain_s=drain_s),
    ]


async def _serve_until(stop: asyncio.Event, servers: list[HttpServer]) -> None:
    """Serve both sockets until ``stop``, then let the requests under way end."""
    async with asyncio.TaskGroup() as serving:
        for server in servers:
            serving.create_task(server.serve())
        await stop.wait()
        for server in servers:
            server.stop()


def _stop_on_signals(stop: asyncio.Event, *, lifeline: int) -> None:
    """Set ``stop`` on SIGTERM, SIGINT, and when the supervisor's end of the pipe ``lifeline`` closes."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def supervisor_spoke_or_ended() -> None:
        if not os.read(lifeline, 4096):
            loop.remove_reader(lifeline)
            stop.set()

    loop.add_reader(lifeline, supervisor_spoke_or_ended)


if __name__ == "__main__":
    main()
