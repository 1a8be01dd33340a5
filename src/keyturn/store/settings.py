"""Queries for settings that were changed while the node runs."""

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import node_settings


class StoredSetting(msgspec.Struct, frozen=True):
    """A row."""

    path: str
    value: str
    """JSON."""
    changed_at: int
    changed_by: str


async def everything(connection: AsyncConnection) -> list[StoredSetting]:
    """Return all that was changed, by path."""
    rows = await connection.execute(select(node_settings).order_by(node_settings.c.path))
    return [StoredSetting(*row) for row in rows]


async def put(connection: AsyncConnection, setting: StoredSetting) -> None:
    """Store a value, in place of the one before."""
    members = msgspec.structs.asdict(setting)
    await connection.execute(
        insert(node_settings)
        .values(members)
        .on_conflict_do_update(index_elements=[node_settings.c.path], set_=members)
    )


async def drop(connection: AsyncConnection, path: str) -> None:
    """Take a value away."""
    await connection.execute(delete(node_settings).where(node_settings.c.path == path))
