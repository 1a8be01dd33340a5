"""The worker's end of the bus: asks, obeys and confirms; finds its way back when the control process restarts."""

import asyncio
import contextlib
import os
from functools import partial

import structlog

from keyturn import bus, system
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.plane import Plane

RETRY_S = 0.05
MOST_WAITING = 8 << 20
"""Bytes that may wait to be sent when bodies come, which nobody must wait behind."""


class BusClient:
    """One connection after another to the control process."""

    def __init__(self, path: str, worker: str, *, cached_keys: int) -> None:
        self._path = path
        self._worker = worker
        self._writer: asyncio.StreamWriter | None = None
        self.keys = KeyCache(self._look, limit=cached_keys)
        self.configured = asyncio.Event()
        """Set once the first snapshot has been applied."""

    def _look(self, call: int, digest: bytes) -> bool:
        return self.send(bus.Look(call, digest))

    def send(self, message: bus.FromWorker) -> bool:
        """Send a message; ``False`` while there is no connection, or, of what may be lost, while much waits."""
        if self._writer is None or self._writer.is_closing():
            return False
        if isinstance(message, bus.Bodies) and self._waiting() > MOST_WAITING:
            return False
        self._writer.write(bus.encode(message))
        return True

    def _waiting(self) -> int:
        return 0 if self._writer is None else self._writer.transport.get_write_buffer_size()

    async def run(self, plane: Plane) -> None:
        """Keep a connection, for ever; requests go on from what is cached while there is none."""
        log = structlog.get_logger()
        while True:
            try:
                reader, writer = await bus.connect(self._path, bus.FromControl, partial(self._obey, plane))  # type: ignore[arg-type]  # a union is no class
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            self._writer = writer
            try:
                plane.leases.forfeit()
                self.send(bus.Hello(self._worker, os.getpid(), plane.leases.under_way()))
                self.keys.ask_again()
                plane.leases.ask_again()
                plane.attempts.ask_again()
                await reader.read()  # until it ends: messages have been obeyed when they came
            except (OSError, ValueError) as error:
                log.warning("bus connection lost", error=str(error))
            finally:
                self._writer = None
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            await asyncio.sleep(RETRY_S)

    def _obey(self, plane: Plane, message: bus.FromControl) -> None:
        match message:
            case bus.Found(call, sequence, record, failed):
                self.keys.found(call, sequence, record, failed=failed)
            case bus.Invalidate(sequence, key_ids):
                self.keys.forget(key_ids, sequence)
                self.send(bus.Confirmed(sequence))
            case bus.Snapshot(sequence):
                plane.apply(message)
                self.configured.set()
                self.send(bus.Confirmed(sequence))
            case bus.Granted(call, grants):
                plane.leases.granted(call, grants)
            case bus.Denied(call, denial):
                plane.leases.denied(call, denial)
            case bus.Recall(counter):
                plane.leases.recall(counter)
            case bus.Recount(sequence, owner_ids):
                plane.leases.forfeit(owner_ids)
                self.send(bus.Confirmed(sequence))
            case bus.Proceed() | bus.Repeat() | bus.Refrain() | bus.Noted():
                plane.attempts.hear(message)
            case bus.Trace(call, request_id):
                self.send(bus.Traced(call, plane.refusals.find(request_id)))


async def report(plane: Plane, client: BusClient, gauges: "Gauges", *, every_s: float = 1.0) -> None:
    """Send the counters, for ever."""
    while True:
        client.send(plane.counters.message(gauges()))
        await asyncio.sleep(every_s)


class Gauges:
    """What is measured at the moment of the report."""

    def __init__(self, plane: Plane, connections: "set[object]") -> None:
        self._plane = plane
        self._connections = connections
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._started = system.now()

    def __call__(self) -> dict[str, float]:
        """Measure."""
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 -- once a second in the data plane
            resident = int(file.read().split()[1]) * self._page
        return {
            "open_connections": float(len(self._connections)),
            "open_streams": float(self._plane.open_streams),
            "requests_in_flight": float(self._plane.journal.in_flight),
            "resident_bytes": float(resident),
            "started_at": self._started,
        }
