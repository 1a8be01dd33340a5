"""Files that are there whole or not at all, and that only their owner reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from keyturn.cli.failure import CommandFailed


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which is at its place once all is written; what was there before stays until then.

    Raises:
        CommandFailed: It can't be written.
    """
    place = path.resolve()
    partial = place.with_name(f"{place.name}.{os.getpid()}.new")
    try:
        if place.exists() and not place.is_file():
            raise CommandFailed(f"{path} is no file")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(f"{path} can't be written: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
    except OSError as error:
        raise CommandFailed(f"{path} can't be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
