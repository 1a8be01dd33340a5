"""Which keys a caller reaches, and what a caller may make of them.

What is out of reach is answered exactly like what does not exist.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain import ids
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.limits import Bound, Scope, read_limits
from keyturn.domain.permissions import Permission
from keyturn.domain.policies import ProjectPolicy, read_policy
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rights import too_strong, too_strong_for
from keyturn.services.named import only
from keyturn.store import accounts, keys, projects, users
from keyturn.store.keys import KeyFilter, Owner, StoredKey
from keyturn.store.projects import StoredProject


class Owned(msgspec.Struct, frozen=True):
    """A key and whose it is."""

    key: StoredKey
    owner: Owner

    @property
    def policy(self) -> ProjectPolicy:
        """What its project asks of keys."""
        return read_policy(self.owner.policy)

    def record(self) -> KeyRecord:
        """Return what decides how strong the key is."""
        key, owner = self.key, self.owner
        own = None if key.locations is None else frozenset(key.locations.split())
        policy = self.policy.locations
        allowed = own if policy is None else frozenset(policy) & (frozenset(policy) if own is None else own)
        return KeyRecord(
            id=key.id,
            name=key.name,
            kind=Kind(key.kind),
            permissions=frozenset(Permission(one) for one in key.permissions.split()),
            project_id=key.project_id,
            account_id=owner.account_id,
            user_id=key.user_id or "",
            expires_at=None if key.expires_at is None else key.expires_at / 1000,
            not_before=None if key.not_before is None else key.not_before / 1000,
            node_wide=owner.first_account,
            models=tuple(key.models.split()),
            endpoints=tuple(key.endpoints.split()),
            ip=tuple(key.ip.split()),
            origins=tuple(key.origins.split()),
            locations=allowed,
            limits=tuple(Bound(key.id, Scope.KEY, limit) for limit in read_limits(key.limits)),
        )


async def find(connection: AsyncConnection, id_or_name: str, by: Principal) -> Owned | Refused:
    """Return the key within reach of the caller that has this identifier, or the only one with this name."""
    key = await keys.get(connection, id_or_name)
    if key is not None:
        owned = await own(connection, key)
        if by.reaches_key(owned.owner.account_id, key.project_id, key.user_id):
            return owned
    found = await keys.named(
        connection,
        id_or_name,
        account_id=by.account_id,
        project_id=by.project_id,
        user_id=by.holder_id,
    )
    one = only(found, "key", id_or_name)
    return one if isinstance(one, Refused) else await own(connection, one)


async def own(connection: AsyncConnection, key: StoredKey) -> Owned:
    """Return a key with whose it is."""
    owners = await keys.owners(connection, [key.project_id])
    return Owned(key, owners[key.project_id])


async def project_for(connection: AsyncConnection, asked: str, by: Principal) -> Owner | Refused:
    """Return the project that a new key shall belong to.

    Args:
        connection: Where.
        asked: Identifier, or name when only one project within reach has it; empty: the caller's own, or the first.
        by: Who asks.
    """
    if not asked:
        own_project = await _usual_project(connection, by)
        found = [own_project] if own_project else []
    else:
        project = await projects.get(connection, asked)
        named = [project] if project else await projects.named(connection, asked, by.account_id)
        found = [one.id for one in await reached_projects(connection, named, by)]
    if len(found) > 1:
        message = f"{len(found)} projects have the name {asked!r}; use the id"
        return Refused(Reason.INVALID_MEMBER, message, "project_id", {"ids": ", ".join(found)})
    owners = await keys.owners(connection, found)
    if not owners:
        unasked = "You are a member of no project; somebody who administers the account can add you to one"
        message = unasked if by.holder_id and not asked else "There is no such project"
        return Refused(Reason.INVALID_MEMBER, message, "project_id")
    return owners[found[0]]


async def _usual_project(connection: AsyncConnection, by: Principal) -> str | None:
    """Return where a key goes when nobody says where."""
    if by.key is not None:
        return by.key.project_id
    if by.person is None:
        return await projects.first(connection)
    if not by.holder_id:
        return await projects.first(connection, by.person.account_id)
    return min(await users.memberships(connection, by.holder_id), default=None)


async def reached_projects(
    connection: AsyncConnection, found: Sequence[StoredProject], by: Principal
) -> list[StoredProject]:
    """Return those of these projects that are within reach of the caller; a member's are those they belong to."""
    reached = [one for one in found if by.reaches(one.account_id, one.id)]
    if not reached or not by.holder_id:
        return reached
    own = await users.memberships(connection, by.holder_id)
    return [one for one in reached if one.id in own]


async def holder_for(connection: AsyncConnection, asked: str, owner: Owner, by: Principal) -> str | Refused:
    """Return the identifier of the user who shall hold a personal key; only a member of its project can.

    Args:
        connection: Where.
        asked: Identifier or e-mail address; empty: nobody, it is a service key, unless a member asks: then it is theirs.
        owner: The key's project.
        by: Who asks.
    """
    asked = asked or by.holder_id
    if not asked:
        return ""
    if ids.is_id(asked, ids.USER):
        user = await users.get(connection, asked)
    else:
        user = next(iter(await users.with_email(connection, asked.lower(), owner.account_id)), None)
    inside = user is not None and user.account_id == owner.account_id
    if user is None or not inside or not by.reaches_user(owner.account_id, user.id):
        return Refused(Reason.INVALID_MEMBER, "There is no such member of the project", "user_id")
    if not await users.is_member(connection, owner.project_id, user.id):
        message = f"{user.email} is not a member of the project yet; make them one first"
        return Refused(Reason.INVALID_MEMBER, message, "user_id")
    return user.id


def refused_as_too_strong(by: Principal, owned: Owned, now: float) -> Refused | None:
    """Refuse to make, change, enable or rotate a key that is stronger than the caller.

    Args:
        by: Who asks; for whoever is trusted nothing is too strong.
        owned: The key as it is, or as it would be.
        now: Seconds since 1970 UTC.
    """
    if by.trusted:
        return None
    record = owned.record()
    member = too_strong(record, by.key, now) if by.key else too_strong_for(record, by)
    if member is None and owned.key.sink and by.account_id:
        member = "rotation.sink"  # a file of the node's is for those who reach the node
    if member is None and owned.key.decoy and by.holder_id:
        member = "decoy"
    if member is None:
        return None
    if by.key is None:
        message = (
            f"Your role does not let you make or change such a key; {member!r} reaches further than you do"
        )
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, member)
    message = (
        f"A key can't make or change a key stronger than itself; {member!r} reaches further than its own"
    )
    return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, member, {"key_id": by.key.id})


async def narrowed(connection: AsyncConnection, wanted: KeyFilter, by: Principal) -> KeyFilter | Refused:
    """Return which keys to list: those asked for that the caller reaches.

    Args:
        connection: Where.
        wanted: Account, project and user may stand there by identifier, name and e-mail address.
        by: Who asks.
    """
    account_id, project_id, user_id = by.account_id, by.project_id, by.holder_id
    if wanted.account_id:
        account = await accounts.get(connection, wanted.account_id)
        named = [account] if account else await accounts.named(connection, wanted.account_id)
        account_id = _only([one.id for one in named if account_id in {"", one.id}])
        if not account_id:
            return Refused(Reason.INVALID_MEMBER, "There is no such account, or more than one", "account")
    if wanted.project_id:
        project = await projects.get(connection, wanted.project_id)
        found = [project] if project else await projects.named(connection, wanted.project_id, account_id)
        project_id = _only([one.id for one in await reached_projects(connection, found, by)])
        if not project_id:
            return Refused(Reason.INVALID_MEMBER, "There is no such project, or more than one", "project")
    if wanted.user_id:
        user = await users.get(connection, wanted.user_id)
        same = [user] if user else await users.with_email(connection, wanted.user_id.lower(), account_id)
        inside = [one for one in same if account_id in {"", one.account_id}]
        user_id = _only([one.id for one in inside if by.reaches_user(one.account_id, one.id)])
        if not user_id:
            return Refused(Reason.INVALID_MEMBER, "There is no such user, or more than one", "user")
    return msgspec.structs.replace(wanted, account_id=account_id, project_id=project_id, user_id=user_id)


def _only(found: list[str]) -> str:
    return found[0] if len(found) == 1 else ""
