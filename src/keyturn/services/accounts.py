"""Accounts: tenants, each with projects, users and keys of its own.

A suspended account's keys are refused by every worker when the call returns.
"""

from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.audit import Facts, note
from keyturn.services.named import at_version, only
from keyturn.services.workers import Workers, forget
from keyturn.store import accounts
from keyturn.store.accounts import AccountCounts, StoredAccount
from keyturn.store.engine import Store


class Account(msgspec.Struct, frozen=True):
    """An account with everything that may be shown of it."""

    stored: StoredAccount
    counts: AccountCounts


class AccountChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType = msgspec.UNSET


class Accounts:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers

    async def create(
        self, name: str, *, metadata: dict[str, str], time_zone: str = "UTC", by: Principal
    ) -> Account | Refused:
        """Add an account; it is empty."""
        refused = (
            labels.problem_with_name(name)
            or labels.problem_with_metadata(metadata)
            or _problem_with_zone(time_zone)
        )
        if refused is not None:
            return refused
        stored = StoredAccount(
            system.new_id(ids.ACCOUNT),
            name,
            system.now_ms(),
            metadata=labels.write_metadata(metadata),
            time_zone=time_zone,
        )
        async with self._store.writing() as connection:
            await accounts.add(connection, stored)
            after: Facts = {"name": name, "metadata": metadata, "time_zone": time_zone}
            await note(connection, by, "account.create", stored.id, after=after)
        return Account(stored, AccountCounts())

    async def page(
        self, search: str, *, by: Principal, cursor: str | None, limit: int
    ) -> tuple[list[Account], str | None]:
        """Return up to ``limit`` accounts, newest first, and where the next page begins, if there is one."""
        async with self._store.reading() as connection:
            found = await accounts.page(
                connection, search=search, only=by.account_id, before=cursor, limit=limit + 1
            )
            shown = found[:limit]
            counts = await accounts.counts(connection, [one.id for one in shown])
        complete = [Account(one, counts[one.id]) for one in shown]
        return complete, shown[-1].id if len(found) > limit else None

    async def show(self, id_or_name: str, *, by: Principal) -> Account | Refused:
        """Return the account with this identifier, or the only one within reach with this name."""
        async with self._store.reading() as connection:
            found = await find(connection, id_or_name, by)
            return found if isinstance(found, Refused) else await _complete(connection, found)

    async def edit(
        self, id_or_name: str, change: AccountChange, *, by: Principal, if_match: str | None = None
    ) -> Account | Refused:
        """Rename an account, replace its metadata, or move it to another time zone; in force everywhere on return.

        With the time zone its days and months begin anew, so those who are held to its limits can't change it.
        """
        refused = (
            labels.problem_with_name(change.name)
            or labels.problem_with_metadata(change.metadata)
            or _problem_with_zone(change.time_zone)
        )
        if refused is not None:
            return refused
        key_ids: list[str] = []
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_name, by), if_match)
            if isinstance(found, Refused):
                return found
            values: dict[str, object] = {}
            before: Facts = {}
            after: Facts = {}
            if not isinstance(change.name, msgspec.UnsetType):
                values["name"] = after["name"] = change.name
                before["name"] = found.name
            if not isinstance(change.metadata, msgspec.UnsetType):
                values["metadata"] = labels.write_metadata(change.metadata)
                before["metadata"] = labels.read_metadata(found.metadata)
                after["metadata"] = change.metadata
            if not isinstance(change.time_zone, msgspec.UnsetType):
                if by.account_id:
                    message = "The time zone of an account is set by those who reach the whole node"
                    return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, "time_zone")
                values["time_zone"] = after["time_zone"] = change.time_zone
                before["time_zone"] = found.time_zone
                # Also when it is the same: it may be asked again because not all workers had confirmed.
                key_ids = await accounts.key_ids(connection, found.id)
            if values:
                await accounts.change(connection, found.id, values)
                await note(connection, by, "account.edit", found.id, before=before, after=after)
            changed = await _again(connection, found)
        await forget(self._workers, key_ids)
        return changed

    async def suspend(self, id_or_name: str, *, by: Principal) -> Account | Refused:
        """Have all keys of an account refused, on return by every worker; nothing is lost."""
        return await self._set_suspended(id_or_name, by=by, suspended=True)

    async def resume(self, id_or_name: str, *, by: Principal) -> Account | Refused:
        """Let the keys of a suspended account work again."""
        return await self._set_suspended(id_or_name, by=by, suspended=False)

    async def _set_suspended(self, id_or_name: str, *, by: Principal, suspended: bool) -> Account | Refused:
        async with self._store.writing() as connection:
            found = await find(connection, id_or_name, by)
            if isinstance(found, Refused):
                return found
            if suspended and found.id == await accounts.first(connection):
                return Refused(Reason.CONFLICT, "The operator's own account can't be suspended")
            if (found.suspended_at is not None) != suspended:
                values: dict[str, object] = {"suspended_at": system.now_ms() if suspended else None}
                await accounts.change(connection, found.id, values)
                action = "account.suspend" if suspended else "account.resume"
                before: Facts = {"suspended": not suspended}
                await note(connection, by, action, found.id, before=before, after={"suspended": suspended})
            # Also when nothing has changed: it may be asked again because not all workers had confirmed.
            key_ids = await accounts.key_ids(connection, found.id)
            changed = await _again(connection, found)
        await forget(self._workers, key_ids)
        return changed

    async def delete(
        self, id_or_name: str, *, by: Principal, if_match: str | None = None
    ) -> Account | Refused:
        """Take away an account in which nothing lives; its usage stays in reports."""
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_name, by), if_match)
            if isinstance(found, Refused):
                return found
            if found.id == await accounts.first(connection):
                return Refused(Reason.CONFLICT, "The operator's own account can't be deleted")
            account = await _complete(connection, found)
            if account.counts.projects or account.counts.users:
                living = f"projects: {account.counts.projects}, users: {account.counts.users}"
                return Refused(Reason.CONFLICT, f"The account is not empty ({living}); delete those first")
            await accounts.change(connection, found.id, {"deleted_at": system.now_ms()})
            await note(connection, by, "account.delete", found.id, before={"name": found.name})
        return account


async def find(connection: AsyncConnection, id_or_name: str, by: Principal) -> StoredAccount | Refused:
    """Return the account that a caller names: by its identifier, or by a name that only one within reach has."""
    by_id = await accounts.get(connection, id_or_name)
    found = [by_id] if by_id is not None else await accounts.named(connection, id_or_name)
    return only([one for one in found if by.reaches(one.id)], "account", id_or_name)


def _problem_with_zone(name: str | msgspec.UnsetType) -> Refused | None:
    """Refuse what is no time zone; one that is not given is fine."""
    if isinstance(name, msgspec.UnsetType):
        return None
    message = "A time zone is an IANA name, such as 'Europe/Berlin' or 'UTC'"
    # What else lies in the folder: other systems of counting seconds, and this machine's own zone.
    if name.partition("/")[0] in {"posix", "right", "localtime", "posixrules"}:
        return Refused(Reason.INVALID_MEMBER, message, "time_zone")
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder; no file of zones, or outside; none there
        return Refused(Reason.INVALID_MEMBER, message, "time_zone")
    return None


async def _complete(connection: AsyncConnection, stored: StoredAccount) -> Account:
    return Account(stored, (await accounts.counts(connection, [stored.id]))[stored.id])


async def _again(connection: AsyncConnection, stored: StoredAccount) -> Account:
    """Return an account as it is now, after a change in the same transaction."""
    return await _complete(connection, await accounts.get(connection, stored.id) or stored)
