"""What has been used, and what became of a request. Reads what is in the store: ask ingest to flush first."""

import msgspec

from keyturn import system
from keyturn.domain.journal import Admitted, Served
from keyturn.store import keys, requests, usage
from keyturn.store.engine import Store
from keyturn.store.usage import DAY_S, Grouping, UsageRow


class UsageReport(msgspec.Struct, frozen=True):
    """Usage by key, model or day."""

    rows: list[UsageRow]
    total: UsageRow


class Reports:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def usage(self, by: Grouping, *, days: int) -> UsageReport:
        """Report the last ``days`` days (UTC), today included."""
        today = int(system.now()) // DAY_S * DAY_S
        since_s = today - (days - 1) * DAY_S
        async with self._store.reading() as connection:
            rows = await usage.report(connection, by, since_s=since_s)
            total = await usage.total(connection, since_s=since_s)
        return UsageReport(rows, total)

    async def request(self, request_id: str) -> Served | Admitted | None:
        """Return a request that was let in: ended, or under way."""
        async with self._store.reading() as connection:
            ended = await requests.served(connection, request_id)
            return ended if ended is not None else await requests.under_way(connection, request_id)

    async def key_name(self, key_id: str) -> str:
        """Return a key's name, deleted or not; empty for one that never was."""
        async with self._store.reading() as connection:
            return (await keys.names(connection, [key_id])).get(key_id, "")
