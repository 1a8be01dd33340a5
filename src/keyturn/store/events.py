"""Queries for events."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.store.tables import accounts, events, keys, projects

_BATCH = 500
"""Identifiers in one query; SQLite takes 32,766 values at most."""


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it is kept. Times are milliseconds since 1970 UTC."""

    id: str
    """In the order in which events were stored."""
    at: int
    kind: str
    severity: str
    account_id: str
    """Empty, like ``project_id``, where no key of ours is concerned."""
    project_id: str
    key_id: str
    address: str
    request_id: str
    details: str
    """A JSON object of strings."""
    acknowledged_at: int | None = None
    acknowledged_by: str = ""


class EventFilter(msgspec.Struct, frozen=True):
    """Which events are wanted; empty members leave none out."""

    account_id: str = ""
    project_id: str = ""
    kind: str = ""
    severity: str = ""
    key: str = ""
    """The identifier or the name of a key."""
    since_ms: int | None = None
    kinds: tuple[str, ...] = ()
    account: str = ""
    """The identifier or the name of an account."""
    acknowledged: bool | None = None
    user_id: str = ""
    """Only those of this user's personal keys."""


async def owners(connection: AsyncConnection, key_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the account and the project of each key that there is or was."""
    wanted, found = sorted(set(key_ids)), {}
    for start in range(0, len(wanted), _BATCH):
        query = (
            select(keys.c.id, projects.c.account_id, projects.c.id)
            .join(projects, projects.c.id == keys.c.project_id)
            .where(keys.c.id.in_(wanted[start : start + _BATCH]))
        )
        for key_id, account_id, project_id in await connection.execute(query):
            found[key_id] = (account_id, project_id)
    return found


async def add(connection: AsyncConnection, new: Sequence[StoredEvent]) -> None:
    """Store events."""
    if new:
        await connection.execute(insert(events), [msgspec.structs.asdict(one) for one in new])


async def page(
    connection: AsyncConnection, wanted: EventFilter, *, before: str | None, limit: int
) -> list[StoredEvent]:
    """Return events, newest first.

    Args:
        connection: Any.
        wanted: Which.
        before: Only those that were stored before the one with this identifier.
        limit: How many at most.
    """
    query = select(events).where(*_conditions(wanted)).order_by(events.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(events.c.id < before)
    return [StoredEvent(*row) for row in await connection.execute(query)]


async def count_open(
    connection: AsyncConnection, kinds: Sequence[str], *, account_id: str, project_id: str, most: int
) -> int:
    """Return how many events of these kinds nobody has seen to, ``most`` at most: a look at so many rows of an index."""
    wanted = EventFilter(account_id, project_id, kinds=tuple(kinds), acknowledged=False)
    few = select(events.c.kind).where(*_conditions(wanted)).limit(most).subquery()
    return await connection.scalar(select(func.count()).select_from(few)) or 0


async def prune(connection: AsyncConnection, *, before_ms: int) -> int:
    """Delete what was stored before a time; return how many."""
    oldest = ids.mint(ids.EVENT, now_ms=max(before_ms, 0), entropy=0)
    return (await connection.execute(delete(events).where(events.c.id < oldest))).rowcount


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    exact = (
        (events.c.account_id, wanted.account_id),
        (events.c.project_id, wanted.project_id),
        (events.c.kind, wanted.kind),
        (events.c.severity, wanted.severity),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in exact if value]
    if wanted.key:
        named = select(keys.c.id).where(keys.c.name == wanted.key)
        found.append(or_(events.c.key_id == wanted.key, events.c.key_id.in_(named)))
    if wanted.since_ms is not None:
        found.append(events.c.at >= wanted.since_ms)
    if wanted.kinds:
        found.append(events.c.kind.in_(wanted.kinds))
    if wanted.account:
        called = select(accounts.c.id).where(accounts.c.name == wanted.account)
        found.append(or_(events.c.account_id == wanted.account, events.c.account_id.in_(called)))
    if wanted.user_id:
        found.append(events.c.key_id.in_(select(keys.c.id).where(keys.c.user_id == wanted.user_id)))
    if wanted.acknowledged is not None:
        seen = events.c.acknowledged_at
        found.append(seen.is_not(None) if wanted.acknowledged else seen.is_(None))
    return found
