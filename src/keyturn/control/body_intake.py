"""Takes bodies from workers and has them stored. No worker waits for it: what is too much is lost, and logged."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import bus, system
from keyturn.domain.bodies import Exchanged
from keyturn.services.bodies import Bodies

AT_ONCE = 32
"""To be sealed in one go: some milliseconds."""
MOST_WAITING = 32 << 20
"""Bytes of bodies that wait to be stored."""


class BodyIntake:
    """Stores what comes, some at a time."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._tasks = system.Tasks()
        self._waiting: list[Exchanged] = []
        self._length = 0
        self._lost = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def take(self, message: bus.Bodies) -> None:
        """Have bodies stored, later."""
        length = _length(message.exchanged)
        if self._length + length > MOST_WAITING:
            self._lost += 1
            return
        self._waiting.append(message.exchanged)
        self._length += length
        if self._idle.is_set():
            self._idle.clear()
            # From the bus, never from somebody's call: whose key must still stand is for that call's own change.
            self._tasks.spawn(self._store(), name="bodies")

    async def flush(self) -> None:
        """Wait until everything that has come is stored, or lost."""
        await self._idle.wait()

    async def close(self) -> None:
        """Store nothing more."""
        await self._tasks.cancel()

    async def _store(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                try:
                    await self._bodies.keep(some)
                except (SQLAlchemyError, OSError) as error:
                    structlog.get_logger().error("bodies can't be stored", why=str(error), count=len(some))
                self._length -= sum(map(_length, some))
        finally:
            self._idle.set()
        if self._lost:
            structlog.get_logger().warning("bodies came too fast to be stored", lost=self._lost)
            self._lost = 0


def _length(exchanged: Exchanged) -> int:
    return len(exchanged.request.data) + len(exchanged.answer.data)
