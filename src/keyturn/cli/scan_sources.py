"""Where ``keyturn scan`` looks: files, standard input, what is staged, and everything that git remembers."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from keyturn.cli.failure import CommandFailed
from keyturn.domain.leaks import Leak, Scanner

PIECE = 4 << 20
"""Bytes that are read at a time."""
SUBMODULE = "160000"
"""The mode of an entry that is a commit of another repository."""

Moved = Callable[[int], None]
"""Told how many bytes more were looked at."""


class Found(msgspec.Struct, frozen=True):
    """A key, and where it stands."""

    path: str
    leak: Leak
    commit: str = ""
    """The oldest commit with it; empty outside of git's history."""


class Unreadable(msgspec.Struct, frozen=True):
    """A file that could not be read."""

    path: str
    why: str


def files_under(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Yield every regular file and its size in bytes. Symbolic links and git's object store are left out.

    Raises:
        CommandFailed: One of ``paths`` does not exist.
    """
    for path in paths:
        try:
            found = path.stat()
        except OSError as error:
            raise CommandFailed(f"{path} can't be read: {error.strerror or error}") from None
        if not stat.S_ISDIR(found.st_mode):
            yield path, found.st_size
            continue
        for folder, folders, names in os.walk(path):
            here = Path(folder)
            if here.name == ".git":
                folders[:] = [name for name in folders if name != "objects"]
            folders.sort()
            for name in sorted(names):
                below = (here / name).lstat()
                if stat.S_ISREG(below.st_mode):
                    yield here / name, below.st_size


def scan_file(path: Path, moved: Moved) -> Iterator[Found | Unreadable]:
    """Yield the keys in a file."""
    try:
        with path.open("rb") as file:
            for leak in scan_stream(file, moved):
                yield Found(str(path), leak)
    except OSError as error:
        yield Unreadable(str(path), error.strerror or str(error))


def scan_stream(stream: IO[bytes], moved: Moved, *, length: int | None = None) -> Iterator[Leak]:
    """Yield the keys in the next ``length`` bytes of a stream, or in all there is."""
    scanner = Scanner()
    left = length
    while left is None or left > 0:
        piece = stream.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            break
        left = None if left is None else left - len(piece)
        yield from scanner.feed(piece)
        moved(len(piece))
    yield from scanner.finish()


def staged(moved: Moved) -> Iterator[Found]:
    """Yield the keys in what the next commit of the repository here would bring.

    Raises:
        CommandFailed: There is no repository here, or git is missing.
    """
    wanted = ("diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=d")
    fields = _git(Path(), *wanted).split(b"\0")
    paths: dict[str, list[str]] = {}
    for about, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, oid, _ = about.decode().split()
        if mode != SUBMODULE:
            paths.setdefault(oid, []).append(os.fsdecode(path))
    for oid, _, leak in _blobs(Path(), list(paths), moved):
        for place in paths[oid]:
            yield Found(place, leak)


def history(repository: Path, moved: Moved) -> Iterator[Found]:
    """Yield the keys in every object of a repository, those that no branch leads to included.

    Raises:
        CommandFailed: It is no repository, or git is missing.
    """
    _git(repository, "rev-parse", "--git-dir")
    places: dict[str, tuple[str, str]] = {}
    for oid, kind, leak in _blobs(repository, None, moved):
        if oid not in places:
            places[oid] = _origin(repository, oid) if kind == "blob" else (oid, f"({kind} message)")
        commit, path = places[oid]
        yield Found(path, leak, commit)


def _blobs(repository: Path, oids: Sequence[str] | None, moved: Moved) -> Iterator[tuple[str, str, Leak]]:
    """Yield the keys in these objects of a repository, ``None``: in all, with the object's name and kind."""
    which = [] if oids is not None else ["--batch-all-objects", "--unordered"]
    command = [*_program(repository), "cat-file", "--batch", "--buffer", *which]
    # Through a file: git answers while it still reads, and would wait for us as we for it.
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{oid}\n" for oid in oids or ()).encode())
        wanted.seek(0)
        yield from _read_objects(command, wanted, moved)


def _read_objects(command: list[str], wanted: IO[bytes], moved: Moved) -> Iterator[tuple[str, str, Leak]]:
    try:
        with subprocess.Popen(command, stdin=wanted, stdout=subprocess.PIPE) as process:  # noqa: S603 -- git
            if process.stdout is None:
                raise CommandFailed("git can't be listened to")
            while header := process.stdout.readline():
                oid, kind, *size = header.decode().split()
                if not size:
                    raise CommandFailed(f"git has no object {oid}")
                for leak in scan_stream(process.stdout, moved, length=int(size[0])):
                    if kind != "tree":  # a tree holds names and hashes only
                        yield oid, kind, leak
                process.stdout.read(1)
    except FileNotFoundError:
        raise CommandFailed("git is not installed") from None
    if process.returncode:
        raise CommandFailed("git could not read all objects")


def _origin(repository: Path, oid: str) -> tuple[str, str]:
    """Return the oldest commit that has this object, and under which path."""
    wanted = ("log", "--all", "--reflog", "-m", "--format=commit %H", "--raw", "--no-abbrev", "--no-renames")
    commit, oldest = "", ("", f"(object {oid}, in no commit)")
    for line in _git(repository, *wanted, f"--find-object={oid}").splitlines():
        if line.startswith(b"commit "):
            commit = line[7:].decode()
        elif line.startswith(b":"):
            about, _, path = line.partition(b"\t")
            if about.split()[3].decode() == oid:
                oldest = (commit, os.fsdecode(path))
    return oldest


def _program(repository: Path) -> list[str]:
    return ["git", "-C", str(repository), "-c", "core.quotePath=false", "-c", "log.showRoot=true"]


def _git(repository: Path, *arguments: str) -> bytes:
    try:
        ran = subprocess.run([*_program(repository), *arguments], capture_output=True, check=False)  # noqa: S603 -- git
    except FileNotFoundError:
        raise CommandFailed("git is not installed") from None
    if ran.returncode:
        why = ran.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise CommandFailed(f"git says about {repository}: {why}")
    return ran.stdout
