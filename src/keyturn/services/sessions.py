"""Sessions: a person has signed in, in one browser, for some time.

The token is in the browser's cookie and nowhere else; its SHA-256 is kept. A token is exchanged for a new one whenever the
session comes to mean more than before, so that one that was put there by somebody else is worth nothing.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.principal import Principal
from keyturn.domain.roles import Person, Role
from keyturn.domain.secret import Secret
from keyturn.services.audit import Facts, note
from keyturn.store import accounts, logins, sessions
from keyturn.store.engine import Store
from keyturn.store.sessions import SignedIn, StoredSession

LINKS_KEPT_MS = 30 * 86_400_000
"""How long a link is remembered after its time."""
PROOF_MS = 10 * 60_000
"""For how long after showing that it is them somebody may do what asks for it."""
ENDED_KEPT_MS = 3 * 86_400_000
"""How long it is remembered whose a session was that has run out: what they typed in it is theirs alone."""
_SEEN_EVERY_MS = 60_000
_AGENT_LENGTH = 300
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who has signed in, as pages know them."""

    signed_in: SignedIn
    person: Person
    """Who they are and what they may do."""
    principal: Principal
    """What they do is done by this one."""


class Sessions:
    """The use cases."""

    def __init__(self, store: Store, *, idle_minutes: int, days: int) -> None:
        """Take in how long a session lasts.

        Args:
            store: Where they are kept.
            idle_minutes: When nobody uses it.
            days: At most.
        """
        self._store = store
        self._idle_ms = idle_minutes * _MINUTE_MS
        self._longest_ms = days * _DAY_MS

    async def open(self, user_id: str, *, address: str, agent: str) -> Secret:
        """Begin a session for somebody who has just shown that it is them; return its token."""
        now_ms, token = system.now_ms(), system.new_token()
        async with self._store.writing() as connection:
            session = StoredSession(
                system.new_id(ids.SESSION),
                token_hash(token.reveal()),
                user_id,
                system.new_token().reveal(),
                now_ms,
                now_ms,
                now_ms,
                address,
                agent[:_AGENT_LENGTH],
            )
            await sessions.add(connection, session)
            await note(connection, Principal(user_id, address), "session.open", user_id)
        return token

    async def find(self, token: str, *, address: str, request_id: str) -> Visitor | None:
        """Return who has the session with this token, if it is not over and they are still welcome."""
        found = await self.look(token, address=address, request_id=request_id)
        now_ms = system.now_ms()
        if found is not None and now_ms - found.signed_in.session.last_seen_at >= _SEEN_EVERY_MS:
            values: dict[str, object] = {"last_seen_at": now_ms, "address": address}
            async with self._store.writing() as connection:
                await sessions.change(connection, found.signed_in.session.id, values)
        return found

    async def look(self, token: str, *, address: str, request_id: str) -> Visitor | None:
        """Return the same, and write nothing: can be asked while a change has its turn."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            found = await sessions.with_token(connection, token_hash(token))
            first = await accounts.first(connection)
        if found is None or self._over(found.session, now_ms) or not found.active:
            return None
        session = found.session
        person = Person(
            session.user_id,
            found.account_id,
            Role(found.role),
            first_account=found.account_id == first,
            session_id=session.id,
            proved_until_ms=session.proved_at + PROOF_MS,
        )
        return Visitor(found, person, Principal(person.id, address, request_id, person=person))

    async def whose(self, token: str) -> str:
        """Return the user whose session this is or was, also when it has run out; ``""``: it is not known."""
        async with self._store.reading() as connection:
            found = await sessions.with_token(connection, token_hash(token))
        return "" if found is None else found.session.user_id

    async def still(self, tokens: Iterable[str]) -> dict[str, tuple[str, str, Role]]:
        """Return who has these sessions now, of those that are not over: user, account and role by token.

        It is no use of them: a page that is open does not keep a session from running out.
        """
        by_hash, now_ms = {token_hash(token): token for token in tokens}, system.now_ms()
        async with self._store.reading() as connection:
            found = await sessions.with_tokens(connection, list(by_hash))
        return {
            by_hash[kept]: (one.session.user_id, one.account_id, Role(one.role))
            for kept, one in found.items()
            if one.active and not self._over(one.session, now_ms)
        }

    async def renew(self, visitor: Visitor) -> Secret:
        """Note that somebody has shown again that it is them; return the new token of their session."""
        token = system.new_token()
        session = visitor.signed_in.session
        values: dict[str, object] = {"token_hash": token_hash(token.reveal()), "proved_at": system.now_ms()}
        async with self._store.writing() as connection:
            await sessions.change(connection, session.id, values)
        return token

    async def end(self, visitor: Visitor) -> None:
        """End this session."""
        async with self._store.writing() as connection:
            await sessions.end(connection, visitor.signed_in.session.id)
            await note(connection, visitor.principal, "session.end", visitor.person.id)

    async def each(self, visitor: Visitor) -> list[StoredSession]:
        """Return the visitor's sessions that are not over, the one that was seen last first."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            found = await sessions.of_user(connection, visitor.person.id)
        return [one for one in found if not self._over(one, now_ms)]

    async def end_one(self, visitor: Visitor, session_id: str) -> bool:
        """End one of the visitor's sessions; say whether there was such a one."""
        async with self._store.writing() as connection:
            own = await sessions.of_user(connection, visitor.person.id)
            if session_id not in {one.id for one in own}:
                return False
            await sessions.end(connection, session_id)
            told: Facts = {"session": session_id}
            await note(connection, visitor.principal, "session.end", visitor.person.id, before=told)
        return True

    async def end_others(self, visitor: Visitor) -> None:
        """End all of the visitor's sessions but this one."""
        async with self._store.writing() as connection:
            await sessions.end_all(connection, visitor.person.id, but=visitor.signed_in.session.id)
            await note(connection, visitor.principal, "session.end_others", visitor.person.id)

    async def end_old(self, now_ms: int) -> None:
        """Take away what has been over for a while, and links that lead nobody in; to be called now and then."""
        over_ms = now_ms - ENDED_KEPT_MS
        async with self._store.writing() as connection:
            await logins.drop_old_links(connection, expired_before_ms=now_ms - LINKS_KEPT_MS)
            await sessions.end_old(
                connection,
                seen_before_ms=over_ms - self._idle_ms,
                made_before_ms=over_ms - self._longest_ms,
            )

    def _over(self, session: StoredSession, now_ms: int) -> bool:
        idle, age = now_ms - session.last_seen_at, now_ms - session.created_at
        return idle >= self._idle_ms or age >= self._longest_ms


def token_hash(token: str) -> bytes:
    """Return what is kept of a token: it has 190 bits, so nothing slow is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
