"""Queries for requests that may be sent again."""

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import idempotency


class StoredTry(msgspec.Struct, frozen=True):
    """The first request with an Idempotency-Key."""

    id: bytes
    """SHA-256 over who asked, the path and the key they chose."""
    fingerprint: bytes
    """SHA-256 of the request's query and body."""
    begun_at: int
    """Milliseconds since 1970 UTC."""
    run: str
    """The control process that works on it."""
    changed_at: int | None = None
    """When it first changed something; ``None``: it has changed nothing yet."""
    sealed: bytes | None = None
    """The answer; ``None``: there is none yet."""


async def get(connection: AsyncConnection, try_id: bytes) -> StoredTry | None:
    """Return the first request with this identifier."""
    row = (await connection.execute(select(idempotency).where(idempotency.c.id == try_id))).first()
    return None if row is None else StoredTry(*row)


async def begin(connection: AsyncConnection, begun: StoredTry) -> None:
    """Store a request before its work begins, instead of any with the same identifier."""
    await forget(connection, begun.id)
    await connection.execute(insert(idempotency).values(msgspec.structs.asdict(begun)))


async def mark_changed(connection: AsyncConnection, try_id: bytes, *, now_ms: int) -> None:
    """Note that the request has changed something."""
    first = (idempotency.c.id == try_id, idempotency.c.changed_at.is_(None))
    await connection.execute(update(idempotency).where(*first).values(changed_at=now_ms))


async def answer(connection: AsyncConnection, try_id: bytes, sealed: bytes) -> None:
    """Store the answer of a request."""
    await connection.execute(update(idempotency).where(idempotency.c.id == try_id).values(sealed=sealed))


async def forget(connection: AsyncConnection, try_id: bytes) -> None:
    """Remove a request, so that the next one with its identifier is the first."""
    await connection.execute(delete(idempotency).where(idempotency.c.id == try_id))


async def forget_before(connection: AsyncConnection, begun_before_ms: int) -> None:
    """Remove requests that were begun before a time."""
    await connection.execute(delete(idempotency).where(idempotency.c.begun_at < begun_before_ms))
