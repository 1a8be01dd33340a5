"""Queries for what policies ask of keys as time goes by. Each looks at a bounded number of keys from a place on."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import and_, func, insert, or_, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import key_usage, keys, projects, reminders, secrets

UNUSED = "unused"
"""The reminder that a key was disabled because nobody used it: its time counts from there when it is enabled again."""


class Watched(msgspec.Struct, frozen=True):
    """A key that its project's policy may disable. Times are milliseconds since 1970 UTC."""

    project_id: str
    key_id: str
    policy: str
    """Of the project, as JSON."""
    since: int
    """When it was last used, or made, or disabled for this, whichever came last."""


class Ending(msgspec.Struct, frozen=True):
    """A key that will expire. Times are milliseconds since 1970 UTC."""

    key_id: str
    created_at: int
    expires_at: int


async def watched(
    connection: AsyncConnection, *, after: tuple[str, str], limit: int, now_ms: int
) -> list[Watched]:
    """Return up to ``limit`` working keys of projects that end unused ones, by project and key, from behind ``after``."""
    project_id, key_id = after
    since = func.max(
        keys.c.created_at, func.coalesce(key_usage.c.last_used_at, 0), func.coalesce(reminders.c.sent_at, 0)
    )
    query = (
        select(projects.c.id, keys.c.id, projects.c.policy, since)
        .select_from(projects)
        .join(keys, keys.c.project_id == projects.c.id)
        .outerjoin(key_usage, key_usage.c.key_id == keys.c.id)
        .outerjoin(reminders, and_(reminders.c.key_id == keys.c.id, reminders.c.subject == UNUSED))
        .where(
            projects.c.policy.contains('"unused_days"'),
            projects.c.deleted_at.is_(None),
            keys.c.deleted_at.is_(None),
            keys.c.revoked_at.is_(None),
            keys.c.enabled.is_(True),
            keys.c.decoy.is_(False),  # nobody is meant to use it
            or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms),
            or_(projects.c.id > project_id, and_(projects.c.id == project_id, keys.c.id > key_id)),
        )
        .order_by(projects.c.id, keys.c.id)
        .limit(limit)
    )
    return [Watched(*row) for row in await connection.execute(query)]


async def ending(
    connection: AsyncConnection, *, after: tuple[int, str], until: int, limit: int
) -> list[Ending]:
    """Return up to ``limit`` working keys that expire up to ``until``, soonest first, from behind ``after``."""
    expires_at, key_id = after
    query = (
        select(keys.c.id, keys.c.created_at, keys.c.expires_at)
        .where(
            keys.c.expires_at >= expires_at,
            keys.c.expires_at <= until,
            or_(keys.c.expires_at > expires_at, keys.c.id > key_id),
            keys.c.deleted_at.is_(None),
            keys.c.revoked_at.is_(None),
            keys.c.enabled.is_(True),
        )
        .order_by(keys.c.expires_at, keys.c.id)
        .limit(limit)
    )
    return [Ending(*row) for row in await connection.execute(query)]


async def reminded(connection: AsyncConnection, key_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Return what has been said of these keys: key and subject."""
    query = select(reminders.c.key_id, reminders.c.subject).where(reminders.c.key_id.in_(key_ids))
    return {(row.key_id, row.subject) for row in await connection.execute(query)}


async def remember(connection: AsyncConnection, said: Sequence[tuple[str, str]], *, now_ms: int) -> None:
    """Note what has been said: key and subject."""
    if said:
        rows = [{"key_id": key_id, "subject": subject, "sent_at": now_ms} for key_id, subject in said]
        await connection.execute(insert(reminders), rows)


async def remember_unused(connection: AsyncConnection, key_id: str, *, now_ms: int) -> None:
    """Note that a key was disabled because nobody used it, perhaps not for the first time."""
    statement = upsert(reminders).values(key_id=key_id, subject=UNUSED, sent_at=now_ms)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[reminders.c.key_id, reminders.c.subject], set_={"sent_at": now_ms}
        )
    )


async def deleted(
    connection: AsyncConnection, *, after: tuple[int, str], until: int, limit: int
) -> list[tuple[int, str]]:
    """Return when keys were deleted and which, up to ``limit``, in that order, from behind ``after`` up to ``until``."""
    deleted_at, key_id = after
    query = (
        select(keys.c.deleted_at, keys.c.id)
        .where(
            keys.c.deleted_at >= deleted_at,
            keys.c.deleted_at <= until,
            or_(keys.c.deleted_at > deleted_at, keys.c.id > key_id),
        )
        .order_by(keys.c.deleted_at, keys.c.id)
        .limit(limit)
    )
    return [(row.deleted_at, row.id) for row in await connection.execute(query)]


async def with_sealed(connection: AsyncConnection, key_ids: Sequence[str]) -> list[str]:
    """Return which of these keys have a secret that could be shown again."""
    query = select(secrets.c.key_id).where(secrets.c.key_id.in_(key_ids), secrets.c.sealed.is_not(None))
    return sorted(set(await connection.scalars(query)))


async def destroy_sealed(connection: AsyncConnection, key_ids: Sequence[str]) -> None:
    """Destroy what these keys' secrets could be shown again from: the bytes are overwritten in the database file."""
    await connection.execute(text("PRAGMA secure_delete = ON"))
    await connection.execute(update(secrets).where(secrets.c.key_id.in_(key_ids)).values(sealed=None))
