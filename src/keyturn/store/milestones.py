"""Queries for what happens once in the life of a database."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import milestones

FIRST_START, DEMO_ADDED = "first_start", "demo_added"


async def reached(connection: AsyncConnection) -> set[str]:
    """Return the milestones behind us."""
    return set(await connection.scalars(select(milestones.c.name)))


async def reach(connection: AsyncConnection, name: str, *, now_ms: int) -> None:
    """Note that a milestone is behind us; it must not have been before."""
    await connection.execute(insert(milestones).values(name=name, reached_at=now_ms))
