"""Queries for the sessions of whoever has signed in with a key alone."""

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.holder_tables import holder_sessions


class StoredHolderSession(msgspec.Struct, frozen=True):
    """A session of a key's holder. Times are milliseconds since 1970 UTC."""

    token_hash: bytes
    key_id: str
    secret_id: str
    csrf: str
    """What forms must carry."""
    created_at: int
    last_seen_at: int


async def add(connection: AsyncConnection, session: StoredHolderSession) -> None:
    """Store a new session."""
    await connection.execute(insert(holder_sessions).values(msgspec.structs.asdict(session)))


async def with_token(connection: AsyncConnection, token_hash: bytes) -> StoredHolderSession | None:
    """Return the session that has this token."""
    query = select(holder_sessions).where(holder_sessions.c.token_hash == token_hash)
    row = (await connection.execute(query)).first()
    return None if row is None else StoredHolderSession(*row)


async def seen(connection: AsyncConnection, token_hash: bytes, now_ms: int) -> None:
    """Note that a session is in use."""
    known = holder_sessions.c.token_hash == token_hash
    await connection.execute(update(holder_sessions).where(known).values(last_seen_at=now_ms))


async def end(connection: AsyncConnection, token_hash: bytes) -> None:
    """End a session."""
    await connection.execute(delete(holder_sessions).where(holder_sessions.c.token_hash == token_hash))


async def end_old(connection: AsyncConnection, *, seen_before_ms: int) -> None:
    """Take away sessions that nobody used for too long."""
    await connection.execute(delete(holder_sessions).where(holder_sessions.c.last_seen_at < seen_before_ms))
