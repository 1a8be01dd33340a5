"""The worker's HTTP server alone, on a real socket: it answers whom it takes each client for."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from keyturn.config.sections import Server
from keyturn.domain.refusals import Refused
from keyturn.gateway import answers
from keyturn.gateway.edge import Edge
from keyturn.gateway.request import Request

SWEEP_S = 0.02
BROKEN = b"/broken"
"""A path whose handler fails."""
LOOPBACK = frozenset({"127.0.0.0/8"})


class EdgeServer:
    """One edge in a thread of its own.

    Attributes:
        port: Where it listens on 127.0.0.1.
        refused: How many connections were turned away before there was a request.
    """

    def __init__(self, settings: Server) -> None:
        self._edge = Edge(settings, _answer, self._refuse)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._listens = threading.Event()
        self.port = 0
        self.refused = 0

    def _refuse(self, _refused: Refused, _path: bytes) -> bytes:
        self.refused += 1
        return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

    def run(self) -> None:
        """Serve until ``stop``."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._edge.accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        while not self._over.is_set():
            self._edge.sweep(self._loop.time())
            try:
                await asyncio.wait_for(self._over.wait(), SWEEP_S)
            except TimeoutError:
                continue
        server.close()
        self._edge.close()
        await asyncio.sleep(0)

    def wait(self) -> None:
        """Wait until it listens."""
        assert self._listens.wait(10)

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._over.set)


def _answer(request: Request) -> None:
    if request.path == BROKEN:
        raise LookupError("a mistake of ours")
    body = f"{request.address} {'proxied' if request.client.proxied else 'direct'}".encode()
    request.client.write(answers.document(200, body, keep_alive=request.keep_alive))
    request.client.finish(request.keep_alive)


@contextmanager
def edge_server(settings: Server) -> Iterator[EdgeServer]:
    """Run a server."""
    server = EdgeServer(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        thread.join(10)
