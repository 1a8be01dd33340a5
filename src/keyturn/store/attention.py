"""Queries for what somebody should see to before it is too late."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.limits import NO_LIMITS
from keyturn.store.tables import accounts, key_usage, keys, plans, projects, users


class Expiring(msgspec.Struct, frozen=True):
    """A key that will expire. Times are milliseconds since 1970 UTC."""

    id: str
    name: str
    expires_at: int


class LimitOwner(msgspec.Struct, frozen=True):
    """A key, project or account, and where it belongs; empty where that is something wider."""

    name: str
    account_id: str
    project_id: str = ""
    user_id: str = ""
    limits: str = NO_LIMITS
    """As JSON, like ``plan_limits``: those of an account's plan."""
    plan_limits: str = NO_LIMITS
    prepaid: bool = False


class Whose(msgspec.Struct, frozen=True):
    """Whose keys are meant; empty members do not narrow."""

    account_id: str = ""
    project_id: str = ""
    user_id: str = ""


async def expiring(
    connection: AsyncConnection, whose: Whose, *, since_ms: int, until_ms: int, limit: int
) -> tuple[int, list[Expiring]]:
    """Return how many working keys expire within a time, and the first of them."""
    meant = [
        keys.c.expires_at > since_ms,
        keys.c.expires_at <= until_ms,
        keys.c.revoked_at.is_(None),
        keys.c.enabled.is_(True),
        *_of(whose),
    ]
    count = await connection.scalar(select(func.count()).select_from(keys).where(*meant)) or 0
    columns = select(keys.c.id, keys.c.name, keys.c.expires_at)
    query = columns.where(*meant).order_by(keys.c.expires_at, keys.c.id).limit(limit)
    return count, [Expiring(*row) for row in await connection.execute(query)] if count else []


async def ever_used(connection: AsyncConnection, whose: Whose) -> bool:
    """Say whether any of these keys was ever used."""
    query = select(keys.c.id).join(key_usage, key_usage.c.key_id == keys.c.id)
    found = query.where(key_usage.c.last_used_at.is_not(None), *_of(whose)).limit(1)
    return await connection.scalar(found) is not None


async def quarantined(connection: AsyncConnection, whose: Whose, *, now_ms: int) -> int:
    """Return how many keys are frozen that would work otherwise: as many as the list of them has."""
    meant = [
        keys.c.frozen_at.is_not(None),
        keys.c.revoked_at.is_(None),
        keys.c.enabled.is_(True),
        or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms),
        *_of(whose),
    ]
    query = select(func.count()).select_from(keys).where(*meant)
    return await connection.scalar(query) or 0


async def owners(connection: AsyncConnection, owner_ids: Sequence[str]) -> dict[str, LimitOwner]:
    """Return the keys, projects and accounts that limits belong to."""
    if not owner_ids:
        return {}
    none = null()
    of_keys = select(
        keys.c.id,
        keys.c.name,
        projects.c.account_id,
        projects.c.id,
        keys.c.user_id,
        keys.c.limits,
        none,
        none,
    ).join(projects, projects.c.id == keys.c.project_id)
    of_projects = select(
        projects.c.id,
        projects.c.name,
        projects.c.account_id,
        projects.c.id,
        none,
        projects.c.limits,
        none,
        none,
    )
    of_accounts = select(
        accounts.c.id,
        accounts.c.name,
        accounts.c.id,
        none,
        none,
        accounts.c.limits,
        plans.c.limits,
        or_(accounts.c.prepaid, plans.c.prepaid),
    ).outerjoin(plans, plans.c.id == accounts.c.plan_id)
    found: dict[str, LimitOwner] = {}
    wanted = len(set(owner_ids))
    for query, table in ((of_keys, keys), (of_projects, projects), (of_accounts, accounts)):
        if len(found) == wanted:
            break
        meant = query.where(table.c.id.in_(owner_ids), table.c.deleted_at.is_(None))
        for owner_id, name, account_id, project_id, user_id, *rest in await connection.execute(meant):
            limits, of_plan, prepaid = rest
            found[owner_id] = LimitOwner(
                name,
                account_id,
                project_id or "",
                user_id or "",
                limits,
                of_plan or NO_LIMITS,
                prepaid=bool(prepaid),
            )
    return found


async def suspended(connection: AsyncConnection, account_id: str) -> tuple[int, int]:
    """Return how many accounts and users are suspended; of one account only, if one is named."""
    counts = []
    for table, column in ((accounts, accounts.c.id), (users, users.c.account_id)):
        query = select(func.count()).select_from(table)
        query = query.where(table.c.suspended_at.is_not(None), table.c.deleted_at.is_(None))
        counts.append(
            await connection.scalar(query.where(column == account_id) if account_id else query) or 0
        )
    return counts[0], counts[1]


def _of(whose: Whose) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [keys.c.deleted_at.is_(None)]
    if whose.user_id:
        found.append(keys.c.user_id == whose.user_id)
    if whose.project_id:
        found.append(keys.c.project_id == whose.project_id)
    elif whose.account_id:
        within = select(projects.c.id).where(projects.c.account_id == whose.account_id)
        found.append(keys.c.project_id.in_(within))
    return found
