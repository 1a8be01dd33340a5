"""Invite people into an account: a link that works once, by e-mail where there is a mail server, otherwise handed over."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.keys import rfc3339
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Role
from keyturn.domain.secret import Secret
from keyturn.services import projects as homes, roles
from keyturn.services.audit import note
from keyturn.services.key_access import reached_projects
from keyturn.services.letters import Letter, Letters
from keyturn.services.passwords import Passwords, problem_with
from keyturn.services.sessions import token_hash
from keyturn.services.users import User, complete, find, problem_with_person
from keyturn.store import accounts, logins, projects, sessions, users
from keyturn.store.engine import Store
from keyturn.store.logins import StoredLink
from keyturn.store.users import StoredUser

INVITE, MAILED, INVITE_DAYS = "invite", "invite by letter", 7
"""Whoever invites is shown the link of the one kind; that of the other stands in a letter and nowhere else."""
PATH = "/dashboard/invite"
_INVITE_MS = INVITE_DAYS * 86_400_000
OVER = "There is no such invitation, or its time is over; ask whoever invited you for a new one"
_SUBJECT = "Invitation to {account} on Keyturn"
_TEXT = """\
{who} invites you to the account "{account}" on Keyturn as {role}.

Open this link to choose a password. It works once, until {until}:

{link}

If you did not expect this, ignore it: nothing happens.
"""


class Invitation(msgspec.Struct, frozen=True):
    """Whom to invite."""

    email: str
    role: Role = Role.MEMBER
    name: str = ""
    """Empty: the address, until they say."""
    account: str = ""
    """Identifier or name; empty: the caller's own, for the operator the first."""
    project: str = ""
    """Identifier or name of a project of the account whose member they become; empty: of none."""


class Invited(msgspec.Struct, frozen=True):
    """An invitation, to be handed over unless a letter was sent."""

    user: User
    link: Secret
    """The whole address of the page that takes it; another one than in the letter."""
    sent: bool
    """A mail server has taken the letter."""
    expires_at: int
    """Milliseconds since 1970 UTC."""


class Invitations:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, passwords: Passwords, letters: Letters) -> None:
        self._store = store
        self._passwords = passwords
        self._letters = letters

    async def invite(self, wanted: Invitation, *, base: str, by: Principal) -> Invited | Refused:
        """Invite somebody; who is a user of the account already and can't sign in yet stays the same user.

        Args:
            wanted: Whom.
            base: The address of the node as whoever is invited sees it, without a slash at the end.
            by: Who asks.
        """
        email = wanted.email.strip().lower()
        name = wanted.name.strip() or email[: labels.NAME_LENGTH]
        refused = problem_with_person(email, name)
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            account_id = await homes.owning(connection, wanted.account, by)
            if isinstance(account_id, Refused):
                return account_id
            there = await users.with_email(connection, email, account_id)
            if there and await _can_sign_in(connection, there[0].id):
                message = f"{email} can sign in to the account already"
                return Refused(Reason.CONFLICT, message, "email")
            user = (
                there[0]
                if there
                else StoredUser(system.new_id(ids.USER), account_id, email, name, system.now_ms())
            )
            # Before anything is written: what is refused behind it would stand half done.
            refused = roles.refused_to_give(by, account_id, wanted.role)
            if refused is not None:
                return refused
            home = await _home(connection, wanted.project, account_id, by)
            if isinstance(home, Refused):
                return home
            if not there:
                await users.add(connection, user)
                after: dict[str, object] = {"email": email, "name": name, "metadata": {}}
                await note(connection, by, "user.create", user.id, after=after)
            refused = await roles.give(connection, user, wanted.role, by)
            if refused is not None:
                return refused
            if home and not await users.is_member(connection, home, user.id):
                await users.join(connection, home, user.id, now_ms=system.now_ms())
                await note(connection, by, "member.add", home, after={"user_id": user.id})
            made = await self._link(connection, user, by)
        return await self._deliver(made, base)

    async def again(self, id_or_email: str, *, base: str, by: Principal) -> Invited | Refused:
        """Give somebody who has not come in yet a new link; the one before works no more."""
        async with self._store.writing() as connection:
            user = await find(connection, id_or_email, by)
            if isinstance(user, Refused):
                return user
            login = await logins.get(connection, user.id)
            role = Role.MEMBER if login is None else Role(login.role)
            if await _can_sign_in(connection, user.id):
                return Refused(Reason.CONFLICT, f"{user.email} can sign in already")
            refused = roles.refused_to_touch(by, user.account_id, role) or roles.refused_to_give(
                by, user.account_id, role
            )
            if refused is not None:
                return refused
            if login is None:
                await roles.give(connection, user, role, by)
            made = await self._link(connection, user, by)
        return await self._deliver(made, base)

    async def accept(self, token: str, name: str, password: Secret, *, address: str) -> str | Refused:
        """Let somebody in who was invited; return who it is.

        Args:
            token: Of the link.
            name: What they want to be called; empty: as they are called already.
            password: What they want to sign in with.
            address: From where.
        """
        async with self._store.reading() as connection:
            found = await _invited(connection, token)
        if isinstance(found, Refused):
            return found
        name = name.strip() or found.name
        refused = problem_with_person(found.email, name) or problem_with(password, found.email, name)
        if refused is not None:
            return refused
        kept, now_ms = await self._passwords.hash(password), system.now_ms()
        async with self._store.writing() as connection:
            user = await _invited(connection, token)
            if isinstance(user, Refused):
                return user
            link = await logins.link(connection, token_hash(token))
            mailed = link is not None and link.purpose == MAILED
            await logins.drop_all_links(connection, user.id)
            values = {
                "password_hash": kept,
                "password_set_at": now_ms,
                "email_verified_at": now_ms if mailed else logins.UNPROVED,
                "last_sign_in_at": now_ms,
            }
            await logins.change(connection, user.id, values)
            if name != user.name:
                await users.change(connection, user.id, {"name": name})
            await note(connection, Principal(user.id, address), "user.accept", user.id, after={"name": name})
        return user.id

    async def take_back(self, id_or_email: str, *, by: Principal) -> User | Refused:
        """End an invitation that nobody has taken; who holds no personal keys is deleted with it."""
        async with self._store.writing() as connection:
            user = await find(connection, id_or_email, by)
            if isinstance(user, Refused):
                return user
            login = await logins.get(connection, user.id)
            if login is None or await _can_sign_in(connection, user.id):
                return Refused(Reason.CONFLICT, f"{user.email} has no invitation that is open")
            refused = roles.refused_to_touch(by, user.account_id, Role(login.role))
            if refused is not None:
                return refused
            [shown] = await complete(connection, [user])
            await logins.drop(connection, user.id)
            await sessions.end_all(connection, user.id)
            if not shown.keys:
                await users.leave(connection, user.id)
                await users.change(connection, user.id, {"deleted_at": system.now_ms()})
            before: dict[str, object] = {"email": user.email, "role": login.role}
            await note(connection, by, "user.uninvite", user.id, before=before)
        return shown

    async def _deliver(self, made: "_Made", base: str) -> Invited:
        sent = False
        if made.mailed is not None:
            text = _TEXT.format(
                who=made.who,
                account=made.account,
                role=made.user.role,
                until=rfc3339(made.expires_at / 1000),
                link=f"{base}{PATH}#{made.mailed.reveal()}",
            )
            subject = _SUBJECT.format(account=made.account)
            sent = await self._letters.send(Letter(made.user.stored.email, subject, text))
        return Invited(made.user, Secret(f"{base}{PATH}#{made.token.reveal()}"), sent, made.expires_at)

    async def _link(self, connection: AsyncConnection, user: StoredUser, by: Principal) -> "_Made":
        for purpose in (INVITE, MAILED):
            await logins.drop_links(connection, purpose, user.id)
        expires_at = system.now_ms() + _INVITE_MS
        token = await _new_link(connection, user, INVITE, expires_at, by)
        mailed = None
        if self._letters.possible:
            mailed = await _new_link(connection, user, MAILED, expires_at, by)
        await note(connection, by, "user.invite", user.id, after={"email": user.email})
        account = await accounts.get(connection, user.account_id)
        inviter = None if by.person is None else await users.get(connection, by.person.id)
        fresh = await users.get(connection, user.id) or user
        [shown] = await complete(connection, [fresh])
        who = "The operator" if inviter is None else f"{inviter.name} ({inviter.email})"
        return _Made(shown, token, mailed, expires_at, account.name if account else "", who)


class _Made(msgspec.Struct, frozen=True):
    user: User
    token: Secret
    mailed: Secret | None
    """Of the link that stands in the letter, and is known by nobody who does not read it."""
    expires_at: int
    account: str
    who: str


async def _home(connection: AsyncConnection, asked: str, account_id: str, by: Principal) -> str | Refused:
    """Return the identifier of the project that somebody is to be a member of; empty where none was asked for."""
    if not asked:
        return ""
    project = await projects.get(connection, asked)
    named = [project] if project else await projects.named(connection, asked, account_id)
    found = [one.id for one in await reached_projects(connection, named, by) if one.account_id == account_id]
    if len(found) == 1:
        return found[0]
    message = "There is no such project in the account, or more than one"
    return Refused(Reason.INVALID_MEMBER, message, "project_id")


async def _new_link(
    connection: AsyncConnection, user: StoredUser, purpose: str, expires_at: int, by: Principal
) -> Secret:
    token = system.new_token()
    kept = token_hash(token.reveal())
    await logins.add_link(
        connection, StoredLink(kept, purpose, user.id, system.now_ms(), expires_at, None, by.name)
    )
    return token


async def _invited(connection: AsyncConnection, token: str) -> StoredUser | Refused:
    """Return whom an invitation is for that can still be taken."""
    over = Refused(Reason.RESOURCE_NOT_FOUND, OVER, "token")
    link = await logins.link(connection, token_hash(token))
    if (
        link is None
        or link.purpose not in {INVITE, MAILED}
        or link.used_at
        or link.expires_at <= system.now_ms()
    ):
        return over
    user = await users.get(connection, link.user_id)
    account = None if user is None else await accounts.get(connection, user.account_id)
    if user is None or account is None or user.suspended_at is not None or account.suspended_at is not None:
        return over
    if await _can_sign_in(connection, user.id):  # they came in another way; nobody else takes their place
        return over
    return user


async def _can_sign_in(connection: AsyncConnection, user_id: str) -> bool:
    login = await logins.get(connection, user_id)
    return login is not None and login.able
