"""A whole node, started as an operator does: ``keyturn serve`` with its real processes."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from itertools import chain
from pathlib import Path

import httpx
import msgspec

from keyturn.config.load import PROVIDER_KEY_NAMES

DEADLINE_S = 60.0
WITHOUT = ("KEYTURN_", *chain.from_iterable(PROVIDER_KEY_NAMES.values()), "HTTPS_PROXY", "https_proxy")


class Ran(msgspec.Struct, frozen=True):
    """What a command came to."""

    status: int
    out: str
    err: str


class ServedNode:
    """A node in a folder of its own.

    Attributes:
        base: Its address, once it is up.
        key: The key shown at this start; empty at later ones.
        out: What stood on stdout until it was up.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = ""
        self.key = ""
        self.out = ""
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *flags: str, demo: bool = True, workers: int = 1) -> None:
        """Start it and wait until it says that it is ready."""
        arguments = ["serve", "--port", "0", "--workers", str(workers), *(["--demo"] if demo else []), *flags]
        with (self.folder / "serve.err").open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "keyturn", *arguments),
                cwd=self.folder,
                env=_environment(),
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        self.out = ""
        async with asyncio.timeout(DEADLINE_S):
            while "\n" not in self.out.partition("New key")[2] and "curl" not in self.out:
                line = await self._stdout.readline()
                if not line:
                    raise RuntimeError(f"the node did not start: {self.errors()}")
                self.out += line.decode()
        self.base = re.findall(r"(https?://\S+)/v1", self.out)[0]
        self.key = next(iter(re.findall(r"sk-\w{32}", self.out)), "")

    @property
    def _stdout(self) -> asyncio.StreamReader:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("not started")
        return self._process.stdout

    def errors(self) -> str:
        """Return everything it has written to stderr."""
        return (self.folder / "serve.err").read_text()

    def client(self) -> httpx.AsyncClient:
        """Return a client that waits longer than the node does for any part of itself."""
        return httpx.AsyncClient(base_url=self.base, trust_env=False, timeout=30)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it has ended, with all its processes; return the exit status."""
        if self._process is None:
            return 0
        async with asyncio.timeout(DEADLINE_S):
            # The children share stdout: its end is theirs.
            self.out += (await self._stdout.read()).decode()
            return await self._process.wait()

    async def run(self, *arguments: str, typed: str = "") -> Ran:
        """Run a command of the program beside the node."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "keyturn", *arguments),
            cwd=self.folder,
            env=_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate(typed.encode())
        return Ran(process.returncode or 0, out.decode(), err.decode())


def _environment() -> dict[str, str]:
    """Return the environment without what would set up the node."""
    return {name: value for name, value in os.environ.items() if not name.startswith(WITHOUT)}
