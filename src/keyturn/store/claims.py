"""Queries for secrets that wait to be taken over."""

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import claims


class StoredClaim(msgspec.Struct, frozen=True):
    """A secret that waits, or the trace of one that was taken. Times are milliseconds since 1970 UTC."""

    token_hash: bytes
    key_id: str
    secret_id: str
    sealed: bytes | None
    """``None`` once it was claimed or ran out."""
    created_at: int
    expires_at: int
    claimed_at: int | None = None
    claimed_from: str = ""


async def add(connection: AsyncConnection, claim: StoredClaim) -> None:
    """Store a claim."""
    await connection.execute(insert(claims).values(msgspec.structs.asdict(claim)))


async def get(connection: AsyncConnection, token_hash: bytes) -> StoredClaim | None:
    """Return a claim."""
    row = (await connection.execute(select(claims).where(claims.c.token_hash == token_hash))).first()
    return None if row is None else StoredClaim(*row)


async def change(connection: AsyncConnection, token_hash: bytes, values: dict[str, object]) -> None:
    """Change columns of a claim."""
    await connection.execute(update(claims).where(claims.c.token_hash == token_hash).values(values))


async def run_out(connection: AsyncConnection, now_ms: int) -> list[StoredClaim]:
    """Return claims that nobody has made and whose time is over, and that still hold their secret."""
    query = select(claims).where(
        claims.c.expires_at <= now_ms, claims.c.sealed.is_not(None), claims.c.claimed_at.is_(None)
    )
    return [StoredClaim(*row) for row in await connection.execute(query)]


async def forget(connection: AsyncConnection, before_ms: int) -> None:
    """Take out claims that ended before a time."""
    await connection.execute(delete(claims).where(claims.c.expires_at < before_ms))
