"""Serves the management API on its two unix sockets."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from litestar.types import ASGIApp


class _Server(uvicorn.Server):
    """Leaves signals to the process: two servers share it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


class HttpServer:
    """One application on one socket that listens."""

    def __init__(self, app: ASGIApp, listener: socket.socket, *, drain_s: float) -> None:
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
        self._listener = listener
        self._server = _Server(config)

    async def serve(self) -> None:
        """Serve until ``stop``."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Accept nothing more; ``serve`` ends when the requests under way have, or their time is up."""
        self._server.should_exit = True
