"""An empty database with the newest schema, made once for all nodes that tests start.

To build one revision by revision takes a second of each start under coverage, and what it does is tested elsewhere.
"""

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from keyturn.config.data_directory import DataDirectory
from keyturn.store.engine import open_store


@functools.cache
def _content() -> bytes:
    async def build(path: Path) -> None:
        store = await open_store(path)
        await store.close()

    # In a thread, because the caller may be on a loop of its own.
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        path = Path(folder) / "empty.db"
        pool.submit(asyncio.run, build(path)).result()
        return path.read_bytes()


def give(data: DataDirectory) -> None:
    """Put one where the first start of a node would make it; a directory that is there already stays as it is."""
    if data.root.exists():
        return
    data.create()
    data.database.touch(mode=0o600)
    data.database.write_bytes(_content())
