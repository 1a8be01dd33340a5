"""How long requests, their bodies and sums of usage are kept, and that the rest goes."""

from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store import retention
from keyturn.store.engine import Store
from keyturn.store.retention import Horizon

DAY_MS = 86_400_000


class Kept(msgspec.Struct, frozen=True):
    """For how many days."""

    requests_days: int
    minutes_days: int
    hours_days: int


class Retention:
    """The use cases."""

    def __init__(self, store: Store, kept: Callable[[], Kept]) -> None:
        self._store = store
        self._kept = kept

    async def prune(self, now_ms: int) -> None:
        """Delete what has been kept long enough, in transactions between which others have their turn."""
        kept = self._kept()
        horizon = Horizon(
            requests_ms=now_ms - kept.requests_days * DAY_MS,
            minutes_s=_hour(now_ms - kept.minutes_days * DAY_MS),
            hours_s=_hour(now_ms - kept.hours_days * DAY_MS),
        )
        async with self._store.writing() as connection:
            await retention.announce(connection, horizon)
        await self._until_done(lambda connection: retention.prune_requests(connection, horizon))
        await self._until_done(lambda connection: retention.prune_bodies(connection, horizon))
        await self._until_done(lambda connection: retention.prune_rollups(connection, horizon))

    async def _until_done(self, prune: Callable[[AsyncConnection], Awaitable[bool]]) -> None:
        more = True
        while more:
            async with self._store.writing() as connection:
                more = await prune(connection)


def _hour(at_ms: int) -> int:
    return max(0, at_ms // 3_600_000 * 3_600)
