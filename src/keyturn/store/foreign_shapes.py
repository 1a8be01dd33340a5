"""Queries for what imported secrets look like."""

from collections.abc import Iterable

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import foreign_shapes


async def everything(connection: AsyncConnection) -> frozenset[tuple[str, int]]:
    """Return the prefix and the length of each shape."""
    rows = await connection.execute(select(foreign_shapes.c.prefix, foreign_shapes.c.length))
    return frozenset((row.prefix, row.length) for row in rows)


async def add(connection: AsyncConnection, shapes: Iterable[tuple[str, int]]) -> None:
    """Store shapes that are not there yet."""
    rows = [{"prefix": prefix, "length": length} for prefix, length in sorted(shapes)]
    if rows:
        await connection.execute(insert(foreign_shapes), rows)
