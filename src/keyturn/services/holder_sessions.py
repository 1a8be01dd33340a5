"""Whoever has a key can sign in with it alone: to see what is its own, and nothing else.

A session belongs to one secret of a key. It is good as long as that secret is: each page asks anew, as each request to
the API does, so that it ends with the secret, at once.
"""

from collections.abc import Callable

import msgspec

from keyturn import system
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.lookup import record
from keyturn.services.sessions import token_hash
from keyturn.services.throttle import network_of
from keyturn.store import holder_sessions
from keyturn.store.engine import Store
from keyturn.store.holder_sessions import StoredHolderSession
from keyturn.store.holders import Holder

IDLE_MS = 60 * 60_000
FAILURES_A_WINDOW, WINDOW_S = 10, 300.0
"""Wrong keys from one address, before it has to wait for the window's end."""
ADDRESSES_REMEMBERED = 10_000
_SEEN_EVERY_MS = 60_000


class HeldKey(msgspec.Struct, frozen=True):
    """A session and the key that it was begun with, as it is now."""

    session: StoredHolderSession
    key: KeyRecord


class HolderSessions:
    """The use cases."""

    def __init__(self, store: Store, of_key: Callable[[str], list[Holder]]) -> None:
        """Take in how to ask.

        Args:
            store: Where they are kept.
            of_key: Returns the secrets of a key with their owners.
        """
        self._store = store
        self._of_key = of_key
        self._failures: dict[str, tuple[float, int]] = {}

    async def open(self, key: KeyRecord) -> Secret:
        """Begin a session for whoever has just shown a secret of this key; return its token."""
        now_ms, token = system.now_ms(), system.new_token()
        csrf = system.new_token().reveal()
        session = StoredHolderSession(token_hash(token.reveal()), key.id, key.secret_id, csrf, now_ms, now_ms)
        async with self._store.writing() as connection:
            await holder_sessions.add(connection, session)
        return token

    async def find(self, token: str) -> HeldKey | None:
        """Return the session with this token and its key, whatever the key's state; ``None``: it is over."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            session = await holder_sessions.with_token(connection, token_hash(token))
        if session is None or now_ms - session.last_seen_at >= IDLE_MS:
            return None
        key = self.key_of(session)
        if key is None:
            return None
        if now_ms - session.last_seen_at >= _SEEN_EVERY_MS:
            async with self._store.writing() as connection:
                await holder_sessions.seen(connection, session.token_hash, now_ms)
        return HeldKey(session, key)

    def key_of(self, session: StoredHolderSession) -> KeyRecord | None:
        """Return the key of a session as it is at this moment."""
        holders = self._of_key(session.key_id)
        return next((record(one) for one in holders if one.secret_id == session.secret_id), None)

    async def end(self, session: StoredHolderSession) -> None:
        """End a session."""
        async with self._store.writing() as connection:
            await holder_sessions.end(connection, session.token_hash)

    async def end_old(self, now_ms: int) -> None:
        """Take away what is over; to be called now and then."""
        async with self._store.writing() as connection:
            await holder_sessions.end_old(connection, seen_before_ms=now_ms - IDLE_MS)

    def refused_by_failures(self, address: str, now: float) -> Refused | None:
        """Refuse an address that has tried too many wrong keys, ``now`` in seconds since 1970 UTC."""
        began, count = self._failures.get(network_of(address), (now, 0))
        left = began + WINDOW_S - now
        if count < FAILURES_A_WINDOW or left <= 0:
            return None
        return Refused(Reason.TOO_MANY_FAILURES, retry_after_s=int(left) + 1)

    def failed(self, address: str, now: float) -> None:
        """Note a wrong key from an address."""
        network = network_of(address)
        began, count = self._failures.pop(network, (now, 0))
        if now - began >= WINDOW_S:
            began, count = now, 0
        if len(self._failures) >= ADDRESSES_REMEMBERED:
            del self._failures[next(iter(self._failures))]
        self._failures[network] = began, count + 1
