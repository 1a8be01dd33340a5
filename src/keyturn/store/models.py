"""Queries for the names of models."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.routing import Terms
from keyturn.store.tables import models


class StoredTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a model may go, and when."""

    upstream: str
    model: str
    """Its name there; in that of a name with a star, a star stands for the same."""
    terms: Terms = Terms()


class StoredModel(msgspec.Struct, frozen=True):
    """A name that clients use, and where it goes."""

    name: str
    upstream: str
    upstream_model: str
    created_at: int
    """Milliseconds since 1970 UTC."""
    targets: tuple[StoredTarget, ...] = ()
    """All of them, the one above first; empty: that one alone, without terms."""

    @property
    def all_targets(self) -> tuple[StoredTarget, ...]:
        """Where it may go: at least one."""
        return self.targets or (StoredTarget(self.upstream, self.upstream_model),)

    def to(self, targets: Sequence[StoredTarget]) -> "StoredModel":
        """Return the name with other targets, of which there is at least one."""
        first, kept = targets[0], tuple(targets)
        if len(kept) == 1 and first.terms == Terms():
            kept = ()
        return StoredModel(self.name, first.upstream, first.model, self.created_at, kept)


_targets = msgspec.json.Decoder(tuple[StoredTarget, ...])


def _model(row: Row[str, str, str, int, str]) -> StoredModel:
    name, upstream, upstream_model, created_at, written = row
    return StoredModel(
        name, upstream, upstream_model, created_at, _targets.decode(written) if written else ()
    )


def _row(model: StoredModel) -> dict[str, object]:
    written = msgspec.json.encode(model.targets).decode() if model.targets else ""
    return {column.name: getattr(model, column.name) for column in models.c} | {"targets": written}


async def put(connection: AsyncConnection, rows: Sequence[StoredModel]) -> None:
    """Store models; a name that exists is replaced."""
    if not rows:
        return
    statement = insert(models)
    statement = statement.on_conflict_do_update(
        index_elements=[models.c.name],
        set_={
            column.name: statement.excluded[column.name] for column in models.c if column is not models.c.name
        },
    )
    await connection.execute(statement, [_row(row) for row in rows])


async def get(connection: AsyncConnection, name: str) -> StoredModel | None:
    """Return the model of this name."""
    row = (await connection.execute(select(models).where(models.c.name == name))).first()
    return None if row is None else _model(row)


async def everything(connection: AsyncConnection) -> list[StoredModel]:
    """Return all models by name."""
    return [_model(row) for row in await connection.execute(select(models).order_by(models.c.name))]


async def page(
    connection: AsyncConnection, search: str, *, after: str, limit: int
) -> tuple[list[StoredModel], int]:
    """Return models by name, and how many there are in all.

    Args:
        connection: Where.
        search: Only those whose name holds it, in capitals or not; empty: all.
        after: Only those that come later.
        limit: How many at most.
    """
    wanted = select(models).where(models.c.name > after)
    if search:
        wanted = wanted.where(func.instr(func.lower(models.c.name), search.lower()) > 0)
    rows = await connection.execute(wanted.order_by(models.c.name).limit(limit))
    total = await connection.scalar(select(func.count()).select_from(models))
    return [_model(row) for row in rows], total or 0


async def remove(connection: AsyncConnection, name: str) -> None:
    """Delete a model."""
    await connection.execute(delete(models).where(models.c.name == name))
