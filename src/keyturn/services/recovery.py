"""Forgotten passwords: a link that works once, within an hour, by e-mail or from the operator."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services import users as people
from keyturn.services.audit import note
from keyturn.services.letters import Letter, Letters
from keyturn.services.passwords import Passwords, problem_with
from keyturn.services.sessions import token_hash
from keyturn.services.throttle import Throttle
from keyturn.store import logins, sessions, users
from keyturn.store.engine import Store
from keyturn.store.logins import StoredLink, StoredLogin
from keyturn.store.users import StoredUser
from keyturn.system import Tasks

RESET, RESET_MS = "reset", 3_600_000
RESET_OVER = "There is no such link, it was used before, or its time is over; ask for a new one"
SUBJECT = "Set a new password"
TEXT = """Somebody, probably you, asked for a new password for this address. Open this link within an hour:

{link}

If it was not you, do nothing: your password stays as it is.
"""
_NAME = "password-recovery"


class NewLink(msgspec.Struct, frozen=True):
    """A link for somebody, made anew."""

    user: StoredUser
    token: Secret
    expires_at: int
    """Milliseconds since 1970 UTC."""


class Recovery:
    """The use cases."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        throttle: Throttle,
        letters: Letters,
        tasks: Tasks,
        *,
        url: str,
    ) -> None:
        """Take in what it works with.

        Args:
            store: Where links are kept.
            passwords: Makes hashes.
            throttle: Counts attempts.
            letters: Where letters go.
            tasks: In which letters are written: whoever asks does not wait, so that the time tells nothing.
            url: Where people reach the node, as links in letters begin.
        """
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._letters = letters
        self._tasks = tasks
        self._url = url.rstrip("/")

    async def ask(self, email: str, *, address: str) -> Refused | None:
        """Send a link to an address, if somebody with that address can sign in; nothing tells whether."""
        email = email.strip().lower()[: people.EMAIL_LENGTH]
        refused = await self._throttle.attempt(f"{RESET}:{email}", address)
        if refused is None and self._letters.possible:
            self._tasks.spawn(self._write(email, address), name="a letter with a link")
        return refused

    async def link(self, id_or_email: str, *, by: Principal) -> NewLink | Refused:
        """Make a link for somebody who can sign in; the one before works no more."""
        async with self._store.writing() as connection:
            found = await people.find(connection, id_or_email, by)
            if isinstance(found, Refused):
                return found
            if not await _can_forget(connection, found.id):
                message = "This user can't sign in: they have no password to be forgotten; invite them"
                return Refused(Reason.CONFLICT, message)
            return await _new_link(connection, found, by)

    async def reset(self, token: str, password: Secret, *, address: str) -> Refused | None:
        """Set a new password by a link. All sessions end; a second factor is asked for as before."""
        refused = await self._throttle.attempt("", address)
        if refused is not None:
            return refused
        async with self._store.reading() as connection:
            found = await _whose(connection, token)
        if found is None:
            return Refused(Reason.RESOURCE_NOT_FOUND, RESET_OVER, "token")
        user, _ = found
        refused = problem_with(password, user.email, user.name)
        if refused is not None:
            return refused
        kept = await self._passwords.hash(password)
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            found = await _whose(connection, token)
            if found is None:
                return Refused(Reason.RESOURCE_NOT_FOUND, RESET_OVER, "token")
            user, login = found
            values = {"password_hash": kept, "password_set_at": now_ms}
            # The link came by that address, or from the operator.
            values["email_verified_at"] = login.email_verified_at or now_ms
            await logins.change(connection, user.id, values)
            await logins.use_link(connection, token_hash(token), now_ms=now_ms)
            await sessions.end_all(connection, user.id)
            await note(connection, Principal(user.id, address), "user.reset_password", user.id)
        await self._throttle.right(user.email, address)
        return None

    async def _write(self, email: str, address: str) -> None:
        async with self._store.writing() as connection:
            made = [
                await _new_link(connection, user, Principal(_NAME, address))
                for user in await users.with_email(connection, email)
                if user.suspended_at is None and await _can_forget(connection, user.id)
            ]
        for one in made:
            link = f"{self._url}/dashboard/reset#{one.token.reveal()}"
            await self._letters.send(Letter(email, SUBJECT, TEXT.format(link=link)))


async def _can_forget(connection: AsyncConnection, user_id: str) -> bool:
    """Say whether a user has ever come in, or has a password: who was only invited comes in by the invitation."""
    login = await logins.get(connection, user_id)
    return login is not None and login.able


async def _new_link(connection: AsyncConnection, user: StoredUser, by: Principal) -> NewLink:
    now_ms, token = system.now_ms(), system.new_token()
    await logins.drop_links(connection, RESET, user.id)
    link = StoredLink(token_hash(token.reveal()), RESET, user.id, now_ms, now_ms + RESET_MS, None, by.name)
    await logins.add_link(connection, link)
    await note(connection, by, "user.reset_link", user.id)
    return NewLink(user, token, link.expires_at)


async def _whose(connection: AsyncConnection, token: str) -> tuple[StoredUser, StoredLogin] | None:
    link = await logins.link(connection, token_hash(token))
    if link is None or link.purpose != RESET or link.used_at or link.expires_at <= system.now_ms():
        return None
    user, login = await users.get(connection, link.user_id), await logins.get(connection, link.user_id)
    return None if user is None or login is None else (user, login)
