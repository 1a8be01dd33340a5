"""The journal files of this node's workers, as they stand on disk.

``<pid>-<random>.<n>.journal``: everything before the number is the worker's name. A worker holds a lock
on the file it writes, so that a locked file means a living worker, however it is doing.
"""

import re
from pathlib import Path

import msgspec

from keyturn import system

_NAME = re.compile(r"((?:(\d+)-)?[^.]+)\.(\d+)\.journal")


class JournalFile(msgspec.Struct, frozen=True, order=True):
    """One segment of one worker's journal."""

    worker: str
    number: int
    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def successor(self) -> Path:
        """Return where the worker's next segment stands, if there is one."""
        return self.path.with_name(f"{self.worker}.{self.number + 1}.journal")


def journal_files(folder: Path) -> list[JournalFile]:
    """Return every segment, by worker and in the order they were written."""
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append(JournalFile(match[1], int(match[3]), path))
    return sorted(found)


def living_workers(folder: Path) -> set[str]:
    """Return the names of the workers that run.

    Looks twice: a worker that changes its segment between the listing and the look at a lock would seem dead,
    but it then holds the lock of a segment that the second listing has. It can't change twice in between.
    """
    return {
        file.worker for _look in range(2) for file in journal_files(folder) if system.is_locked(file.path)
    }


def pid_of(worker: str) -> int | None:
    """Return the process id in a worker's name, where there is one."""
    pid, separator, _ = worker.partition("-")
    return int(pid) if separator and pid.isascii() and pid.isdigit() else None
