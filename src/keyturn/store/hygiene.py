"""Queries for what is untidy about keys: one pass over the keys that work."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.hygiene import SETTLING_DAYS, SPAN_DAYS, WEIGHTS, Finding
from keyturn.domain.limits import NO_LIMITS
from keyturn.store.tables import accounts, key_usage, keys, plans, projects, secrets

DAY_MS = 86_400_000


class UntidyKey(msgspec.Struct, frozen=True):
    """A key with something to tidy up. Times are milliseconds since 1970 UTC."""

    id: str
    name: str
    project_id: str
    user_id: str | None
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    score: int
    """The sum of the findings' weights."""
    findings: tuple[Finding, ...] = ()
    """Worst first."""


class Tidiness(msgspec.Struct, frozen=True):
    """How many keys work, and how many of them have each finding."""

    keys: int
    without_limit: int
    """Neither the key nor its project, account or plan has one."""
    findings: dict[Finding, int]


class Reach(msgspec.Struct, frozen=True):
    """Which keys are looked at; empty members do not narrow."""

    account_id: str = ""
    project_id: str = ""
    user_id: str = ""


async def page(
    connection: AsyncConnection, reach: Reach, *, after: tuple[int, str] | None, limit: int, now_ms: int
) -> list[UntidyKey]:
    """Return up to ``limit`` keys that work and have a finding, worst first, then oldest.

    Args:
        connection: Where.
        reach: Which keys.
        after: Score and identifier of the last key of the page before.
        limit: How many at most.
        now_ms: Milliseconds since 1970 UTC.
    """
    found = _conditions(now_ms)
    score = sum((case((found[one], weight), else_=0) for one, weight in WEIGHTS.items()), start=literal(0))
    columns = (
        keys.c.id,
        keys.c.name,
        keys.c.project_id,
        keys.c.user_id,
        keys.c.created_at,
        keys.c.expires_at,
    )
    scored = _working(
        select(*columns, key_usage.c.last_used_at, score.label("score")), reach, now_ms
    ).subquery()
    query = select(scored).where(scored.c.score > 0).order_by(scored.c.score.desc(), scored.c.id).limit(limit)
    if after is not None:
        worst, key_id = after
        query = query.where(or_(scored.c.score < worst, and_(scored.c.score == worst, scored.c.id > key_id)))
    return [_untidy(tuple(row)) for row in await connection.execute(query)]


async def summary(connection: AsyncConnection, reach: Reach, *, now_ms: int) -> Tidiness:
    """Count the keys that work, and those with each finding."""
    found = _conditions(now_ms)
    sums = [func.sum(case((condition, 1), else_=0)) for condition in found.values()]
    unlimited = func.sum(case((_unlimited(), 1), else_=0))
    query = _working(select(func.count(keys.c.id), unlimited, *sums), reach, now_ms)
    row = (await connection.execute(query)).one()
    return Tidiness(row[0], row[1] or 0, {one: row[number] or 0 for number, one in enumerate(found, 2)})


def _unlimited() -> ColumnElement[bool]:
    # The few projects without any limit above them are found once, not for each key.
    free = (
        select(projects.c.id)
        .join(accounts, accounts.c.id == projects.c.account_id)
        .outerjoin(plans, plans.c.id == accounts.c.plan_id)
        .where(
            projects.c.limits == NO_LIMITS,
            accounts.c.limits == NO_LIMITS,
            func.coalesce(plans.c.limits, NO_LIMITS) == NO_LIMITS,
        )
    )
    return and_(keys.c.limits == NO_LIMITS, keys.c.project_id.in_(free))


def _working(query: Select[*tuple[Any, ...]], reach: Reach, now_ms: int) -> Select[*tuple[Any, ...]]:
    query = query.select_from(keys.outerjoin(key_usage, key_usage.c.key_id == keys.c.id)).where(
        keys.c.deleted_at.is_(None),
        keys.c.revoked_at.is_(None),
        keys.c.enabled.is_(True),
        keys.c.decoy.is_(False),  # nobody is meant to use it
        or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms),
    )
    if reach.project_id:
        query = query.where(keys.c.project_id == reach.project_id)
    if reach.user_id:
        query = query.where(keys.c.user_id == reach.user_id)
    if reach.account_id:
        inside = select(projects.c.id).where(projects.c.account_id == reach.account_id)
        query = query.where(keys.c.project_id.in_(inside))
    return query


def _conditions(now_ms: int) -> dict[Finding, ColumnElement[bool]]:
    long_ago = now_ms - SPAN_DAYS * DAY_MS
    newer_secret = exists().where(
        secrets.c.key_id == keys.c.id, secrets.c.activated_at.is_not(None), secrets.c.created_at > long_ago
    )
    return {
        Finding.SEEN_IN_URL: func.coalesce(key_usage.c.seen_in_url, False).is_(True),
        Finding.IDLE: and_(key_usage.c.last_used_at.is_not(None), key_usage.c.last_used_at <= long_ago),
        Finding.NEVER_USED: and_(
            key_usage.c.last_used_at.is_(None), keys.c.created_at <= now_ms - SETTLING_DAYS * DAY_MS
        ),
        Finding.OLD: and_(keys.c.created_at <= long_ago, ~newer_secret),
        Finding.NO_EXPIRY: keys.c.expires_at.is_(None),
    }


def _untidy(values: tuple[Any, ...]) -> UntidyKey:
    *_, last_used_at, score = values
    return msgspec.structs.replace(UntidyKey(*values), findings=_findings(score, last_used_at))


def _findings(score: int, last_used_at: int | None) -> tuple[Finding, ...]:
    """Return what a score is the sum of: the two that weigh the same never come together."""
    absent = Finding.IDLE if last_used_at is None else Finding.NEVER_USED
    return tuple(one for one, weight in WEIGHTS.items() if score & weight and one is not absent)
