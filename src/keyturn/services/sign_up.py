"""Open sign-up: a stranger becomes the owner of an account of their own, once they have shown that the address is theirs.

The link that shows it wants the password of the sign-up too: who signs up with another's address gets nowhere by that
other's opening the link. Whether an address is known already is told by e-mail only, to who reads it.
"""

from collections.abc import Callable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.sections import People
from keyturn.domain import ids, labels
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Role
from keyturn.domain.secret import Secret
from keyturn.services import subscriptions, users as people
from keyturn.services.audit import Facts, note
from keyturn.services.events import keep
from keyturn.services.letters import Letter, Letters
from keyturn.services.passwords import LONGEST, Passwords, problem_with
from keyturn.services.recovery import NewLink
from keyturn.services.sessions import token_hash
from keyturn.services.sign_in import Known, known
from keyturn.services.subscriptions import Terms
from keyturn.services.throttle import Throttle
from keyturn.store import accounts, logins, projects, users
from keyturn.store.accounts import StoredAccount
from keyturn.store.engine import Store
from keyturn.store.logins import StoredLink, StoredLogin
from keyturn.store.projects import StoredProject
from keyturn.store.users import StoredUser
from keyturn.system import Tasks

VERIFY, VERIFY_MS = "verify", 3 * 86_400_000
VERIFY_OVER = (
    "The link and the password do not belong together, or the link was used before, or its time is over; "
    "sign up again for a new one"
)
CLOSED = "Nobody can sign up here; ask for an invitation"
SUBJECT, SUBJECT_KNOWN = "Confirm your e-mail address", "You have an account already"
TEXT = """Somebody, probably you, signed up with this address. Open this link within three days, and sign in there:

{link}

If it was not you, do nothing: nobody can sign in.
"""
TEXT_KNOWN = """Somebody, probably you, signed up with this address, but you have an account already. Sign in:

{url}/dashboard/sign-in

If you forgot your password: {url}/dashboard/forgot
"""
_NAME, _PROJECT = "sign-up", "Default"


class Applicant(msgspec.Struct, frozen=True):
    """Who signs up, as they say."""

    email: str
    name: str
    account: str
    """What the account is to be called; empty: as they are."""
    password: Secret
    accepts_terms: bool


class SignUp:
    """The use cases."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        throttle: Throttle,
        letters: Letters,
        tasks: Tasks,
        *,
        settings: Callable[[], People],
    ) -> None:
        """Take in what it works with.

        Args:
            store: Where accounts are kept.
            passwords: Makes hashes.
            throttle: Counts attempts.
            letters: Where letters go.
            tasks: In which the work is done: whoever signs up does not wait, so that the time tells nothing.
            settings: Says who may, and on what terms, as it is now.
        """
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._letters = letters
        self._tasks = tasks
        self._settings = settings

    @property
    def is_open(self) -> bool:
        """Say whether strangers may sign up."""
        return self._settings().sign_up == "open"

    async def apply(self, applicant: Applicant, *, address: str) -> Refused | None:
        """Make an account that waits for its owner to show that the address is theirs."""
        if not self.is_open:
            return Refused(Reason.INSUFFICIENT_PERMISSIONS, CLOSED)
        email = applicant.email.strip().lower()
        refused = self._problem(email, applicant)
        if refused is None:
            refused = await self._throttle.attempt(f"{_NAME}:{email}", address)
        if refused is not None:
            return refused
        kept = await self._passwords.hash(applicant.password)
        self._tasks.spawn(self._admit(email, applicant, kept, address), name="sign-up")
        return None

    async def link(self, id_or_email: str, *, by: Principal) -> NewLink | Refused:
        """Make a link for somebody who waits; the one before works no more."""
        async with self._store.writing() as connection:
            found = await people.find(connection, id_or_email, by)
            if isinstance(found, Refused):
                return found
            login = await logins.get(connection, found.id)
            if login is None or login.email_verified_at is not None or not login.password_hash:
                return Refused(Reason.CONFLICT, "This user does not wait for their address to be confirmed")
            await note(connection, by, "user.verify_link", found.id)
            return await _new_link(connection, found, by)

    async def verify(self, token: str, password: Secret, *, address: str) -> Known | Refused:
        """Take note that an address is theirs, by the link and the password together; return who it is."""
        refused = await self._throttle.attempt("", address)
        if refused is not None:
            return refused
        over = Refused(Reason.RESOURCE_NOT_FOUND, VERIFY_OVER, "password")
        async with self._store.reading() as connection:
            found = await _whose(connection, token)
        kept = found[1].password_hash if found else ""
        if len(password.reveal()) > LONGEST or not await self._passwords.matches(kept, password):
            return over
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            found = await _whose(connection, token)
            if found is None or found[1].password_hash != kept:
                return over
            user, login = found
            await logins.change(connection, user.id, {"email_verified_at": now_ms})
            await logins.use_link(connection, token_hash(token), now_ms=now_ms)
            await note(connection, Principal(user.id, address), "user.verify_email", user.id)
        await self._throttle.right("", address)
        return known(user.email, login)

    def _problem(self, email: str, applicant: Applicant) -> Refused | None:
        name = applicant.name.strip() or email[: labels.NAME_LENGTH]
        account = labels.problem_with_name(applicant.account or name)
        refused = people.problem_with_person(email, name)
        if refused is None and account is not None:
            refused = msgspec.structs.replace(account, param="account")
        if refused is None:
            refused = problem_with(applicant.password, email, applicant.name)
        if refused is None and self._settings().terms_required and not applicant.accepts_terms:
            refused = Refused(Reason.INVALID_MEMBER, "Accept the terms to sign up", "terms")
        return refused

    async def _admit(self, email: str, applicant: Applicant, kept: str, address: str) -> None:
        url, by = self._settings().url.rstrip("/"), Principal(_NAME, address)
        async with self._store.writing() as connection:
            there = [
                (user, login)
                for user in await users.with_email(connection, email)
                if (login := await logins.get(connection, user.id)) is not None and _has_come(login)
            ]
            made = None
            if not there:
                made = await self._furnish(connection, email, applicant, kept, by)
            elif all(login.email_verified_at is None for _, login in there):
                made, login = there[0]
                changed = {"password_hash": kept, "password_set_at": system.now_ms()}
                await logins.change(connection, login.user_id, changed)
            link = None if made is None else await _new_link(connection, made, by)
            if made is not None and not self._letters.possible:
                details = {"user_id": made.id, "command": f"keyturn users verify-link {made.id}"}
                waits = Notice(EventKind.SIGN_UP_WAITS, system.now(), address=address, details=details)
                await keep(connection, [msgspec.structs.replace(waits, account_id=made.account_id)])
        if link is None:
            letter = Letter(email, SUBJECT_KNOWN, TEXT_KNOWN.format(url=url))
        else:
            text = TEXT.format(link=f"{url}/dashboard/verify#{link.token.reveal()}")
            letter = Letter(email, SUBJECT, text)
        await self._letters.send(letter)

    async def _furnish(
        self, connection: AsyncConnection, email: str, applicant: Applicant, kept: str, by: Principal
    ) -> StoredUser:
        """Add an account with a project and its owner."""
        now_ms = system.now_ms()
        name = applicant.name.strip() or email[: labels.NAME_LENGTH]
        account = StoredAccount(system.new_id(ids.ACCOUNT), applicant.account.strip() or name, now_ms)
        await accounts.add(connection, account)
        terms = Terms(self._settings().sign_up_plan) if self._settings().sign_up_plan else Terms()
        resolved = await subscriptions.resolve(connection, terms, by)
        values: Facts = {}
        if not isinstance(resolved, Refused):  # a plan that is gone must keep nobody out
            values = (await subscriptions.apply(connection, account, resolved, by)).values
        if values:
            await accounts.change(connection, account.id, values)
        told: Facts = {"name": account.name, **values}
        await note(connection, by, "account.create", account.id, after=told)
        project = StoredProject(system.new_id(ids.PROJECT), account.id, _PROJECT, now_ms)
        await projects.add(connection, project)
        user = StoredUser(system.new_id(ids.USER), account.id, email, name, now_ms)
        await users.add(connection, user)
        accepted = now_ms if applicant.accepts_terms else None
        login = StoredLogin(user.id, Role.OWNER, kept, now_ms, terms_accepted_at=accepted, created_at=now_ms)
        await logins.add(connection, login)
        facts: Facts = {"email": email, "role": Role.OWNER.value, "terms_accepted": accepted is not None}
        await note(connection, by, "user.sign_up", user.id, after=facts)
        return user


def _has_come(login: StoredLogin) -> bool:
    """Say whether somebody has ever shown up; who was only invited comes in by the invitation, and not by this."""
    return bool(login.password_hash or login.email_verified_at or login.last_sign_in_at)


async def _new_link(connection: AsyncConnection, user: StoredUser, by: Principal) -> NewLink:
    now_ms, token = system.now_ms(), system.new_token()
    await logins.drop_links(connection, VERIFY, user.id)
    link = StoredLink(token_hash(token.reveal()), VERIFY, user.id, now_ms, now_ms + VERIFY_MS, None, by.name)
    await logins.add_link(connection, link)
    return NewLink(user, token, link.expires_at)


async def _whose(connection: AsyncConnection, token: str) -> tuple[StoredUser, StoredLogin] | None:
    link = await logins.link(connection, token_hash(token))
    if link is None or link.purpose != VERIFY or link.used_at or link.expires_at <= system.now_ms():
        return None
    user, login = await users.get(connection, link.user_id), await logins.get(connection, link.user_id)
    return None if user is None or login is None or user.suspended_at is not None else (user, login)
