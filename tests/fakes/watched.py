"""Keys in use, in a real database, watched at a time of the test's own; their requests go through a real journal's records."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.heard import Heard
from fakes.stored_keys import StoredKeys
from fakes.usage_records import admitted, payload, served
from keyturn.config.sections import Alerts as Settings, Prices
from keyturn.control.tally import Tally
from keyturn.domain.anomalies import Use
from keyturn.domain.limits import Limit, read_limits
from keyturn.services.anomalies import NANO_USD_PER_CENT, Anomalies
from keyturn.services.countermeasures import Countermeasures
from keyturn.services.events import Events
from keyturn.services.pricing import per_million, rules_of
from keyturn.store import journals, shipped_prices
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey
from keyturn.store.tables import audit, events, projects
from keyturn.store.vault import Vault

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
NOW = 1_800_000_000_000 // DAY_MS * DAY_MS + 10 * HOUR_MS
"""Ten o'clock, UTC."""


class Told(msgspec.Struct, frozen=True):
    """An event."""

    id: str
    kind: str
    key_id: str
    details: dict[str, str]


class Watched:
    """The rules over one database."""

    def __init__(self, store: Store, vault: Vault, **settings: Any) -> None:
        self.store = store
        self.workers = Heard()
        self.keys = StoredKeys(store, vault)
        self.settings = Settings(**settings)
        self.restart()

    def restart(self) -> None:
        """Forget everything that is not in the database."""
        floor = Use(self.settings.spike_floor_tokens, self.settings.spike_floor_cents * NANO_USD_PER_CENT)
        measures = Countermeasures(self.store, self.workers, self.settings)
        noticed = Events(self.store).noticed
        self.rules = Anomalies(self.store, measures, noticed, floor=floor, prices=self._prices)

    async def _prices(self, connection: AsyncConnection) -> dict[str, int]:
        return await per_million(connection, rules_of(Prices(), shipped_prices.load()), NOW)

    async def key(self, name: str = "app", *, age_days: int = 100, **columns: Any) -> str:
        """Store a key that was made long ago."""
        async with self.store.reading() as connection:
            project = await connection.scalar(select(projects.c.id).limit(1))
        made_at = NOW - age_days * DAY_MS
        key_id, _ = await self.keys.put(str(project), name=name, created_at=made_at, **columns)
        return key_id

    async def stored(self, key_id: str) -> StoredKey:
        """Return a key as it is now."""
        return await self.keys.stored(key_id)

    async def limits(self, key_id: str) -> tuple[Limit, ...]:
        """Return the limits of a key."""
        return read_limits((await self.stored(key_id)).limits)

    async def use(self, key_id: str, at_ms: int, *, times: int = 1, **members: Any) -> None:
        """Have requests served that began at a time: through the records of a journal into the rollups."""
        await self.use_many({key_id: times}, at_ms, **members)

    async def use_many(self, times: Mapping[str, int], at_ms: int, **members: Any) -> None:
        """Have requests of several keys served."""
        keys = [key_id for key_id, count in times.items() for _ in range(count)]
        await self._serve([(key_id, at_ms) for key_id in keys], members)

    async def use_at(self, key_id: str, times_ms: Iterable[int], **members: Any) -> None:
        """Have a request served that began at each of these times."""
        await self._serve([(key_id, at_ms) for at_ms in times_ms], members)

    async def _serve(self, requests: Iterable[tuple[str, int]], members: dict[str, Any]) -> None:
        tally = Tally()
        for key_id, at_ms in requests:
            begun = admitted(key_id=key_id, started_us=at_ms * 1_000)
            tally.add([payload(begun), payload(served(begun, **members))])
        async with self.store.writing() as connection:
            await journals.write(connection, tally.batch(journal="", worker="w", position=0, finished=True))

    async def told(self) -> list[Told]:
        """Return every event, in the order in which they are numbered."""
        query = select(events.c.id, events.c.kind, events.c.key_id, events.c.details).order_by(events.c.id)
        async with self.store.reading() as connection:
            rows = await connection.execute(query)
            return [Told(row[0], row[1], row[2], msgspec.json.decode(row[3])) for row in rows]

    async def kinds(self) -> list[str]:
        """Return the kind of every event."""
        return [one.kind for one in await self.told()]

    async def audited(self) -> list[tuple[str, str]]:
        """Return actor and action of every entry about a key."""
        query = select(audit.c.actor, audit.c.action).where(audit.c.action.startswith("key."))
        async with self.store.reading() as connection:
            rows = await connection.execute(query.order_by(audit.c.seq))
            return [(actor, action) for actor, action in rows]
