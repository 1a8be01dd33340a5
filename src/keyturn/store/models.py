"""Queries for the names of models."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import models


class StoredModel(msgspec.Struct, frozen=True):
    """A name that clients use, and where it goes."""

    name: str
    upstream: str
    upstream_model: str
    created_at: int
    """Milliseconds since 1970 UTC."""


async def put(connection: AsyncConnection, rows: Sequence[StoredModel]) -> None:
    """Store models; a name that exists is replaced."""
    if not rows:
        return
    statement = insert(models)
    statement = statement.on_conflict_do_update(
        index_elements=[models.c.name],
        set_={
            column.name: statement.excluded[column.name] for column in models.c if column is not models.c.name
        },
    )
    await connection.execute(statement, [msgspec.structs.asdict(row) for row in rows])


async def get(connection: AsyncConnection, name: str) -> StoredModel | None:
    """Return the model of this name."""
    row = (await connection.execute(select(models).where(models.c.name == name))).first()
    return None if row is None else StoredModel(*row)


async def everything(connection: AsyncConnection) -> list[StoredModel]:
    """Return all models by name."""
    return [StoredModel(*row) for row in await connection.execute(select(models).order_by(models.c.name))]


async def remove(connection: AsyncConnection, name: str) -> None:
    """Delete a model."""
    await connection.execute(delete(models).where(models.c.name == name))
