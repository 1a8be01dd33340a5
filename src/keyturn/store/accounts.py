"""Queries for accounts."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.limits import NO_LIMITS
from keyturn.store.tables import accounts, keys, projects, users


class StoredAccount(msgspec.Struct, frozen=True):
    """An account as it is kept. Times are milliseconds since 1970 UTC."""

    id: str
    name: str
    created_at: int
    suspended_at: int | None = None
    """Its keys are refused from then on."""
    deleted_at: int | None = None
    metadata: str = "{}"
    version: int = 1
    limits: str = NO_LIMITS
    """``domain.limits`` as JSON."""
    plan_id: str | None = None
    time_zone: str = "UTC"
    """Where its days and months begin."""
    prepaid: bool = False
    """Without credit nothing is served; a plan may say so too."""
    trial_ends_at: int | None = None


class AccountCounts(msgspec.Struct, frozen=True):
    """How much there is in an account, deleted things left out."""

    projects: int = 0
    keys: int = 0
    users: int = 0


async def add(connection: AsyncConnection, account: StoredAccount) -> None:
    """Store a new account."""
    await connection.execute(insert(accounts).values(msgspec.structs.asdict(account)))


async def first(connection: AsyncConnection) -> str | None:
    """Return the identifier of the operator's own account: the oldest; ``None`` in an empty database."""
    found: str | None = await connection.scalar(select(func.min(accounts.c.id)))
    return found


async def get(connection: AsyncConnection, account_id: str) -> StoredAccount | None:
    """Return an account that is not deleted."""
    query = _present().where(accounts.c.id == account_id)
    row = (await connection.execute(query)).first()
    return None if row is None else StoredAccount(*row)


async def named(connection: AsyncConnection, name: str) -> list[StoredAccount]:
    """Return the accounts with exactly this name that are not deleted, oldest first."""
    query = _present().where(accounts.c.name == name).order_by(accounts.c.id)
    return [StoredAccount(*row) for row in await connection.execute(query)]


async def page(
    connection: AsyncConnection, *, search: str = "", only: str = "", before: str | None, limit: int
) -> list[StoredAccount]:
    """Return up to ``limit`` accounts that are not deleted, newest first, from behind the account ``before``.

    Args:
        connection: Where.
        search: Part of the name, or the whole identifier; empty: any.
        only: The identifier of the only account to be seen; empty: all.
        before: The last account of the page before.
        limit: How many at most.
    """
    query = _present().order_by(accounts.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(accounts.c.id < before)
    if only:
        query = query.where(accounts.c.id == only)
    if search:
        query = query.where(or_(accounts.c.id == search, accounts.c.name.icontains(search, autoescape=True)))
    return [StoredAccount(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, account_id: str, values: dict[str, object]) -> None:
    """Change columns of an account; its version goes up by one."""
    changed = values | {"version": accounts.c.version + 1}
    await connection.execute(update(accounts).where(accounts.c.id == account_id).values(changed))


async def counts(connection: AsyncConnection, account_ids: Sequence[str]) -> dict[str, AccountCounts]:
    """Return how much there is in each of these accounts."""
    in_projects = (
        select(projects.c.account_id, func.count(projects.c.id))
        .where(projects.c.account_id.in_(account_ids), projects.c.deleted_at.is_(None))
        .group_by(projects.c.account_id)
    )
    in_keys = (
        select(projects.c.account_id, func.count(keys.c.id))
        .join(keys, keys.c.project_id == projects.c.id)
        # Compared so that no index is thought to help with it: all keys would be walked along for each project.
        .where(projects.c.account_id.in_(account_ids), func.coalesce(keys.c.deleted_at, 0) == 0)
        .group_by(projects.c.account_id)
    )
    in_users = (
        select(users.c.account_id, func.count(users.c.id))
        .where(users.c.account_id.in_(account_ids), users.c.deleted_at.is_(None))
        .group_by(users.c.account_id)
    )
    found = [
        dict(list(map(tuple, await connection.execute(query)))) for query in (in_projects, in_keys, in_users)
    ]
    return {one: AccountCounts(*(counted.get(one, 0) for counted in found)) for one in account_ids}


async def key_ids(connection: AsyncConnection, account_id: str) -> list[str]:
    """Return the identifiers of all keys of an account that are not deleted."""
    query = (
        select(keys.c.id)
        .join(projects, projects.c.id == keys.c.project_id)
        .where(projects.c.account_id == account_id, keys.c.deleted_at.is_(None))
    )
    return list(await connection.scalars(query))


async def suspended(connection: AsyncConnection, account_ids: Collection[str]) -> set[str]:
    """Return which of these accounts are suspended."""
    query = select(accounts.c.id).where(accounts.c.id.in_(account_ids), accounts.c.suspended_at.is_not(None))
    return set(await connection.scalars(query))


def _present() -> Select[*tuple[Any, ...]]:
    return select(accounts).where(accounts.c.deleted_at.is_(None))
