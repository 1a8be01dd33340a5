"""Queries for projects."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.limits import NO_LIMITS
from keyturn.domain.policies import NO_POLICY
from keyturn.store.tables import keys, members, projects


class StoredProject(msgspec.Struct, frozen=True):
    """A project as it is kept. Times are milliseconds since 1970 UTC."""

    id: str
    account_id: str
    name: str
    created_at: int
    description: str = ""
    deleted_at: int | None = None
    policy: str = NO_POLICY
    """``domain.policies.ProjectPolicy`` as JSON."""
    metadata: str = "{}"
    version: int = 1
    limits: str = NO_LIMITS
    """``domain.limits`` as JSON."""


class ProjectFilter(msgspec.Struct, frozen=True):
    """Which projects to list; empty members do not narrow."""

    account_id: str = ""
    project_id: str = ""
    member_id: str = ""
    """Only those that this user is a member of."""
    search: str = ""
    """Part of the name or the description, or the whole identifier."""


class ProjectCounts(msgspec.Struct, frozen=True):
    """How much there is in a project, deleted keys left out."""

    keys: int = 0
    members: int = 0


async def add(connection: AsyncConnection, project: StoredProject) -> None:
    """Store a new project of an account."""
    await connection.execute(insert(projects).values(msgspec.structs.asdict(project)))


async def first(connection: AsyncConnection, account_id: str = "") -> str | None:
    """Return the identifier of the oldest project that is not deleted, of one account or of all."""
    query = select(projects.c.id).where(projects.c.deleted_at.is_(None)).order_by(projects.c.id).limit(1)
    if account_id:
        query = query.where(projects.c.account_id == account_id)
    found: str | None = await connection.scalar(query)
    return found


async def get(connection: AsyncConnection, project_id: str) -> StoredProject | None:
    """Return a project that is not deleted."""
    row = (await connection.execute(_present().where(projects.c.id == project_id))).first()
    return None if row is None else StoredProject(*row)


async def named(connection: AsyncConnection, name: str, account_id: str = "") -> list[StoredProject]:
    """Return the projects with exactly this name that are not deleted, of one account or of all, oldest first."""
    query = _present().where(projects.c.name == name).order_by(projects.c.id)
    if account_id:
        query = query.where(projects.c.account_id == account_id)
    return [StoredProject(*row) for row in await connection.execute(query)]


async def page(
    connection: AsyncConnection, wanted: ProjectFilter, *, before: str | None, limit: int
) -> list[StoredProject]:
    """Return up to ``limit`` projects that are not deleted, newest first, from behind the project ``before``."""
    query = _present().order_by(projects.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(projects.c.id < before)
    if wanted.account_id:
        query = query.where(projects.c.account_id == wanted.account_id)
    if wanted.project_id:
        query = query.where(projects.c.id == wanted.project_id)
    if wanted.member_id:
        joined = select(members.c.project_id).where(members.c.user_id == wanted.member_id)
        query = query.where(projects.c.id.in_(joined))
    if wanted.search:
        query = query.where(
            or_(
                projects.c.id == wanted.search,
                projects.c.name.icontains(wanted.search, autoescape=True),
                projects.c.description.icontains(wanted.search, autoescape=True),
            )
        )
    return [StoredProject(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, project_id: str, values: dict[str, object]) -> None:
    """Change columns of a project; its version goes up by one."""
    changed = values | {"version": projects.c.version + 1}
    await connection.execute(update(projects).where(projects.c.id == project_id).values(changed))


async def counts(connection: AsyncConnection, project_ids: Sequence[str]) -> dict[str, ProjectCounts]:
    """Return how much there is in each of these projects."""
    in_keys = (
        select(keys.c.project_id, func.count(keys.c.id))
        .where(keys.c.project_id.in_(project_ids), keys.c.deleted_at.is_(None))
        .group_by(keys.c.project_id)
    )
    in_members = (
        select(members.c.project_id, func.count(members.c.user_id))
        .where(members.c.project_id.in_(project_ids))
        .group_by(members.c.project_id)
    )
    found = [dict(list(map(tuple, await connection.execute(query)))) for query in (in_keys, in_members)]
    return {one: ProjectCounts(*(counted.get(one, 0) for counted in found)) for one in project_ids}


async def live_keys(connection: AsyncConnection, project_id: str, *, now_ms: int) -> int:
    """Count the keys of a project that work or could be enabled again."""
    query = select(func.count(keys.c.id)).where(keys.c.project_id == project_id, alive(now_ms))
    return int(await connection.scalar(query) or 0)


async def key_ids(connection: AsyncConnection, project_id: str) -> list[str]:
    """Return the identifiers of all keys of a project that are not deleted."""
    query = select(keys.c.id).where(keys.c.project_id == project_id, keys.c.deleted_at.is_(None))
    return list(await connection.scalars(query))


def alive(now_ms: int) -> ColumnElement[bool]:
    """Return the condition for a key that is not deleted, revoked or expired; it may be disabled."""
    return and_(
        keys.c.deleted_at.is_(None),
        keys.c.revoked_at.is_(None),
        or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms),
    )


def _present() -> Select[*tuple[Any, ...]]:
    return select(projects).where(projects.c.deleted_at.is_(None))
