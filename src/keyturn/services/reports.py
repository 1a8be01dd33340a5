"""What has been used, and what became of a request. Reads what is in the store: ask ingest to flush first."""

from collections.abc import AsyncIterator

import msgspec

from keyturn.domain.journal import Admitted
from keyturn.domain.principal import Principal
from keyturn.services.usage_reports import UsageReports
from keyturn.store import events, keys, requests
from keyturn.store.engine import Store
from keyturn.store.requests import Ended, RequestFilter


class Reports:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.usage = UsageReports(store)

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
        own = _within(wanted, reach)
        async with self._store.reading() as connection:
            return await requests.page(connection, own, before=cursor, limit=limit)

    async def export_requests(self, wanted: RequestFilter, *, reach: Principal) -> AsyncIterator[list[Ended]]:
        """Yield all requests within reach that have ended or were refused, newest first, some at a time.

        Each piece is read by itself, so that a slow reader holds up nobody. What is deleted meanwhile is left out.
        """
        walk = requests.Export(_within(wanted, reach))
        while not walk.over:
            async with self._store.reading() as connection:
                found = await walk.read(connection)
            if found:
                yield found

    async def reaches(self, principal: Principal, key_id: str) -> bool:
        """Say whether a key, deleted or not, is within reach; without a key, only for whoever reaches everything."""
        if not principal.account_id and not principal.project_id:
            return True
        async with self._store.reading() as connection:
            owner = (await events.owners(connection, [key_id])).get(key_id)
            if principal.holder_id and key_id not in await keys.held(
                connection, principal.holder_id, [key_id]
            ):
                return False
        return owner is not None and principal.reaches(*owner)


def _within(wanted: RequestFilter, reach: Principal) -> RequestFilter:
    return msgspec.structs.replace(
        wanted, account_id=reach.account_id, project_id=reach.project_id, user_id=reach.holder_id
    )
