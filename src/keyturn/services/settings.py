"""Settings that are changed while the node runs. What is changed stands above the file's value until it is reset."""

import asyncio
from collections.abc import Mapping

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import bus, system
from keyturn.config import values
from keyturn.config.live import Changed, Live, changeable, value_of, with_value
from keyturn.config.reference import descriptions
from keyturn.config.sections import Settings
from keyturn.dialects.help import Help
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import audit
from keyturn.services.workers import Workers
from keyturn.store import settings as store_settings
from keyturn.store.engine import Store
from keyturn.store.settings import StoredSetting


class Shown(msgspec.Struct, frozen=True):
    """A setting that can be changed."""

    path: str
    description: str
    value: object
    """As it is now; the JSON form."""
    given: object
    """What a reset leads back to."""
    origin: str
    changed: Changed | None


class NodeSettings:
    """The use cases. ``load`` first."""

    def __init__(self, store: Store, workers: Workers, live: Live) -> None:
        """Take in where they stand, who must hear of them, and who goes by them in this process."""
        self._store = store
        self._workers = workers
        self._live = live
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Go by what was changed in an earlier run."""
        async with self._store.reading() as connection:
            found = await store_settings.everything(connection)
        self._live.take({one.path: _changed(one) for one in found})
        for problem in self._live.problems:
            structlog.get_logger().error("a changed setting is not used", why=problem)

    def everything(self) -> list[Shown]:
        """Return the settings that can be changed."""
        words, live = descriptions(), self._live
        return [
            Shown(
                path,
                words[path],
                value_of(live.now, path),
                value_of(live.given, path),
                live.origins.get(path, "default"),
                live.changed.get(path),
            )
            for path in changeable()
        ]

    async def change(self, wanted: Mapping[str, object], *, by: Principal) -> list[Shown] | Refused:
        """Change settings, all or none; when this returns, every worker goes by them.

        Args:
            wanted: The new value of each by its path, as JSON has it; ``None`` takes back what was changed before.
            by: Who does it.

        Raises:
            Fault: ``NOT_CONFIRMED``: the change stands, but a worker may not know it yet.
        """
        async with self._changing:
            after = self._after(wanted)
            if isinstance(after, Refused):
                return after
            now_ms = system.now_ms()
            changed = dict(self._live.changed)
            async with self._store.writing() as connection:
                for path, value in wanted.items():
                    await self._write(connection, path, after, now_ms, by=by, reset=value is None)
                    if value is None:
                        changed.pop(path, None)
                    else:
                        changed[path] = Changed(value_of(after, path), now_ms, by.name)
            self._live.take(changed)
        await self._workers.publish()
        return self.everything()

    def _after(self, wanted: Mapping[str, object]) -> Settings | Refused:
        """Return the settings as they would be."""
        after, known = self._live.now, changeable()
        for path, value in wanted.items():
            if path not in known:
                return Refused(
                    Reason.INVALID_MEMBER, "No such setting can be changed while the node runs", path
                )
            try:
                read = value_of(self._live.given, path) if value is None else value
                after = with_value(after, path, values.read(read, known[path]))
            except ValueError as error:
                return Refused(Reason.INVALID_MEMBER, f"{path}: {error}", path)
            if path == "auth.locations" and not after.auth.locations:
                return Refused(Reason.INVALID_MEMBER, "A key must be allowed somewhere", path)
        if self._live.lets_the_network_in(after):
            message = (
                "The port is open to the network: anyone could call models at your expense. "
                "Listen on 127.0.0.1, or start the node with --allow-anonymous-on-network"
            )
            return Refused(Reason.CONFLICT, message, "auth.required")
        return after

    async def _write(
        self,
        connection: AsyncConnection,
        path: str,
        after: Settings,
        now_ms: int,
        *,
        by: Principal,
        reset: bool,
    ) -> None:
        value = value_of(after, path)
        if reset:
            await store_settings.drop(connection, path)
        else:
            stored = StoredSetting(path, msgspec.json.encode(value).decode(), now_ms, by.name)
            await store_settings.put(connection, stored)
        before: audit.Facts = {"value": value_of(self._live.now, path)}
        told: audit.Facts = {"value": value, "reset": True} if reset else {"value": value}
        await audit.note(connection, by, "settings.change", path, before=before, after=told)


def access_of(settings: Settings) -> bus.Access:
    """Return what workers are told of the settings."""
    support = Help(settings.support.contact, settings.support.upgrade_url)
    return bus.Access(settings.auth.locations, not settings.auth.required, support)


def _changed(stored: StoredSetting) -> Changed:
    try:
        value: object = msgspec.json.decode(stored.value)
    except msgspec.DecodeError:
        value = stored.value
    return Changed(value, stored.changed_at, stored.changed_by)
