"""One node per data directory: the lock that says so.

The supervisor locks ``run/supervisor.pid`` and its children inherit the descriptor, so the lock lasts
until the last process of the node is gone. After a ``kill -9`` of the supervisor, a new node waits here
for the old workers to finish writing instead of working beside them.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

from keyturn.config.data_directory import DataDirectory
from keyturn.system import lock

LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
"""What fits into ``sockaddr_un`` beside its terminating zero."""
_POLL_S = 0.05


class DataDirectoryError(Exception):
    """The data directory can't be used; the message is one line."""


@contextlib.asynccontextmanager
async def hold(data: DataDirectory, *, patience_s: float) -> AsyncIterator[int]:
    """Create the data directory and lock it; gives the descriptor that holds the lock.

    Args:
        data: The directory.
        patience_s: How long to wait for the processes of a node whose supervisor is gone.

    Raises:
        DataDirectoryError: Another node has it, or it can't be made.
    """
    sockets = (data.control_socket, data.relay_socket, data.bus_socket)
    longest = max(len(os.fsencode(path)) for path in sockets)
    if longest > LONGEST_SOCKET_PATH:
        over = longest - LONGEST_SOCKET_PATH
        raise DataDirectoryError(
            f"the data directory's path is {over} bytes too long for the sockets in it: {data.root}"
        )
    try:
        data.create()
        descriptor = os.open(data.supervisor_pid, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryError(f"can't use the data directory {data.root}: {error.strerror}") from None
    try:
        await _take(data, descriptor, patience_s)
        try:
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(data: DataDirectory) -> int:
    """Return the process id of the supervisor that last took the directory; 0 when it ended in order."""
    try:
        return int(data.supervisor_pid.read_text(encoding="ascii") or "0")
    except (OSError, ValueError):
        return 0


async def _take(data: DataDirectory, descriptor: int, patience_s: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        with contextlib.suppress(BlockingIOError):
            lock(descriptor)
            return
        pid = holder(data)
        if pid and _is_alive(pid):
            raise DataDirectoryError(
                f"a node already runs on {data.root} (process {pid}); stop it or choose another directory with --data"
            )
        if loop.time() > deadline:
            raise DataDirectoryError(f"processes of an earlier node still run on {data.root}; try again soon")
        await asyncio.sleep(_POLL_S)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
