"""Queries for keys and their secrets."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, Status
from keyturn.domain.permissions import Permission
from keyturn.store.tables import accounts, keys, projects, secrets


class StoredKey(msgspec.Struct, frozen=True):
    """A key as it is kept. Times are milliseconds since 1970 UTC."""

    id: str
    project_id: str
    name: str
    description: str
    kind: str
    preset: str
    """Empty when the permissions were listed one by one."""
    permissions: str
    """Separated by spaces, sorted."""
    enabled: bool
    revoked_at: int | None
    expires_at: int | None
    deleted_at: int | None
    created_at: int
    created_by: str
    version: int

    def record(self) -> KeyRecord:
        """Return what a worker needs to know of it: a deleted key is one that was revoked."""
        ended = [at for at in (self.revoked_at, self.deleted_at) if at is not None]
        return KeyRecord(
            id=self.id,
            name=self.name,
            kind=Kind(self.kind),
            permissions=frozenset(Permission(one) for one in self.permissions.split()),
            enabled=self.enabled,
            revoked_at=min(ended) / 1000 if ended else None,
            expires_at=None if self.expires_at is None else self.expires_at / 1000,
        )


class StoredSecret(msgspec.Struct, frozen=True):
    """A secret's verifier and what may be shown of it."""

    id: str
    key_id: str
    verifier: bytes
    binding: bytes
    pepper_id: str
    display: str
    created_at: int


class KeyFilter(msgspec.Struct, frozen=True):
    """Which keys to list; empty members do not narrow."""

    status: Status | None = None
    search: str = ""
    """Part of the name, the description or the display, or the whole identifier; ASCII case does not matter."""


async def add_account(connection: AsyncConnection, *, account_id: str, name: str, now_ms: int) -> None:
    """Store a new account."""
    await connection.execute(insert(accounts).values(id=account_id, name=name, created_at=now_ms))


async def add_project(
    connection: AsyncConnection, *, project_id: str, account_id: str, name: str, now_ms: int
) -> None:
    """Store a new project of an account."""
    values = {"id": project_id, "account_id": account_id, "name": name, "created_at": now_ms}
    await connection.execute(insert(projects).values(values))


async def first_project(connection: AsyncConnection) -> str | None:
    """Return the identifier of the oldest project, ``None`` in an empty database."""
    found: str | None = await connection.scalar(select(projects.c.id).order_by(projects.c.id).limit(1))
    return found


async def add(connection: AsyncConnection, key: StoredKey, secret: StoredSecret) -> None:
    """Store a new key with its first secret."""
    await connection.execute(insert(keys).values(msgspec.structs.asdict(key)))
    await connection.execute(insert(secrets).values(msgspec.structs.asdict(secret)))


async def find(
    connection: AsyncConnection, verifiers: Sequence[bytes]
) -> tuple[StoredKey, StoredSecret] | None:
    """Return the key, be it deleted, that has a secret with one of these verifiers."""
    query = (
        select(secrets, keys)
        .join(keys, keys.c.id == secrets.c.key_id)
        .where(secrets.c.verifier.in_(verifiers))
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    split = len(secrets.c)
    return StoredKey(*row[split:]), StoredSecret(*row[:split])


async def get(connection: AsyncConnection, key_id: str) -> StoredKey | None:
    """Return a key that is not deleted."""
    query = select(keys).where(keys.c.id == key_id, keys.c.deleted_at.is_(None))
    row = (await connection.execute(query)).first()
    return None if row is None else StoredKey(*row)


async def named(connection: AsyncConnection, name: str) -> list[StoredKey]:
    """Return the keys with exactly this name that are not deleted, oldest first."""
    query = select(keys).where(keys.c.name == name, keys.c.deleted_at.is_(None)).order_by(keys.c.id)
    return [StoredKey(*row) for row in await connection.execute(query)]


async def page(
    connection: AsyncConnection, wanted: KeyFilter, *, before: str | None, limit: int, now_ms: int
) -> list[StoredKey]:
    """Return up to ``limit`` keys that are not deleted, newest first, from behind the key ``before``."""
    query = select(keys).where(keys.c.deleted_at.is_(None)).order_by(keys.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(keys.c.id < before)
    if wanted.status is not None:
        query = query.where(_has_status(wanted.status, now_ms))
    if wanted.search:
        query = query.where(_mentions(wanted.search))
    return [StoredKey(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, key_id: str, values: dict[str, object]) -> None:
    """Change columns of a key; its version goes up by one."""
    await connection.execute(
        update(keys).where(keys.c.id == key_id).values(values | {"version": keys.c.version + 1})
    )


async def secrets_of(connection: AsyncConnection, key_ids: Sequence[str]) -> dict[str, list[StoredSecret]]:
    """Return the secrets of these keys by key, oldest first."""
    found: dict[str, list[StoredSecret]] = {key_id: [] for key_id in key_ids}
    query = select(secrets).where(secrets.c.key_id.in_(key_ids)).order_by(secrets.c.id)
    for row in await connection.execute(query):
        secret = StoredSecret(*row)
        found[secret.key_id].append(secret)
    return found


async def names(connection: AsyncConnection, key_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of these keys, deleted ones too."""
    query = select(keys.c.id, keys.c.name).where(keys.c.id.in_(key_ids))
    return {row.id: row.name for row in await connection.execute(query)}


async def peppers(connection: AsyncConnection) -> set[str]:
    """Return the names of the peppers that stored verifiers were made with."""
    return set(await connection.scalars(select(secrets.c.pepper_id).distinct()))


def _has_status(status: Status, now_ms: int) -> ColumnElement[bool]:
    expired = and_(keys.c.expires_at.is_not(None), keys.c.expires_at <= now_ms)
    unrevoked = keys.c.revoked_at.is_(None)
    live = and_(unrevoked, or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms))
    return {
        Status.REVOKED: keys.c.revoked_at.is_not(None),
        Status.EXPIRED: and_(expired, unrevoked),
        Status.ACTIVE: and_(live, keys.c.enabled.is_(True)),
        Status.DISABLED: and_(live, keys.c.enabled.is_(False)),
    }[status]


def _mentions(text: str) -> ColumnElement[bool]:
    shown = select(secrets.c.key_id).where(secrets.c.display.icontains(text, autoescape=True))
    return or_(
        func.lower(keys.c.id) == text.lower(),
        keys.c.name.icontains(text, autoescape=True),
        keys.c.description.icontains(text, autoescape=True),
        keys.c.id.in_(shown),
    )
