"""The ``.env`` file of a working directory: written whole, for its owner only, and kept out of git."""

import subprocess
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from keyturn.cli import whole_file
from keyturn.cli.env_lines import with_variables
from keyturn.cli.failure import CommandFailed

NAME, IGNORE = ".env", ".gitignore"


class Standing(StrEnum):
    """How git sees the file."""

    OUTSIDE = "outside"
    """There is no repository."""
    IGNORED = "ignored"
    EXPOSED = "exposed"
    """The next ``git add .`` takes it along."""
    TRACKED = "tracked"


def standing(folder: Path) -> Standing:
    """Say how git sees ``.env`` in a folder, whether there is one yet or not."""
    if _git(folder, "rev-parse", "--is-inside-work-tree") != 0:
        return Standing.OUTSIDE
    if _git(folder, "ls-files", "--error-unmatch", NAME) == 0:
        return Standing.TRACKED
    return Standing.IGNORED if _git(folder, "check-ignore", "-q", NAME) == 0 else Standing.EXPOSED


def ignore(folder: Path) -> None:
    """Add ``.env`` to the folder's ``.gitignore``.

    Raises:
        CommandFailed: It can't be written.
    """
    path = folder / IGNORE
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        gap = "" if not text or text.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{gap}{NAME}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} can't be changed: {error}") from None


def write(folder: Path, values: Mapping[str, str]) -> None:
    """Set variables in ``.env``; readers see the old file or the new one, and nobody but its owner reads the new one.

    Raises:
        CommandFailed: It can't be written; the old file stands as it was.
    """
    path = folder / NAME
    if path.is_symlink():
        raise CommandFailed(f"{path} is a symbolic link; write the file that it leads to instead")
    try:
        text = with_variables(path.read_text("utf-8") if path.exists() else "", values)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} can't be written: {error}") from None
    with whole_file.writing(path) as file:
        file.write(text.encode())


def _git(folder: Path, *arguments: str) -> int:
    """Return git's exit status; as where there is no repository when there is no git."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 -- the user's git
    except FileNotFoundError:
        return 128
