"""Queries for what upstreams have room for."""

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.routing_tables import upstream_rooms


class Room(msgspec.Struct, frozen=True):
    """How much a provider may be asked, by all workers of a node together; 0: as much as comes."""

    max_concurrency: int = 0
    """Requests under way."""
    requests_per_minute: int = 0


ANY = Room()


async def rooms(connection: AsyncConnection) -> dict[str, Room]:
    """Return what upstreams have room for, by their ids; one that is missing has any."""
    return {row[0]: Room(row[1], row[2]) for row in await connection.execute(select(upstream_rooms))}


async def put_room(connection: AsyncConnection, upstream_id: str, room: Room) -> None:
    """Say what an upstream has room for."""
    await connection.execute(delete(upstream_rooms).where(upstream_rooms.c.upstream_id == upstream_id))
    if room != ANY:
        row = {"upstream_id": upstream_id, **msgspec.structs.asdict(room)}
        await connection.execute(insert(upstream_rooms).values(row))
