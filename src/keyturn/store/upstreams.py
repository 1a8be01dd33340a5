"""Queries for upstreams."""

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import upstreams


class StoredUpstream(msgspec.Struct, frozen=True):
    """A configured connection to a provider, its credential sealed."""

    id: str
    name: str
    base_url: str
    sealed_credential: bytes | None
    created_at: int
    """Milliseconds since 1970 UTC."""


async def add(connection: AsyncConnection, upstream: StoredUpstream) -> None:
    """Store a new upstream; its name must be free."""
    await connection.execute(insert(upstreams).values(msgspec.structs.asdict(upstream)))


async def get(connection: AsyncConnection, name: str) -> StoredUpstream | None:
    """Return the upstream of this name."""
    row = (await connection.execute(select(upstreams).where(upstreams.c.name == name))).first()
    return None if row is None else StoredUpstream(*row)


async def everything(connection: AsyncConnection) -> list[StoredUpstream]:
    """Return all upstreams by name."""
    return [
        StoredUpstream(*row) for row in await connection.execute(select(upstreams).order_by(upstreams.c.name))
    ]


async def remove(connection: AsyncConnection, name: str) -> None:
    """Delete an upstream and its models."""
    await connection.execute(delete(upstreams).where(upstreams.c.name == name))
