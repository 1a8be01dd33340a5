"""Requests that may be sent again: the first is worked on, the others get its answer.

A request is noted before its work begins. What becomes of the note:

| the first request | the note | another one with the same Idempotency-Key |
|---|---|---|
| is being worked on | no answer | ``idempotency_in_flight`` |
| was answered | the answer, sealed | the same answer |
| failed with a 5xx before it changed anything, or with ``not_confirmed`` | gone | is worked on |
| was cut short by the end of the process, nothing changed | no answer, no change | is worked on |
| was cut short after a change whose answer was kept with it | the answer, sealed | the same answer |
| was cut short, or failed, after another change | a change, no answer | 409: look at what was done |

That a change was made, and the answers that hold a secret (``keep``), are written in the transaction of the change
itself, so that a ``kill -9`` at any moment leaves neither a second key nor a key whose secret nobody has.
"""

import hashlib
from collections.abc import Callable
from contextvars import ContextVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import attempts
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.store import idempotency
from keyturn.store.engine import WITH_CHANGE, Store
from keyturn.store.idempotency import StoredTry
from keyturn.store.vault import Vault

KEPT_MS = attempts.KEPT_MS
"""How long an answer is given again."""
_NOT_CONFIRMED = 503
_PASSING = frozenset({408, 429})
"""Refusals that the same request may not meet the next time."""


class KeptAnswer(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case."""
    body: bytes


class Once:
    """The work on a request that was noted; ends with ``Idempotency.finish``."""

    def __init__(
        self,
        try_id: bytes,
        seal: Callable[[KeptAnswer], bytes],
        render: Callable[[object], KeptAnswer | None],
    ) -> None:
        self.try_id = try_id
        self.changed = False
        self.kept = False
        self._seal = seal
        self._render = render

    async def with_change(self, connection: AsyncConnection) -> None:
        """Note, in the transaction of a change, that there is one."""
        if not self.changed:
            await idempotency.mark_changed(connection, self.try_id, now_ms=system.now_ms())
            self.changed = True

    async def keep(self, connection: AsyncConnection, result: object) -> None:
        """Store the answer that this result will become, in the transaction of the change."""
        answer = self._render(result)
        if answer is not None:
            await idempotency.answer(connection, self.try_id, self._seal(answer))
            self.kept = True


_UNDER_WAY: ContextVar[Once | None] = ContextVar("under_way", default=None)


async def keep(connection: AsyncConnection, result: object) -> None:
    """Keep what can't be made a second time, such as a new secret, if the request under way may be sent again.

    Args:
        connection: The one that writes the change: both stand or neither.
        result: What the use case is about to return.
    """
    under_way = _UNDER_WAY.get()
    if under_way is not None:
        await under_way.keep(connection, result)


class Idempotency:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._run = system.random_bytes(12).hex()
        self._running: set[bytes] = set()

    async def begin(
        self,
        key: str,
        *,
        caller: str,
        path: str,
        request: bytes,
        render: Callable[[object], KeptAnswer | None],
    ) -> Once | KeptAnswer | Refused:
        """Note a request before its work begins, and let its changes be noted with it.

        Args:
            key: What the caller chose.
            caller: Who asks.
            path: What is asked for.
            request: Query and body; must be the same each time.
            render: Makes the answer of a result that was kept; ``None``: not of this one.

        Returns:
            ``Once``: do the work. Otherwise the answer of the first request, or why there is none.
        """
        if not attempts.is_idempotency_key(key):
            return Refused(Reason.IDEMPOTENCY_KEY_INVALID)
        try_id = hashlib.sha256(b"\0".join(part.encode() for part in (caller, path, key))).digest()
        fingerprint = hashlib.sha256(request).digest()
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            known = await idempotency.get(connection, try_id)
            if known is not None and known.begun_at > now_ms - KEPT_MS:
                given = self._again(known, fingerprint)
                if given is not None:
                    return given
            await idempotency.begin(connection, StoredTry(try_id, fingerprint, now_ms, self._run))
            self._running.add(try_id)
        once = Once(try_id, lambda answer: self._seal(try_id, answer), render)
        WITH_CHANGE.set(once.with_change)
        _UNDER_WAY.set(once)
        return once

    def _again(self, known: StoredTry, fingerprint: bytes) -> KeptAnswer | Refused | None:
        if known.fingerprint != fingerprint:
            return Refused(Reason.IDEMPOTENCY_KEY_REUSED)
        if known.id in self._running:
            return Refused(Reason.IDEMPOTENCY_IN_FLIGHT)
        if known.sealed is not None:
            return msgspec.json.decode(
                self._vault.unseal(_owner(known.id), known.sealed).reveal(), type=KeptAnswer
            )
        if known.changed_at is None:
            return None
        message = (
            "The first request with this Idempotency-Key was cut short after it had changed something, so its outcome "
            "is not known; see `keyturn audit show` for what was done before you ask again with another Idempotency-Key"
        )
        return Refused(Reason.CONFLICT, message)

    async def finish(self, once: Once, answer: KeptAnswer) -> None:
        """Keep the answer of a request, or forget the request if it may succeed another time; must not be cancelled."""
        WITH_CHANGE.set(None)
        _UNDER_WAY.set(None)
        failed = answer.status >= 500
        try:
            if failed and (once.kept or (once.changed and answer.status != _NOT_CONFIRMED)):
                return
            async with self._store.writing() as connection:
                if failed or answer.status in _PASSING:
                    await idempotency.forget(connection, once.try_id)
                else:
                    await idempotency.answer(connection, once.try_id, self._seal(once.try_id, answer))
        finally:
            self._running.discard(once.try_id)

    async def forget_old(self, now_ms: int) -> None:
        """Remove answers older than a day."""
        async with self._store.writing() as connection:
            await idempotency.forget_before(connection, now_ms - KEPT_MS)

    def _seal(self, try_id: bytes, answer: KeptAnswer) -> bytes:
        return self._vault.seal(_owner(try_id), Secret(msgspec.json.encode(answer).decode()))


def _owner(try_id: bytes) -> str:
    return f"idempotency:{try_id.hex()}"
