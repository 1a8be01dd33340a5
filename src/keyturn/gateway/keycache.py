"""What this worker knows of keys: secret digest → record, and digests known to be nobody's.

Only ``Invalidate`` and ``Snapshot`` take a known key out, never time: the control process answers nobody that
a key is dead before this cache has confirmed it. Unknown digests are remembered briefly and boundedly, so that
guessing costs no store access beyond the first; concurrent misses of one digest share one look-up.
"""

from collections.abc import Callable

import msgspec

from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission

UNKNOWN_TTL_S = 10.0
UNKNOWN_LIMIT = 100_000
SHARED = 20_000
"""Texts that records have in common, kept once."""
LOOK_TIMEOUT_S = 5.0
"""As long as a request waits for the authority (``leases.TIMEOUT_S``): both are away while the control process starts again."""

Answer = Callable[[KeyRecord | None, bool], None]
"""Takes the record (``None``: unknown) and whether the question could not be answered at all."""


class KeyCache:
    """The cache and the questions under way."""

    def __init__(self, ask: Callable[[int, bytes], bool], *, limit: int) -> None:
        """Take in how to ask.

        Args:
            ask: Sends a numbered question about a digest to the control process; ``False`` when it can't be sent.
            limit: Known keys kept; the oldest gives way.
        """
        self._ask = ask
        self._limit = limit
        self._known: dict[bytes, KeyRecord] = {}
        self._digests: dict[str, tuple[bytes, ...]] = {}
        self._texts: dict[str, str] = {}
        self._permissions: dict[frozenset[Permission], frozenset[Permission]] = {}
        self._unknown: dict[bytes, float] = {}
        self._waiting: dict[bytes, list[Answer]] = {}
        self._calls: dict[int, tuple[bytes, float]] = {}
        self._next_call = 0
        self.sequence = 0
        """The last invalidation applied."""
        self.get = self._known.get
        """Look a digest up among the known keys; the hot path's only question."""

    def look(self, digest: bytes, answer: Answer, now: float) -> None:
        """Find out about a digest that ``get`` did not know; ``answer`` is called now or later, exactly once."""
        until = self._unknown.get(digest)
        if until is not None:
            if now < until:
                return answer(None, False)
            del self._unknown[digest]
        waiting = self._waiting.get(digest)
        if waiting is not None:
            waiting.append(answer)
            return None
        self._waiting[digest] = [answer]
        return self._send(digest, now + LOOK_TIMEOUT_S)

    def _send(self, digest: bytes, deadline: float) -> None:
        self._next_call += 1
        self._calls[self._next_call] = digest, deadline
        self._ask(self._next_call, digest)  # unsent while the bus is down: asked again when it is back

    def ask_again(self) -> None:
        """Repeat the questions under way on a new connection."""
        for call, (digest, _) in list(self._calls.items()):
            self._ask(call, digest)

    def found(self, call: int, sequence: int, record: KeyRecord | None, *, failed: bool) -> None:
        """Take the control process's answer.

        Args:
            call: The question's number.
            sequence: The last invalidation sent before the store was asked.
            record: ``None`` for an unknown digest.
            failed: The store could not be asked.
        """
        digest, deadline = self._calls.pop(call, (b"", 0.0))
        if not digest:
            return
        if sequence < self.sequence and not failed:
            self._send(digest, deadline)  # the answer may be older than a change we have been told of
            return
        if record is not None:
            self._remember(digest, record)
        elif not failed:
            self._unknown[digest] = deadline - LOOK_TIMEOUT_S + UNKNOWN_TTL_S
            if len(self._unknown) > UNKNOWN_LIMIT:
                del self._unknown[next(iter(self._unknown))]
        for answer in self._waiting.pop(digest, ()):
            answer(record, failed)

    def _remember(self, digest: bytes, record: KeyRecord) -> None:
        if len(self._known) >= self._limit:
            oldest = next(iter(self._known))
            key_id = self._known.pop(oldest).id
            left = tuple(one for one in self._digests.pop(key_id) if one != oldest)
            if left:
                self._digests[key_id] = left
        self._known[digest] = self._share(record)
        self._digests[record.id] = (
            *(one for one in self._digests.get(record.id, ()) if one != digest),
            digest,
        )

    def _share(self, record: KeyRecord) -> KeyRecord:
        """Let a record use the texts and the set that others have already: it is half as large."""
        if len(self._texts) > SHARED:
            self._texts.clear()
        text = self._texts.setdefault
        return msgspec.structs.replace(
            record,
            permissions=self._permissions.setdefault(record.permissions, record.permissions),
            project_id=text(record.project_id, record.project_id),
            account_id=text(record.account_id, record.account_id),
            environment=text(record.environment, record.environment),
        )

    def forget(self, key_ids: list[str], sequence: int) -> None:
        """Apply an invalidation."""
        self.sequence = sequence
        self._unknown.clear()
        for key_id in key_ids:
            for digest in self._digests.pop(key_id, ()):
                self._known.pop(digest, None)

    def clear(self, sequence: int) -> None:
        """Forget everything: a new snapshot."""
        self.sequence = sequence
        self._known.clear()
        self._digests.clear()
        self._unknown.clear()

    def sweep(self, now: float) -> None:
        """Give up on questions that nobody answers."""
        for call, (digest, deadline) in list(self._calls.items()):
            if deadline < now:
                del self._calls[call]
                for answer in self._waiting.pop(digest, ()):
                    answer(None, True)
