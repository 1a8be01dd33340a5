"""Queries for calls of models that may be sent again."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.attempt_tables import attempt_answers, attempts

IDS_A_QUERY = 500
"""SQLite takes 32,766 parameters; far fewer make a plan that is as good."""

_STANDS = """
INSERT OR REPLACE INTO attempts (id, fingerprint, request_id, worker, begun_at, fate) VALUES (?, ?, ?, ?, ?, ?)
"""


class StoredAttempt(msgspec.Struct, frozen=True):
    """The first call with an Idempotency-Key."""

    id: bytes
    fingerprint: bytes
    request_id: str
    worker: str
    begun_at: int
    """Milliseconds since 1970 UTC."""
    fate: str


class StoredAnswer(msgspec.Struct, frozen=True):
    """Its answer."""

    request_id: str
    begun_at: int
    length: int
    sealed: bytes


async def known(connection: AsyncConnection, ids: Sequence[bytes]) -> dict[bytes, StoredAttempt]:
    """Return the attempts with these identifiers."""
    found: dict[bytes, StoredAttempt] = {}
    for start in range(0, len(ids), IDS_A_QUERY):
        query = select(attempts).where(attempts.c.id.in_(ids[start : start + IDS_A_QUERY]))
        found |= {row.id: StoredAttempt(*row) for row in await connection.execute(query)}
    return found


async def under_way(connection: AsyncConnection) -> list[StoredAttempt]:
    """Return the attempts whose end nobody has reported."""
    query = select(attempts).where(attempts.c.fate == "")
    return [StoredAttempt(*row) for row in await connection.execute(query)]


async def write(
    connection: AsyncConnection, removed: Iterable[bytes], standing: Iterable[StoredAttempt]
) -> None:
    """Remove the attempts with these identifiers, and put what stands now in the place of whatever had its identifier."""
    for statement, rows in (
        ("DELETE FROM attempts WHERE id = ?", [(one,) for one in removed]),
        (_STANDS, [msgspec.structs.astuple(one) for one in standing]),
    ):
        if rows:
            await connection.exec_driver_sql(statement, rows)


async def keep(connection: AsyncConnection, answers: Sequence[StoredAnswer]) -> None:
    """Store answers."""
    if answers:
        await connection.execute(insert(attempt_answers), [msgspec.structs.asdict(one) for one in answers])


async def sealed_answer(connection: AsyncConnection, request_id: str) -> bytes | None:
    """Return the answer to a request, while it is kept."""
    query = select(attempt_answers.c.sealed).where(attempt_answers.c.request_id == request_id)
    found: bytes | None = await connection.scalar(query)
    return found


async def kept_bytes(connection: AsyncConnection) -> int:
    """Return how much all answers take."""
    return int(await connection.scalar(select(func.coalesce(func.sum(attempt_answers.c.length), 0))) or 0)


async def drop_oldest(connection: AsyncConnection, length: int) -> int:
    """Delete as many of the oldest answers as take this many bytes, or all; return what they took."""
    query = select(
        attempt_answers.c.begun_at, attempt_answers.c.length, attempt_answers.c.request_id
    ).order_by(attempt_answers.c.begun_at)
    dropped: list[tuple[str]] = []
    freed = 0
    for row in await connection.execute(query):
        if freed >= length:
            break
        dropped.append((row.request_id,))
        freed += row.length
    if dropped:
        await connection.exec_driver_sql("DELETE FROM attempt_answers WHERE request_id = ?", dropped)
    return freed


async def forget_before(connection: AsyncConnection, begun_before_ms: int) -> None:
    """Remove attempts that were begun before a time, and their answers."""
    await connection.execute(delete(attempts).where(attempts.c.begun_at < begun_before_ms))
    await connection.execute(delete(attempt_answers).where(attempt_answers.c.begun_at < begun_before_ms))
