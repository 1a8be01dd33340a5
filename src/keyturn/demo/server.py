"""The demo upstream's server: prepared replies, kept for as long as they are asked for again."""

import asyncio
import contextlib
import os
import signal
import socket
from email.utils import formatdate
from pathlib import Path

from keyturn import system
from keyturn.demo.answers import HEALTH, Answers
from keyturn.demo.connection import Connection
from keyturn.demo.guard import Guard
from keyturn.demo.log import ServedLog
from keyturn.demo.pacing import Pacer
from keyturn.demo.replies import Reply, Served

KEPT_BYTES = 32 * 1024 * 1024
"""How much is kept ready in requests and replies; then all of it is dropped."""

KEPT_EACH = 1024 * 1024
"""What is larger is made anew each time."""

BACKLOG = 4096

Asked = tuple[bytes, bytes, bytes, bool]
"""Method, target, body, and whether the request says which version of Anthropic's API it means."""


class DemoServer:
    """Serves ``Answers`` on a socket. Make it inside a running event loop."""

    def __init__(self, *, key: str = "", log: Path | None = None) -> None:
        """Get ready to serve.

        Args:
            key: What a request must bring, as its dialect does; empty: anything goes.
            log: File to append one JSON object to for each answer of a model.
        """
        self.pacer = Pacer(asyncio.get_running_loop())
        self.date = b""
        self._guard = Guard(key.encode()) if key else None
        self._log = ServedLog(log) if log is not None else None
        self._answers = Answers(created=int(system.now()))
        self._kept: dict[Asked, Reply] = {}
        self._kept_bytes = 0
        self._open: set[Connection] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    async def serve(self, listener: socket.socket, *, stop: asyncio.Event, drain_s: float) -> None:
        """Serve until ``stop``, then finish what was asked.

        Args:
            listener: A bound socket.
            stop: Set it to end.
            drain_s: How long answers under way may still take.
        """
        loop = asyncio.get_running_loop()
        if self._log is not None:
            self._log.open()
        server = await loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        clock = asyncio.create_task(self._tell_time())  # noqa: TID251 - held here and cancelled below
        try:
            await stop.wait()
        finally:
            clock.cancel()
            server.close()
            await self._drain(drain_s)
            if self._log is not None:
                self._log.close()

    async def _tell_time(self) -> None:
        while True:
            self.date = f"date: {formatdate(system.now(), usegmt=True)}\r\n".encode()
            await asyncio.sleep(1)

    async def _drain(self, drain_s: float) -> None:
        for connection in list(self._open):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._all_closed.wait()
        for connection in list(self._open):
            connection.abort()

    def prepare(self, method: bytes, target: bytes, body: bytes, headers: dict[bytes, bytes]) -> Reply:
        """Return the answer to a request, or the refusal of its credential."""
        version = b"anthropic-version" in headers
        if self._guard is not None and target != HEALTH:
            refused = self._guard.check(target, headers, anthropic_version=version)
            if refused is not None:
                return refused
        asked = (method, target, body, version)
        reply = self._kept.get(asked)
        if reply is None:
            reply = self._answers.prepare(method, target, body, anthropic_version=version)
            self._keep(asked, reply, len(body) + reply.size())
        return reply

    def _keep(self, asked: Asked, reply: Reply, size: int) -> None:
        if size > KEPT_EACH:
            return
        if self._kept_bytes + size > KEPT_BYTES:
            self._kept.clear()
            self._kept_bytes = 0
        self._kept[asked] = reply
        self._kept_bytes += size

    def log(self, request_id: bytes, served: Served) -> None:
        """Note an answer whose last byte is about to be sent."""
        if self._log is not None:
            self._log.add(request_id, served)

    def opened(self, connection: Connection) -> None:
        """Count a connection in."""
        self._open.add(connection)
        self._all_closed.clear()

    def lost(self, connection: Connection) -> None:
        """Count it out."""
        self._open.discard(connection)
        if not self._open:
            self._all_closed.set()


def stop_on_signals(stop: asyncio.Event, *, lifeline: int | None) -> None:
    """Set ``stop`` on SIGTERM, SIGINT, and when the other end of a pipe closes.

    Args:
        stop: The event to set.
        lifeline: Descriptor to watch for its end; ``None`` watches none.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:

        def ended() -> None:
            if not os.read(lifeline, 4096):
                loop.remove_reader(lifeline)
                stop.set()

        loop.add_reader(lifeline, ended)
