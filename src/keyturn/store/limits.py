"""Queries for limits: where they are written down, whose keys they hold for."""

import msgspec
from sqlalchemy import ColumnElement, Table, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.limits import NO_LIMITS, Scope
from keyturn.store.tables import accounts, keys, plans, projects

_TABLES: dict[Scope, Table] = {
    Scope.KEY: keys,
    Scope.PROJECT: projects,
    Scope.ACCOUNT: accounts,
    Scope.PLAN: plans,
}
# As one text: 10,000 rows of their own would take three times as long.
_WRITTEN = f"""
SELECT json_group_array(json_array(owner, scope, limits, zone)) FROM (
    SELECT k.id AS owner, '{Scope.KEY}' AS scope, k.limits AS limits, a.time_zone AS zone
    FROM keys k JOIN projects p ON p.id = k.project_id JOIN accounts a ON a.id = p.account_id
    WHERE k.limits <> '{NO_LIMITS}' AND k.deleted_at IS NULL AND k.revoked_at IS NULL
    UNION ALL SELECT p.id, '{Scope.PROJECT}', p.limits, a.time_zone
    FROM projects p JOIN accounts a ON a.id = p.account_id
    WHERE p.limits <> '{NO_LIMITS}' AND p.deleted_at IS NULL
    UNION ALL SELECT a.id, '{Scope.ACCOUNT}', a.limits, a.time_zone FROM accounts a
    WHERE a.limits <> '{NO_LIMITS}' AND a.deleted_at IS NULL
    UNION ALL SELECT a.id, '{Scope.PLAN}', n.limits, a.time_zone FROM accounts a JOIN plans n ON n.id = a.plan_id
    WHERE n.limits <> '{NO_LIMITS}' AND a.deleted_at IS NULL
)
"""  # noqa: S608 -- constants


class LimitedPlan(msgspec.Struct, frozen=True):
    """A plan, as far as its limits go."""

    id: str
    version: int
    limits: str


class OwnersLimits(msgspec.Struct, frozen=True):
    """What is written down for the owners of a key, as JSON."""

    project: str
    account: str
    plan: str
    zone: str
    """The account's time zone."""


class Written(msgspec.Struct, frozen=True, array_like=True):
    """What is written down for an owner that is alive; for a plan's, the account that has it."""

    owner_id: str
    scope: Scope
    limits: str
    """As JSON."""
    zone: str
    """The account's time zone."""


_decode_written = msgspec.json.Decoder(list[Written]).decode


async def written(connection: AsyncConnection) -> list[Written]:
    """Return all limits that hold for somebody."""
    found: str = (await connection.exec_driver_sql(_WRITTEN)).scalar_one()
    return _decode_written(found)


async def change(connection: AsyncConnection, scope: Scope, owner_id: str, limits: str) -> None:
    """Write down other limits for an owner; its version goes up by one."""
    table = _TABLES[scope]
    values = {"limits": limits, "version": table.c.version + 1}
    await connection.execute(update(table).where(table.c.id == owner_id).values(values))


async def plans_named(connection: AsyncConnection, id_or_name: str) -> list[LimitedPlan]:
    """Return the plan with this identifier, or those with this name, that are not deleted."""
    query = (
        select(plans.c.id, plans.c.version, plans.c.limits)
        .where(or_(plans.c.id == id_or_name, plans.c.name == id_or_name), plans.c.deleted_at.is_(None))
        .order_by(plans.c.id)
    )
    return [LimitedPlan(*row) for row in await connection.execute(query)]


async def plan_of(connection: AsyncConnection, account_id: str) -> str | None:
    """Return the plan that an account has, if any."""
    found: str | None = await connection.scalar(select(accounts.c.plan_id).where(accounts.c.id == account_id))
    return found


async def of_owners(connection: AsyncConnection, account_id: str, project_id: str) -> OwnersLimits:
    """Return what holds for the keys of a project; with an empty ``project_id``, for those of the account."""
    query = (
        select(
            func.coalesce(projects.c.limits, NO_LIMITS),
            accounts.c.limits,
            func.coalesce(plans.c.limits, NO_LIMITS),
            accounts.c.time_zone,
        )
        .select_from(accounts)
        .outerjoin(projects, projects.c.id == project_id)
        .outerjoin(plans, plans.c.id == accounts.c.plan_id)
        .where(accounts.c.id == account_id)
    )
    return OwnersLimits(*(await connection.execute(query)).one())


async def key_ids(connection: AsyncConnection, scope: Scope, owner_id: str) -> list[str]:
    """Return the keys, deleted ones left out, that the limits of an owner hold for."""
    if scope is Scope.KEY:
        return [owner_id]
    query = select(keys.c.id).where(keys.c.deleted_at.is_(None), _of(scope, owner_id))
    return list(await connection.scalars(query))


def _of(scope: Scope, owner_id: str) -> ColumnElement[bool]:
    """Return the condition for the keys of a project, an account, or all accounts with a plan."""
    if scope is Scope.PROJECT:
        return keys.c.project_id == owner_id
    within = select(projects.c.id)
    if scope is Scope.ACCOUNT:
        return keys.c.project_id.in_(within.where(projects.c.account_id == owner_id))
    having = select(accounts.c.id).where(accounts.c.plan_id == owner_id)
    return keys.c.project_id.in_(within.where(projects.c.account_id.in_(having)))
