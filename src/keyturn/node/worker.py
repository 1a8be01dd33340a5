"""A gateway worker: wires the data plane together and runs it until it is told to go."""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys

import structlog
import uvloop

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.gateway.bus_client import BusClient, Gauges, report
from keyturn.gateway.dispatch import Dispatch
from keyturn.gateway.edge import Edge
from keyturn.gateway.journal import Journal
from keyturn.gateway.plane import Plane
from keyturn.node.child import Brief, Ready, read_brief, say_ready
from keyturn.system import Tasks
from keyturn.telemetry import logs

SWEEP_S = 0.5
RETIRE_S = 3600.0
"""How long a worker that was replaced may go on with the streams it has."""
POLL_S = 0.02
FIRST_SNAPSHOT_S = 30.0


class Worker:
    """One worker's life."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._settings = brief.settings
        self._stop = asyncio.Event()
        self._end_at = float("inf")

    async def run(self) -> None:
        """Serve until told to stop, then drain."""
        settings, data = self._settings, DataDirectory(self._settings.data)
        name = f"{os.getpid()}-{system.random_bytes(4).hex()}"
        tasks = Tasks()
        journal = Journal(data.journals, name, settings.journal.segment_bytes)
        client = BusClient(str(data.bus_socket), name, cached_keys=settings.auth.cached_keys)
        plane = Plane(
            settings,
            journal,
            client.keys,
            control_socket=data.relay_socket,
            tasks=tasks,
            send=client.send,
            later=asyncio.get_running_loop().call_later,
            workers=settings.server.workers or os.cpu_count() or 1,
        )
        dispatch = Dispatch(plane, secure=bool(settings.server.tls_cert))
        edge = Edge(settings.server, dispatch.handle, dispatch.refuse, key_headers=plane.key_headers)
        self._listen_to_signals()
        tasks.spawn(client.run(plane), name="bus")
        async with asyncio.timeout(FIRST_SNAPSHOT_S):
            await client.configured.wait()
        loop = asyncio.get_running_loop()
        tls = self._tls()
        server = await loop.create_server(
            edge.accept,
            sock=socket.socket(fileno=self._brief.listen_fd),
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else settings.server.head_timeout_s,
            backlog=4096,
        )
        tasks.spawn(self._sweep(edge, plane), name="sweep")
        tasks.spawn(report(plane, client, Gauges(plane, edge.connections)), name="report")  # type: ignore[arg-type]
        say_ready(self._brief, Ready(self._brief.process))
        gc.collect()
        gc.freeze()
        await self._stop.wait()
        server.close()
        edge.drain(loop.time())
        plane.end_watches()
        await self._drained(edge, plane)
        plane.attempts.close()
        plane.end_sessions()
        plane.leases.surrender()
        client.send(plane.counters.message({}))
        await asyncio.sleep(0)
        edge.close()
        await tasks.cancel()
        plane.close()
        journal.close()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end, self._settings.server.drain_s)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the supervisor decides
        loop.add_signal_handler(signal.SIGHUP, self._end, RETIRE_S)
        loop.add_reader(sys.stdin.fileno(), self._lifeline)

    def _lifeline(self) -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._end(self._settings.server.drain_s)

    def _end(self, drain_s: float) -> None:
        self._end_at = min(self._end_at, asyncio.get_running_loop().time() + drain_s)
        self._stop.set()

    def _tls(self) -> ssl.SSLContext | None:
        server = self._settings.server
        if not server.tls_cert:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(server.tls_cert, server.tls_key or None)
        context.set_alpn_protocols(["http/1.1"])
        return context

    @staticmethod
    async def _sweep(edge: Edge, plane: Plane) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            edge.sweep(loop.time())
            plane.sweep(loop.time())

    async def _drained(self, edge: Edge, plane: Plane) -> None:
        loop = asyncio.get_running_loop()
        while (edge.connections or plane.attempts.busy) and loop.time() < self._end_at:
            await asyncio.sleep(POLL_S)
            edge.sweep(loop.time())


def main() -> None:
    """Run a worker as the supervisor's child."""
    brief = read_brief(os.read(sys.stdin.fileno(), 1 << 20))
    logs.configure(brief.settings.log, process=brief.process)
    try:
        uvloop.run(Worker(brief).run())
    except TimeoutError:
        structlog.get_logger().error("the control process did not answer in time")
        sys.exit(1)


if __name__ == "__main__":
    main()
