"""How people come in: the first one by a link that the node prints, everybody by address and password."""

import hashlib
from operator import itemgetter

import msgspec

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Role
from keyturn.domain.secret import Secret
from keyturn.services.audit import note
from keyturn.services.passwords import LONGEST, Passwords, problem_with
from keyturn.services.sessions import token_hash
from keyturn.services.throttle import Throttle
from keyturn.services.users import EMAIL_LENGTH, problem_with_person
from keyturn.store import accounts, logins, users
from keyturn.store.engine import Store
from keyturn.store.logins import StoredLink, StoredLogin
from keyturn.store.users import StoredUser

SETUP, SETUP_MS = "setup", 24 * 3_600_000
"""The link that a node without an owner prints, and how long it works."""
SETUP_OVER = (
    "There is no such link, or its time is over; start the node again, or run: keyturn users setup-link"
)
MOST_OF_ONE_ADDRESS = 4
"""Accounts in which one address may have a password: each costs 50 ms to try.

Nobody's address and one account's take the same time. An address of several accounts takes longer, which tells that it
is there: to hide that, each attempt would have to cost as much as the most, 200 ms of a core for whoever asks.
"""
WRONG = "The address or the password is wrong"
"""Also where nobody has the address: whoever tries addresses is told nothing."""
UNVERIFIED = "Open the link that was sent to this address first; it shows that the address is yours"
"""Only to who knows the password."""
SUSPENDED = "The account is suspended; nobody signs in to it until whoever runs Keyturn resumes it"
"""Only to who has shown who they are."""
NOT_WELCOME = "You can't sign in here any more; ask whoever runs your account"


class Newcomer(msgspec.Struct, frozen=True):
    """Who the node's first owner says they are."""

    email: str
    name: str
    password: Secret


class Known(msgspec.Struct, frozen=True):
    """Somebody who has shown who they are; that may not be enough yet."""

    user_id: str
    email: str
    needs_code: bool
    """A second factor is asked for."""
    stamp: str
    """Another one as soon as the password or the second factor is another."""


class SignIn:
    """The use cases."""

    def __init__(self, store: Store, passwords: Passwords, throttle: Throttle) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle

    async def has_owner(self) -> bool:
        """Say whether the node has an owner, who can let others in."""
        async with self._store.reading() as connection:
            first = await accounts.first(connection)
            return first is not None and bool(await logins.with_role(connection, first, Role.OWNER))

    async def setup_link(self) -> Secret | None:
        """Return the token of a new setup link, while the node has no owner; the one before works no more."""
        now_ms, token = system.now_ms(), system.new_token()
        async with self._store.writing() as connection:
            first = await accounts.first(connection)
            if first is None or await logins.with_role(connection, first, Role.OWNER):
                return None
            await logins.drop_links(connection, SETUP, "")
            link = StoredLink(
                token_hash(token.reveal()), SETUP, "", now_ms, now_ms + SETUP_MS, None, "first start"
            )
            await logins.add_link(connection, link)
        return token

    async def set_up(self, token: str, newcomer: Newcomer, *, address: str) -> str | Refused:
        """Make the node's first owner, by the link that it printed; return who it is.

        Args:
            token: Of the link.
            newcomer: Who they say they are.
            address: From where.
        """
        email = newcomer.email.strip().lower()
        name = newcomer.name.strip() or email[: labels.NAME_LENGTH]
        refused = problem_with_person(email, name) or problem_with(newcomer.password, email, name)
        if refused is None:
            refused = await self._throttle.attempt("", address)
        if refused is not None:
            return refused
        kept = await self._passwords.hash(newcomer.password)
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            link = await logins.link(connection, token_hash(token))
            if link is None or link.purpose != SETUP or link.used_at or link.expires_at <= now_ms:
                return Refused(Reason.RESOURCE_NOT_FOUND, SETUP_OVER, "token")
            first = await accounts.first(connection) or ""
            if await logins.with_role(connection, first, Role.OWNER):
                return Refused(Reason.CONFLICT, "The node has an owner already; sign in instead")
            there = await users.with_email(connection, email, first)
            user = there[0] if there else StoredUser(system.new_id(ids.USER), first, email, name, now_ms)
            if not there:
                await users.add(connection, user)
            login = StoredLogin(
                user.id,
                Role.OWNER,
                kept,
                now_ms,
                email_verified_at=now_ms,
                created_at=now_ms,
                last_sign_in_at=now_ms,
            )
            await logins.add(connection, login)
            await logins.use_link(connection, link.token_hash, now_ms=now_ms)
            told: dict[str, object] = {"email": email, "role": Role.OWNER.value}
            await note(connection, Principal(user.id, address), "user.set_up", user.id, after=told)
        await self._throttle.right("", address)
        return user.id

    async def with_password(
        self, email: str, password: Secret, *, address: str, device: str = ""
    ) -> Known | Refused:
        """Return who signs in with this address and this password.

        Who is suspended, or was never given a password, is told the same as who mistypes it; whose account is
        suspended is told so once the password was right.

        Args:
            email: Whom they say they are.
            password: As it was typed.
            address: Where they come from.
            device: The browser, if somebody with this address has signed in with it before.
        """
        email = email.strip().lower()
        refused = await self._throttle.attempt(email[:EMAIL_LENGTH], address, device)
        if refused is not None:
            return refused
        login = None
        if len(email) <= EMAIL_LENGTH and len(password.reveal()) <= LONGEST:
            login = await self._matching(email, password)
        if login is None:
            return Refused(Reason.INVALID_MEMBER, WRONG, "password")
        await self._throttle.right(email, address, device)
        if login.email_verified_at is None:
            return Refused(Reason.INVALID_MEMBER, UNVERIFIED, "email")
        refused = await self._refused_as_suspended(login.user_id)
        if refused is not None:
            return refused
        changed: dict[str, object] = {"last_sign_in_at": system.now_ms()}
        if self._passwords.outdated(login.password_hash):
            changed["password_hash"] = await self._passwords.hash(password)
        async with self._store.writing() as connection:
            await logins.change(connection, login.user_id, changed)
        return known(email, msgspec.structs.replace(login, **changed))

    async def again(self, user_id: str) -> Known | Refused:
        """Return somebody who has shown who they are before, as they are now, if they are still welcome."""
        async with self._store.reading() as connection:
            user, login = await users.get(connection, user_id), await logins.get(connection, user_id)
        if user is None or login is None or user.suspended_at is not None:
            return Refused(Reason.INVALID_MEMBER, NOT_WELCOME)
        return await self._refused_as_suspended(user_id) or known(user.email, login)

    async def _refused_as_suspended(self, user_id: str) -> Refused | None:
        """Refuse somebody whose account is suspended: a session would be worth nothing, and they would not know why."""
        async with self._store.reading() as connection:
            user = await users.get(connection, user_id)
            account = None if user is None else await accounts.get(connection, user.account_id)
        if account is None:
            return Refused(Reason.INVALID_MEMBER, NOT_WELCOME)
        return None if account.suspended_at is None else Refused(Reason.ACCOUNT_INACTIVE, SUSPENDED)

    async def _matching(self, email: str, password: Secret) -> StoredLogin | None:
        async with self._store.reading() as connection:
            first = await accounts.first(connection)
            held = []
            for user in await users.with_email(connection, email):
                login = await logins.get(connection, user.id)
                account = await accounts.get(connection, user.account_id)
                if not login or not login.password_hash or user.suspended_at is not None or not account:
                    continue
                rank = (account.suspended_at is not None, account.id != first, not login.address_proved)
                held.append((rank, login))
        # One address may stand for people in several accounts; each has a password of their own. Whoever takes an
        # address in accounts of their own can't prove it, and comes behind whose it is. The sort keeps the oldest first.
        able = [login for _, login in sorted(held, key=itemgetter(0))]
        for login in able[:MOST_OF_ONE_ADDRESS]:
            if await self._passwords.matches(login.password_hash, password):
                return login
        if not able:
            await self._passwords.matches("", password)
        return None


def known(email: str, login: StoredLogin) -> Known:
    """Return who somebody is, from how they sign in."""
    stamp = hashlib.sha256(f"{login.password_hash} {login.totp_confirmed_at}".encode()).hexdigest()
    return Known(login.user_id, email, login.totp_confirmed_at is not None, stamp)
