"""Who may give which role to whom. Nobody makes anybody stronger than they are, and no account loses its last owner."""

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rights import too_strong
from keyturn.domain.roles import PROVE, Role, narrows
from keyturn.services.audit import note
from keyturn.store import accounts, logins, sessions, users
from keyturn.store.logins import StoredLogin
from keyturn.store.users import StoredUser


async def give(connection: AsyncConnection, user: StoredUser, role: Role, by: Principal) -> Refused | None:
    """Give a user a role, who may sign in with it from then on; their sessions end when it lets them do less.

    Args:
        connection: In a transaction that writes.
        user: Whom.
        role: Which; the one they have changes nothing.
        by: Who asks.
    """
    login = await logins.get(connection, user.id)
    before = None if login is None else Role(login.role)
    if before is role:
        return None
    refused = (
        refused_to_touch(by, user.account_id, before)
        or refused_to_give(by, user.account_id, role)
        or (await refused_as_last(connection, user, by) if before is Role.OWNER else None)
    )
    if refused is not None:
        return refused
    if login is None:
        made = StoredLogin(user.id, role, created_at=system.now_ms())
        await logins.add(connection, made)
    else:
        await logins.change(connection, user.id, {"role": role})
    if before is not None and narrows(before, role):
        await sessions.end_all(connection, user.id)
    await users.change(connection, user.id, {})
    was = None if before is None else before.value
    await note(connection, by, "user.role", user.id, before={"role": was}, after={"role": role.value})
    return None


def refused_to_touch(by: Principal, account_id: str, role: Role | None) -> Refused | None:
    """Refuse to change somebody with this role: an owner is changed by owners, and from outside the account."""
    if role is not Role.OWNER or by.trusted or _outside(by, account_id):
        return None
    if by.person is not None and by.person.role is Role.OWNER:
        return None
    return Refused(Reason.INSUFFICIENT_PERMISSIONS, "Only an owner changes, suspends or deletes an owner")


def refused_to_give(by: Principal, account_id: str, role: Role) -> Refused | None:
    """Refuse to make somebody stronger than the caller; a person must also have shown lately that it is them."""
    if by.trusted:
        return None
    person = by.person
    if person is not None:
        if not person.proved(system.now_ms()):
            return Refused(Reason.CONFIRMATION_REQUIRED, PROVE)
        reaches = person.role is Role.OWNER or role is not Role.OWNER or _outside(by, account_id)
    else:
        reaches = by.key is not None and _key_reaches(by.key, account_id, role)
        reaches = reaches and (role is not Role.OWNER or _outside(by, account_id))
    if reaches:
        return None
    message = "Nobody makes anybody stronger than they are; owners are made by owners"
    return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, "role")


async def refused_as_last(
    connection: AsyncConnection, user: StoredUser, by: Principal, *, deleting: bool = False
) -> Refused | None:
    """Refuse to take from an account the last owner who can sign in.

    Only whoever runs the node may delete the last one of an account of somebody else's, so that the account can end.
    """
    able = await logins.able_owners(connection, user.account_id)
    if able != [user.id]:
        return None
    foreign = user.account_id != await accounts.first(connection)
    if deleting and foreign and (by.trusted or _outside(by, user.account_id)):
        return None
    message = f"{user.email} is the last owner of the account; make somebody else an owner first"
    return Refused(Reason.CONFLICT, message)


def _outside(by: Principal, account_id: str) -> bool:
    """Say whether the caller reaches the account from the one that runs the node."""
    holder = by.key or by.person
    return holder is not None and by.account_id == "" and holder.account_id != account_id


def _key_reaches(key: KeyRecord, account_id: str, role: Role) -> bool:
    """Say whether somebody with this role could make no key that is stronger than the one that asks."""
    granted = Permission.ADMIN if role.administers else Permission.READ
    strongest = KeyRecord(
        id="",
        name="",
        kind=Kind.SECRET,
        permissions=frozenset({granted}),
        project_id=key.project_id,
        account_id=account_id,
    )
    return too_strong(strongest, key, system.now()) is None
