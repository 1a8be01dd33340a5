"""Who changed what: entries written in the transaction of the change, each with the hash of the one before."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.domain.audit import FIRST, Entry, Problem, Walk, canonical, chained
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import checkpoints
from keyturn.services.checkpoints import Checkpoint, CheckpointError, Signer
from keyturn.store import audit
from keyturn.store.audit import AuditFilter
from keyturn.store.engine import Store
from keyturn.telemetry.redact import redact

Facts = dict[str, object]
"""What is told of a thing: plain JSON values. Secrets appear as their display or a fingerprint, never as they are."""

CHECKPOINT_EVERY = 1_000
"""Entries."""
CHECKPOINT_EVERY_MS = 3_600_000
EXPORTED_AT_ONCE = 1_000
REFUSALS_A_MINUTE = 30
"""Entries about refused calls; what is beyond is counted, so that a flood can't fill the disk."""
REFUSED = "management.refused"
_MINUTE_MS = 60_000


class Verdict(msgspec.Struct, frozen=True):
    """What came of a walk along the chain."""

    count: int
    """How many entries were good, from the first on."""
    hash: str
    """Of the last good one, in hexadecimal."""
    problem: Problem | None
    """The first thing that is wrong; ``None``: nothing is."""


async def note(
    connection: AsyncConnection,
    by: Principal,
    action: str,
    target: str,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Write an entry; if this fails, so must the change.

    Args:
        connection: A writing one: the entry is there exactly if the change is.
        by: Who did it.
        action: ``noun.verb``, such as ``key.revoke``.
        target: The identifier of what was changed.
        before: What it was, of what changed; ``None`` for something new.
        after: What it is now; ``None`` for something that is gone.
    """
    last = await audit.last(connection)
    seq, previous = (1, FIRST) if last is None else (last.seq + 1, last.hash)
    at = system.now_ms()
    # People put credentials into names and notes; here nobody could ever take them out again.
    shown_before, shown_after = canonical(_redacted(before)), canonical(_redacted(after))
    fields = (seq, at, by.name, by.address, by.request_id, action, redact(target), shown_before, shown_after)
    await audit.add(connection, Entry(*fields, previous, chained(previous, fields)))


def verify(entries: Iterable[Entry], noted: Iterable[Checkpoint] = ()) -> Verdict:
    """Walk along a chain to its end or to the first thing that is wrong.

    Args:
        entries: All of them, by number.
        noted: What it is compared with; their signatures are the caller's business.
    """
    walk = Walk({one.seq: bytes.fromhex(one.hash) for one in noted})
    problem = None
    for entry in entries:
        problem = walk.step(entry)
        if problem is not None:
            break
    return Verdict(walk.count, walk.last.hex(), problem or walk.end())


class Audit:
    """The use cases. Its checkpoints go to ``audit-checkpoints.jsonl`` and into the log."""

    def __init__(
        self, store: Store, data: DataDirectory, *, entries_in: Callable[[Path], Iterable[Entry]]
    ) -> None:
        """Take in where things are.

        Args:
            store: Holds the log.
            data: Holds the checkpoints and the key that signs them.
            entries_in: Yields the entries of a database file by number.
        """
        self._store = store
        self._entries_in = entries_in
        self._file = data.audit_checkpoints
        self._signer = Signer(data.audit_signing_key)
        self._making = asyncio.Lock()
        self._minute = 0
        self._refused = 0

    @property
    def public_key(self) -> str:
        """Whoever has it can check our checkpoints: Ed25519, 32 bytes in hexadecimal."""
        return self._signer.public_key

    def newest(self) -> Checkpoint | None:
        """Return our newest checkpoint."""
        return checkpoints.newest(self._file)

    async def page(
        self, wanted: AuditFilter, *, cursor: int | None, limit: int
    ) -> tuple[list[Entry], int | None]:
        """Return entries, newest first, and the cursor of the next page where there is one."""
        async with self._store.reading() as connection:
            found = await audit.page(connection, wanted, before=cursor, limit=limit + 1)
        return found[:limit], found[limit - 1].seq if len(found) > limit else None

    async def export(self, wanted: AuditFilter) -> AsyncIterator[list[Entry]]:
        """Yield all entries that are wanted, newest first, some at a time.

        Each piece is read by itself, so that a slow reader holds up nobody; what is written meanwhile is left out.
        """
        cursor: int | None = None
        while True:
            async with self._store.reading() as connection:
                found = await audit.page(connection, wanted, before=cursor, limit=EXPORTED_AT_ONCE)
            if found:
                yield found
            if len(found) < EXPORTED_AT_ONCE:
                return
            cursor = found[-1].seq

    async def verify(self, noted: Iterable[Checkpoint] = ()) -> Verdict:
        """Walk along the whole chain, from the file, and compare it with our own checkpoints and others."""
        own = checkpoints.newest(self._file)
        known = [*noted, own] if own is not None else [*noted]
        return await asyncio.to_thread(lambda: verify(self._entries_in(self._store.path), known))

    async def checkpoint(self, now_ms: int) -> Checkpoint | Refused:
        """Note how far the log goes, signed; the newest one again when nothing was written since."""
        async with self._making:
            async with self._store.reading() as connection:
                last = await audit.last(connection)
                own = checkpoints.newest(self._file)
                seen = None if own is None else await audit.get(connection, own.seq)
            if last is None:
                return Refused(Reason.CONFLICT, "Nothing has been written to the audit log yet")
            if own is not None and (seen is None or seen.hash.hex() != own.hash):
                structlog.get_logger().error("the audit log was altered", checkpoint=own.seq)
                message = (
                    "The log is not the one that the last checkpoint saw; `keyturn audit verify` says where"
                )
                return Refused(Reason.CONFLICT, message)
            if own is not None and own.seq == last.seq:
                return own
            made = self._signer.sign(Checkpoint(last.seq, last.hash.hex(), last.seq, now_ms))
            checkpoints.append(self._file, made)
        told = {"seq": made.seq, "hash": made.hash, "signature": made.signature}
        structlog.get_logger().info("audit checkpoint", **told)
        return made

    async def checkpoint_if_due(self, now_ms: int) -> None:
        """Make a checkpoint every hour and every 1,000 entries; to be called about once a minute."""
        await self._sum_up(now_ms)
        async with self._store.reading() as connection:
            last = await audit.last(connection)
        own = checkpoints.newest(self._file)
        if last is None:
            return
        new = last.seq if own is None else last.seq - own.seq
        is_time = own is None or now_ms - own.at >= CHECKPOINT_EVERY_MS
        if new == 0 or (new < CHECKPOINT_EVERY and not is_time):
            return
        try:
            await self.checkpoint(now_ms)
        except (CheckpointError, OSError) as error:
            structlog.get_logger().error("no audit checkpoint could be made", why=str(error))

    async def refused(self, by: Principal, operation: str, refused: Refused) -> None:
        """Write that a call to the management API was refused; at most ``REFUSALS_A_MINUTE``, then one that counts.

        Unlike a change, a refusal stands even if it can't be written.
        """
        now_ms = system.now_ms()
        await self._sum_up(now_ms)
        self._refused += 1
        if self._refused <= REFUSALS_A_MINUTE:
            facts: Facts = {"reason": refused.reason.value, "status": refused.rule.status}
            await self._write(by, operation, facts)

    async def _sum_up(self, now_ms: int) -> None:
        """Begin another minute, and tell of the one before what was only counted."""
        minute = now_ms // _MINUTE_MS
        if minute == self._minute:
            return
        more = self._refused - REFUSALS_A_MINUTE
        since_ms = self._minute * _MINUTE_MS
        self._minute, self._refused = minute, 0
        if more > 0:
            await self._write(Principal(""), "", {"more": more, "minute_from": since_ms})

    async def _write(self, by: Principal, operation: str, facts: Facts) -> None:
        try:
            async with self._store.writing() as connection:
                await note(connection, by, REFUSED, operation, after=facts)
        except SQLAlchemyError as error:
            structlog.get_logger().error("a refused call can't be audited", why=str(error).partition("\n")[0])


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(one) for name, one in value.items()}
    return [_redacted(one) for one in value] if isinstance(value, list | tuple) else value
