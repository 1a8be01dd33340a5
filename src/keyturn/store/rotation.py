"""Queries for rotation: secrets that wait, retire or are due, and what has been said about them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.rotation import DAY_MS, HOUR_MS, PATIENCE_MS
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.tables import keys, reminders, retiring_uses, secrets

LOOK_BACK_MS = 30 * DAY_MS
"""How far the scheduler looks back for secrets whose end has not been told."""


class StoredUse(msgspec.Struct, frozen=True):
    """From where a secret in its overlap is used."""

    address: str
    last_used_at: int


class Moment(msgspec.Struct, frozen=True):
    """When a key is due."""

    key_id: str
    at: int


async def add_secret(connection: AsyncConnection, secret: StoredSecret) -> None:
    """Store a further secret of a key."""
    await connection.execute(insert(secrets).values(msgspec.structs.asdict(secret)))


async def secret(connection: AsyncConnection, secret_id: str) -> StoredSecret | None:
    """Return a secret."""
    row = (await connection.execute(select(secrets).where(secrets.c.id == secret_id))).first()
    return None if row is None else StoredSecret(*row)


async def live_secrets(connection: AsyncConnection, key_id: str, now_ms: int) -> list[StoredSecret]:
    """Return the secrets of a key that are not dead, oldest first."""
    query = select(secrets).where(secrets.c.key_id == key_id, _lives(now_ms)).order_by(secrets.c.id)
    return [StoredSecret(*row) for row in await connection.execute(query)]


async def change_secrets(
    connection: AsyncConnection, secret_ids: Iterable[str], values: dict[str, object]
) -> None:
    """Change columns of secrets."""
    await connection.execute(update(secrets).where(secrets.c.id.in_(list(secret_ids))).values(values))


async def remove_secret(connection: AsyncConnection, secret_id: str) -> None:
    """Take out a secret that nobody has ever seen."""
    await connection.execute(delete(secrets).where(secrets.c.id == secret_id))


async def due_with_delivery(
    connection: AsyncConnection, now_ms: int, *, unless_said: str, limit: int
) -> list[StoredKey]:
    """Return keys that are due and whose new secret can be delivered, the longest due first.

    A key whose last successor waits to be used is left out, except where it is written to a file anyway.

    Args:
        connection: Any.
        now_ms: Now.
        unless_said: Leave out keys of which this has been said: they failed just now.
        limit: How many at most.
    """
    waiting = exists().where(secrets.c.key_id == keys.c.id, secrets.c.activated_at.is_(None), _lives(now_ms))
    query = (
        select(keys)
        .where(
            *_due(now_ms),
            or_(keys.c.sealing_key.is_not(None), keys.c.sink != ""),
            or_(keys.c.sink != "", ~waiting),
            ~_said(keys.c.id, literal(unless_said)),
        )
        .order_by(keys.c.next_rotation_at)
        .limit(limit)
    )
    return [StoredKey(*row) for row in await connection.execute(query)]


async def due_without_delivery(
    connection: AsyncConnection, now_ms: int, *, subject: str, limit: int
) -> list[StoredKey]:
    """Return keys that are due, that nothing can be delivered to, and of which this has not been said.

    Args:
        connection: Any.
        now_ms: Now.
        subject: What is said, up to the time when the key was due.
        limit: How many at most.
    """
    said = _said(keys.c.id, literal(subject).concat(keys.c.next_rotation_at))
    query = (
        select(keys)
        .where(*_due(now_ms), keys.c.sealing_key.is_(None), keys.c.sink == "", ~said)
        .order_by(keys.c.next_rotation_at)
        .limit(limit)
    )
    return [StoredKey(*row) for row in await connection.execute(query)]


async def approaching(
    connection: AsyncConnection, now_ms: int, *, days: int, subject: str, limit: int
) -> list[Moment]:
    """Return keys whose rotation falls on the day that is so many days away.

    Left out is a key of which this has been said, and one that has had no more days than that from its beginning.

    Args:
        connection: Any.
        now_ms: Now.
        days: How many.
        subject: What is said, up to the time of the rotation.
        limit: How many at most.
    """
    at = keys.c.next_rotation_at
    query = (
        select(keys.c.id, at)
        .where(at > now_ms + (days - 1) * DAY_MS, at <= now_ms + days * DAY_MS, _may_be_used())
        .where(keys.c.created_at < at - days * DAY_MS, keys.c.rotate_every_days > days)
        .where(~_said(keys.c.id, literal(subject).concat(at)))
        .order_by(at)
        .limit(limit)
    )
    return [Moment(*row) for row in await connection.execute(query)]


async def ended(connection: AsyncConnection, now_ms: int, *, subject: str, limit: int) -> list[StoredSecret]:
    """Return secrets that were in use and whose overlap has ended, of which this has not been said."""
    query = (
        select(secrets)
        .where(secrets.c.expires_at > now_ms - LOOK_BACK_MS, secrets.c.expires_at <= now_ms)
        .where(secrets.c.activated_at.is_not(None))
        .where(~_said(secrets.c.key_id, literal(subject).concat(secrets.c.id)))
        .order_by(secrets.c.expires_at)
        .limit(limit)
    )
    return [StoredSecret(*row) for row in await connection.execute(query)]


async def still_used(
    connection: AsyncConnection, now_ms: int, *, subject: str, limit: int
) -> list[tuple[StoredSecret, int]]:
    """Return secrets used in the last quarter of their overlap, and when that quarter began.

    Left out is a secret of which this has been said.
    """
    newer = secrets.alias("newer")
    started = (
        select(func.max(newer.c.activated_at))
        .where(newer.c.key_id == secrets.c.key_id, newer.c.id > secrets.c.id)
        .scalar_subquery()
    )
    quarter = secrets.c.expires_at - (secrets.c.expires_at - started) // 4
    query = (
        select(secrets, quarter)
        .join(keys, keys.c.id == secrets.c.key_id)
        .where(secrets.c.expires_at > now_ms, secrets.c.activated_at.is_not(None), _may_be_used())
        .where(secrets.c.last_used_at >= quarter, secrets.c.revoked_at.is_(None))
        .where(~_said(secrets.c.key_id, literal(subject).concat(secrets.c.id)))
        .limit(limit)
    )
    return [_with_number(row) for row in await connection.execute(query)]


async def never_used(
    connection: AsyncConnection, now_ms: int, *, subject: str, limit: int
) -> list[StoredSecret]:
    """Return pending secrets whose rotation ought to be over, of which this has not been said."""
    overlap_ms = func.coalesce(secrets.c.overlap_hours, keys.c.overlap_hours) * HOUR_MS
    query = (
        select(secrets)
        .join(keys, keys.c.id == secrets.c.key_id)
        .where(secrets.c.activated_at.is_(None), _lives(now_ms), _may_be_used())
        .where(secrets.c.created_at <= now_ms - PATIENCE_MS)  # what the index can be asked for
        .where(secrets.c.created_at <= now_ms - PATIENCE_MS - overlap_ms)
        .where(~_said(secrets.c.key_id, literal(subject)))
        .limit(limit)
    )
    return [StoredSecret(*row) for row in await connection.execute(query)]


async def uses(connection: AsyncConnection, secret_id: str, since_ms: int) -> list[StoredUse]:
    """Return from where a secret in its overlap was used since then, the latest first."""
    query = (
        select(retiring_uses.c.address, retiring_uses.c.last_used_at)
        .where(retiring_uses.c.secret_id == secret_id, retiring_uses.c.last_used_at >= since_ms)
        .order_by(retiring_uses.c.last_used_at.desc())
    )
    return [StoredUse(*row) for row in await connection.execute(query)]


async def forget_uses(connection: AsyncConnection, secret_ids: Sequence[str]) -> None:
    """Forget from where these secrets were used."""
    await connection.execute(delete(retiring_uses).where(retiring_uses.c.secret_id.in_(secret_ids)))


async def say(connection: AsyncConnection, key_id: str, subject: str, now_ms: int) -> bool:
    """Note that something is said of a key; ``False``: it was said before."""
    values = {"key_id": key_id, "subject": subject, "sent_at": now_ms}
    done = await connection.execute(insert_or_not(reminders).values(values).on_conflict_do_nothing())
    return done.rowcount == 1


async def forget_said(connection: AsyncConnection, before_ms: int) -> None:
    """Forget what was said before a time."""
    await connection.execute(delete(reminders).where(reminders.c.sent_at < before_ms))


def _due(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return (
        keys.c.next_rotation_at <= now_ms,
        _may_be_used(),
        keys.c.enabled.is_(True),
        keys.c.frozen_at.is_(None),
        or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms),
    )


def _may_be_used() -> ColumnElement[bool]:
    # Nearly all keys are neither; hidden from the planner, which would look them all up by an index on it.
    return and_(keys.c.revoked_at.is_(None), func.coalesce(keys.c.deleted_at, 0) == 0)


def _lives(now_ms: int) -> ColumnElement[bool]:
    unended = or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > now_ms)
    return and_(secrets.c.revoked_at.is_(None), unended)


def _said(key_id: ColumnElement[str], subject: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(reminders.c.key_id == key_id, reminders.c.subject == subject)


def _with_number(row: Row[Any]) -> tuple[StoredSecret, int]:
    columns: list[Any] = list(row[:-1])
    return StoredSecret(*columns), int(row[-1])
