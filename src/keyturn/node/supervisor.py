"""Starts the processes of a node, keeps them running, and ends them in order.

Each process is a slot. What happens to it, and what follows:

| event                             | follows                                                                   |
|-----------------------------------|---------------------------------------------------------------------------|
| it ends before it was ever ready  | the start has failed: everything ends, ``StartFailed``                     |
| it ends later                     | it is started again after 0.1 s, doubling to 5 s until it stays up for 10 s |
| SIGHUP                            | settings are read again; each worker is replaced, then the control process |
| SIGTERM, SIGINT                   | workers drain, then the demo upstream and the control process              |
| SIGINT while draining             | everything is killed                                                      |
| SIGKILL of the supervisor         | the children see the end of their standard input and drain by themselves   |
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from keyturn.config.data_directory import DataDirectory
from keyturn.config.load import SettingsError, child_environment
from keyturn.config.sections import Settings, Vault
from keyturn.domain.secret import Secret
from keyturn.node import data_lock
from keyturn.node.child import Brief, Ready
from keyturn.node.listening import (
    CannotListen,
    check_certificate,
    check_exposure,
    is_exposed,
    listen,
    raise_open_file_limit,
)
from keyturn.node.process import Process, describe
from keyturn.node.progress import Watcher, started
from keyturn.system import Tasks

CONTROL, DEMO, WORKER = "control", "demo", "worker"

FIRST_DELAY_S, LONGEST_DELAY_S, STABLE_AFTER_S = 0.1, 5.0, 10.0
REPLACEMENT_TIMEOUT_S = 30.0
"""How long a replacement may take to be ready before the old process is kept instead."""
END_S = 0.9
"""What the drain may take beyond ``server.drain_s``: with its default, less than five seconds in all."""

# `-P` keeps a stray file in the working directory from standing in for a module.
COMMANDS: Mapping[str, Sequence[str]] = {
    CONTROL: (sys.executable, "-P", "-m", "keyturn.node.control_process"),
    DEMO: (sys.executable, "-P", "-m", "keyturn.node.demo"),
    WORKER: (sys.executable, "-P", "-m", "keyturn.node.worker"),
}
"""The program of each role."""


class StartFailed(Exception):
    """The node can't start; the message is one line. Nothing is left running."""


class _Slot:
    """A process that is to run, whichever run of it that is at the moment."""

    def __init__(self, role: str, name: str) -> None:
        self.role = role
        self.name = name
        self.process: Process | None = None
        self.was_ready = False
        self.delay_s = FIRST_DELAY_S
        self.changing = asyncio.Lock()


class Supervisor:
    """The processes of one node."""

    def __init__(
        self,
        settings: Settings,
        watcher: Watcher,
        *,
        demo: bool = False,
        origins: Mapping[str, str] | None = None,
        provider_keys: Mapping[str, Secret] | None = None,
        commands: Mapping[str, Sequence[str]] = COMMANDS,
        reread: Callable[[], tuple[Settings, Mapping[str, str]]] | None = None,
        allow_anonymous: bool = False,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            settings: For all processes.
            watcher: Who is told how it goes.
            demo: Start the demo upstream too.
            origins: Where each setting came from, by its path.
            provider_keys: Provider → credential, for the control process.
            commands: Role → program.
            reread: Reads the settings and their origins again on SIGHUP; raises ``SettingsError``.
            allow_anonymous: Run without keys even where the network reaches the port.
        """
        self._settings = settings
        self._watcher = watcher
        self._origins = dict(origins or {})
        self._provider_keys = dict(provider_keys or {})
        self._commands = commands
        self._reread = reread
        self._allow_anonymous = allow_anonymous
        self._data = DataDirectory(settings.data)
        self._log = structlog.get_logger()
        self._tasks = Tasks()
        self._running: dict[Process, _Slot] = {}
        self._stop, self._kill, self._reload = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._listener: socket.socket | None = None
        self._demo_listener: socket.socket | None = None
        self._lock_descriptor = -1
        workers = settings.server.workers or os.cpu_count() or 1
        self._workers = [_Slot(WORKER, f"worker {number}") for number in range(1, workers + 1)]
        self._control = _Slot(CONTROL, "control")
        self._demo = [_Slot(DEMO, "demo")] if demo else []
        # The workers wait for the control process, so it goes first.
        self._slots = [self._control, *self._demo, *self._workers]
        self._had_terminal = os.isatty(2)

    async def run(self) -> None:
        """Run the node until it is told to stop.

        Raises:
            StartFailed: It can't start; everything that was started has ended.
        """
        began = asyncio.get_running_loop().time()
        async with self._resources():
            try:
                said = await self._start(began)
                if not self._stop.is_set():
                    seconds = asyncio.get_running_loop().time() - began
                    self._watcher.started(started(said, self._port(), seconds))
                    await self._serve()
            finally:
                await self._drain()

    @contextlib.asynccontextmanager
    async def _resources(self) -> AsyncIterator[None]:
        """Hold the data directory, the ports and the signals."""
        server = self._settings.server
        raise_open_file_limit()
        async with contextlib.AsyncExitStack() as held:
            try:
                check_certificate(server.tls_cert, server.tls_key)
                hold = data_lock.hold(self._data, patience_s=server.drain_s + END_S)
                self._lock_descriptor = await held.enter_async_context(hold)
                self._listener = held.enter_context(listen(server.host, server.port))
                check_exposure(self._listener, self._settings.auth, allowed=self._allow_anonymous)
                if self._demo:
                    self._demo_listener = held.enter_context(listen("127.0.0.1", 0))
            except (CannotListen, data_lock.DataDirectoryError) as error:
                raise StartFailed(str(error)) from None
            loop = asyncio.get_running_loop()
            handlers = {
                signal.SIGTERM: self._stop.set,
                signal.SIGINT: self._interrupt,
                signal.SIGHUP: self._hang_up,
            }
            for number, handler in handlers.items():
                loop.add_signal_handler(number, handler)
                held.callback(loop.remove_signal_handler, number)
            held.push_async_callback(self._tasks.cancel)
            yield

    def _interrupt(self) -> None:
        # Only Ctrl-C counts twice: a service manager may send SIGTERM to us and to our parent, which passes it on.
        (self._kill if self._stop.is_set() else self._stop).set()

    def _hang_up(self) -> None:
        # The same signal says that the terminal we run in was closed. Then nobody is left to stop us.
        if self._had_terminal and not os.isatty(2):
            self._stop.set()
        else:
            self._reload.set()

    def _port(self) -> int:
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    # ── start ───────────────────────────────────────────────────────────────

    async def _start(self, began: float) -> Ready:
        """Start everything at once; return what the control process said."""
        self._watcher.starting([slot.name for slot in self._slots])
        work = [
            self._tasks.spawn(self._start_slot(slot, began), name=f"start {slot.name}")
            for slot in self._slots
        ]
        stopped = self._tasks.spawn(self._stop.wait(), name="stop during the start")
        left: set[asyncio.Task[Any]] = set(work)
        failures: list[str] = []
        while left and not failures and not stopped.done():
            ended, left = await asyncio.wait({*left, stopped}, return_when=asyncio.FIRST_COMPLETED)
            left.discard(stopped)
            failures = [task.result()[0] for task in ended if task is not stopped and task.result()[0]]
        if failures:
            raise StartFailed(failures[0])
        return work[0].result()[1] if work[0].done() else Ready(self._control.name)

    async def _start_slot(self, slot: _Slot, began: float) -> tuple[str, Ready]:
        """Return why it failed, if it did, and what it said."""
        try:
            process = slot.process = await self._launch(slot)
        except OSError as error:
            return f"{slot.name} could not start: {error.strerror}", Ready(slot.name)
        said = await process.said
        if said is None:
            return f"{slot.name} could not start: {describe(await self._end_of(process))}", Ready(slot.name)
        slot.was_ready = True
        self._watcher.ready(slot.name, asyncio.get_running_loop().time() - began)
        return "", said

    async def _end_of(self, process: Process) -> int:
        """Wait for the end of a process that has closed its pipe; it may not outlive that for long."""
        try:
            return await asyncio.wait_for(process.exited(), END_S)
        except TimeoutError:
            process.send(signal.SIGKILL)
            return await process.exited()

    async def _launch(self, slot: _Slot) -> Process:
        listener = {WORKER: self._listener, DEMO: self._demo_listener}.get(slot.role)
        descriptor = listener.fileno() if listener is not None else -1
        demo_port = int(self._demo_listener.getsockname()[1]) if self._demo_listener is not None else 0
        keys = {provider: key.reveal() for provider, key in self._provider_keys.items()}
        without_vault = msgspec.structs.replace(self._settings, vault=Vault())

        def brief(ready_fd: int) -> Brief:
            return Brief(
                settings=self._settings if slot.role == CONTROL else without_vault,
                process=slot.name,
                ready_fd=ready_fd,
                listen_fd=descriptor,
                demo_port=demo_port,
                origins=self._origins if slot.role == CONTROL else {},
                anonymous_allowed=self._allow_anonymous or not is_exposed(self._listener),
                provider_keys=keys if slot.role == CONTROL else {},
            )

        inherits = [self._lock_descriptor, *([descriptor] if descriptor >= 0 else [])]
        process = await Process.start(
            self._commands[slot.role], brief, inherits=inherits, environment=child_environment()
        )
        self._running[process] = slot
        self._tasks.spawn(self._watch(slot, process), name=f"watch {slot.name}")
        return process

    # ── keep running ────────────────────────────────────────────────────────

    async def _watch(self, slot: _Slot, process: Process) -> None:
        """Wait for the end of a run and see to the next one, unless it ended because it was meant to."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        status = await process.exited()
        del self._running[process]
        if (await process.said) is not None:
            slot.was_ready = True
        if self._stop.is_set() or slot.process is not process or not slot.was_ready:
            return
        if loop.time() - began >= STABLE_AFTER_S:
            slot.delay_s = FIRST_DELAY_S
        delay, slot.delay_s = slot.delay_s, min(2 * slot.delay_s, LONGEST_DELAY_S)
        self._log.error(
            "process ended unexpectedly",
            child=slot.name,
            pid=process.pid,
            ended=describe(status),
            restart_in_s=delay,
        )
        await self._until(asyncio.sleep(delay), self._stop)
        async with slot.changing:
            if slot.process is process and not self._stop.is_set():
                slot.process = await self._launch(slot)

    async def _until(self, work: Coroutine[Any, Any, Any], *interrupts: asyncio.Event) -> None:
        """Wait until ``work`` has ended or one of the events has come; ``work`` is cancelled then."""
        tasks = [
            self._tasks.spawn(one, name="wait") for one in (work, *(event.wait() for event in interrupts))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _serve(self) -> None:
        while not self._stop.is_set():
            await self._until(self._reload.wait(), self._stop)
            if self._reload.is_set() and not self._stop.is_set():
                self._reload.clear()
                await self._roll()

    async def _roll(self) -> None:
        """Replace every process, one after the other, so that no connection is refused meanwhile."""
        if not self._read_settings_again():
            return
        for slot in self._workers:
            if not await self._replace_worker(slot):
                return
        await self._restart_control()
        self._log.info("reloaded")

    def _read_settings_again(self) -> bool:
        if self._reread is None:
            return True
        old = self._settings
        try:
            new, origins = self._reread()
            check_exposure(self._listener, new.auth, allowed=self._allow_anonymous)
        except (SettingsError, CannotListen) as error:
            self._log.error("the settings can't be used; everything goes on as it was", reason=str(error))
            return False
        self._origins = dict(origins)
        server = msgspec.structs.replace(
            new.server, host=old.server.host, port=old.server.port, workers=old.server.workers
        )
        self._settings = msgspec.structs.replace(new, data=old.data, server=server)
        if (new.data, new.server) != (old.data, server):
            self._log.warning("data directory, host, port and number of workers change with a restart only")
        return True

    async def _replace_worker(self, slot: _Slot) -> bool:
        async with slot.changing:
            new = await self._launch(slot)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPLACEMENT_TIMEOUT_S):
                    await self._until(_wait_for(new.said), self._stop)
            if not new.said.done() or new.said.result() is None:
                if not self._stop.is_set():
                    self._log.error(
                        "the replacement did not become ready; the old one goes on", child=slot.name
                    )
                new.send(signal.SIGKILL)
                return False
            old, slot.process = slot.process, new
        if old is not None:
            old.send(signal.SIGHUP)
        return True

    async def _restart_control(self) -> None:
        slot = self._control
        async with slot.changing:
            old, slot.process = slot.process, None
            if old is not None:
                await self._end(
                    [old], asyncio.get_running_loop().time() + self._settings.server.drain_s + END_S
                )
                old.send(signal.SIGKILL)
                await old.exited()
            if not self._stop.is_set():
                slot.process = await self._launch(slot)
                await self._until(_wait_for(slot.process.said), self._stop)

    # ── end ─────────────────────────────────────────────────────────────────

    async def _drain(self) -> None:
        """End everything, workers first, because the demo upstream and the bus serve them."""
        self._stop.set()
        self._watcher.stopping()
        for listener in (self._listener, self._demo_listener):
            if listener is not None:
                listener.close()
        deadline = asyncio.get_running_loop().time() + self._settings.server.drain_s + END_S
        workers = [process for process, slot in self._running.items() if slot.role == WORKER]
        await self._end(workers, deadline - END_S / 2, self._kill)
        await self._kill_left(workers)
        await self._end(list(self._running), deadline, self._kill)
        await self._kill_left(list(self._running))

    async def _end(self, processes: Sequence[Process], deadline: float, *interrupts: asyncio.Event) -> None:
        """Send SIGTERM and wait until all have ended, the deadline is there, or an event comes."""
        for process in processes:
            process.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._until(_all_exited(processes), *interrupts)

    async def _kill_left(self, processes: Iterable[Process]) -> None:
        for process in processes:
            if process.runs:
                self._log.warning("killed before it had ended by itself", child=process.name, pid=process.pid)
                process.send(signal.SIGKILL)
                await process.exited()


async def _wait_for(future: asyncio.Future[Any]) -> None:
    await asyncio.wait([future])


async def _all_exited(processes: Iterable[Process]) -> None:
    for process in processes:
        await process.exited()
