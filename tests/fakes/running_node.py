"""A supervisor under test: a real process whose words are collected."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

PROGRAM = Path(__file__).with_name("node_program.py")
DEADLINE_S = 20.0
Event = dict[str, Any]


class RunningNode:
    """A supervisor under test.

    Attributes:
        events: Everything that it and its children have said, in order.
        errors: Its lines on stderr.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[Event] = []
        self.errors: list[str] = []
        self._news = asyncio.Event()
        self._readers = [
            asyncio.get_running_loop().create_task(self._read_events()),
            asyncio.get_running_loop().create_task(self._read_errors()),
        ]

    async def _read_events(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(msgspec.json.decode(line))
            self._news.set()

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.errors.append(line.decode())
            self._news.set()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until a condition on what was said holds; return what it gave."""
        async with asyncio.timeout(DEADLINE_S):
            while not (found := holds()):
                self._news.clear()
                await self._news.wait()
        return found

    def said(self, event: str, **members: object) -> list[Event]:
        """Return the events of this kind with these members."""
        return [
            one
            for one in self.events
            if one["event"] == event and all(one.get(name) == value for name, value in members.items())
        ]

    def logged(self, message: str) -> list[Event]:
        """Return the log lines with this message."""
        lines = [msgspec.json.decode(line) for line in self.errors if line.startswith("{")]
        return [line for line in lines if line["event"] == message]

    async def port(self) -> int:
        """Wait until it is up; return its port."""
        await self.until(lambda: self.said("started"))
        return int(self.said("started")[0]["port"])

    async def exit_status(self) -> int:
        """Wait for its end, and until the last child has closed what it inherited."""
        async with asyncio.timeout(DEADLINE_S):
            status = await self.process.wait()
            await asyncio.gather(*self._readers)
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)


StartNode = Callable[..., Awaitable[RunningNode]]
