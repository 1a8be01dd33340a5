"""A worker as the control process sees it: speaks the real bus, and does what a test says."""

import asyncio
import os
from pathlib import Path

from keyturn import bus
from keyturn.domain.journal import Refused

DEADLINE_S = 10.0


class BusWorker:
    """Connected to a control process.

    Attributes:
        received: Every message that came, in order.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, obedient: bool = True
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._obedient = obedient
        self._news = asyncio.Event()
        self.received: list[bus.FromControl] = []
        self.trace: Refused | None = None
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def connect(
        cls, socket: Path, worker: str = "1-aaaa", *, pid: int = 0, obedient: bool = True
    ) -> "BusWorker":
        """Connect and introduce itself; one that isn't obedient confirms nothing by itself."""
        found = cls(*await asyncio.open_unix_connection(socket), obedient=obedient)
        found.send(bus.Hello(worker, pid or os.getpid()))
        return found

    def send(self, message: bus.FromWorker) -> None:
        """Send a message."""
        self._writer.write(bus.encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Send what may not be a message."""
        self._writer.write(data)

    async def _read(self) -> None:
        frames: bus.Frames[bus.FromControl] = bus.Frames(bus.FromControl)  # type: ignore[arg-type]
        while messages := await bus.read_messages(self._reader, frames):
            for message in messages:
                self.received.append(message)
                self._react(message)
            self._news.set()
        self._news.set()

    def _react(self, message: bus.FromControl) -> None:
        if isinstance(message, bus.Snapshot | bus.Invalidate) and self._obedient:
            self.send(bus.Confirmed(message.sequence))
        if isinstance(message, bus.Trace):
            self.send(bus.Traced(message.call, self.trace))

    async def next(
        self, kind: type[bus.Snapshot | bus.Found | bus.Invalidate], number: int = 1
    ) -> bus.FromControl:
        """Wait for the ``number``-th message of a kind and return it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = [message for message in self.received if isinstance(message, kind)]
                if len(found) >= number:
                    return found[number - 1]
                self._news.clear()
                await self._news.wait()

    async def snapshot(self, number: int = 1) -> bus.Snapshot:
        """Wait for the ``number``-th snapshot."""
        found = await self.next(bus.Snapshot, number)
        assert isinstance(found, bus.Snapshot)
        return found

    async def look(self, digest: bytes, call: int = 1) -> bus.Found:
        """Ask who holds a secret."""
        before = sum(isinstance(message, bus.Found) for message in self.received)
        self.send(bus.Look(call, digest))
        found = await self.next(bus.Found, before + 1)
        assert isinstance(found, bus.Found)
        return found

    async def ended(self) -> None:
        """Wait until the other side has hung up."""
        async with asyncio.timeout(DEADLINE_S):
            await self._reading

    async def close(self) -> None:
        """Hang up, in the middle of whatever it is."""
        self._reading.cancel()
        self._writer.close()
        await asyncio.gather(self._reading, return_exceptions=True)
