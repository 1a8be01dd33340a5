"""Queries for single requests: those that have ended and those that are under way."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.domain.journal import Admitted, Served
from keyturn.store.tables import admissions, request_blocks

STRETCH_WIDTH = len(ids.REQUEST) + 4
"""An identifier begins with seven characters of milliseconds; the first four change every 238 seconds."""

_served = msgspec.msgpack.Decoder(list[Served])
_admitted = msgspec.msgpack.Decoder(Admitted)


def stretch(request_id: str) -> str:
    """Return the stretch of time that a request began in; a block never reaches across two."""
    return request_id[:STRETCH_WIDTH]


async def served(connection: AsyncConnection, request_id: str) -> Served | None:
    """Return a request that has ended, while it is kept."""
    query = select(request_blocks.c.records).where(
        request_blocks.c.first_id >= stretch(request_id),
        request_blocks.c.first_id <= request_id,
        request_blocks.c.last_id >= request_id,
    )
    for records in await connection.scalars(query):
        for record in _served.decode(records):
            if record.request_id == request_id:
                return record
    return None


async def under_way(connection: AsyncConnection, request_id: str) -> Admitted | None:
    """Return a request that was let in and has not ended."""
    query = select(admissions.c.record).where(admissions.c.request_id == request_id)
    record = await connection.scalar(query)
    return None if record is None else _admitted.decode(record)
