"""Queries for usage: per key, per model, per day; and how long it is kept."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.store.tables import key_usage, keys, request_blocks, rollups

DAY_S = 86_400
REQUESTS_KEPT_DAYS = 30
MINUTES_KEPT_DAYS = 2
HOURS_KEPT_DAYS = 60


class KeyUsage(msgspec.Struct, frozen=True):
    """What a key has used in its life."""

    key_id: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    last_used_at: int | None = None
    """Milliseconds since 1970 UTC."""
    last_address: str = ""
    seen_in_url: bool = False


class Grouping(StrEnum):
    """What a usage report is broken down by."""

    KEY = "key"
    MODEL = "model"
    DAY = "day"


class UsageRow(msgspec.Struct, frozen=True):
    """The usage of one key, model or day within a span."""

    group: str
    """The key's identifier, the model's name, or the day's start in seconds since 1970 UTC; empty in a total."""
    name: str
    """The key's name, where the group is a key."""
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    estimated: int
    recovered: int
    unpriced: int


async def of_keys(connection: AsyncConnection, key_ids: Sequence[str]) -> dict[str, KeyUsage]:
    """Return what each of these keys has used; nothing for one never used."""
    found = {key_id: KeyUsage(key_id) for key_id in key_ids}
    for row in await connection.execute(select(key_usage).where(key_usage.c.key_id.in_(key_ids))):
        found[row.key_id] = KeyUsage(*row)
    return found


async def report(
    connection: AsyncConnection, by: Grouping, *, since_s: int, key_id: str | None = None
) -> list[UsageRow]:
    """Sum up the days from ``since_s`` on: days in order of time, keys and models by requests, most first.

    With ``key_id``: of that key only.
    """
    group: ColumnElement[object] = {
        Grouping.KEY: rollups.c.key_id,
        Grouping.MODEL: rollups.c.model,
        Grouping.DAY: rollups.c.start,
    }[by]
    sums = _sums()
    query = (
        select(group, func.max(func.coalesce(keys.c.name, "")), *sums)
        .select_from(rollups.outerjoin(keys, keys.c.id == rollups.c.key_id))
        .where(*_days(since_s, key_id))
        .group_by(group)
        .order_by(*([group] if by is Grouping.DAY else [sums[0].desc(), group]))
    )
    named = by is Grouping.KEY
    return [
        UsageRow(str(row[0]), row[1] if named else "", *row[2:]) for row in await connection.execute(query)
    ]


async def total(connection: AsyncConnection, *, since_s: int, key_id: str | None = None) -> UsageRow:
    """Sum up everything from ``since_s`` on; with ``key_id``, of that key only."""
    query = select(*_sums()).where(*_days(since_s, key_id))
    row = (await connection.execute(query)).one()
    return UsageRow("", "", *(value or 0 for value in row))


async def prune(connection: AsyncConnection, *, now_ms: int) -> None:
    """Delete what has been kept long enough. Rollups by the day stay."""
    now_s = now_ms // 1000
    oldest = ids.mint(ids.REQUEST, now_ms=now_ms - REQUESTS_KEPT_DAYS * DAY_S * 1000, entropy=0)
    await connection.execute(delete(request_blocks).where(request_blocks.c.last_id < oldest))
    stale = or_(
        and_(rollups.c.period == "minute", rollups.c.start < now_s - MINUTES_KEPT_DAYS * DAY_S),
        and_(rollups.c.period == "hour", rollups.c.start < now_s - HOURS_KEPT_DAYS * DAY_S),
    )
    await connection.execute(delete(rollups).where(stale))


def _days(since_s: int, key_id: str | None) -> list[ColumnElement[bool]]:
    days = [rollups.c.period == "day", rollups.c.start >= since_s]
    return days if key_id is None else [*days, rollups.c.key_id == key_id]


def _sums() -> list[ColumnElement[int]]:
    columns = (
        "requests",
        "input_tokens",
        "output_tokens",
        "cost_nano_usd",
        "estimated",
        "recovered",
        "unpriced",
    )
    return [func.sum(rollups.c[name]) for name in columns]
