"""Queries for passkeys."""

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import passkeys


class StoredPasskey(msgspec.Struct, frozen=True):
    """A passkey. Times are milliseconds since 1970 UTC."""

    id: bytes
    """As the authenticator gave it."""
    user_id: str
    name: str
    public_key: bytes
    """COSE."""
    sign_count: int
    created_at: int
    last_used_at: int | None = None


async def add(connection: AsyncConnection, passkey: StoredPasskey) -> None:
    """Store a new passkey."""
    await connection.execute(insert(passkeys).values(msgspec.structs.asdict(passkey)))


async def get(connection: AsyncConnection, passkey_id: bytes) -> StoredPasskey | None:
    """Return a passkey."""
    row = (await connection.execute(select(passkeys).where(passkeys.c.id == passkey_id))).first()
    return None if row is None else StoredPasskey(*row)


async def of_user(connection: AsyncConnection, user_id: str) -> list[StoredPasskey]:
    """Return a user's passkeys, the oldest first."""
    query = select(passkeys).where(passkeys.c.user_id == user_id).order_by(passkeys.c.created_at)
    return [StoredPasskey(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, passkey_id: bytes, values: dict[str, object]) -> None:
    """Change columns of a passkey."""
    await connection.execute(update(passkeys).where(passkeys.c.id == passkey_id).values(values))


async def remove(connection: AsyncConnection, passkey_id: bytes) -> None:
    """Take a passkey away."""
    await connection.execute(delete(passkeys).where(passkeys.c.id == passkey_id))
