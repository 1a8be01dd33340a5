"""Queries for what the vault's secrets protect: verifiers by pepper, and sealed texts."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import logins
from keyturn.store.tables import claims, idempotency, secrets


class Renewed(msgspec.Struct, frozen=True):
    """A secret's verifier made with a newer pepper."""

    secret_id: str
    before: bytes
    """The verifier that it takes the place of."""
    verifier: bytes
    binding: bytes
    pepper_id: str


async def count_by_pepper(connection: AsyncConnection) -> dict[str, int]:
    """Return how many verifiers were made with each pepper that any was made with."""
    query = select(secrets.c.pepper_id, func.count()).group_by(secrets.c.pepper_id)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def renew(connection: AsyncConnection, renewed: Sequence[Renewed]) -> None:
    """Replace verifiers, each with its binding and its pepper; those that changed meanwhile are let be."""
    for one in renewed:
        values = {"verifier": one.verifier, "binding": one.binding, "pepper_id": one.pepper_id}
        same = (secrets.c.id == one.secret_id, secrets.c.verifier == one.before)
        await connection.execute(update(secrets).where(*same).values(values))


async def heads(connection: AsyncConnection) -> set[bytes]:
    """Return the beginnings of sealed values, up to the name of the master key, of secrets, claims, answers and seeds."""
    found: set[bytes] = set()
    for column in (secrets.c.sealed, claims.c.sealed, idempotency.c.sealed, logins.c.totp_sealed):
        lengths = select(func.hex(func.substr(column, 2, 1))).where(column.is_not(None)).distinct()
        for length in filter(None, list(await connection.scalars(lengths))):
            whole = func.substr(column, 1, 2 + int(length, 16))
            query = select(whole).where(column.is_not(None)).distinct()
            found |= {bytes(value) for value in await connection.scalars(query)}
    return found
