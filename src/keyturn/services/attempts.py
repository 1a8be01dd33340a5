"""Which calls of models were made already: who asks first goes on, the others get its answer, or none.

An attempt is in the store before its worker is told to go on, so that it outlives every process.

| the first attempt | its row | another one with the same Idempotency-Key |
|---|---|---|
| is under way, its worker lives | no fate | ``idempotency_in_flight`` |
| was refused, or failed and was charged nothing | gone | is made |
| was answered | ``served``, and the answer, sealed | the same answer |
| was answered, and the answer is not kept | ``served`` | 409, for good |
| broke off and was charged | ``broken`` | 409, for good |
| its worker died before it said | no fate | what the worker's journal says: one of these, or |
| ... in the middle of it | ``unknown`` | 409, for good: charged at its reservation |
| ... before it was let in | gone | is made |

What a worker that died has not said is read from its journal, by ``settle``; whoever calls it has the journals read
into the store first. Answers are bounded in number by their bytes altogether: the oldest go first.
"""

import asyncio
from collections.abc import Collection, Sequence

import msgspec
import structlog

from keyturn import system
from keyturn.domain.attempts import KEPT_MS, Answer, Fate, fate_of, not_again
from keyturn.domain.journal import Served
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.store import attempts, requests
from keyturn.store.attempts import StoredAnswer, StoredAttempt
from keyturn.store.engine import Store
from keyturn.store.vault import Vault, VaultError

KEPT_BYTES = 256 << 20
"""What all kept answers together may take in the database."""


class Begin(msgspec.Struct, frozen=True):
    """A worker asks whether it may make a call."""

    attempt_id: bytes
    fingerprint: bytes
    request_id: str
    worker: str


class End(msgspec.Struct, frozen=True):
    """A worker says what became of one."""

    attempt_id: bytes
    request_id: str
    fate: Fate | None
    answer: Answer | None


class Go(msgspec.Struct, frozen=True):
    """The call is to be made."""


class Again(msgspec.Struct, frozen=True):
    """The call was answered: give the answer to this request."""

    request_id: str


class Orphaned(msgspec.Struct, frozen=True):
    """The first attempt's worker is dead and has not said what became of it; ``settle``, then ask again."""


class Heard(msgspec.Struct, frozen=True):
    """An end is in the store, or was of no interest."""


GO, ORPHANED, HEARD = Go(), Orphaned(), Heard()
Verdict = Go | Again | Orphaned | Heard | Refused


class Attempts:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, *, kept_bytes: int = KEPT_BYTES) -> None:
        """Take in where attempts are kept, and how much their answers may take."""
        self._store = store
        self._vault = vault
        self._most = kept_bytes
        self._kept: int | None = None
        """What all answers take; ``None``: to be added up."""
        self._turn = asyncio.Lock()

    async def decide(self, messages: Sequence[Begin | End], living: Collection[str]) -> list[Verdict]:
        """Take what workers say, in the order in which each of them said it; all of it is stored on return, or nothing.

        Args:
            messages: From any workers.
            living: The workers that run.

        Returns:
            What to tell each of them.
        """
        async with self._turn:
            ids = list({one.attempt_id for one in messages})
            async with self._store.reading() as connection:
                page = _Page(await attempts.known(connection, ids), living, system.now_ms())
            verdicts = [page.begin(one) if isinstance(one, Begin) else page.end(one) for one in messages]
            if page.changed:
                await self._write(page)
            return verdicts

    async def _write(self, page: "_Page") -> None:
        kept, self._kept = self._kept, None
        answers = [self._seal(row, answer) for row, answer in page.answers]
        async with self._store.writing() as connection:
            await attempts.write(connection, page.removed(), page.standing())
            if kept is None:
                kept = await attempts.kept_bytes(connection)
            kept += sum(one.length for one in answers)
            await attempts.keep(connection, answers)
            if kept > self._most:
                kept -= await attempts.drop_oldest(connection, kept - self._most)
        self._kept = kept

    def _seal(self, row: StoredAttempt, answer: Answer) -> StoredAnswer:
        sealed = self._vault.seal(_owner(row.request_id), Secret(msgspec.json.encode(answer).decode()))
        return StoredAnswer(row.request_id, row.begun_at, len(sealed), sealed)

    async def answer(self, request_id: str) -> Answer | Refused:
        """Return the answer to a request that was served, or say that it is not kept."""
        async with self._store.reading() as connection:
            sealed = await attempts.sealed_answer(connection, request_id)
        if sealed is not None:
            try:
                text = self._vault.unseal(_owner(request_id), sealed).reveal()
                return msgspec.json.decode(text, type=Answer)
            except VaultError as error:  # a master key is gone: no reason to call the provider again
                structlog.get_logger().error("an answer can't be given again", why=str(error))
        return not_again(Fate.SERVED, request_id)

    async def settle(self, living: Collection[str]) -> None:
        """Note what became of the attempts of workers that are dead, once everything in their journals is stored."""
        async with self._turn:
            async with self._store.reading() as connection:
                orphans = [one for one in await attempts.under_way(connection) if one.worker not in living]
                page = _Page({one.id: one for one in orphans}, living, system.now_ms())
                for one in orphans:
                    ended = await requests.ended(connection, one.request_id)
                    if ended is None and await requests.under_way(connection, one.request_id):
                        continue  # its journal can't be read to the end
                    fate = fate_of(ended) if isinstance(ended, Served) else None
                    page.end(End(one.id, one.request_id, fate, None))
            if page.changed:
                await self._write(page)

    async def forget_old(self, now_ms: int) -> None:
        """Let go of attempts older than a day, and of their answers."""
        async with self._turn, self._store.writing() as connection:
            self._kept = None
            await attempts.forget_before(connection, now_ms - KEPT_MS)


class _Page:
    """Some attempts as they stand while messages are taken in."""

    def __init__(self, known: dict[bytes, StoredAttempt], living: Collection[str], now_ms: int) -> None:
        self._known = known
        self._living = living
        self._now_ms = now_ms
        self.changed: set[bytes] = set()
        self.answers: list[tuple[StoredAttempt, Answer]] = []

    def removed(self) -> list[bytes]:
        """Return what does not stand any more."""
        return [one for one in self.changed if one not in self._known]

    def standing(self) -> list[StoredAttempt]:
        """Return what stands of what has changed."""
        return [self._known[one] for one in self.changed if one in self._known]

    def begin(self, asked: Begin) -> Verdict:
        """Say whether a call may be made."""
        first = self._known.get(asked.attempt_id)
        if first is None or first.begun_at <= self._now_ms - KEPT_MS:
            self._known[asked.attempt_id] = StoredAttempt(
                asked.attempt_id,
                asked.fingerprint,
                asked.request_id,
                asked.worker,
                self._now_ms,
                Fate.UNDER_WAY,
            )
            self.changed.add(asked.attempt_id)
            return GO
        fate = Fate(first.fate)
        if fate is Fate.UNDER_WAY and first.request_id == asked.request_id:
            return GO  # its worker has not got the first answer
        if first.fingerprint != asked.fingerprint:
            return Refused(Reason.IDEMPOTENCY_KEY_REUSED)
        if fate is Fate.UNDER_WAY and first.worker not in self._living:
            return ORPHANED
        return Again(first.request_id) if fate is Fate.SERVED else not_again(fate, first.request_id)

    def end(self, ended: End) -> Verdict:
        """Note what became of an attempt; said twice, it was noted the first time."""
        row = self._known.get(ended.attempt_id)
        if row is None or row.request_id != ended.request_id or row.fate != Fate.UNDER_WAY:
            return HEARD
        self.changed.add(row.id)
        if ended.fate is None:
            del self._known[row.id]
        else:
            self._known[row.id] = row = msgspec.structs.replace(row, fate=ended.fate)
            if ended.answer is not None:
                self.answers.append((row, ended.answer))
        return HEARD


def _owner(request_id: str) -> str:
    return f"attempt:{request_id}"
