"""What people change about themselves: their name and their password."""

import msgspec

from keyturn import system
from keyturn.domain import labels
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import note
from keyturn.services.passwords import LONGEST, Passwords, problem_with
from keyturn.services.recovery import RESET
from keyturn.services.sessions import Visitor
from keyturn.services.throttle import Throttle
from keyturn.store import logins, sessions, users
from keyturn.store.engine import Store
from keyturn.store.logins import StoredLogin

WRONG_CURRENT = "This is not your password"


class NewPassword(msgspec.Struct, frozen=True):
    """A password in another's place."""

    current: Secret
    """Empty where none was set yet."""
    new: Secret


class OwnAccount:
    """The use cases."""

    def __init__(self, store: Store, passwords: Passwords, throttle: Throttle) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle

    async def login(self, visitor: Visitor) -> StoredLogin:
        """Return how the visitor signs in."""
        async with self._store.reading() as connection:
            found = await logins.get(connection, visitor.person.id)
        return found or StoredLogin(visitor.person.id, visitor.signed_in.role)

    async def rename(self, visitor: Visitor, name: str) -> Refused | None:
        """Give the visitor another name."""
        refused = labels.problem_with_name(name)
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            await users.change(connection, visitor.person.id, {"name": name})
            before: dict[str, object] = {"name": visitor.signed_in.name}
            after: dict[str, object] = {"name": name}
            await note(
                connection, visitor.principal, "user.edit", visitor.person.id, before=before, after=after
            )
        return None

    async def change_password(self, visitor: Visitor, wanted: NewPassword) -> Refused | None:
        """Set another password and end all the visitor's other sessions: who has the old one is out.

        Without a password so far nothing is asked for here; the page asks for another proof.
        """
        signed_in, person = visitor.signed_in, visitor.person
        refused = problem_with(wanted.new, signed_in.email, signed_in.name)
        if refused is not None:
            return refused
        kept = (await self.login(visitor)).password_hash
        if kept:
            refused = await self.judge(visitor, wanted.current)
            if refused is not None:
                return msgspec.structs.replace(refused, param=refused.param and "current")
        hashed = await self._passwords.hash(wanted.new)
        async with self._store.writing() as connection:
            values = {"password_hash": hashed, "password_set_at": system.now_ms()}
            await logins.change(connection, person.id, values)
            await sessions.end_all(connection, person.id, but=person.session_id)
            await logins.drop_links(connection, RESET, person.id)
            await note(connection, visitor.principal, "user.set_password", person.id)
        return None

    async def judge(self, visitor: Visitor, password: Secret) -> Refused | None:
        """Refuse what is not the visitor's password."""
        # Counted apart from sign-ins: no stranger keeps somebody who has signed in from showing that it is them.
        who, address = f"proof:{visitor.person.id}", visitor.principal.address
        refused = await self._throttle.attempt(who, address)
        if refused is not None:
            return refused
        login = await self.login(visitor)
        short = len(password.reveal()) <= LONGEST
        if not short or not await self._passwords.matches(login.password_hash, password):
            return Refused(Reason.INVALID_MEMBER, WRONG_CURRENT, "password")
        await self._throttle.right(who, address)
        return None
