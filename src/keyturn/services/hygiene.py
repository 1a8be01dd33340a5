"""The hygiene report: keys that work and are untidy, worst first."""

import asyncio
import re

import msgspec

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.store import hygiene, keys
from keyturn.store.engine import Store
from keyturn.store.hygiene import Reach, Tidiness, UntidyKey
from keyturn.store.keys import StoredSecret

_CURSOR = re.compile(r"(?P<score>[0-9]{1,3})\.(?P<key_id>key_[0-9A-Za-z]{20})")


class Untidy(msgspec.Struct, frozen=True):
    """A key with something to tidy up, and what may be shown of its newest secret."""

    key: UntidyKey
    display: str


class HygienePage(msgspec.Struct, frozen=True):
    """One page of the report, and the figures for all of it."""

    rows: list[Untidy]
    tidiness: Tidiness
    next_cursor: str | None


class Hygiene:
    """The use case."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(self, *, by: Principal, cursor: str | None, limit: int) -> HygienePage | Refused:
        """Return up to ``limit`` untidy keys within reach, worst first, then oldest."""
        after = None
        if cursor is not None:
            found = _CURSOR.fullmatch(cursor)
            if found is None or not ids.is_id(found["key_id"], ids.KEY):
                return Refused(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
            after = int(found["score"]), found["key_id"]
        now_ms = system.now_ms()
        reach = Reach(by.account_id, by.project_id, by.holder_id)

        async def page() -> tuple[list[UntidyKey], dict[str, list[StoredSecret]]]:
            async with self._store.reading() as connection:
                rows = await hygiene.page(connection, reach, after=after, limit=limit + 1, now_ms=now_ms)
                return rows, await keys.secrets_of(connection, [row.id for row in rows])

        async def summary() -> Tidiness:
            async with self._store.reading() as connection:
                return await hygiene.summary(connection, reach, now_ms=now_ms)

        # Each is a pass over all keys; the database makes them at the same time.
        (rows, secrets), tidiness = await asyncio.gather(page(), summary())
        shown = rows[:limit]
        last = shown[-1] if len(rows) > limit else None
        return HygienePage(
            [Untidy(row, secrets[row.id][-1].display if secrets[row.id] else "") for row in shown],
            tidiness,
            None if last is None else f"{last.score}.{last.id}",
        )
