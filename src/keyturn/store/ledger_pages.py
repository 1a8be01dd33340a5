"""The ledger, read: page by page, and by the month."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.ledger import Entry, EntryKind
from keyturn.domain.statements import Line
from keyturn.store.credit_tables import ledger, monthly_usage
from keyturn.store.tables import keys, projects


async def page(
    connection: AsyncConnection, account_id: str, *, kind: EntryKind | None, before: int | None, limit: int
) -> list[Entry]:
    """Return entries of an account, newest first, from behind the one with the number ``before``."""
    query = select(ledger).where(ledger.c.account_id == account_id)
    query = query.order_by(ledger.c.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(ledger.c.kind == kind)
    if before is not None:
        query = query.where(ledger.c.seq < before)
    return [_entry(*row) for row in await connection.execute(query)]


async def others_of(connection: AsyncConnection, account_id: str, month: str) -> list[Entry]:
    """Return the entries of a month that are no charges, oldest first."""
    query = select(ledger).where(ledger.c.account_id == account_id, ledger.c.month == month, _no_charge())
    return [_entry(*row) for row in await connection.execute(query.order_by(ledger.c.seq))]


async def usage_of(connection: AsyncConnection, account_id: str, month: str) -> list[Line]:
    """Return what was charged in a month, the most expensive first."""
    used = monthly_usage.c
    query = (
        select(
            used.key_id,
            func.coalesce(keys.c.name, ""),
            func.coalesce(projects.c.id, ""),
            func.coalesce(projects.c.name, ""),
            used.model,
            used.requests,
            used.input_tokens,
            used.output_tokens,
            used.cost_nano_usd,
        )
        .select_from(
            monthly_usage.outerjoin(keys, keys.c.id == used.key_id).outerjoin(
                projects, projects.c.id == keys.c.project_id
            )
        )
        .where(used.account_id == account_id, used.month == month)
        .order_by(used.cost_nano_usd.desc(), used.key_id, used.model)
    )
    return [Line(*row) for row in await connection.execute(query)]


async def balance_before(connection: AsyncConnection, account_id: str, month: str) -> int:
    """Return the sum of all entries of the months before one, in nano-dollars."""
    others = select(func.coalesce(func.sum(ledger.c.amount), 0)).where(
        ledger.c.account_id == account_id, ledger.c.month < month, _no_charge()
    )
    # The charges are millions of entries; what they come to stands by the month.
    used = select(func.coalesce(func.sum(monthly_usage.c.cost_nano_usd), 0)).where(
        monthly_usage.c.account_id == account_id, monthly_usage.c.month < month
    )
    given = int(await connection.scalar(others) or 0)
    return given - int(await connection.scalar(used) or 0)


async def charged_in(connection: AsyncConnection, account_id: str, month: str) -> int:
    """Return what was charged in a month, in nano-dollars."""
    query = select(func.coalesce(func.sum(monthly_usage.c.cost_nano_usd), 0)).where(
        monthly_usage.c.account_id == account_id, monthly_usage.c.month == month
    )
    return int(await connection.scalar(query) or 0)


def _no_charge() -> ColumnElement[bool]:
    # As a literal, because there is an index of the entries for which it holds.
    return ledger.c.kind != literal_column(f"'{EntryKind.CHARGE}'")


def _entry(*values: Any) -> Entry:  # noqa: ANN401 -- the columns in their order
    found = Entry(*values)
    return msgspec.structs.replace(found, kind=EntryKind(found.kind))
