"""Queries for who users are at an OpenID provider."""

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import identities


class StoredIdentity(msgspec.Struct, frozen=True):
    """Who a user is at a provider."""

    issuer: str
    subject: str
    """As the provider names them, for good."""
    user_id: str
    created_at: int


async def add(connection: AsyncConnection, identity: StoredIdentity) -> None:
    """Store who somebody is; nobody else may be it."""
    await connection.execute(insert(identities).values(msgspec.structs.asdict(identity)))


async def get(connection: AsyncConnection, issuer: str, subject: str) -> StoredIdentity | None:
    """Return whose an identity is."""
    query = select(identities).where(identities.c.issuer == issuer, identities.c.subject == subject)
    row = (await connection.execute(query)).first()
    return None if row is None else StoredIdentity(*row)


async def of_user(connection: AsyncConnection, user_id: str) -> list[StoredIdentity]:
    """Return a user's identities, the oldest first."""
    query = select(identities).where(identities.c.user_id == user_id).order_by(identities.c.created_at)
    return [StoredIdentity(*row) for row in await connection.execute(query)]


async def remove(connection: AsyncConnection, issuer: str, subject: str) -> None:
    """Forget whose an identity is."""
    query = delete(identities).where(identities.c.issuer == issuer, identities.c.subject == subject)
    await connection.execute(query)
