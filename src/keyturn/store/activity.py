"""Queries for how keys are used now, beside how they were: over the rollups, by time first.

Every query is bounded by what is in use within its time: a key that rests costs nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.anomalies import Outcomes, Use
from keyturn.store.alert_tables import key_models
from keyturn.store.tables import keys
from keyturn.store.usage_tables import rollups, series

_BATCH = 400
"""Values in one query."""
_HOUR_MS = 3_600_000
_USED = rollups.join(series, series.c.id == rollups.c.series_id)
_TOKENS = rollups.c.input_tokens + rollups.c.output_tokens
_CLIENT_LEFT = 499
_FAILED, _SUCCEEDED = series.c.status >= 400, series.c.status.between(200, 399)


class ModelUse(msgspec.Struct, frozen=True):
    """That a key has used a model. Times are milliseconds since 1970 UTC."""

    key_id: str
    model: str
    first_at: int
    last_at: int


async def heavy(connection: AsyncConnection, since_s: int, floor: Use) -> dict[str, Use]:
    """Return what each key has used since then, of those that used more than the floor."""
    tokens, cost = func.sum(_TOKENS), func.sum(rollups.c.cost_nano_usd)
    query = (
        select(series.c.key_id, tokens, cost)
        .select_from(_USED)
        .where(rollups.c.period == "minute", rollups.c.start >= since_s)
        .group_by(series.c.key_id)
        .having(or_(tokens > floor.tokens, cost > floor.cost_nano_usd))
    )
    return {row[0]: Use(row[1], row[2]) for row in await connection.execute(query)}


async def hours_of(
    connection: AsyncConnection, key_ids: Sequence[str], starts: Sequence[int]
) -> dict[str, dict[int, Use]]:
    """Return what each of these keys used in each of these hours, by their beginning in seconds since 1970 UTC."""
    found: dict[str, dict[int, Use]] = {key_id: {} for key_id in key_ids}
    for some in _some(key_ids):
        query = (
            select(series.c.key_id, rollups.c.start, func.sum(_TOKENS), func.sum(rollups.c.cost_nano_usd))
            .select_from(_USED)
            .where(*_hours(starts, some))
            .group_by(series.c.key_id, rollups.c.start)
        )
        for key_id, start, tokens, cost in await connection.execute(query):
            found[key_id][start] = Use(tokens, cost)
    return found


async def requests_by_hour(connection: AsyncConnection, key_id: str, starts: Sequence[int]) -> list[int]:
    """Return how many requests a key made in those of these hours in which it made any."""
    query = (
        select(func.sum(rollups.c.requests))
        .select_from(_USED)
        .where(*_hours(starts, [key_id]))
        .group_by(rollups.c.start)
    )
    return list(await connection.scalars(query))


async def many_failures(connection: AsyncConnection, since_s: int, at_least: int) -> dict[str, Outcomes]:
    """Return how the requests of each key ended since then, of keys with so many requests, half of them failed."""
    failed, succeeded = _ended()
    query = (
        select(series.c.key_id, succeeded, failed)
        .select_from(_USED)
        .where(rollups.c.period == "minute", rollups.c.start >= since_s)
        .group_by(series.c.key_id)
        .having(failed + succeeded >= at_least, failed > succeeded)
    )
    return {row[0]: Outcomes(row[1], row[2]) for row in await connection.execute(query)}


async def outcomes_of(
    connection: AsyncConnection, key_ids: Sequence[str], starts: Sequence[int]
) -> dict[str, Outcomes]:
    """Return how the requests of these keys ended in these hours."""
    failed, succeeded = _ended()
    sums = {key_id: [0, 0] for key_id in key_ids}
    for some in _some(key_ids):
        query = (
            select(series.c.key_id, succeeded, failed)
            .select_from(_USED)
            .where(*_hours(starts, some))
            .group_by(series.c.key_id)
        )
        for key_id, good, bad in await connection.execute(query):
            sums[key_id][0] += good
            sums[key_id][1] += bad
    return {key_id: Outcomes(good, bad) for key_id, (good, bad) in sums.items()}


async def models_in_use(connection: AsyncConnection, since_s: int) -> list[ModelUse]:
    """Return each key with each model that it has used since then."""
    first, last = func.min(rollups.c.start), func.max(rollups.c.start)
    query = (
        select(series.c.key_id, series.c.model, first, last)
        .select_from(_USED)
        .where(rollups.c.period == "minute", rollups.c.start >= since_s)
        .group_by(series.c.key_id, series.c.model)
    )
    rows = await connection.execute(query)
    return [ModelUse(row[0], row[1], row[2] * 1000, row[3] * 1000) for row in rows]


async def models_known(connection: AsyncConnection, key_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the models that each of these keys is known to have used, and when it last did, to the hour."""
    wanted = sorted(set(key_ids))
    found: dict[str, dict[str, int]] = {key_id: {} for key_id in wanted}
    for some in _some(wanted):
        query = select(key_models.c.key_id, key_models.c.model, key_models.c.last_at).where(
            key_models.c.key_id.in_(some)
        )
        for key_id, model, last_at in await connection.execute(query):
            found[key_id][model] = last_at
    return found


async def note_models(connection: AsyncConnection, used: Sequence[ModelUse]) -> None:
    """Note that keys have used models."""
    if used:
        statement = insert(key_models)
        statement = statement.on_conflict_do_update(
            index_elements=[key_models.c.key_id, key_models.c.model],
            set_={"last_at": func.max(key_models.c.last_at, statement.excluded.last_at)},
        )
        await connection.execute(statement, [msgspec.structs.asdict(one) for one in used])


def news(used: Sequence[ModelUse], known: dict[str, dict[str, int]]) -> list[ModelUse]:
    """Return what is worth noting: a model that is new to its key, or when it was last used, by the hour."""
    return [
        one for one in used if one.last_at - known.get(one.key_id, {}).get(one.model, -_HOUR_MS) >= _HOUR_MS
    ]


async def made_at(connection: AsyncConnection, key_ids: Sequence[str]) -> dict[str, int]:
    """Return when these keys were made, in milliseconds since 1970 UTC."""
    found: dict[str, int] = {}
    for some in _some(key_ids):
        query = select(keys.c.id, keys.c.created_at).where(keys.c.id.in_(some))
        found |= {row[0]: row[1] for row in await connection.execute(query)}
    return found


def _ended() -> tuple[ColumnElement[int], ColumnElement[int]]:
    failed = case((series.c.status == _CLIENT_LEFT, 0), (_FAILED, rollups.c.requests), else_=0)
    succeeded = case((_SUCCEEDED, rollups.c.requests), else_=0)
    return func.sum(failed), func.sum(succeeded)


def _hours(starts: Sequence[int], key_ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    # Each hour with each series is one seek in the primary key.
    of_keys = select(series.c.id).where(series.c.key_id.in_(key_ids))
    return rollups.c.period == "hour", rollups.c.start.in_(starts), rollups.c.series_id.in_(of_keys)


def _some(key_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(key_ids), _BATCH):
        yield key_ids[begin : begin + _BATCH]
