"""The numbers of series: what requests have in common that are summed up together."""

from collections.abc import Iterable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

MOST_REMEMBERED = 200_000
"""Some 60 MiB; more are looked up again."""

SeriesKey = tuple[str, str, int, str, str]
"""Key, model, status, operation, upstream."""
RollupRow = tuple[int, SeriesKey, int, int, int, int, int, int, int, int, int, int, bytes, bytes]
"""The start of a minute in seconds since 1970 UTC, what the requests have in common, and the columns of sums."""

_ADD = """
INSERT INTO series (key_id, model, status, operation, upstream) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_OF_KEYS = """
SELECT id, key_id, model, status, operation, upstream FROM series WHERE key_id IN (SELECT value FROM json_each(?))
"""


class Series:
    """Knows the numbers of series, and gives new ones.

    To be thrown away when a transaction failed in which it was used: what it gave out then is undone.
    """

    def __init__(self) -> None:
        self._known: dict[SeriesKey, int] = {}

    async def numbers(self, connection: AsyncConnection, wanted: Iterable[SeriesKey]) -> dict[SeriesKey, int]:
        """Return a mapping with at least these; the connection must be allowed to write."""
        missing = [one for one in set(wanted) if one not in self._known]
        if missing:
            if len(self._known) + len(missing) > MOST_REMEMBERED:
                self._known.clear()
                missing = list(set(wanted))
            await connection.exec_driver_sql(_ADD, missing)
            key_ids = msgspec.json.encode(sorted({one[0] for one in missing})).decode()
            for row in await connection.exec_driver_sql(_OF_KEYS, (key_ids,)):
                self._known[row.key_id, row.model, row.status, row.operation, row.upstream] = row.id
        return self._known
