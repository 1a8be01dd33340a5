"""Secrets written to a file on this machine, where the program that uses them reads them.

A sink is an absolute path. The file holds the secret and a line feed. A sink whose file is called ``.env``, ends in
``.env`` or has ``#NAME`` behind the path is a list of variables: the line ``NAME=…`` is replaced or added, all others
stay. Files are for their owner only (0600) and are replaced as a whole: a reader sees the old one or the new one.
"""

import contextlib
import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from keyturn import system
from keyturn.domain.secret import Secret

DEFAULT_VARIABLE = "KEYTURN_API_KEY"
LONGEST_FILE = 1 << 20
"""Bytes of an ``.env`` file; a larger one is something else."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class SinkError(Exception):
    """A secret can't be written; the text is one line for the operator and names the file."""


class Staged:
    """A new file beside the old one, complete on the disk. ``publish`` puts it in place, ``discard`` takes it away."""

    def __init__(self, partial: Path, target: Path) -> None:
        self._partial = partial
        self._target = target

    def publish(self) -> None:
        """Put the new file in the place of the old one.

        Raises:
            SinkError: The old file stands as it was.
        """
        try:
            self._partial.rename(self._target)
        except OSError as error:
            raise SinkError(f"{self._target} can't be replaced: {error.strerror}") from None
        with contextlib.suppress(OSError):  # it stands; after a power failure it may be the old one again
            _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Take the new file away, if it is still there."""
        with contextlib.suppress(OSError):
            self._partial.unlink(missing_ok=True)


class Sinks:
    """Where secrets may be written at all."""

    def __init__(self, folders: Iterable[str]) -> None:
        """Take in the folders below which a sink may stand; none turns sinks off."""
        self._folders = [Path(folder) for folder in folders]

    def problem_with(self, sink: str) -> str | None:
        """Say why nothing may be written there; ``None``: it may. Looks where symbolic links lead."""
        try:
            self._target(sink)
        except SinkError as error:
            return str(error)
        return None

    def stage(self, sink: str, secret: Secret) -> Staged:
        """Write a secret beside its place; blocks until it is on the disk. One at a time: it clears away what a crash left.

        Raises:
            SinkError: It can't be written; nothing has changed.
        """
        target, variable = self._target(sink), _parts(sink)[1]
        partial = target.with_name(f".{target.name}.{system.random_bytes(6).hex()}.new")
        staged = Staged(partial, target)
        try:
            for left in target.parent.glob(f".{glob.escape(target.name)}.*.new"):
                left.unlink(missing_ok=True)
            text = secret.reveal() if variable is None else _with_variable(_read(target), variable, secret)
            _write(partial, f"{text.rstrip()}\n".encode())
        except (OSError, UnicodeDecodeError) as error:
            staged.discard()
            why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise SinkError(f"{target} can't be written: {why}") from None
        return staged

    def _target(self, sink: str) -> Path:
        """Return the file itself, in the folder that symbolic links lead to.

        Raises:
            SinkError: Nothing may be written there.
        """
        path, variable = _parts(sink)
        folder = path.parent.resolve()
        if not self._folders:
            why = "keys are not written to files on this node: the setting rotation.sinks names no folder"
        elif not path.is_absolute() or not path.name or ".." in path.parts or not sink.isprintable():
            why = "it is no absolute path without '..', such as /srv/app/.env#OPENAI_API_KEY"
        elif variable is not None and _VARIABLE.fullmatch(variable) is None:
            why = "the name of a variable is letters, digits and '_'"
        elif not any(folder.is_relative_to(allowed.resolve()) for allowed in self._folders):
            why = "it is not in a folder that the setting rotation.sinks names"
        elif not folder.is_dir() or path.is_dir():
            why = "its folder does not exist, or a folder stands in its place"
        else:
            return folder / path.name
        raise SinkError(f"{path} can't be a sink: {why}")


def _parts(sink: str) -> tuple[Path, str | None]:
    """Return the file, and the variable in it; ``None``: the file holds nothing but the secret."""
    name, mark, variable = sink.partition("#")
    path = Path(name)
    if mark:
        return path, variable
    return path, DEFAULT_VARIABLE if path.name.endswith(".env") else None


def _with_variable(text: str, name: str, secret: Secret) -> str:
    line = f"{name}={secret.reveal()}"
    known = re.compile(rf"(?m)^[ \t]*(?P<export>export[ \t]+)?{name}[ \t]*=.*$")
    found = known.search(text)
    if found is None:
        return f"{text}\n{line}" if text and not text.endswith("\n") else text + line
    replaced = f"{found['export'] or ''}{line}"
    rest = known.sub("", text[found.end() :])
    return text[: found.start()] + replaced + rest


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise OSError(0, "it is too large to be a list of variables")
    return content.decode()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
