"""Queries for the audit log."""

import msgspec
from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.audit import Entry
from keyturn.store.tables import audit


class AuditFilter(msgspec.Struct, frozen=True):
    """Which entries are wanted; empty members leave none out."""

    actor: str = ""
    action: str = ""
    target: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


async def last(connection: AsyncConnection) -> Entry | None:
    """Return the newest entry."""
    row = (await connection.execute(select(audit).order_by(audit.c.seq.desc()).limit(1))).first()
    return None if row is None else Entry(*row)


async def get(connection: AsyncConnection, seq: int) -> Entry | None:
    """Return the entry with this number."""
    row = (await connection.execute(select(audit).where(audit.c.seq == seq))).first()
    return None if row is None else Entry(*row)


async def times_of(connection: AsyncConnection, actor: str, action: str, *, since_ms: int) -> list[int]:
    """Return when an actor did something since a time (milliseconds since 1970 UTC)."""
    did = (audit.c.action == action, audit.c.at > since_ms, audit.c.actor == actor)
    return list(await connection.scalars(select(audit.c.at).where(*did)))


async def add(connection: AsyncConnection, entry: Entry) -> None:
    """Store an entry."""
    await connection.execute(insert(audit).values(msgspec.structs.asdict(entry)))


async def page(
    connection: AsyncConnection, wanted: AuditFilter, *, before: int | None, limit: int
) -> list[Entry]:
    """Return entries, newest first.

    Args:
        connection: Any.
        wanted: Which.
        before: Only those with a lower number.
        limit: How many at most.
    """
    query = select(audit).where(*_conditions(wanted)).order_by(audit.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.seq < before)
    return [Entry(*row) for row in await connection.execute(query)]


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    exact = (
        (audit.c.actor, wanted.actor),
        (audit.c.action, wanted.action),
        (audit.c.target, wanted.target),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in exact if value]
    if wanted.since_ms is not None:
        found.append(audit.c.at >= wanted.since_ms)
    if wanted.until_ms is not None:
        found.append(audit.c.at < wanted.until_ms)
    return found
