"""The demo upstream as a process of the node."""

import asyncio
import socket
import sys

import structlog
import uvloop

from keyturn.demo.server import DemoServer, stop_on_signals
from keyturn.node.child import Brief, Ready, read_brief, say_ready
from keyturn.telemetry import logs


def main() -> None:
    """Serve as the supervisor's brief says, until it ends or says stop."""
    brief = read_brief(sys.stdin.buffer.readline())
    logs.configure(brief.settings.log, process=brief.process)
    uvloop.run(_serve(brief))


async def _serve(brief: Brief) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop, lifeline=sys.stdin.fileno())
    listener = socket.socket(fileno=brief.listen_fd)
    say_ready(brief, Ready(process=brief.process))
    structlog.get_logger().debug("demo upstream serves", port=listener.getsockname()[1])
    await DemoServer().serve(listener, stop=stop, drain_s=brief.settings.server.drain_s)


if __name__ == "__main__":
    main()
