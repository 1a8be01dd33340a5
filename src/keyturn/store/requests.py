"""Queries for single requests: those that have ended, those that were refused and those that are under way."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.domain.journal import Admitted, Refused, Served
from keyturn.store.events import owners
from keyturn.store.keys import held
from keyturn.store.tables import admissions, request_blocks

STRETCH_WIDTH = len(ids.REQUEST) + 4
"""An identifier begins with seven characters of milliseconds; the first four change every 238 seconds."""
STEP = 32
BLOCKS_A_PAGE = 1_024
"""How much is looked through for one page, whatever it finds: 65,000 requests, some 10 MiB."""
LATE_MS = 5_000
"""An identifier's time may lie this much before the request's: workers look at the clock twice a second."""

_NEWEST = ids.REQUEST + "~"
"""Sorts behind every identifier."""

Ended = Served | Refused

_ended = msgspec.msgpack.Decoder(list[Ended])
_admitted = msgspec.msgpack.Decoder(Admitted)
_REFUSED_BEGINS = msgspec.msgpack.encode(Refused("", "", "", 0, 0, "", "", "", "", "", ""))[:2]


class RequestFilter(msgspec.Struct, frozen=True):
    """Which requests to list; empty members do not narrow."""

    key_id: str = ""
    status: int | None = None
    reason: str = ""
    """Why it was refused, or how it ended."""
    refused: bool = False
    """Only those that were refused before they went anywhere."""
    since_ms: int | None = None
    """Milliseconds since 1970 UTC."""
    account_id: str = ""
    project_id: str = ""
    until_ms: int | None = None
    """Milliseconds since 1970 UTC: only those before."""
    user_id: str = ""
    """Only those of this user's personal keys."""
    model: str = ""
    """The name that the client used."""
    statuses: tuple[int, int] | None = None
    """The least and the greatest."""


decode_block = _ended.decode
"""Return the records of a row of ``request_blocks``."""


def stretch(request_id: str) -> str:
    """Return the stretch of time that a request began in; a block never reaches across two."""
    return request_id[:STRETCH_WIDTH]


async def ended(connection: AsyncConnection, request_id: str) -> Ended | None:
    """Return a request that has ended or was refused, while it is kept."""
    query = select(request_blocks.c.records).where(
        request_blocks.c.first_id >= stretch(request_id),
        request_blocks.c.first_id <= request_id,
        request_blocks.c.last_id >= request_id,
    )
    for records in await connection.scalars(query):
        for record in _ended.decode(records):
            if record.request_id == request_id:
                return record
    return None


async def under_way(connection: AsyncConnection, request_id: str) -> Admitted | None:
    """Return a request that was let in and has not ended."""
    query = select(admissions.c.record).where(admissions.c.request_id == request_id)
    record = await connection.scalar(query)
    return None if record is None else _admitted.decode(record)


async def page(
    connection: AsyncConnection, wanted: RequestFilter, *, before: str | None, limit: int
) -> tuple[list[Ended], str | None]:
    """Return requests that have ended or were refused, newest first.

    Args:
        connection: To the store.
        wanted: Which of them.
        before: What the page before gave; ``None`` for the first.
        limit: How many at most.

    Returns:
        The requests, perhaps none of them, because no more than ``BLOCKS_A_PAGE`` blocks are looked through; and where
        to go on, ``None`` when there is no more.
    """
    walk = _Walk(connection, wanted, before or _NEWEST)
    await walk.begin()
    while not walk.over and len(walk.settled()) < limit and walk.read < BLOCKS_A_PAGE:
        await walk.step()
    found = sorted(walk.settled(), key=lambda one: one.request_id, reverse=True)
    if len(found) > limit or (len(found) == limit and not walk.over):
        return found[:limit], found[limit - 1].request_id
    return found, None if walk.over else walk.position


class Export:
    """Goes through all requests that are wanted, newest first, some at a time."""

    def __init__(self, wanted: RequestFilter) -> None:
        self._wanted = wanted
        self._walk: _Walk | None = None

    @property
    def over(self) -> bool:
        """There are no more."""
        return self._walk is not None and self._walk.over

    async def read(self, connection: AsyncConnection) -> list[Ended]:
        """Return the next ones, perhaps none; the connection may be another each time."""
        walk = self._walk
        if walk is None:
            until_ms = self._wanted.until_ms
            before = _NEWEST if until_ms is None else ids.mint(ids.REQUEST, now_ms=until_ms, entropy=0)
            walk = self._walk = _Walk(connection, self._wanted, before)
            await walk.begin()
        await walk.step(connection)
        return sorted(walk.take(), key=lambda one: one.request_id, reverse=True)


class _Walk:
    """Reads blocks from the one with the greatest last identifier on.

    Blocks overlap, because requests end in another order than they begin. Whatever has not been read ends before
    ``position``, so that what has been found from there on is complete.
    """

    def __init__(self, connection: AsyncConnection, wanted: RequestFilter, before: str) -> None:
        self._connection = connection
        self._wanted = wanted
        self._before = before
        self.position = before
        self.over = False
        self.read = 0
        self._found: list[Ended] = []
        self._within: dict[str, bool] = {}
        since_ms = wanted.since_ms
        oldest_ms = 0 if since_ms is None else max(0, since_ms - LATE_MS)
        self._oldest = ids.mint(ids.REQUEST, now_ms=oldest_ms, entropy=0)

    def settled(self) -> list[Ended]:
        """Return what was found and can't be overtaken any more, in no order."""
        if self.over:
            return self._found
        return [one for one in self._found if one.request_id >= self.position]

    async def begin(self) -> None:
        """Read the blocks that the page before ended in the middle of."""
        query = select(request_blocks.c.records).where(
            request_blocks.c.first_id >= stretch(self._before),
            request_blocks.c.first_id < self._before,
            request_blocks.c.last_id >= self._before,
        )
        await self._take(await self._connection.scalars(query))

    def take(self) -> list[Ended]:
        """Return what ``settled`` does, and forget it."""
        taken = self.settled()
        self._found = [] if self.over else [one for one in self._found if one.request_id < self.position]
        return taken

    async def step(self, connection: AsyncConnection | None = None) -> None:
        """Read some blocks further back, through another connection if there is one."""
        self._connection = connection or self._connection
        query = (
            select(request_blocks.c.last_id, request_blocks.c.records)
            .where(request_blocks.c.last_id < self.position, request_blocks.c.last_id >= self._oldest)
            .order_by(request_blocks.c.last_id.desc())
            .limit(STEP)
        )
        rows = (await self._connection.execute(query)).all()
        await self._take(row.records for row in rows)
        self.read += len(rows)
        self.over = len(rows) < STEP
        if rows:
            self.position = rows[-1].last_id

    async def _take(self, blocks: Iterable[bytes]) -> None:
        found = [
            record
            for block in blocks
            if self._may_hold(block)
            for record in _ended.decode(block)
            if record.request_id < self._before and _is_wanted(record, self._wanted)
        ]
        if found and (self._wanted.account_id or self._wanted.project_id or self._wanted.user_id):
            await self._learn_owners({one.key_id for one in found} - self._within.keys())
            found = [one for one in found if self._within[one.key_id]]
        self._found += found

    def _may_hold(self, block: bytes) -> bool:
        """Say whether a block is worth decoding: to look for a text in it takes a hundredth of the time."""
        wanted = self._wanted
        return (
            wanted.key_id.encode() in block
            and wanted.reason.encode() in block
            and wanted.model.encode() in block
            and (not wanted.refused or _REFUSED_BEGINS in block)
        )

    async def _learn_owners(self, key_ids: set[str]) -> None:
        wanted = self._wanted
        found = await owners(self._connection, key_ids)
        if wanted.user_id:
            own = await held(self._connection, wanted.user_id, key_ids)
            found = {key_id: owner for key_id, owner in found.items() if key_id in own}
        for key_id in key_ids:
            account_id, project_id = found.get(key_id, ("", ""))
            own_account = not wanted.account_id or wanted.account_id == account_id
            self._within[key_id] = key_id in found and own_account and wanted.project_id in {"", project_id}


def _is_wanted(record: Ended, wanted: RequestFilter) -> bool:
    refused = isinstance(record, Refused)
    at_us = record.at_us if isinstance(record, Refused) else record.started_us
    reason = record.reason if isinstance(record, Refused) else record.outcome
    return (
        (not wanted.key_id or record.key_id == wanted.key_id)
        and (wanted.status is None or record.status == wanted.status)
        and (wanted.statuses is None or wanted.statuses[0] <= record.status <= wanted.statuses[1])
        and (not wanted.model or record.model == wanted.model)
        and (not wanted.reason or reason == wanted.reason)
        and (refused or not wanted.refused)
        and (wanted.since_ms is None or at_us >= wanted.since_ms * 1000)
        and (wanted.until_ms is None or at_us < wanted.until_ms * 1000)
    )
