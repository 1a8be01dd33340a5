"""The worker's journal: append-only segments, allocated ahead and mapped into memory.

An append is a copy into the page cache: no system call, nothing buffered in the process, so that it outlives a
``kill -9``. Allocation ahead means that a full disk shows when a segment is opened, before a request is let in, and
room for the ``Served`` of every request in flight is kept free. docs/decisions/0002-mapped-journal.md has the measurement.
"""

import fcntl
import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import structlog

from keyturn.domain.faults import Fault
from keyturn.domain.journal import Refused, Used
from keyturn.domain.leases import position_of
from keyturn.domain.refusals import Reason

RECORD_ROOM = 3_072
"""More than any ``Served`` takes: names are cut to ``NAME_LENGTH`` before they are noted."""
NAME_LENGTH = 200

_HEADER = struct.Struct("<II")


class Journal:
    """Appends records to segments named ``<worker>.<n>.journal``; the file is locked while this process lives."""

    def __init__(self, folder: Path, worker: str, segment_bytes: int) -> None:
        """Open the first segment.

        Raises:
            OSError: No room, or no right to write.
        """
        self._folder = folder
        self._worker = worker
        self._segment_bytes = segment_bytes
        self._number = 0
        self._encode = msgspec.msgpack.Encoder().encode
        self.in_flight = 0
        """Requests admitted and not yet served."""
        self._descriptor, self._map, self._length = self._open()
        self._position = 0
        self._full = False

    def _open(self) -> tuple[int, mmap.mmap, int]:
        # With very many requests in flight, room for the end of each fills an ordinary segment before anything is in it.
        length = max(self._segment_bytes, 2 * (self.in_flight + 2) * RECORD_ROOM)
        new = self._folder / f"{self._worker}.{self._number}.new"
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(
                descriptor, fcntl.LOCK_EX
            )  # waits at most for somebody's look at whether it is locked
            os.posix_fallocate(descriptor, 0, length)
            mapped = mmap.mmap(descriptor, length)
        except BaseException:
            os.close(descriptor)
            new.unlink()
            raise
        new.rename(new.with_suffix(".journal"))
        self._number += 1
        return descriptor, mapped, length

    def _next_segment(self) -> None:
        descriptor, mapped, length = self._open()
        self._map.close()
        os.close(self._descriptor)
        self._descriptor, self._map, self._length, self._position = descriptor, mapped, length, 0
        self._full = False

    def admitted(self, record: tuple[Any, ...]) -> None:
        """Note that a request was let in: the fields of ``domain.journal.Admitted``, its tag first.

        Raises:
            Fault: There is no room; nothing is noted and the request must not be served.
        """
        if self._position + (self.in_flight + 2) * RECORD_ROOM > self._length:
            try:
                self._next_segment()
            except OSError as error:
                if not self._full:  # said once, not for every request that is turned away
                    structlog.get_logger().error("no room for the journal", error=str(error))
                self._full = True
                raise Fault(Reason.JOURNAL_UNAVAILABLE, str(error)) from error
        payload = self._encode(record)
        start = self._position
        self._position = end = start + 8 + len(payload)
        self._map[start:end] = _HEADER.pack(len(payload), zlib.crc32(payload)) + payload
        self.in_flight += 1

    def served(self, record: tuple[Any, ...]) -> None:
        """Note how a request ended: the fields of ``domain.journal.Served``, its tag first. There is always room."""
        self.in_flight -= 1
        payload = self._encode(record)
        start = self._position
        self._position = end = start + 8 + len(payload)
        self._map[start:end] = _HEADER.pack(len(payload), zlib.crc32(payload)) + payload

    def note(self, record: Refused | Used) -> bool:
        """Note what is not a call of a model; ``False`` where there is no room: then it goes unnoted.

        Room for what is in flight comes first.
        """
        payload = self._encode(record)
        length = 8 + len(payload)
        if self._position + length + (self.in_flight + 2) * RECORD_ROOM > self._length:
            try:
                self._next_segment()
            except OSError:
                return False
        start = self._position
        self._position = end = start + length
        self._map[start:end] = _HEADER.pack(len(payload), zlib.crc32(payload)) + payload
        return True

    @property
    def place(self) -> int:
        """How far this journal has come, as ``domain.leases.position_of`` says."""
        return position_of(self._number - 1, self._position)

    def close(self) -> None:
        """Let go of the file; what is in it is the control process's to read."""
        self._map.close()
        os.close(self._descriptor)
