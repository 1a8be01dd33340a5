"""One run of a child process, seen from the supervisor: from its start to its exit."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

import msgspec

from keyturn.node.child import Brief, Ready

LARGEST_READY = 65_536


class _ReadyPipe(asyncio.Protocol):
    """Takes the one line that a child says; the future holds ``None`` when it ends without it."""

    def __init__(self, said: asyncio.Future[Ready | None]) -> None:
        self._said = said
        self._bytes = bytearray()

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if b"\n" in self._bytes or len(self._bytes) > LARGEST_READY:
            self._settle()

    def connection_lost(self, _error: Exception | None) -> None:
        self._settle()

    def _settle(self) -> None:
        if self._said.done():
            return
        try:
            self._said.set_result(msgspec.json.decode(bytes(self._bytes), type=Ready))
        except msgspec.DecodeError:
            self._said.set_result(None)


class Process:
    """A child that runs or has run.

    Attributes:
        said: What it said when it was ready; ``None`` when it ended without a word.
    """

    def __init__(
        self, name: str, running: asyncio.subprocess.Process, said: asyncio.Future[Ready | None]
    ) -> None:
        self.name = name
        self.pid = running.pid
        self.said = said
        self._running = running

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        brief: Callable[[int], Brief],
        *,
        inherits: Sequence[int],
        environment: Mapping[str, str] | None = None,
    ) -> "Process":
        """Start a child and brief it.

        Args:
            command: Program and arguments.
            brief: Makes the brief once the descriptor for ``Ready`` is known.
            inherits: Descriptors that it shares with the supervisor.
            environment: Its variables; the supervisor's when ``None``.

        Raises:
            OSError: The program can't be started.
        """
        loop = asyncio.get_running_loop()
        read_end, write_end = os.pipe()
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, read_end)
            undo.callback(os.close, write_end)
            # A group of its own: Ctrl-C on the terminal is for the supervisor, which drains in order.
            running = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(write_end, *inherits),
                process_group=0,
                env=environment,
            )
            undo.pop_all()
        os.close(write_end)
        said: asyncio.Future[Ready | None] = loop.create_future()
        await loop.connect_read_pipe(lambda: _ReadyPipe(said), os.fdopen(read_end, "rb", 0))
        told = brief(write_end)
        if running.stdin is not None:
            running.stdin.write(msgspec.json.encode(told) + b"\n")
        return cls(told.process, running, said)

    @property
    def runs(self) -> bool:
        """Whether its end has not been seen yet."""
        return self._running.returncode is None

    async def exited(self) -> int:
        """Wait for the end; return the exit status, or minus the signal that ended it."""
        return await self._running.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._running.send_signal(number)


def describe(status: int) -> str:
    """Say in words how a process ended."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
