"""Queries for how often somebody failed to show who they are; nobody's name or address stands there in the clear."""

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import sign_in_failures as failures


async def get(connection: AsyncConnection, subject: bytes) -> tuple[int, int] | None:
    """Return when the window of a subject began, in milliseconds since 1970 UTC, and how often it failed since."""
    query = select(failures.c.began_at, failures.c.count).where(failures.c.subject == subject)
    row = (await connection.execute(query)).first()
    return None if row is None else (row[0], row[1])


async def put(connection: AsyncConnection, subject: bytes, *, began_at_ms: int, count: int) -> None:
    """Note how often a subject has failed since its window began."""
    values = {"began_at": began_at_ms, "count": count}
    query = insert(failures).values(subject=subject, **values)
    await connection.execute(query.on_conflict_do_update(index_elements=["subject"], set_=values))


async def take_back(connection: AsyncConnection, subject: bytes) -> None:
    """Count one failure less: it was none."""
    query = update(failures).where(failures.c.subject == subject, failures.c.count > 0)
    await connection.execute(query.values(count=failures.c.count - 1))


async def drop(connection: AsyncConnection, subject: bytes) -> None:
    """Begin anew with a subject."""
    await connection.execute(delete(failures).where(failures.c.subject == subject))


async def drop_old(connection: AsyncConnection, *, began_before_ms: int) -> None:
    """Forget windows that are over."""
    await connection.execute(delete(failures).where(failures.c.began_at < began_before_ms))
