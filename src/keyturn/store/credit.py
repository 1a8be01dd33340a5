"""Queries for credit: grants, codes, and who is to hear of either."""

from collections.abc import Collection

import msgspec
from sqlalchemy import ColumnElement, and_, case, exists, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.ledger import EntryKind, Grant, GrantSource
from keyturn.store.credit_tables import codes, grants, ledger, redemptions
from keyturn.store.tables import accounts, plans


class StoredCode(msgspec.Struct, frozen=True):
    """A code as it is kept. Times are milliseconds since 1970 UTC."""

    hash: bytes
    """SHA-256."""
    amount: int
    """Nano-dollars."""
    created_at: int
    expires_at: int | None
    credit_days: int | None
    """How long its credit lasts; ``None``: until it is used."""
    max_uses: int
    uses: int
    note: str
    display: str
    """Its first letters."""


async def grant(connection: AsyncConnection, grant_id: str) -> Grant | None:
    """Return a grant."""
    row = (await connection.execute(select(grants).where(grants.c.id == grant_id))).first()
    return None if row is None else _grant(*row)


async def open_grants(connection: AsyncConnection, account_id: str, now_ms: int) -> list[Grant]:
    """Return the grants of which something may still be used, soonest to expire first."""
    query = (
        select(grants)
        .where(
            grants.c.account_id == account_id,
            grants.c.remaining > 0,
            or_(grants.c.expires_at.is_(None), grants.c.expires_at > now_ms),
        )
        .order_by(grants.c.expires_at.is_(None), grants.c.expires_at, grants.c.created_at, grants.c.id)
    )
    return [_grant(*row) for row in await connection.execute(query)]


async def referred(connection: AsyncConnection, account_id: str, reference: str) -> Grant | None:
    """Return the grant that was made under a reference."""
    query = (
        select(grants)
        .join(ledger, and_(ledger.c.account_id == grants.c.account_id, ledger.c.grant_id == grants.c.id))
        .where(ledger.c.account_id == account_id, ledger.c.reference == reference)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else _grant(*row)


async def amount_under(connection: AsyncConnection, account_id: str, reference: str) -> int | None:
    """Return the amount of the entry that has a reference."""
    query = select(ledger.c.amount).where(ledger.c.account_id == account_id, ledger.c.reference == reference)
    found: int | None = await connection.scalar(query)
    return found


async def expired(connection: AsyncConnection, now_ms: int) -> set[str]:
    """Return the accounts with a grant that has ended, and whose end is not in the ledger."""
    query = select(grants.c.account_id).where(_ends(), grants.c.expires_at <= now_ms)
    return set(await connection.scalars(query))


async def ends_until(connection: AsyncConnection, before_ms: int) -> set[tuple[str, int]]:
    """Return the accounts with grants that end by a time, and when they do, in milliseconds since 1970 UTC."""
    query = select(grants.c.account_id, grants.c.expires_at).where(_ends(), grants.c.expires_at <= before_ms)
    return {(account_id, ends) for account_id, ends in await connection.execute(query)}


async def ending(connection: AsyncConnection, before_ms: int) -> list[Grant]:
    """Return the grants that end before a time, of which something remains; soonest first."""
    query = select(grants).where(_ends(), grants.c.expires_at <= before_ms).order_by(grants.c.expires_at)
    return [_grant(*row) for row in await connection.execute(query)]


async def granted(connection: AsyncConnection, now_ms: int) -> list[tuple[str, int, int]]:
    """Return what was granted to each prepaid account and can be used still, and what is left of that.

    Both are nothing where all of it is used up; who was never granted anything is left out. Money in nano-dollars.
    """
    is_open = and_(grants.c.remaining > 0, or_(grants.c.expires_at.is_(None), grants.c.expires_at > now_ms))
    sums = (func.sum(case((is_open, amount), else_=0)) for amount in (grants.c.amount, grants.c.remaining))
    query = select(grants.c.account_id, *sums).group_by(grants.c.account_id)
    held_to_it = await prepaid(connection)
    return [(row[0], row[1], row[2]) for row in await connection.execute(query) if row[0] in held_to_it]


async def prepaid(connection: AsyncConnection, account_ids: Collection[str] | None = None) -> set[str]:
    """Return the accounts that are served only while they have credit, by themselves or by their plan.

    With ``account_ids``: those among them.
    """
    query = (
        select(accounts.c.id)
        .outerjoin(plans, plans.c.id == accounts.c.plan_id)
        .where(
            accounts.c.deleted_at.is_(None), or_(accounts.c.prepaid, func.coalesce(plans.c.prepaid, False))
        )
    )
    if account_ids is not None:
        query = query.where(accounts.c.id.in_(account_ids))
    return set(await connection.scalars(query))


async def last_credited(connection: AsyncConnection, account_id: str) -> int:
    """Return the number of the last entry that gave an account something; 0: there is none."""
    # As a literal, because the index is one of the entries that are no charges.
    no_charge = ledger.c.kind != literal_column(f"'{EntryKind.CHARGE}'")
    query = select(func.max(ledger.c.seq)).where(
        ledger.c.account_id == account_id, no_charge, ledger.c.amount > 0
    )
    found: int | None = await connection.scalar(query)
    return found or 0


async def without_monthly(connection: AsyncConnection, zone: str, reference: str) -> list[tuple[str, int]]:
    """Return the accounts of a time zone whose plan includes credit that this month's reference was not given for.

    Each with how much its plan includes, in nano-dollars.
    """
    given = exists().where(ledger.c.account_id == accounts.c.id, ledger.c.reference == reference)
    query = (
        select(accounts.c.id, plans.c.monthly_nano_usd)
        .join(plans, plans.c.id == accounts.c.plan_id)
        .where(
            accounts.c.time_zone == zone,
            accounts.c.deleted_at.is_(None),
            plans.c.monthly_nano_usd > 0,
            ~given,
        )
        .order_by(accounts.c.id)
    )
    return [(account_id, amount) for account_id, amount in await connection.execute(query)]


async def zones_with_plans(connection: AsyncConnection) -> list[str]:
    """Return the time zones of the accounts that have a plan."""
    query = select(accounts.c.time_zone).where(accounts.c.plan_id.is_not(None)).distinct()
    return sorted(await connection.scalars(query))


async def add_codes(connection: AsyncConnection, new: list[StoredCode]) -> None:
    """Store codes."""
    await connection.execute(insert(codes), [msgspec.structs.asdict(one) for one in new])


async def code(connection: AsyncConnection, hashed: bytes) -> StoredCode | None:
    """Return the code with this SHA-256."""
    row = (await connection.execute(select(codes).where(codes.c.hash == hashed))).first()
    return None if row is None else StoredCode(*row)


async def code_page(
    connection: AsyncConnection, *, before: tuple[int, bytes] | None, limit: int
) -> list[StoredCode]:
    """Return codes, newest first, from behind the one that ``before`` names by its making and hash."""
    query = select(codes).order_by(codes.c.created_at.desc(), codes.c.hash.desc()).limit(limit)
    if before is not None:
        at, hashed = before
        query = query.where(
            or_(codes.c.created_at < at, and_(codes.c.created_at == at, codes.c.hash < hashed))
        )
    return [StoredCode(*row) for row in await connection.execute(query)]


async def redeemed(connection: AsyncConnection, hashed: bytes, account_id: str) -> bool:
    """Say whether an account has had the credit of a code."""
    query = select(redemptions.c.at).where(
        redemptions.c.hash == hashed, redemptions.c.account_id == account_id
    )
    return await connection.scalar(query) is not None


async def redeem(connection: AsyncConnection, hashed: bytes, given: Grant) -> None:
    """Note that a code was used for a grant."""
    await connection.execute(
        insert(redemptions).values(
            hash=hashed, account_id=given.account_id, at=given.created_at, grant_id=given.id
        )
    )
    await connection.execute(update(codes).where(codes.c.hash == hashed).values(uses=codes.c.uses + 1))


def _grant(*values: object) -> Grant:
    found = Grant(*values)  # type: ignore[arg-type]  # the columns in their order
    return msgspec.structs.replace(found, source=GrantSource(found.source))


def _ends() -> ColumnElement[bool]:
    return and_(grants.c.remaining > 0, grants.c.expires_at.is_not(None))
