"""Queries for plans."""

from typing import Any

import msgspec
from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.limits import NO_LIMITS
from keyturn.store.tables import accounts, plans


class StoredPlan(msgspec.Struct, frozen=True):
    """A plan as it is kept. Times are milliseconds since 1970 UTC, amounts nano-dollars."""

    id: str
    name: str
    description: str = ""
    tier: int = 0
    """A higher one is a better one."""
    limits: str = NO_LIMITS
    """``domain.limits`` as JSON."""
    prepaid: bool = False
    """Without credit nothing is served."""
    trial_nano_usd: int = 0
    """Granted once in the life of an account."""
    trial_days: int | None = None
    """How long the trial's credit lasts; ``None``: until it is used."""
    monthly_nano_usd: int = 0
    """Granted each month, for the month."""
    created_at: int = 0
    deleted_at: int | None = None
    metadata: str = "{}"
    version: int = 1


async def add(connection: AsyncConnection, plan: StoredPlan) -> None:
    """Store a new plan."""
    await connection.execute(insert(plans).values(msgspec.structs.asdict(plan)))


async def get(connection: AsyncConnection, plan_id: str) -> StoredPlan | None:
    """Return a plan that is not deleted."""
    row = (await connection.execute(_present().where(plans.c.id == plan_id))).first()
    return None if row is None else StoredPlan(*row)


async def named(connection: AsyncConnection, name: str) -> list[StoredPlan]:
    """Return the plan with exactly this name, unless it is deleted."""
    return [StoredPlan(*row) for row in await connection.execute(_present().where(plans.c.name == name))]


async def page(
    connection: AsyncConnection, *, search: str, after: str | None, limit: int
) -> list[StoredPlan]:
    """Return up to ``limit`` plans, oldest first, from behind the plan ``after``; ``search`` is part of the name."""
    query = _present().order_by(plans.c.id).limit(limit)
    if after is not None:
        query = query.where(plans.c.id > after)
    if search:
        query = query.where((plans.c.id == search) | plans.c.name.icontains(search, autoescape=True))
    return [StoredPlan(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, plan_id: str, values: dict[str, object]) -> None:
    """Change columns of a plan; its version goes up by one."""
    changed = values | {"version": plans.c.version + 1}
    await connection.execute(update(plans).where(plans.c.id == plan_id).values(changed))


async def accounts_with(connection: AsyncConnection, plan_id: str) -> list[str]:
    """Return the identifiers of the accounts that have a plan."""
    query = select(accounts.c.id).where(accounts.c.plan_id == plan_id, accounts.c.deleted_at.is_(None))
    return list(await connection.scalars(query))


async def counts(connection: AsyncConnection, plan_ids: list[str]) -> dict[str, int]:
    """Return how many accounts have each of these plans."""
    query = (
        select(accounts.c.plan_id, func.count(accounts.c.id))
        .where(accounts.c.plan_id.in_(plan_ids), accounts.c.deleted_at.is_(None))
        .group_by(accounts.c.plan_id)
    )
    found = dict(list(map(tuple, await connection.execute(query))))
    return {plan_id: found.get(plan_id, 0) for plan_id in plan_ids}


def _present() -> Select[*tuple[Any, ...]]:
    return select(plans).where(plans.c.deleted_at.is_(None))
