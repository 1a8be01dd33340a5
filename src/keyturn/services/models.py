"""Name models and price them."""

import msgspec

from keyturn import system
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.audit import Facts, note
from keyturn.services.probe import NAME_LENGTH
from keyturn.services.workers import Workers
from keyturn.store import models, upstreams
from keyturn.store.engine import Store
from keyturn.store.models import StoredModel

Nano = int | msgspec.UnsetType | None


class ModelChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is, a price of ``None`` is taken away. Nano-dollars per million."""

    upstream: str | msgspec.UnsetType = msgspec.UNSET
    upstream_model: str | msgspec.UnsetType = msgspec.UNSET
    input_nano_usd: Nano = msgspec.UNSET
    output_nano_usd: Nano = msgspec.UNSET
    cached_input_nano_usd: Nano = msgspec.UNSET


class Models:
    """The use cases. Every change is in force everywhere on return."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers

    async def everything(self) -> list[StoredModel]:
        """Return all models by name."""
        async with self._store.reading() as connection:
            return await models.everything(connection)

    async def show(self, name: str) -> StoredModel | Refused:
        """Return the model of this name."""
        async with self._store.reading() as connection:
            found = await models.get(connection, name)
        return _unknown(name) if found is None else found

    async def add(self, name: str, change: ModelChange, *, by: Principal) -> StoredModel | Refused:
        """Give a name to a model of an upstream; under the same name there unless ``change`` says another."""
        empty = StoredModel(name, "", name, None, None, None, system.now_ms())
        wanted = _apply(empty, change)
        if not 0 < len(name) <= NAME_LENGTH or not name.isprintable() or name.startswith("/"):
            message = f"A model's name is 1 to {NAME_LENGTH} printable characters and does not begin with '/'"
            return Refused(Reason.INVALID_MEMBER, message, "name")
        async with self._store.writing() as connection:
            if await models.get(connection, name) is not None:
                return Refused(Reason.CONFLICT, f"There is a model named {name!r} already", "name")
            refused = _check(wanted, known=await upstreams.get(connection, wanted.upstream) is not None)
            if refused is not None:
                return refused
            await models.put(connection, [wanted])
            await note(connection, by, "model.add", name, after=_facts(wanted))
        await self._workers.publish()
        return wanted

    async def edit(self, name: str, change: ModelChange, *, by: Principal) -> StoredModel | Refused:
        """Send a name elsewhere or change its price."""
        async with self._store.writing() as connection:
            found = await models.get(connection, name)
            if found is None:
                return _unknown(name)
            wanted = _apply(found, change)
            refused = _check(wanted, known=await upstreams.get(connection, wanted.upstream) is not None)
            if refused is not None:
                return refused
            await models.put(connection, [wanted])
            await note(connection, by, "model.edit", name, before=_facts(found), after=_facts(wanted))
        await self._workers.publish()
        return wanted

    async def remove(self, name: str, *, by: Principal) -> StoredModel | Refused:
        """Take a name away."""
        async with self._store.writing() as connection:
            found = await models.get(connection, name)
            if found is None:
                return _unknown(name)
            await models.remove(connection, name)
            await note(connection, by, "model.remove", name, before=_facts(found))
        await self._workers.publish()
        return found


def _apply(model: StoredModel, change: ModelChange) -> StoredModel:
    values = {
        name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET
    }
    return msgspec.structs.replace(model, **values)


def _facts(model: StoredModel) -> Facts:
    return {
        name: value
        for name, value in msgspec.structs.asdict(model).items()
        if name not in {"name", "created_at"}
    }


def _check(wanted: StoredModel, *, known: bool) -> Refused | None:
    if not known:
        message = f"There is no upstream named {wanted.upstream!r}"
        return Refused(Reason.INVALID_MEMBER, message, "upstream")
    if not 0 < len(wanted.upstream_model) <= NAME_LENGTH or not wanted.upstream_model.isprintable():
        message = f"A model's name is 1 to {NAME_LENGTH} printable characters"
        return Refused(Reason.INVALID_MEMBER, message, "upstream_model")
    if (wanted.input_nano_usd is None) != (wanted.output_nano_usd is None):
        message = "A price names both input and output"
        missing = "input" if wanted.input_nano_usd is None else "output"
        return Refused(Reason.INVALID_MEMBER, message, f"{missing}_usd_per_million")
    if wanted.cached_input_nano_usd is not None and wanted.input_nano_usd is None:
        message = "A price for cached input needs one for input"
        return Refused(Reason.INVALID_MEMBER, message, "cached_input_usd_per_million")
    return None


def _unknown(name: str) -> Refused:
    return Refused(Reason.RESOURCE_NOT_FOUND, f"There is no model named {name!r}")
