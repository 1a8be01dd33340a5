"""The control process: store, bus, ingest and management API, wired together.

Requests wait for the bus, of keys that no worker knows and for limits. So it is up first, and what the rest needs is
imported and made in a thread while the loop answers workers.
"""

import asyncio
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

import structlog
import uvloop

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.control import door_sockets
from keyturn.control.door_sockets import DoorSockets
from keyturn.domain.secret import Secret
from keyturn.node import answering
from keyturn.node.answering import Answering
from keyturn.node.child import Brief, Ready, read_brief, say_ready
from keyturn.services import bootstrap
from keyturn.store.engine import UnusableDatabaseError, open_store
from keyturn.store.vault import MASTER, PEPPER, Vault, VaultError, read_given
from keyturn.telemetry import logs


class ManagementApi(Protocol):
    """The rest of the process; ``node.management_api`` has it."""

    async def begin(self) -> Secret | None:
        """Have time do its work; return the secret of the link that makes the first owner, if there is none."""
        ...

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``, and to the end of what is under way."""
        ...


def main() -> None:
    """Serve as the supervisor's brief says, until it ends or says stop."""
    brief = read_brief(sys.stdin.buffer.readline())
    logs.configure(brief.settings.log, process=brief.process)
    os.umask(0o077)
    gc.disable()  # nothing that a start makes is garbage
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
        kept = brief.settings.vault
        given = {MASTER: (kept.master_key, kept.master_key_file), PEPPER: (kept.pepper, kept.pepper_file)}
        vault = Vault(data.secrets, read_given(given))
        await bootstrap.check_vault(store, vault)
        first_key = await bootstrap.first_start(store, vault, brief.provider_keys)
        if brief.demo_port:
            await bootstrap.add_demo(store)
        tasks = system.Tasks()
        closing.push_async_callback(tasks.cancel)
        parts = await answering.prepare(brief, store, vault, tasks, closing)
        # Whoever wants the management API waits for it from now on: workers begin to take requests.
        sockets = door_sockets.listen(data)
        closing.callback(sockets.close)
        await parts.listen(data)
        for name, work in parts.work().items():
            tasks.spawn(work, name=name)
        management = await asyncio.to_thread(_management_api, parts, data, sockets, tasks)
        setup = await management.begin()
        gc.freeze()  # what stands now stands to the end: no collection need walk it
        gc.enable()
        say_ready(
            brief,
            Ready(
                process=brief.process,
                first_key=first_key.reveal() if first_key else "",
                setup_token=setup.reveal() if setup else "",
            ),
        )
        await management.serve(stop)
        await parts.flush()


def _management_api(
    parts: Answering, data: DataDirectory, sockets: DoorSockets, tasks: system.Tasks
) -> ManagementApi:
    """Import and make the rest; it takes more than a second."""
    module = importlib.import_module("keyturn.node.management_api")
    make: Callable[[Answering, DataDirectory, DoorSockets, system.Tasks], ManagementApi] = module.make
    return make(parts, data, sockets, tasks)


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
