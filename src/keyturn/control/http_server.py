"""Serves the management API on its two unix sockets."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from litestar.types import ASGIApp

BACKLOG = 1024


class _Server(uvicorn.Server):
    """Leaves signals to the process: two servers share it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


class HttpServer:
    """One application on one socket."""

    def __init__(self, app: ASGIApp, path: Path, *, drain_s: float) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(drain_s)),
        )
        self._path = path
        self._server = _Server(config)
        self._listeners: list[socket.socket] = []

    def listen(self) -> None:
        """Bind the socket: from now on callers wait instead of being turned away."""
        self._listeners.append(_listen(self._path))

    async def serve(self) -> None:
        """Serve what ``listen`` has bound, until ``stop``."""
        await self._server.serve(sockets=self._listeners)

    def stop(self) -> None:
        """Accept nothing more; ``serve`` ends when the requests under way have, or their time is up."""
        self._server.should_exit = True


def _listen(path: Path) -> socket.socket:
    """Bind a unix socket that only this user can connect to; one that an earlier run left is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
