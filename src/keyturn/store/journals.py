"""What ingest reads and writes.

The only statements in Keyturn that run thousands of times a second together, so they are handed to
the driver as text with plain tuples; everything else goes through the expression language.
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.journal import Admitted
from keyturn.domain.latency import combine
from keyturn.domain.periods import DAY_S, HOUR_S, PERIODS, RANKED_PERIODS
from keyturn.store import ledger
from keyturn.store.driver import Statement, execute_all
from keyturn.store.key_sums import FIGURES
from keyturn.store.series import RollupRow, Series, SeriesKey
from keyturn.store.tables import admissions, journals

OverallRow = tuple[
    str, int, str, int, str, str, int, int, int, int, int, int, int, int, int, int, bytes, bytes
]
"""As the columns of ``overall`` stand."""
KeyUsageRow = tuple[str, int, int, int, int, int, str, bool]
"""As the columns of ``key_usage`` stand."""

LONG_HISTOGRAM = 512
"""Bytes; one of all requests of a day that is made short seldom has more than 300."""

SecretUseRow = tuple[str, str, int]
"""Secret, address, milliseconds since 1970 UTC."""

_ADMISSIONS = "INSERT OR REPLACE INTO admissions (request_id, journal, record) VALUES (?, ?, ?)"
_SETTLED = "DELETE FROM admissions WHERE request_id = ?"
_BLOCKS = "INSERT OR REPLACE INTO request_blocks (first_id, last_id, records) VALUES (?, ?, ?)"
_COUNTS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
    "errors",
    "estimated",
    "recovered",
    "unpriced",
)
_SUMS = ", ".join((*_COUNTS, "durations", "first_bytes"))
_ADDED = ", ".join(
    [
        *(f"{name} = {name} + excluded.{name}" for name in _COUNTS),
        # Histograms add up by standing one behind the other, and are made short when that would be long: whoever
        # reads a month by the hour reads 1,500 of them.
        *(
            f"{name} = CASE WHEN length({name}) + length(excluded.{name}) <= {LONG_HISTOGRAM} "
            f"THEN CAST({name} || excluded.{name} AS BLOB) ELSE combine_histograms({name}, excluded.{name}) END"
            for name in ("durations", "first_bytes")
        ),
    ]
)
_STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS staged_rollups (start, series_id, {_SUMS})
"""
_STAGED = f"INSERT INTO staged_rollups (start, series_id, {_SUMS}) VALUES (?, ?, {', '.join('?' * 12)})"  # noqa: S608 -- constants
_ROLLUPS = [
    f"""
INSERT INTO rollups (period, start, series_id, {_SUMS})
SELECT '{period}', start / {length_s} * {length_s}, series_id, {_SUMS} FROM staged_rollups WHERE true
ON CONFLICT (period, start, series_id) DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- constants
    for period, length_s in PERIODS
]
_CLEAR_STAGES = ("DELETE FROM staged_rollups", "DELETE FROM staged_keys", "DELETE FROM staged_owners")
_OVERALL = f"""
INSERT INTO overall (period, start, model, status, operation, upstream, {_SUMS})
VALUES ({", ".join("?" * 18)})
ON CONFLICT (period, start, model, status, operation, upstream) DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- constants
_TOTALS = f"""
INSERT INTO totals (period, start, {_SUMS}) VALUES ({", ".join("?" * 14)})
ON CONFLICT (period, start) DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- constants
_RANKED = ("requests", "input_tokens", "output_tokens", "cost_nano_usd", "errors")
_STAGE_KEYS = f"""
CREATE TEMP TABLE IF NOT EXISTS staged_keys (day, key_id, {", ".join(FIGURES)})
"""
_STAGED_KEYS = f"""
INSERT INTO staged_keys
SELECT r.start / {DAY_S} * {DAY_S}, s.key_id, {", ".join(f"sum(r.{name})" for name in FIGURES)}
FROM staged_rollups r CROSS JOIN series s ON s.id = r.series_id GROUP BY 1, 2
"""  # noqa: S608 -- constants
_KEY_SUMS = [
    f"""
INSERT INTO key_sums (period, start, key_id, {", ".join(FIGURES)})
SELECT '{period}', day / {length_s} * {length_s}, key_id, {", ".join(FIGURES)} FROM staged_keys WHERE true
ON CONFLICT (period, start, key_id) DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in FIGURES)}
"""  # noqa: S608 -- constants
    for period, length_s in RANKED_PERIODS
]
_STAGE_OWNERS = f"""
CREATE TEMP TABLE IF NOT EXISTS staged_owners (hour, project_id, user_id, {_SUMS})
"""
_STAGES = (_STAGE, _STAGE_KEYS, _STAGE_OWNERS)
_STAGED_OWNERS = f"""
INSERT INTO staged_owners
SELECT r.start / {HOUR_S} * {HOUR_S}, coalesce(k.project_id, ''), coalesce(k.user_id, ''),
    {", ".join(f"sum(r.{name})" for name in _COUNTS)},
    {", ".join(f"CAST(group_concat(CAST(r.{name} AS TEXT), '') AS BLOB)" for name in ("durations", "first_bytes"))}
FROM staged_rollups r CROSS JOIN series s ON s.id = r.series_id LEFT JOIN keys k ON k.id = s.key_id GROUP BY 1, 2, 3
"""  # noqa: S608 -- constants
_OWNER_SUMS = [
    f"""
INSERT INTO owner_sums (period, start, project_id, user_id, {_SUMS})
SELECT '{period}', hour / {length_s} * {length_s}, project_id, user_id, {", ".join(_COUNTS)},
    {", ".join(f"iif(length({name}) > {LONG_HISTOGRAM}, combine_histograms({name}, X''), {name})" for name in ("durations", "first_bytes"))}
FROM staged_owners WHERE true
ON CONFLICT (period, start, project_id, user_id) DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- constants
    for period, length_s in PERIODS
    if length_s >= HOUR_S
]
_KEY_USAGE = """
INSERT INTO key_usage (key_id, requests, input_tokens, output_tokens, cost_nano_usd, last_used_at, last_address,
    seen_in_url)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key_id) DO UPDATE SET
    requests = requests + excluded.requests,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
    last_address = iif(excluded.last_used_at >= last_used_at, excluded.last_address, last_address),
    last_used_at = max(last_used_at, excluded.last_used_at),
    seen_in_url = max(seen_in_url, excluded.seen_in_url)
"""
_SECRETS = """
UPDATE secrets SET last_used_at = ?3, last_address = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)
"""
_RETIRING = """
INSERT INTO retiring_uses (secret_id, address, last_used_at)
SELECT ?1, ?2, ?3 FROM secrets WHERE id = ?1 AND expires_at IS NOT NULL
ON CONFLICT (secret_id, address) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)
"""
_POSITION = """
INSERT INTO journals (name, position, finished) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, finished = excluded.finished
"""


class Batch(msgspec.Struct):
    """What one stretch of a journal adds to the store. Written whole or not at all."""

    journal: str
    """File name; empty when the rows come from no file."""
    position: int
    """Bytes of the file that are in the store once this batch is."""
    finished: bool
    """Everything in the file is in: it may go."""
    admitted: list[tuple[str, str, bytes]]
    """``(request_id, worker, record)`` of requests under way."""
    settled: list[tuple[str]]
    """Requests of earlier batches that have ended now."""
    blocks: list[tuple[str, str, bytes]]
    rollups: list[RollupRow]
    overall: list[OverallRow]
    keys: list[KeyUsageRow]
    secrets: list[SecretUseRow]
    """The last uses of secrets."""
    named: list[SecretUseRow]
    """Every address that was noted by itself: kept where the secret is in its overlap."""


async def write(connection: AsyncConnection, batch: Batch, series: Series | None = None) -> None:
    """Add a batch; belongs in one transaction with nothing else.

    Args:
        connection: To write through.
        batch: What to add.
        series: Remembers the numbers of series; must not outlive a transaction that failed.
    """
    await ledger.charge(connection, batch.rollups, system.now_ms())
    statements: list[Statement] = [
        (statement, rows)
        for statement, rows in (
            (_ADMISSIONS, batch.admitted),
            (_SETTLED, batch.settled),
            (_BLOCKS, batch.blocks),
            (_OVERALL, batch.overall),
            (_TOTALS, _totals(batch.overall)),
            (_KEY_USAGE, batch.keys),
            (_SECRETS, batch.secrets),
            (_RETIRING, batch.named),
        )
        if rows
    ]
    if batch.rollups:
        numbers = await (series or Series()).numbers(connection, {row[1] for row in batch.rollups})
        statements += _rollups(batch.rollups, numbers)
    if batch.journal:
        statements.append((_POSITION, [(batch.journal, batch.position, batch.finished)]))
    await execute_all(connection, statements)


def _totals(rows: Sequence[OverallRow]) -> list[tuple[Any, ...]]:
    """Sum up over everything, as the columns of ``totals`` stand."""
    found: dict[tuple[str, int], Any] = {}
    for period, start, _, _, _, _, *sums in rows:
        known = found.get((period, start))
        found[period, start] = sums if known is None else list(map(operator.add, known, sums))
    return [(*slot, *sums[:-2], *map(_short, sums[-2:])) for slot, sums in found.items()]


def _short(histogram: bytes) -> bytes:
    return histogram if len(histogram) <= LONG_HISTOGRAM else combine(histogram)


def _rollups(rows: Sequence[RollupRow], numbers: Mapping[SeriesKey, int]) -> list[Statement]:
    """Return what adds sums to their minutes, hours and days.

    They go through a table of their own, from which the database takes them three times by itself: half the time
    of handing each row over for each period.
    """
    staged = [(row[0], numbers[row[1]], *row[2:]) for row in rows]
    then = (*_ROLLUPS, _STAGED_KEYS, *_KEY_SUMS, _STAGED_OWNERS, *_OWNER_SUMS, *_CLEAR_STAGES)
    return [*((stage, None) for stage in _STAGES), (_STAGED, staged), *((one, None) for one in then)]


async def note_uses(connection: AsyncConnection, uses: Sequence[tuple[str, SecretUseRow]]) -> None:
    """Note uses of keys that were no requests, each with its key: nothing but when and from where is counted."""
    if not uses:
        return
    keys: list[KeyUsageRow] = [(key_id, 0, 0, 0, 0, at, address, False) for key_id, (_, address, at) in uses]
    secrets = [use for _, use in uses]
    await execute_all(connection, [(_KEY_USAGE, keys), (_SECRETS, secrets), (_RETIRING, secrets)])


async def positions(connection: AsyncConnection) -> dict[str, tuple[int, bool]]:
    """Return for each journal known how many bytes are in, and whether that is all."""
    return {row.name: (row.position, row.finished) for row in await connection.execute(select(journals))}


async def forget(connection: AsyncConnection, name: str) -> None:
    """Drop the row of a journal whose file is gone."""
    await connection.execute(delete(journals).where(journals.c.name == name))


async def under_way(connection: AsyncConnection, worker: str) -> list[Admitted]:
    """Return what a worker let in and has not ended, oldest first."""
    query = (
        select(admissions.c.record).where(admissions.c.journal == worker).order_by(admissions.c.request_id)
    )
    decode = msgspec.msgpack.Decoder(Admitted).decode
    return [decode(record) for record in await connection.scalars(query)]


async def workers_under_way(connection: AsyncConnection) -> set[str]:
    """Return the names of the workers that have let in what has not ended."""
    return set(await connection.scalars(select(admissions.c.journal).distinct()))
