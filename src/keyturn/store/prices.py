"""Queries for the operator's prices."""

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.prices import Origin, Price, PriceVersion
from keyturn.store.price_tables import prices

_FIGURES = Price.__struct_fields__


class StoredPrice(msgspec.Struct, frozen=True):
    """A price of the operator, and who said it."""

    version: PriceVersion
    created_at: int
    """Milliseconds since 1970 UTC."""
    created_by: str


async def add(connection: AsyncConnection, stored: StoredPrice) -> None:
    """Store a price; of two for the same instant, the one that is stored later holds."""
    version = stored.version
    values = {
        "id": version.id,
        "model": version.model,
        "effective_from": version.effective_from,
        "priced": version.price is not None,
        "note": version.note,
        "created_at": stored.created_at,
        "created_by": stored.created_by,
        **msgspec.structs.asdict(version.price or Price()),
    }
    await connection.execute(insert(prices).values(values))


async def everything(connection: AsyncConnection, model: str | None = None) -> list[StoredPrice]:
    """Return all prices in the order in which they were said; with ``model``, those of one model."""
    query = select(prices).order_by(prices.c.seq)
    if model is not None:
        query = query.where(prices.c.model == model)
    found = []
    for row in await connection.execute(query):
        price = Price(*(getattr(row, name) for name in _FIGURES)) if row.priced else None
        version = PriceVersion(
            row.id, row.model, price, row.effective_from, origin=Origin.OPERATOR, note=row.note
        )
        found.append(StoredPrice(version, row.created_at, row.created_by))
    return found


async def remove(connection: AsyncConnection, price_id: str) -> None:
    """Delete a price, which must not have begun yet: requests name those that have."""
    await connection.execute(delete(prices).where(prices.c.id == price_id))


async def remove_later(connection: AsyncConnection, model: str, after_ms: int) -> None:
    """Delete the prices of a model that begin after an instant."""
    await connection.execute(
        delete(prices).where(prices.c.model == model, prices.c.effective_from > after_ms)
    )
