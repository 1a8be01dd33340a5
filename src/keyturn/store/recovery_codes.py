"""Queries for recovery codes: each stands in for a second factor once."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import recovery_codes as codes


async def replace(connection: AsyncConnection, user_id: str, hashes: Sequence[bytes], *, now_ms: int) -> None:
    """Store a user's codes in the place of those before; none takes them away."""
    await connection.execute(delete(codes).where(codes.c.user_id == user_id))
    if hashes:
        rows = [{"code_hash": one, "user_id": user_id, "created_at": now_ms} for one in hashes]
        await connection.execute(insert(codes), rows)


async def use(connection: AsyncConnection, user_id: str, code_hash: bytes, *, now_ms: int) -> bool:
    """Use a user's code up; say whether it was one that was not used before."""
    unused = (codes.c.user_id == user_id, codes.c.code_hash == code_hash, codes.c.used_at.is_(None))
    used = await connection.execute(update(codes).where(*unused).values(used_at=now_ms))
    return used.rowcount == 1


async def left(connection: AsyncConnection, user_id: str) -> int:
    """Return how many of a user's codes are not used yet."""
    query = select(func.count()).where(codes.c.user_id == user_id, codes.c.used_at.is_(None))
    return await connection.scalar(query) or 0
