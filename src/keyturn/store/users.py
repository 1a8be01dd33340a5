"""Queries for users and for who is a member of which project."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import keys, members, projects, users


class StoredUser(msgspec.Struct, frozen=True):
    """A user as kept. Times are milliseconds since 1970 UTC."""

    id: str
    account_id: str
    email: str
    """In lower case; unique within an account among those not deleted."""
    name: str
    created_at: int
    suspended_at: int | None = None
    """Their personal keys are refused from then on."""
    deleted_at: int | None = None
    metadata: str = "{}"
    version: int = 1


class UserFilter(msgspec.Struct, frozen=True):
    """Which users to list; empty members do not narrow."""

    account_id: str = ""
    search: str = ""
    """Part of the name or the address, or the whole identifier."""
    user_id: str = ""


class StoredMember(msgspec.Struct, frozen=True):
    """A user in a project."""

    user: StoredUser
    added_at: int
    keys: int
    """Personal keys in this project that are not deleted."""


async def add(connection: AsyncConnection, user: StoredUser) -> None:
    """Store a new user."""
    await connection.execute(insert(users).values(msgspec.structs.asdict(user)))


async def get(connection: AsyncConnection, user_id: str) -> StoredUser | None:
    """Return a user that is not deleted."""
    row = (await connection.execute(_present().where(users.c.id == user_id))).first()
    return None if row is None else StoredUser(*row)


async def with_email(connection: AsyncConnection, email: str, account_id: str = "") -> list[StoredUser]:
    """Return the users with this address (lower case) that are not deleted, of one account or of all."""
    query = _present().where(users.c.email == email).order_by(users.c.id)
    if account_id:
        query = query.where(users.c.account_id == account_id)
    return [StoredUser(*row) for row in await connection.execute(query)]


async def page(
    connection: AsyncConnection, wanted: UserFilter, *, before: str | None, limit: int
) -> list[StoredUser]:
    """Return up to ``limit`` users that are not deleted, newest first, from behind the user ``before``."""
    query = _present().order_by(users.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(users.c.id < before)
    if wanted.account_id:
        query = query.where(users.c.account_id == wanted.account_id)
    if wanted.user_id:
        query = query.where(users.c.id == wanted.user_id)
    if wanted.search:
        query = query.where(
            or_(
                users.c.id == wanted.search,
                users.c.name.icontains(wanted.search, autoescape=True),
                users.c.email.icontains(wanted.search, autoescape=True),
            )
        )
    return [StoredUser(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, user_id: str, values: dict[str, object]) -> None:
    """Change columns of a user; the version goes up by one."""
    changed = values | {"version": users.c.version + 1}
    await connection.execute(update(users).where(users.c.id == user_id).values(changed))


async def key_counts(connection: AsyncConnection, user_ids: Sequence[str]) -> dict[str, int]:
    """Return how many personal keys each of these users has, deleted ones left out."""
    query = (
        select(keys.c.user_id, func.count(keys.c.id))
        .where(keys.c.user_id.in_(user_ids), keys.c.deleted_at.is_(None))
        .group_by(keys.c.user_id)
    )
    found = dict(list(map(tuple, await connection.execute(query))))
    return {one: found.get(one, 0) for one in user_ids}


async def projects_of(connection: AsyncConnection, user_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the identifiers of the projects that each of these users is a member of."""
    query = select(members).where(members.c.user_id.in_(user_ids)).order_by(members.c.project_id)
    found: dict[str, list[str]] = {one: [] for one in user_ids}
    for row in await connection.execute(query):
        found[row.user_id].append(row.project_id)
    return found


async def personal_keys(
    connection: AsyncConnection, user_id: str, *, project_id: str = "", unrevoked: bool = False
) -> list[str]:
    """Return the identifiers of a user's personal keys that are not deleted.

    Args:
        connection: Where.
        user_id: Whose.
        project_id: Only in this project; empty: in all.
        unrevoked: Leave out the revoked ones.
    """
    query = select(keys.c.id).where(keys.c.user_id == user_id, keys.c.deleted_at.is_(None))
    if project_id:
        query = query.where(keys.c.project_id == project_id)
    if unrevoked:
        query = query.where(keys.c.revoked_at.is_(None))
    return list(await connection.scalars(query.order_by(keys.c.id)))


async def is_member(connection: AsyncConnection, project_id: str, user_id: str) -> bool:
    """Say whether a user is a member of a project."""
    query = select(members.c.user_id).where(members.c.project_id == project_id, members.c.user_id == user_id)
    return await connection.scalar(query) is not None


async def memberships(connection: AsyncConnection, user_id: str) -> set[str]:
    """Return the identifiers of the projects that a user is a member of, deleted ones left out."""
    query = (
        select(members.c.project_id)
        .join(projects, projects.c.id == members.c.project_id)
        .where(members.c.user_id == user_id, projects.c.deleted_at.is_(None))
    )
    return set(await connection.scalars(query))


async def join(connection: AsyncConnection, project_id: str, user_id: str, *, now_ms: int) -> None:
    """Make a user a member of a project; they must not be one yet."""
    values = {"project_id": project_id, "user_id": user_id, "created_at": now_ms}
    await connection.execute(insert(members).values(values))


async def leave(connection: AsyncConnection, user_id: str, project_id: str = "") -> None:
    """End the membership of a user in a project, or in all."""
    query = delete(members).where(members.c.user_id == user_id)
    if project_id:
        query = query.where(members.c.project_id == project_id)
    await connection.execute(query)


async def leave_all(connection: AsyncConnection, project_id: str) -> None:
    """End all memberships in a project."""
    await connection.execute(delete(members).where(members.c.project_id == project_id))


async def members_of(
    connection: AsyncConnection, project_id: str, *, before: str | None, limit: int
) -> list[StoredMember]:
    """Return up to ``limit`` members of a project, newest users first, from behind the user ``before``."""
    query = _members(project_id).order_by(users.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(users.c.id < before)
    return [_member(row) for row in await connection.execute(query)]


async def member(connection: AsyncConnection, project_id: str, user_id: str) -> StoredMember | None:
    """Return one member of a project."""
    row = (await connection.execute(_members(project_id).where(users.c.id == user_id))).first()
    return None if row is None else _member(row)


def _members(project_id: str) -> Select[*tuple[Any, ...]]:
    owned = (
        select(func.count(keys.c.id))
        .where(keys.c.user_id == users.c.id, keys.c.project_id == project_id, keys.c.deleted_at.is_(None))
        .scalar_subquery()
    )
    return (
        select(users, members.c.created_at, owned)
        .join(members, members.c.user_id == users.c.id)
        .where(members.c.project_id == project_id, users.c.deleted_at.is_(None))
    )


def _member(row: Row[*tuple[Any, ...]]) -> StoredMember:
    values: tuple[Any, ...] = tuple(row)
    split = len(users.c)
    return StoredMember(StoredUser(*values[:split]), *values[split:])


def _present() -> Select[*tuple[Any, ...]]:
    return select(users).where(users.c.deleted_at.is_(None))
