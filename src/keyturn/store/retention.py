"""Deletes what has been kept long enough, a little at a time: no transaction may hold up the other writers for long."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Table, delete, func, select, tuple_
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.store.body_tables import request_bodies
from keyturn.store.tables import request_blocks
from keyturn.store.usage_tables import overall, owner_sums, rollups, totals, usage_horizons

BLOCKS_AT_ONCE = 64
"""Rows of the request log, 4,096 requests: some milliseconds."""
BODIES_AT_ONCE = 128
"""Requests with their bodies, 20 MiB at most."""
ROLLUPS_AT_ONCE = 2_048


class Horizon(msgspec.Struct, frozen=True):
    """How far back things are kept. What is younger stays."""

    requests_ms: int
    """Milliseconds since 1970 UTC."""
    minutes_s: int
    """Seconds since 1970 UTC, on the hour."""
    hours_s: int
    """Seconds since 1970 UTC, on the hour."""


async def announce(connection: AsyncConnection, horizon: Horizon) -> None:
    """Note what is about to be incomplete, before anything is deleted: a report must not take less for nothing."""
    for period, from_s in (("minute", horizon.minutes_s), ("hour", horizon.hours_s)):
        statement = insert(usage_horizons).values(period=period, complete_from=from_s)
        later = func.max(usage_horizons.c.complete_from, statement.excluded.complete_from)
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["period"], set_={"complete_from": later})
        )


async def prune_requests(connection: AsyncConnection, horizon: Horizon) -> bool:
    """Delete some old requests; ``True``: there may be more."""
    return await _prune(
        connection, request_blocks, (request_blocks.c.last_id < _oldest(horizon),), BLOCKS_AT_ONCE
    )


async def prune_bodies(connection: AsyncConnection, horizon: Horizon) -> bool:
    """Delete some old bodies; ``True``: there may be more."""
    old = (request_bodies.c.request_id < _oldest(horizon),)
    return await _prune(connection, request_bodies, old, BODIES_AT_ONCE)


def _oldest(horizon: Horizon) -> str:
    return ids.mint(ids.REQUEST, now_ms=max(0, horizon.requests_ms), entropy=0)


async def prune_rollups(connection: AsyncConnection, horizon: Horizon) -> bool:
    """Delete some old sums by the minute and by the hour; ``True``: there may be more. Sums by the day stay."""
    for table in (rollups, overall, totals, owner_sums):
        for period, before_s in (("minute", horizon.minutes_s), ("hour", horizon.hours_s)):
            old = (table.c.period == period, table.c.start < before_s)
            if await _prune(connection, table, old, ROLLUPS_AT_ONCE):
                return True
    return False


async def _prune(
    connection: AsyncConnection, table: Table, old: Sequence[ColumnElement[bool]], at_once: int
) -> bool:
    key = list(table.primary_key)
    some = select(*key).where(*old).limit(at_once)
    gone = await connection.execute(delete(table).where(tuple_(*key).in_(some)))
    return gone.rowcount == at_once


async def complete_from(connection: AsyncConnection) -> dict[str, int]:
    """Return for the periods of which old sums are gone since when they are complete, in seconds since 1970 UTC."""
    return {row.period: row.complete_from for row in await connection.execute(select(usage_horizons))}
