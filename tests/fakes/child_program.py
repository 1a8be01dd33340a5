"""A small program that behaves as the processes of a node promise to, or breaks one promise.

``python child_program.py ROLE [HABIT]``. What it does it says on stdout, one JSON object a line.

Habits: ``fails`` (never ready), ``mute`` (says nothing and stays), ``crashes`` (ends right after it was ready), ``stubborn`` (does not end on SIGTERM),
``moody`` (as ``fails`` while a file ``broken`` stands in the data directory).
"""

import asyncio
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import msgspec

from keyturn.node.child import Brief, Ready, read_brief, say_ready


def tell(event: str, **more: object) -> None:
    """Say what happens in one write, so that lines of several processes don't mix."""
    os.write(1, msgspec.json.encode({"event": event, "pid": os.getpid(), **more}) + b"\n")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line with this process's id."""
    while await reader.readline():
        writer.write(f"{os.getpid()}\n".encode())
        await writer.drain()
    writer.close()


class Child:
    """One run of the program."""

    def __init__(self, role: str, habit: str) -> None:
        self.role = role
        self.habit = habit
        self.ended = asyncio.Event()

    async def run(self, brief: Brief) -> None:
        """Be ready, then wait for the end."""
        loop = asyncio.get_running_loop()
        loop.add_reader(0, self.hear)
        loop.add_signal_handler(signal.SIGTERM, self.drain)
        server = None
        if brief.listen_fd >= 0:
            server = await asyncio.start_server(answer, sock=socket.socket(fileno=brief.listen_fd))
            loop.add_signal_handler(signal.SIGHUP, self.retire, server)
        if self.habit != "crashes" or brief.process == "worker 1":
            files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            tell(
                "began",
                process=brief.process,
                files=files,
                keys=brief.provider_keys,
                pepper=brief.settings.vault.pepper,
                level=brief.settings.log.level,
            )
        if self.habit == "mute":
            os.close(brief.ready_fd)
            await asyncio.Event().wait()
        say_ready(brief, Ready(process=brief.process, first_key="sk-first" if self.role == "control" else ""))
        if self.habit != "crashes":
            await self.ended.wait()
        if server is not None:
            server.close()

    def hear(self) -> None:
        """Read from the supervisor; the end of it is the end of us."""
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            # As a worker with a request in flight does, it takes a moment to end.
            asyncio.get_running_loop().call_later(1.5, self.leave)

    def leave(self) -> None:
        """End, as the supervisor is gone."""
        tell("orphaned", role=self.role)
        self.ended.set()

    def drain(self) -> None:
        """End, unless that is what we don't."""
        tell("told to end", role=self.role)
        if self.habit != "stubborn":
            self.ended.set()

    def retire(self, server: asyncio.Server) -> None:
        """Stop accepting; end when the last connection has."""
        tell("told to retire", role=self.role)
        server.close()
        asyncio.get_running_loop().call_soon(self._end_when_idle)

    def _end_when_idle(self) -> None:
        if len(asyncio.all_tasks()) > 1:
            asyncio.get_running_loop().call_later(0.01, self._end_when_idle)
        else:
            self.ended.set()


def main() -> None:
    """Run as a child of the supervisor."""
    role, habit = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    brief = read_brief(sys.stdin.buffer.readline())
    is_broken = habit == "moody" and Path(brief.settings.data, "broken").exists()
    if habit == "fails" or is_broken:
        sys.stderr.write(f"{role} has no pepper\n")
        sys.exit(3)
    asyncio.run(Child(role, habit).run(brief))


if __name__ == "__main__":
    main()
