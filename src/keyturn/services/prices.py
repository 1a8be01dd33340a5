"""Say what models cost, from when on."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.prices import Origin, Price, PriceStep, PriceVersion, price_at
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import pricing
from keyturn.services.audit import Facts, note
from keyturn.services.pricing import PriceRules
from keyturn.services.workers import Workers
from keyturn.store import models, prices
from keyturn.store.engine import Store
from keyturn.store.prices import StoredPrice

NOTE_LENGTH = 500

Figures = Mapping[str, int | None]
"""The members of ``Price`` by name; ``None``: not named."""
_PARTS = {
    "input_nano_usd": "output_nano_usd",
    "output_nano_usd": "input_nano_usd",
    "cached_input_nano_usd": "input_nano_usd",
    "cache_write_nano_usd": "input_nano_usd",
    "reasoning_nano_usd": "output_nano_usd",
}
"""Figure → the one that it makes no sense without: half a price would bill half a request."""


class ModelPrices(msgspec.Struct, frozen=True):
    """What a model costs: each price with the instant from which it holds."""

    model: str
    steps: tuple[PriceStep, ...]
    """In order of time; empty: nobody has said."""


class NewPrice(msgspec.Struct, frozen=True):
    """What is to be said."""

    model: str
    figures: Figures
    effective_from: int | None = None
    """Milliseconds since 1970 UTC; ``None``: now."""
    note: str = ""


class Prices:
    """The use cases. Every change is known everywhere on return."""

    def __init__(self, store: Store, workers: Workers, rules: PriceRules) -> None:
        self._store = store
        self._workers = workers
        self._rules = rules

    def shipped(self) -> list[PriceVersion]:
        """Return every price of the shipped table, by provider and model."""
        found = [version for listed in self._rules.table.listed for version in listed.versions]
        return sorted(found, key=lambda one: (one.provider, one.model, one.effective_from))

    async def everything(self) -> list[ModelPrices]:
        """Return what each model costs, by name."""
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            stored = await models.everything(connection)
        return [ModelPrices(one.name, known.steps_for(one)) for one in stored]

    async def page(self, search: str, *, after: str, limit: int) -> tuple[list[ModelPrices], int]:
        """Return what up to ``limit`` models cost, by name, and how many models there are; as ``Models.page`` does."""
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            found, total = await models.page(connection, search, after=after, limit=limit)
        return [ModelPrices(one.name, known.steps_for(one)) for one in found], total

    async def of(self, model: str) -> ModelPrices | Refused:
        """Return what a model costs."""
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            stored = await models.get(connection, model)
        return _unknown(model) if stored is None else ModelPrices(model, known.steps_for(stored))

    async def add(self, wanted: NewPrice, *, by: Principal) -> PriceVersion | Refused:
        """Say a price; from ``effective_from`` on it stands before the shipped one. A past instant corrects."""
        price = price_of(wanted.figures)
        if isinstance(price, Refused):
            return price
        if len(wanted.note) > NOTE_LENGTH or not wanted.note.isprintable():
            message = f"A note is up to {NOTE_LENGTH} printable characters"
            return Refused(Reason.INVALID_MEMBER, message, "note")
        async with self._store.writing() as connection:
            if await models.get(connection, wanted.model) is None:
                return Refused(Reason.INVALID_MEMBER, f"There is no model named {wanted.model!r}", "model")
            version = await say(
                connection, wanted.model, price, by=by, from_ms=wanted.effective_from, remark=wanted.note
            )
            await note(connection, by, "price.add", version.id, after=facts(version))
        await self._workers.publish()
        return version

    async def remove(self, price_id: str, *, by: Principal) -> PriceVersion | Refused:
        """Take back a price whose time has not come."""
        async with self._store.writing() as connection:
            found = next(
                (one.version for one in await prices.everything(connection) if one.version.id == price_id),
                None,
            )
            if found is None:
                return Refused(Reason.RESOURCE_NOT_FOUND, "The operator has said no price with this id")
            if found.effective_from <= system.now_ms():
                message = (
                    "The price has been in force: requests were charged at it. Say another one from now on"
                )
                return Refused(Reason.CONFLICT, message)
            await prices.remove(connection, price_id)
            await note(connection, by, "price.remove", price_id, before=facts(found))
        await self._workers.publish()
        return found


async def say(
    connection: AsyncConnection,
    model: str,
    price: Price | None,
    *,
    by: Principal,
    from_ms: int | None = None,
    remark: str = "",
) -> PriceVersion:
    """Store a price of a model.

    Args:
        connection: A writing one.
        model: The name that clients use.
        price: What it costs; ``None``: the operator says nothing any more.
        by: Who says so.
        from_ms: From when on; ``None``: from now on.
        remark: What is to be kept with it.
    """
    now_ms = system.now_ms()
    version = PriceVersion(
        system.new_id(ids.PRICE),
        model,
        price,
        now_ms if from_ms is None else from_ms,
        origin=Origin.OPERATOR,
        note=remark,
    )
    await prices.add(connection, StoredPrice(version, now_ms, by.name))
    return version


async def withdraw(connection: AsyncConnection, names: Collection[str], *, by: Principal) -> None:
    """Have the operator say nothing of models any more: their names are taken away, or go to somebody else."""
    said: dict[str, list[PriceVersion]] = {}
    for stored in await prices.everything(connection):
        said.setdefault(stored.version.model, []).append(stored.version)
    now_ms = system.now_ms()
    for name in sorted(said.keys() & set(names)):
        await prices.remove_later(connection, name, now_ms)
        current = price_at(said[name], now_ms)
        if current is not None and current.price is not None:
            await say(connection, name, None, by=by)


def price_of(figures: Figures) -> Price | Refused:
    """Make a price of the figures that somebody has named; of one that is half a price, nothing."""
    named = {name: amount for name, amount in figures.items() if amount is not None}
    if not named:
        return _wrong("A price names at least one figure", "input_nano_usd")
    for part, whole in _PARTS.items():
        if part in named and whole not in named:
            message = f"A price that names {_word(part)} names {_word(whole)}, too; 0 is a price"
            return _wrong(message, part if part.startswith(("cache", "reasoning")) else whole)
    return Price(**named)


def facts(version: PriceVersion) -> Facts:
    """Return what the audit log says of a price."""
    figures = {} if version.price is None else msgspec.structs.asdict(version.price)
    told = {name: value for name, value in figures.items() if value}
    return {"model": version.model, "effective_from": version.effective_from, "note": version.note, **told}


def member_of(figure: str) -> str:
    """Return what a figure is called outside: ``input_nano_usd`` is ``input_usd_per_million`` there."""
    name = figure.removesuffix("_nano_usd")
    if name in {"image", "second"}:
        return f"{name}_usd"
    return f"{name.removeprefix('million_')}_usd_per_million"


def _word(figure: str) -> str:
    return figure.removesuffix("_nano_usd").replace("_", " ")


def _wrong(message: str, figure: str) -> Refused:
    return Refused(Reason.INVALID_MEMBER, message, member_of(figure))


def _unknown(name: str) -> Refused:
    return Refused(Reason.RESOURCE_NOT_FOUND, f"There is no model named {name!r}")
