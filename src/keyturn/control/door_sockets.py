"""The two unix sockets that lead to the management API: the workers' and the local operator's."""

import os
import socket
from pathlib import Path

import msgspec

from keyturn.config.data_directory import DataDirectory

BACKLOG = 1024


class DoorSockets(msgspec.Struct, frozen=True):
    """Both, bound and listening: callers wait instead of being turned away, whether or not somebody serves them yet."""

    relayed: socket.socket
    local: socket.socket

    def close(self) -> None:
        """Turn away who comes; closing them twice does no harm."""
        self.relayed.close()
        self.local.close()


def listen(data: DataDirectory) -> DoorSockets:
    """Bind them."""
    return DoorSockets(_listen(data.relay_socket), _listen(data.control_socket))


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
