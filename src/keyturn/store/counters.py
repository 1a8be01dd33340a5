"""What the books say of a limit: what was used within a window, and what is under way, from one state of the database."""

from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.domain.journal import Admitted, Served
from keyturn.domain.leases import position_of
from keyturn.domain.limits import Bound, Metric, Scope, Window
from keyturn.domain.restrictions import allows_name
from keyturn.store import ledger, requests
from keyturn.store.credit_tables import grants
from keyturn.store.tables import admissions, journals, keys, projects, request_blocks
from keyturn.store.usage_tables import rollups, series, usage_horizons

HOUR_S, DAY_S = 3_600, 86_400
ADMITTED_LATE_S = 10
"""How long a request may have waited before it was let in, where nobody wrote down when that was."""
FEW_KEYS = 200
"""Up to so many keys are asked for one by one; for more, all rows of the time are read."""
_admitted = msgspec.msgpack.Decoder(Admitted).decode

_USED = rollups.join(series, series.c.id == rollups.c.series_id)

Amount = Callable[[int, int, int, int], int]
"""Of requests, input tokens, output tokens and nano-dollars, what a metric counts."""

AMOUNTS: dict[Metric, Amount] = {
    Metric.REQUESTS: lambda count, _read, _made, _cost: count,
    Metric.TOKENS: lambda _count, read, made, _cost: read + made,
    Metric.INPUT_TOKENS: lambda _count, read, _made, _cost: read,
    Metric.OUTPUT_TOKENS: lambda _count, _read, made, _cost: made,
    Metric.COST: lambda _count, _read, _made, cost: cost,
    Metric.CONCURRENCY: lambda _count, _read, _made, _cost: 0,
}


async def positions(connection: AsyncConnection) -> dict[str, int]:
    """Return for each worker how far its journal is in the books."""
    found: dict[str, int] = {}
    for row in await connection.execute(select(journals.c.name, journals.c.position)):
        worker, number, _ = row.name.rsplit(".", 2)
        found[worker] = max(found.get(worker, 0), position_of(int(number), row.position))
    return found


async def key_ids(connection: AsyncConnection, bound: Bound) -> frozenset[str]:
    """Return the keys that are counted on a bound, deleted ones included."""
    if bound.scope is Scope.KEY:
        return frozenset({bound.owner_id})
    query = select(keys.c.id)
    if bound.scope is Scope.PROJECT:
        query = query.where(keys.c.project_id == bound.owner_id)
    else:
        query = query.join(projects, projects.c.id == keys.c.project_id).where(
            projects.c.account_id == bound.owner_id
        )
    return frozenset(await connection.scalars(query))


async def under_way(connection: AsyncConnection, bound: Bound, of_keys: frozenset[str]) -> list[Admitted]:
    """Return the requests that were let in, count on a bound and have not ended."""
    records = map(_admitted, await connection.scalars(select(admissions.c.record)))
    return [one for one in records if one.key_id in of_keys and covers(bound, one.model)]


async def used_since(connection: AsyncConnection, bound: Bound, of_keys: frozenset[str], since: float) -> int:
    """Return what has ended and began since a time, exactly where that is kept by the minute.

    Elsewhere the hour it lies in counts whole, or even the day: more, not less.
    """
    start = int(since)
    complete = dict(
        list(
            map(
                tuple,
                await connection.execute(select(usage_horizons.c.period, usage_horizons.c.complete_from)),
            )
        )
    )
    hour, day = -(-start // HOUR_S) * HOUR_S, -(-start // DAY_S) * DAY_S
    if start < complete.get("minute", 0):
        hour = start // HOUR_S * HOUR_S
    if start < complete.get("hour", 0):
        day = start // DAY_S * DAY_S
    spans: list[ColumnElement[bool]] = [
        and_(rollups.c.period == period, rollups.c.start >= begins, rollups.c.start < ends)
        for period, begins, ends in (("minute", start, hour), ("hour", hour, day))
        if begins < ends
    ]
    spans.append(and_(rollups.c.period == "day", rollups.c.start >= day))
    query = select(
        series.c.model,
        func.sum(rollups.c.requests),
        func.sum(rollups.c.input_tokens),
        func.sum(rollups.c.output_tokens),
        func.sum(rollups.c.cost_nano_usd),
    )
    query = query.select_from(_USED).where(or_(*spans), _of(of_keys, bound))
    amount = AMOUNTS[bound.limit.metric]
    rows = await connection.execute(query.group_by(series.c.model))
    return sum(amount(*row[1:]) for row in rows if covers(bound, row[0]))


def _of(of_keys: frozenset[str], bound: Bound) -> ColumnElement[bool]:
    if len(of_keys) <= FEW_KEYS:
        return rollups.c.series_id.in_(select(series.c.id).where(series.c.key_id.in_(sorted(of_keys))))
    owner = projects.c.id if bound.scope is Scope.PROJECT else projects.c.account_id
    members = select(keys.c.id).join(projects, projects.c.id == keys.c.project_id)
    return series.c.key_id.in_(members.where(owner == bound.owner_id))


async def minutes_since(
    connection: AsyncConnection, bound: Bound, of_keys: frozenset[str], since: float
) -> list[tuple[float, int]]:
    """Return what was used in each minute since a time: when the minute ended, and how much."""
    query = select(
        rollups.c.start,
        series.c.model,
        rollups.c.requests,
        rollups.c.input_tokens,
        rollups.c.output_tokens,
        rollups.c.cost_nano_usd,
    )
    within = rollups.c.period == "minute", rollups.c.start >= int(since) - 60
    query = query.select_from(_USED).where(*within, _of(of_keys, bound))
    amount = AMOUNTS[bound.limit.metric]
    return [
        (float(row[0] + 60), amount(*row[2:]))
        for row in await connection.execute(query)
        if covers(bound, row[1])
    ]


async def ended_since(
    connection: AsyncConnection, bound: Bound, of_keys: frozenset[str], since: float
) -> list[tuple[float, int]]:
    """Return when each request was sent on that has ended and was let in since a time, and what it used."""
    late_ms = requests.LATE_MS + ADMITTED_LATE_S * 1000
    oldest = ids.mint(ids.REQUEST, now_ms=max(0, int(since * 1000) - late_ms), entropy=0)
    query = select(request_blocks.c.records).where(request_blocks.c.last_id >= oldest)
    amount = AMOUNTS[bound.limit.metric]
    found = []
    for block in await connection.scalars(query):
        for record in _served(block, of_keys):
            if covers(bound, record.model):
                waited_us = record.admitted_us or record.sent_us or ADMITTED_LATE_S * 1_000_000
                at = (record.started_us + waited_us) / 1e6
                used = amount(1, record.input_tokens, record.output_tokens, record.cost_nano_usd)
                found.append((at, used))
    return found


def _served(block: bytes, of_keys: frozenset[str]) -> Iterable[Served]:
    if len(of_keys) == 1 and next(iter(of_keys)).encode() not in block:
        return
    for record in requests.decode_block(block):
        if isinstance(record, Served) and record.key_id in of_keys:
            yield record


async def credit(connection: AsyncConnection, account_id: str, now_ms: int) -> tuple[int, int]:
    """Return what has been used of an account's credit, and how much that was when it was granted, in nano-dollars.

    The difference is what the ledger says is left; negative, where something is owed.
    """
    left = await ledger.available(connection, account_id, now_ms)
    unexpired = or_(grants.c.expires_at.is_(None), grants.c.expires_at > now_ms)
    query = select(func.sum(grants.c.amount)).where(
        grants.c.account_id == account_id, grants.c.remaining > 0, unexpired
    )
    granted = max(left, int(await connection.scalar(query) or 0))
    return granted - left, granted


def covers(bound: Bound, model: str) -> bool:
    """Say whether a model counts on a bound."""
    return not bound.limit.model or allows_name((bound.limit.model,), model)


def is_short(window: Window) -> bool:
    """Say whether a window's past is read request by request."""
    return window in {Window.SECOND, Window.MINUTE}
