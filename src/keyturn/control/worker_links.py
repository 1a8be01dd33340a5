"""Workers that are connected, and their connections."""

import asyncio
import contextlib

from keyturn import bus

_LARGEST_BACKLOG = 64 << 20


class WorkerLink:
    """A connected worker.

    Attributes:
        confirmed: The last sequence it has confirmed; -1 before its first snapshot.
        ready: It has been sent a snapshot, so that changes are sent to it too.
    """

    def __init__(self, worker: str, pid: int, writer: asyncio.StreamWriter) -> None:
        self.worker = worker
        self.pid = pid
        self.writer = writer
        self.confirmed = -1
        self.ready = False
        self.counted: bus.Counted | None = None

    def send(self, message: bus.FromControl) -> None:
        """Queue a message; a worker that has stopped reading is cut off before the queue grows large.

        Lost where the connection is gone: a worker that lives asks again on its next one.
        """
        if self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > _LARGEST_BACKLOG:
            self.writer.transport.abort()
            return
        self.writer.write(bus.encode(message))

    async def drain(self, within_s: float) -> None:
        """Wait until the worker has read most of what was sent to it, or for this long, or until it is gone."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(within_s):
                await self.writer.drain()


class Talk:
    """A connection: who speaks on it, once that is known."""

    writer: asyncio.StreamWriter

    def __init__(self) -> None:
        self.link: WorkerLink | None = None
