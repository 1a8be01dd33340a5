"""Users: people in an account, and the projects they are members of.

A personal key belongs to a user in a project and ends with either; service keys survive the people who made them.
"""

import re
from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Role
from keyturn.services import accounts as owners, projects as homes, roles
from keyturn.services.audit import Facts, note
from keyturn.services.named import at_version, only
from keyturn.services.workers import Workers, forget
from keyturn.store import keys, logins, sessions, users
from keyturn.store.engine import Store
from keyturn.store.logins import Standing
from keyturn.store.users import StoredMember, StoredUser, UserFilter

EMAIL_LENGTH = 254
_EMAIL = re.compile(r"[^\s@,;<>\"()\\/]+@[^\s@,;<>\"()\\/.]+(\.[^\s@,;<>\"()\\/.]+)*")
"""Strict in what would make trouble in a path, a list or a header; whether it exists is for a mail server to say."""


class User(msgspec.Struct, frozen=True):
    """A user with everything that may be shown of them."""

    stored: StoredUser
    keys: int
    """Personal keys that are not deleted."""
    projects: list[str]
    """The identifiers of those they are members of."""
    standing: Standing | None = None
    """How they sign in; ``None``: not at all, keys can be issued to them."""

    @property
    def role(self) -> str:
        """Their role; empty: they do not sign in."""
        return "" if self.standing is None else self.standing.role


class UserChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is."""

    email: str | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET


class NewUser(msgspec.Struct, frozen=True):
    """What is asked for."""

    email: str
    name: str = ""
    """Empty: the address."""
    account: str = ""
    """Identifier or name; empty: the caller's own, for the operator the first."""
    metadata: dict[str, str] = {}
    role: Role | None = None
    """``None``: they do not sign in."""


class Users:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers

    async def create(self, wanted: NewUser, *, by: Principal) -> User | Refused:
        """Add a user to an account."""
        email = wanted.email.lower()
        name = wanted.name or email[: labels.NAME_LENGTH]
        change = UserChange(email, name, wanted.metadata)
        refused = _problem(change)
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            account_id = await homes.owning(connection, wanted.account, by)
            if isinstance(account_id, Refused):
                return account_id
            if await users.with_email(connection, email, account_id):
                return _taken(email)
            stored = StoredUser(
                system.new_id(ids.USER),
                account_id,
                email,
                name,
                system.now_ms(),
                metadata=labels.write_metadata(wanted.metadata),
            )
            refused = roles.refused_to_give(by, account_id, wanted.role) if wanted.role else None
            if refused is not None:
                return refused
            await users.add(connection, stored)
            await note(connection, by, "user.create", stored.id, after=_facts(stored))
            if wanted.role is not None:
                await roles.give(connection, stored, wanted.role, by)
            return await _again(connection, stored)

    async def page(
        self, wanted: UserFilter, *, by: Principal, cursor: str | None, limit: int
    ) -> tuple[list[User], str | None] | Refused:
        """Return up to ``limit`` users, newest first, and where the next page begins, if there is one.

        Args:
            wanted: Which; its ``account_id`` may be an account's name too.
            by: Who asks.
            cursor: What the page before gave.
            limit: How many at most.
        """
        async with self._store.reading() as connection:
            account_id = by.account_id
            if wanted.account_id:
                found = await owners.find(connection, wanted.account_id, by)
                if isinstance(found, Refused):
                    return found
                account_id = found.id
            own = msgspec.structs.replace(wanted, account_id=account_id, user_id=by.holder_id)
            rows = await users.page(connection, own, before=cursor, limit=limit + 1)
            shown = await complete(connection, rows[:limit])
        return shown, rows[limit - 1].id if len(rows) > limit else None

    async def show(self, id_or_email: str, *, by: Principal) -> User | Refused:
        """Return the user with this identifier, or the only one within reach with this address."""
        async with self._store.reading() as connection:
            found = await find(connection, id_or_email, by)
            return found if isinstance(found, Refused) else (await complete(connection, [found]))[0]

    async def edit(
        self, id_or_email: str, change: UserChange, *, by: Principal, if_match: str | None = None
    ) -> User | Refused:
        """Change a user."""
        if not isinstance(change.email, msgspec.UnsetType):
            change = msgspec.structs.replace(change, email=change.email.lower())
        refused = _problem(change)
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_email, by), if_match)
            if isinstance(found, Refused):
                return found
            wanted = _apply(found, change)
            same_email = await users.with_email(connection, wanted.email, found.account_id)
            if any(one.id != found.id for one in same_email):
                return _taken(wanted.email)
            refused = await _refused_to_touch(connection, found, by)
            if refused is None and wanted.email != found.email:
                refused = await _refused_to_readdress(connection, found, by)
            if refused is None and isinstance(change.role, Role):
                refused = await roles.give(connection, found, change.role, by)
            if refused is not None:
                return refused
            before, after = _facts(found), _facts(wanted)
            different = {name for name in after if after[name] != before[name]}
            if different:
                kept = msgspec.structs.asdict(wanted)
                await users.change(connection, found.id, {name: kept[name] for name in different})
                if "email" in different:
                    await _forget_address(connection, found.id)
                await note(
                    connection,
                    by,
                    "user.edit",
                    found.id,
                    before={name: before[name] for name in different},
                    after={name: after[name] for name in different},
                )
            return await _again(connection, wanted)

    async def suspend(self, id_or_email: str, *, by: Principal) -> User | Refused:
        """Have a user's personal keys refused, on return by every worker; nothing is lost."""
        return await self._set_suspended(id_or_email, by=by, suspended=True)

    async def resume(self, id_or_email: str, *, by: Principal) -> User | Refused:
        """Let the personal keys of a suspended user work again."""
        return await self._set_suspended(id_or_email, by=by, suspended=False)

    async def _set_suspended(self, id_or_email: str, *, by: Principal, suspended: bool) -> User | Refused:
        async with self._store.writing() as connection:
            found = await find(connection, id_or_email, by)
            if isinstance(found, Refused):
                return found
            refused = await _refused_to_touch(connection, found, by)
            if refused is None and suspended:
                refused = await roles.refused_as_last(connection, found, by)
            if refused is not None:
                return refused
            if suspended:
                await sessions.end_all(connection, found.id)
            if (found.suspended_at is not None) != suspended:
                values: dict[str, object] = {"suspended_at": system.now_ms() if suspended else None}
                await users.change(connection, found.id, values)
                action = "user.suspend" if suspended else "user.resume"
                before: Facts = {"suspended": not suspended}
                await note(connection, by, action, found.id, before=before, after={"suspended": suspended})
            # Also when nothing has changed: it may be asked again because not all workers had confirmed.
            key_ids = await users.personal_keys(connection, found.id)
            changed = await _again(connection, found)
        await forget(self._workers, key_ids)
        return changed

    async def delete(self, id_or_email: str, *, by: Principal, if_match: str | None = None) -> User | Refused:
        """Take a user away and revoke their personal keys; the keys they made for projects stay."""
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_email, by), if_match)
            if isinstance(found, Refused):
                return found
            refused = await _refused_to_touch(connection, found, by) or await roles.refused_as_last(
                connection, found, by, deleting=True
            )
            if refused is not None:
                return refused
            await sessions.end_all(connection, found.id)
            [user] = await complete(connection, [found])
            revoked = await users.personal_keys(connection, found.id, unrevoked=True)
            await _revoke(connection, revoked, by, "user.delete")
            await users.leave(connection, found.id)
            await logins.drop(connection, found.id)
            await users.change(connection, found.id, {"deleted_at": system.now_ms()})
            before: Facts = {"email": found.email, "name": found.name, "projects": user.projects}
            await note(connection, by, "user.delete", found.id, before=before)
            key_ids = await users.personal_keys(connection, found.id)
        await forget(self._workers, key_ids)
        return user

    # ── members ─────────────────────────────────────────────────────────────

    async def members(
        self, project: str, *, by: Principal, cursor: str | None, limit: int
    ) -> tuple[list[StoredMember], str | None] | Refused:
        """Return up to ``limit`` members of a project, newest users first, and where the next page begins."""
        async with self._store.reading() as connection:
            found = await homes.find(connection, project, by)
            if isinstance(found, Refused):
                return found
            rows = await users.members_of(connection, found.id, before=cursor, limit=limit + 1)
        return rows[:limit], rows[limit - 1].user.id if len(rows) > limit else None

    async def join(self, project: str, id_or_email: str, *, by: Principal) -> StoredMember | Refused:
        """Make a user of the project's account a member of it; who is one already stays one."""
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            home = await homes.find(connection, project, by)
            if isinstance(home, Refused):
                return home
            found = await _in_account(connection, id_or_email, home.account_id)
            if found is None:
                message = "There is no such user in the project's account"
                return Refused(Reason.INVALID_MEMBER, message, "user_id")
            if not await users.is_member(connection, home.id, found.id):
                await users.join(connection, home.id, found.id, now_ms=now_ms)
                await note(connection, by, "member.add", home.id, after={"user_id": found.id})
            member = await users.member(connection, home.id, found.id)
        return member or Refused(Reason.RESOURCE_NOT_FOUND, "There is no such member")

    async def leave(self, project: str, id_or_email: str, *, by: Principal) -> StoredMember | Refused:
        """End a membership and revoke the user's personal keys in the project; on return no worker takes them."""
        async with self._store.writing() as connection:
            home = await homes.find(connection, project, by)
            if isinstance(home, Refused):
                return home
            found = await _in_account(connection, id_or_email, home.account_id)
            member = None if found is None else await users.member(connection, home.id, found.id)
            if member is None:
                return Refused(Reason.RESOURCE_NOT_FOUND, "There is no such member")
            user_id = member.user.id
            revoked = await users.personal_keys(connection, user_id, project_id=home.id, unrevoked=True)
            await _revoke(connection, revoked, by, "member.remove")
            await users.leave(connection, user_id, home.id)
            await note(connection, by, "member.remove", home.id, before={"user_id": user_id})
            key_ids = await users.personal_keys(connection, user_id, project_id=home.id)
        await forget(self._workers, key_ids)
        return member


async def find(connection: AsyncConnection, id_or_email: str, by: Principal) -> StoredUser | Refused:
    """Return the user that a caller names: by identifier, or by an address that only one within reach has."""
    by_id = await users.get(connection, id_or_email)
    found = [by_id] if by_id is not None else await users.with_email(connection, id_or_email.lower())
    return only([one for one in found if by.reaches_user(one.account_id, one.id)], "user", id_or_email)


async def _in_account(connection: AsyncConnection, id_or_email: str, account_id: str) -> StoredUser | None:
    by_id = await users.get(connection, id_or_email)
    if by_id is not None:
        return by_id if by_id.account_id == account_id else None
    found = await users.with_email(connection, id_or_email.lower(), account_id)
    return found[0] if found else None


async def _revoke(connection: AsyncConnection, key_ids: Sequence[str], by: Principal, why: str) -> None:
    revoked_at = system.now_ms()
    for key_id in key_ids:
        await keys.change(connection, key_id, {"revoked_at": revoked_at})
        await note(connection, by, "key.revoke", key_id, after={"why": why})


async def _refused_to_touch(connection: AsyncConnection, user: StoredUser, by: Principal) -> Refused | None:
    login = await logins.get(connection, user.id)
    return roles.refused_to_touch(by, user.account_id, None if login is None else Role(login.role))


async def _refused_to_readdress(
    connection: AsyncConnection, user: StoredUser, by: Principal
) -> Refused | None:
    """Refuse another address to who is weaker than the role: letters to it let in whoever reads them."""
    login = await logins.get(connection, user.id)
    return None if login is None else roles.refused_to_give(by, user.account_id, Role(login.role))


async def _forget_address(connection: AsyncConnection, user_id: str) -> None:
    """Take away what the address before has shown, and the links that were sent to it."""
    await logins.drop_all_links(connection, user_id)
    login = await logins.get(connection, user_id)
    if login is not None and login.address_proved:
        await logins.change(connection, user_id, {"email_verified_at": logins.UNPROVED})


async def complete(connection: AsyncConnection, found: Sequence[StoredUser]) -> list[User]:
    """Return these users with everything that may be shown of them."""
    user_ids = [one.id for one in found]
    owned = await users.key_counts(connection, user_ids)
    joined = await users.projects_of(connection, user_ids)
    standing = await logins.standings(connection, user_ids, now_ms=system.now_ms())
    return [User(one, owned[one.id], joined[one.id], standing.get(one.id)) for one in found]


async def _again(connection: AsyncConnection, stored: StoredUser) -> User:
    """Return a user as they are now, after a change in the same transaction."""
    return (await complete(connection, [await users.get(connection, stored.id) or stored]))[0]


def _problem(change: UserChange) -> Refused | None:
    email = change.email
    if not isinstance(email, msgspec.UnsetType) and (
        len(email) > EMAIL_LENGTH or not email.isprintable() or _EMAIL.fullmatch(email) is None
    ):
        message = f"An e-mail address is NAME@DOMAIN, up to {EMAIL_LENGTH} characters"
        return Refused(Reason.INVALID_MEMBER, message, "email")
    return labels.problem_with_name(change.name) or labels.problem_with_metadata(change.metadata)


def problem_with_person(email: str, name: str) -> Refused | None:
    """Refuse an address that is none, or a name that nobody could read; the address is in lower case."""
    return _problem(UserChange(email, name))


def _taken(email: str) -> Refused:
    return Refused(Reason.CONFLICT, f"The account has a user with the address {email} already", "email")


def _apply(user: StoredUser, change: UserChange) -> StoredUser:
    given: dict[str, object] = {}
    if not isinstance(change.email, msgspec.UnsetType):
        given["email"] = change.email
    if not isinstance(change.name, msgspec.UnsetType):
        given["name"] = change.name
    if not isinstance(change.metadata, msgspec.UnsetType):
        given["metadata"] = labels.write_metadata(change.metadata)
    return msgspec.structs.replace(user, **given)


def _facts(user: StoredUser) -> Facts:
    """Return what the audit log tells of a user."""
    return {"email": user.email, "name": user.name, "metadata": labels.read_metadata(user.metadata)}
