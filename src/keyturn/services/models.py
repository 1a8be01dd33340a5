"""Name models and price them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.models import STAR
from keyturn.domain.prices import Price, price_at, version_at
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import pricing, targets
from keyturn.services.audit import Facts, note
from keyturn.services.prices import price_of, say, withdraw
from keyturn.services.pricing import PriceRules, Pricing
from keyturn.services.probe import NAME_LENGTH
from keyturn.services.targets import WantedTarget
from keyturn.services.workers import Workers
from keyturn.store import models, upstreams
from keyturn.store.engine import Store
from keyturn.store.models import StoredModel, StoredTarget

Nano = int | msgspec.UnsetType | None
_FIGURES = ("input_nano_usd", "output_nano_usd", "cached_input_nano_usd")
"""What a change of a model may name of its price."""


class ModelChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is, a price of ``None`` is taken away. Nano-dollars per million."""

    upstream: str | msgspec.UnsetType = msgspec.UNSET
    upstream_model: str | msgspec.UnsetType = msgspec.UNSET
    input_nano_usd: Nano = msgspec.UNSET
    output_nano_usd: Nano = msgspec.UNSET
    cached_input_nano_usd: Nano = msgspec.UNSET
    targets: Sequence[WantedTarget] | msgspec.UnsetType = msgspec.UNSET
    """All of them, instead of one upstream and the name there."""


class Model(msgspec.Struct, frozen=True):
    """A name that clients use, and what it costs now."""

    stored: StoredModel
    price: Price | None
    """``None``: nobody has said."""


class Models:
    """The use cases. Every change is in force everywhere on return."""

    def __init__(self, store: Store, workers: Workers, rules: PriceRules) -> None:
        self._store = store
        self._workers = workers
        self._rules = rules

    async def everything(self) -> list[Model]:
        """Return all models by name."""
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            return [_priced(one, known) for one in await models.everything(connection)]

    async def page(self, search: str, *, after: str, limit: int) -> tuple[list[Model], int]:
        """Return up to ``limit`` models by name that come later than ``after``, and how many there are in all.

        Args:
            search: Part of the name, in capitals or not; empty: all.
            after: The last name of the page before.
            limit: How many at most.
        """
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            found, total = await models.page(connection, search, after=after, limit=limit)
        return [_priced(one, known) for one in found], total

    async def show(self, name: str) -> Model | Refused:
        """Return the model of this name."""
        async with self._store.reading() as connection:
            found = await models.get(connection, name)
            known = await pricing.read(connection, self._rules)
        return _unknown(name) if found is None else _priced(found, known)

    async def add(self, name: str, change: ModelChange, *, by: Principal) -> Model | Refused:
        """Give a name to a model of an upstream; under the same name there unless ``change`` says another."""
        empty = StoredModel(name, "", targets.named_there(name), system.now_ms())
        refused = _check_name(name)
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            if await models.get(connection, name) is not None:
                return Refused(Reason.CONFLICT, f"There is a model named {name!r} already", "name")
            wanted = await _apply(connection, empty, change)
            if isinstance(wanted, Refused):
                return wanted
            added = await self._put(connection, wanted, change, by=by)
            if isinstance(added, Refused):
                return added
            await note(connection, by, "model.add", name, after=_facts(added))
        await self._workers.publish()
        return added

    async def edit(self, name: str, change: ModelChange, *, by: Principal) -> Model | Refused:
        """Send a name elsewhere or change its price from now on."""
        async with self._store.writing() as connection:
            found = await models.get(connection, name)
            if found is None:
                return _unknown(name)
            wanted = await _apply(connection, found, change)
            if isinstance(wanted, Refused):
                return wanted
            before = _priced(found, await pricing.read(connection, self._rules))
            edited = await self._put(connection, wanted, change, by=by)
            if isinstance(edited, Refused):
                return edited
            await note(connection, by, "model.edit", name, before=_facts(before), after=_facts(edited))
        await self._workers.publish()
        return edited

    async def remove(self, name: str, *, by: Principal) -> Model | Refused:
        """Take a name away, and the operator's price of it from now on."""
        async with self._store.writing() as connection:
            found = await models.get(connection, name)
            if found is None:
                return _unknown(name)
            removed = _priced(found, await pricing.read(connection, self._rules))
            await models.remove(connection, name)
            await withdraw(connection, [name], by=by)
            await note(connection, by, "model.remove", name, before=_facts(removed))
        await self._workers.publish()
        return removed

    async def _put(
        self, connection: AsyncConnection, wanted: StoredModel, change: ModelChange, *, by: Principal
    ) -> Model | Refused:
        """Store a model and, where the change names one, its price; the refusal leaves nothing behind."""
        known = await pricing.read(connection, self._rules)
        named = _named(change, _FIGURES)
        if named:
            said = price_at(known.said(wanted.name), system.now_ms())
            own = None if said is None else said.price
            # Whoever names input and output says a whole price; who names a part of it changes the one in force.
            whole = all(named.get(figure) is not None for figure in _FIGURES[:2])
            base = own if own is not None or whole else _priced(wanted, known).price
            figures = (dict.fromkeys(_FIGURES) if base is None else msgspec.structs.asdict(base)) | named
            now = None if all(figures[name] is None for name in _FIGURES) else price_of(figures)
            if isinstance(now, Refused):
                return now
            if now != own:
                await say(connection, wanted.name, now, by=by)
                known = await pricing.read(connection, self._rules)
        await models.put(connection, [wanted])
        return _priced(wanted, known)


def _named(change: ModelChange, names: Iterable[str]) -> dict[str, Any]:
    members = {name: getattr(change, name) for name in names}
    return {name: value for name, value in members.items() if value is not msgspec.UNSET}


async def _apply(
    connection: AsyncConnection, model: StoredModel, change: ModelChange
) -> StoredModel | Refused:
    """Return a model as it is to be."""
    known = {one.name for one in await upstreams.everything(connection)}
    alone = _named(change, ("upstream", "upstream_model"))
    if change.targets is not msgspec.UNSET:
        if alone:
            message = "'targets' says where it goes: leave 'upstream' and 'upstream_model' out"
            return Refused(Reason.INVALID_MEMBER, message, "targets")
        found = targets.read(model.name, change.targets, known)
        return found if isinstance(found, Refused) else model.to(found)
    if not alone and model.upstream:
        return model  # where it goes stays as it is
    if model.targets and "upstream" not in alone:
        message = "It has several targets: say 'targets', or 'upstream' for one alone"
        return Refused(Reason.INVALID_MEMBER, message, "upstream_model")
    wanted = msgspec.structs.replace(model, **alone, targets=())
    if not wanted.upstream:
        return Refused(Reason.INVALID_MEMBER, "Say where it goes: 'upstream' or 'targets'", "upstream")
    target = StoredTarget(wanted.upstream, wanted.upstream_model)
    return targets.check(model.name, target, known) or wanted


def _priced(model: StoredModel, known: Pricing) -> Model:
    version = version_at(known.steps_for(model, by_default=False), system.now_ms())
    return Model(model, None if version is None else version.price)


def _facts(model: Model) -> Facts:
    figures = dict.fromkeys(_FIGURES) if model.price is None else msgspec.structs.asdict(model.price)
    told = {name: figures[name] for name in _FIGURES}
    if model.stored.targets:
        return {"targets": msgspec.to_builtins(model.stored.targets), **told}
    return {"upstream": model.stored.upstream, "upstream_model": model.stored.upstream_model, **told}


def _check_name(name: str) -> Refused | None:
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable() or name.startswith("/"):
        message = f"A model's name is 1 to {NAME_LENGTH} printable characters and does not begin with '/'"
        return Refused(Reason.INVALID_MEMBER, message, "name")
    if name.count(STAR) > 1:
        return Refused(Reason.INVALID_MEMBER, "A model's name has one star at most", "name")
    return None


def _unknown(name: str) -> Refused:
    return Refused(Reason.RESOURCE_NOT_FOUND, f"There is no model named {name!r}")
