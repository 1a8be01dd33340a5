"""Run the demo upstream by itself: ``python -m keyturn.demo --port 9001``."""

import argparse
import asyncio
import os
import resource
import socket
from pathlib import Path

import uvloop

from keyturn.demo.server import BACKLOG, DemoServer, stop_on_signals

DRAIN_S = 2.0


def main() -> None:
    """Serve on 127.0.0.1 until told to stop."""
    options = _options().parse_args()
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit < hard_limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    listener = socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)  # noqa: T201 - whoever asked for port 0 reads it
    lifeline = _fork(options.workers - 1)
    uvloop.run(_serve(listener, options, lifeline))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keyturn.demo", description="An OpenAI-compatible server with deterministic answers."
    )
    parser.add_argument(
        "--port", type=int, default=9001, help="port on 127.0.0.1; 0 takes a free one; the address is printed"
    )
    parser.add_argument(
        "--log", type=Path, help="append what was served to this file, one JSON object a line"
    )
    parser.add_argument("--key", default="", help="refuse requests that do not bring this key")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    return parser


def _fork(more: int) -> int | None:
    """Start further processes on the same socket.

    Returns:
        In those, a pipe that ends with this process; in this one ``None``.
    """
    reading, writing = os.pipe()
    for _ in range(more):
        if os.fork() == 0:
            os.close(writing)
            return reading
    os.close(reading)
    return None


async def _serve(listener: socket.socket, options: argparse.Namespace, lifeline: int | None) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop, lifeline=lifeline)
    await DemoServer(key=options.key, log=options.log).serve(listener, stop=stop, drain_s=DRAIN_S)


if __name__ == "__main__":
    main()
