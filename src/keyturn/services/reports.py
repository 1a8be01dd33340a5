"""What has been used, and what became of a request. Reads what is in the store: ask ingest to flush first."""

from collections.abc import Iterable

import msgspec

from keyturn import system
from keyturn.domain.journal import Admitted
from keyturn.domain.principal import Principal
from keyturn.store import events, keys, requests, usage
from keyturn.store.engine import Store
from keyturn.store.requests import Ended, RequestFilter
from keyturn.store.usage import DAY_S, Grouping, UsageRow


class UsageReport(msgspec.Struct, frozen=True):
    """Usage by key, model or day."""

    rows: list[UsageRow]
    total: UsageRow


class Reports:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def usage(self, by: Grouping, *, days: int, key_id: str | None = None) -> UsageReport:
        """Report the last ``days`` days (UTC), today included; with ``key_id``, of that key only."""
        today = int(system.now()) // DAY_S * DAY_S
        since_s = today - (days - 1) * DAY_S
        async with self._store.reading() as connection:
            rows = await usage.report(connection, by, since_s=since_s, key_id=key_id)
            total = await usage.total(connection, since_s=since_s, key_id=key_id)
        return UsageReport(rows, total)

    async def request(self, request_id: str) -> Ended | Admitted | None:
        """Return a request: ended, refused or under way."""
        async with self._store.reading() as connection:
            ended = await requests.ended(connection, request_id)
            return ended if ended is not None else await requests.under_way(connection, request_id)

    async def requests(
        self, wanted: RequestFilter, *, reach: Principal, cursor: str | None, limit: int
    ) -> tuple[list[Ended], str | None]:
        """Return requests within reach that have ended or were refused, newest first.

        Args:
            wanted: Which of them.
            reach: Who asks.
            cursor: What the page before gave; ``None`` for the first.
            limit: How many at most; there may be fewer and still be more on the next page.

        Returns:
            The requests, and the cursor of the next page where there is one.
        """
        own = msgspec.structs.replace(wanted, account_id=reach.account_id, project_id=reach.project_id)
        async with self._store.reading() as connection:
            return await requests.page(connection, own, before=cursor, limit=limit)

    async def reaches(self, principal: Principal, key_id: str) -> bool:
        """Say whether a key, deleted or not, is within reach; without a key, only for whoever reaches everything."""
        if not principal.account_id and not principal.project_id:
            return True
        async with self._store.reading() as connection:
            owner = (await events.owners(connection, [key_id])).get(key_id)
        return owner is not None and principal.reaches(*owner)

    async def key_names(self, key_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of keys, deleted or not; one that never was has none."""
        async with self._store.reading() as connection:
            return await keys.names(connection, sorted(set(key_ids)))
