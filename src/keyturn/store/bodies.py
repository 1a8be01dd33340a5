"""Queries for the bodies of requests."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.body_tables import request_bodies
from keyturn.store.tables import keys, projects


async def policies_of(connection: AsyncConnection, key_ids: Iterable[str]) -> dict[str, str]:
    """Return for each key the policy of its project, as it is kept."""
    query = (
        select(keys.c.id, projects.c.policy)
        .join(projects, projects.c.id == keys.c.project_id)
        .where(keys.c.id.in_(sorted(set(key_ids))))
    )
    return {row.id: row.policy for row in await connection.execute(query)}


async def keep(connection: AsyncConnection, sealed: Sequence[tuple[str, bytes]]) -> None:
    """Store what was sealed for each request; what is there already stays."""
    if sealed:
        rows = [{"request_id": request_id, "sealed": value} for request_id, value in sealed]
        await connection.execute(insert(request_bodies).on_conflict_do_nothing(), rows)


async def of_request(connection: AsyncConnection, request_id: str) -> bytes | None:
    """Return what is kept for a request."""
    query = select(request_bodies.c.sealed).where(request_bodies.c.request_id == request_id)
    found: bytes | None = await connection.scalar(query)
    return found
