"""What things are called, by their identifiers: for lists in which people are to find them."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.store.tables import accounts, keys, plans, projects, upstreams, users

_TABLES = {
    ids.KEY: keys,
    ids.USER: users,
    ids.ACCOUNT: accounts,
    ids.PROJECT: projects,
    ids.PLAN: plans,
    ids.UPSTREAM: upstreams,
}


async def names(connection: AsyncConnection, wanted: Iterable[str]) -> dict[str, str]:
    """Return the names of what there is or was; of a page of a list, a few hundred at most."""
    by_kind: dict[str, set[str]] = {}
    for one in wanted:
        kind = one[: one.find("_") + 1]
        if kind in _TABLES:
            by_kind.setdefault(kind, set()).add(one)
    found: dict[str, str] = {}
    for kind, those in by_kind.items():
        table = _TABLES[kind]
        query = select(table.c.id, table.c.name).where(table.c.id.in_(sorted(those)))
        found |= {row[0]: row[1] for row in await connection.execute(query) if row[1]}
    return found
