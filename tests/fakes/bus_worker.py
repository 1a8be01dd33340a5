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

    _writer: asyncio.StreamWriter
    _ending: asyncio.Task[None]

    def __init__(self, *, obedient: bool = True) -> None:
        self._obedient = obedient
        self._news = asyncio.Event()
        self.received: list[bus.FromControl] = []
        self.trace: Refused | None = None

    @classmethod
    async def connect(
        cls, socket: Path, worker: str = "1-aaaa", *, pid: int = 0, obedient: bool = True
    ) -> "BusWorker":
        """Connect and introduce itself; one that isn't obedient confirms nothing by itself."""
        found = cls(obedient=obedient)
        reader, found._writer = await bus.connect(str(socket), bus.FromControl, found._hear)  # type: ignore[arg-type]
        found._ending = asyncio.get_running_loop().create_task(found._end(reader))
        found.send(bus.Hello(worker, pid or os.getpid()))
        return found

    def send(self, message: bus.FromWorker) -> None:
        """Send a message."""
        self._writer.write(bus.encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Send what may not be a message."""
        self._writer.write(data)

    def _hear(self, message: bus.FromControl) -> None:
        self.received.append(message)
        self._react(message)
        self._news.set()

    async def _end(self, reader: asyncio.StreamReader) -> None:
        await reader.read()
        self._news.set()

    def _react(self, message: bus.FromControl) -> None:
        if isinstance(message, bus.Snapshot | bus.Invalidate) and self._obedient:
            self.send(bus.Confirmed(message.sequence))
        if isinstance(message, bus.Trace):
            self.send(bus.Traced(message.call, self.trace))

    async def next(
        self, kind: type[bus.Snapshot | bus.Found | bus.Invalidate | bus.Granted], number: int = 1
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
            await self._ending

    async def close(self) -> None:
        """Hang up, in the middle of whatever it is."""
        self._ending.cancel()
        self._writer.close()
        await asyncio.gather(self._ending, return_exceptions=True)
