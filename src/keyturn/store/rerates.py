"""Queries that give recorded requests another price: the records themselves, and what was added up from them."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.domain.periods import RANKED_PERIODS
from keyturn.store.requests import LATE_MS, Ended
from keyturn.store.tables import key_usage, request_blocks

_decode = msgspec.msgpack.Decoder(list[Ended]).decode
_encode = msgspec.msgpack.Encoder().encode

_ROLLUP = """
UPDATE rollups SET cost_nano_usd = cost_nano_usd + ?, unpriced = unpriced + ?
WHERE period = ? AND start = ? AND series_id = (
    SELECT id FROM series WHERE key_id = ? AND model = ? AND status = ? AND operation = ? AND upstream = ?
)
"""
_OVERALL = """
UPDATE overall SET cost_nano_usd = cost_nano_usd + ?1, unpriced = unpriced + ?2
WHERE period = ?3 AND start = ?4 AND model = ?6 AND status = ?7 AND operation = ?8 AND upstream = ?9
"""
_OWNER_SUMS = """
UPDATE owner_sums SET cost_nano_usd = cost_nano_usd + ?1, unpriced = unpriced + ?2
WHERE period = ?3 AND start = ?4
    AND project_id = coalesce((SELECT project_id FROM keys WHERE id = ?5), '')
    AND user_id = coalesce((SELECT user_id FROM keys WHERE id = ?5), '')
"""
_TOTALS = """
UPDATE totals SET cost_nano_usd = cost_nano_usd + ?1, unpriced = unpriced + ?2 WHERE period = ?3 AND start = ?4
"""
_KEY_SUMS = [
    f"""
UPDATE key_sums SET cost_nano_usd = cost_nano_usd + ?
WHERE period = '{period}' AND start = ? / {length_s} * {length_s} AND key_id = ?
"""  # noqa: S608 -- constants
    for period, length_s in RANKED_PERIODS
]

RollupChange = tuple[int, int, str, int, str, str, int, str, str]
"""Nano-dollars and unpriced requests to add; then period, start and series: what is not kept any more stays away."""
Place = tuple[str, str]
"""The last and the first identifier of a block; blocks are gone through in this order."""


class Block(msgspec.Struct, frozen=True):
    """Some dozens of requests, as they are kept together."""

    place: Place
    records: list[Ended]


async def blocks(
    connection: AsyncConnection, since_ms: int, *, after: Place | None, limit: int
) -> list[Block]:
    """Return blocks that hold requests from an instant on, oldest first.

    Args:
        connection: To the store.
        since_ms: Milliseconds since 1970 UTC; blocks may hold requests that are older.
        after: The last block that was seen; ``None``: begin.
        limit: How many at most.
    """
    columns = request_blocks.c
    oldest = ids.mint(ids.REQUEST, now_ms=max(0, since_ms - LATE_MS), entropy=0)
    query = select(columns.last_id, columns.first_id, columns.records).where(columns.last_id >= oldest)
    if after is not None:
        query = query.where(tuple_(columns.last_id, columns.first_id) > after)
    query = query.order_by(columns.last_id, columns.first_id).limit(limit)
    return [
        Block((row.last_id, row.first_id), _decode(row.records)) for row in await connection.execute(query)
    ]


async def write(connection: AsyncConnection, block: Block) -> None:
    """Store a block's records in the place of those that it had."""
    last_id, first_id = block.place
    columns = request_blocks.c
    changed = update(request_blocks).where(columns.last_id == last_id, columns.first_id == first_id)
    await connection.execute(changed.values(records=_encode(block.records)))


async def adjust(
    connection: AsyncConnection, rollups: Sequence[RollupChange], keys: Mapping[str, int]
) -> None:
    """Add differences, in nano-dollars, to what was added up by period and by key."""
    if rollups:
        for statement in (_ROLLUP, _OVERALL):
            await connection.exec_driver_sql(statement, list(rollups))
        await connection.exec_driver_sql(_OWNER_SUMS, [change[:5] for change in rollups])
        await connection.exec_driver_sql(_TOTALS, [change[:4] for change in rollups])
    if days := [(change[0], change[3], change[4]) for change in rollups if change[2] == "day"]:
        for statement in _KEY_SUMS:
            await connection.exec_driver_sql(statement, days)
    for key_id, difference in sorted(keys.items()):
        changed = update(key_usage).where(key_usage.c.key_id == key_id)
        await connection.execute(changed.values(cost_nano_usd=key_usage.c.cost_nano_usd + difference))
