"""The audit log as it stands in a database file, read without the program that wrote it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from keyturn.domain.audit import Entry
from keyturn.store.engine import BUSY_TIMEOUT_S

BATCH = 1_000
_COLUMNS = ", ".join(Entry.__struct_fields__)
_BATCH_QUERY = f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 -- our own names


def entries_in(path: Path) -> Iterator[Entry]:
    """Yield all entries of a database file by number, a thousand in memory at a time; nothing is written.

    Entries that are added meanwhile are found too. Works beside a running node and on a copy.

    Raises:
        sqlite3.Error: It is not a database with an audit log.
        FileNotFoundError: There is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    # Without its write-ahead log beside it, a copy on a read-only disk can only be opened as unchanging.
    beside = path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro" if beside else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=BUSY_TIMEOUT_S)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        seq = -(1 << 63)
        while rows := connection.execute(_BATCH_QUERY, (seq, BATCH)).fetchall():
            seq = rows[-1][0]
            yield from (Entry(*row[:-2], *map(_hash, row[-2:])) for row in rows)
    finally:
        connection.close()


def _hash(stored: object) -> bytes:
    """Return a stored hash; whoever meddles with the file may have put anything there."""
    return stored if isinstance(stored, bytes) else b""
