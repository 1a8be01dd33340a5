"""The one module that asks the machine: clock, entropy, background tasks."""

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog

from keyturn.domain import ids, key_text, redeem_codes
from keyturn.domain.base62 import ALPHABET
from keyturn.domain.secret import Secret

WALL_READINGS, WALL_CLOSE_S = 5, 20e-6

now = time.time
"""Seconds since 1970 UTC, as a float."""

monotonic = time.monotonic
"""Seconds on a clock that only goes forward, for durations. A loop's own time has millisecond steps only."""

now_ns = time.time_ns
"""Nanoseconds since 1970 UTC."""


draw = secrets.SystemRandom().random
"""Returns a number from 0 up to 1 by lot."""


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def wall_offset() -> float:
    """Return what to add to ``monotonic`` for seconds since 1970 UTC.

    Two clocks can't be read at once, and the process may lose its turn in between: then they are read again.
    """
    best_s, offset = float("inf"), 0.0
    for _ in range(WALL_READINGS):
        before, at, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < best_s:
            best_s, offset = after - before, at - (before + after) / 2
        if best_s < WALL_CLOSE_S:
            break
    return offset


def new_id(prefix: str) -> str:
    """Mint an identifier with a prefix of ``domain.ids``."""
    return ids.mint(prefix, now_ms=now_ms(), entropy=secrets.randbits(80))


def new_key(kind: key_text.Kind) -> Secret:
    """Mint the text of a new key."""
    return key_text.mint(kind, secrets.choice)


def new_token() -> Secret:
    """Mint 32 base62 characters (190 bits), each drawn by itself: for links that work once."""
    return Secret("".join(secrets.choice(ALPHABET) for _ in range(32)))


def new_code() -> Secret:
    """Mint a code that is worth credit (100 bits), each letter drawn by itself."""
    return redeem_codes.mint(secrets.choice)


def random_bytes(length: int) -> bytes:
    """Return bytes fit for keys and nonces."""
    return secrets.token_bytes(length)


class Tasks:
    """Background tasks of one process, held until they end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run ``work`` in the background; a failure is logged once, here."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            structlog.get_logger().error("background task failed", task=task.get_name(), exc_info=error)

    async def cancel(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def lock(descriptor: int) -> None:
    """Hold an open file until it is closed or the process ends, however it ends.

    Raises:
        BlockingIOError: Another process holds it.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(path: Path) -> bool:
    """Say whether a living process holds this file; ``False`` when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def resident_bytes(pid: int) -> int:
    """Return the memory that a process occupies; 0 when there is no such process."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
