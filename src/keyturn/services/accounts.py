"""Accounts: tenants, each with projects, users and keys of its own.

A suspended account's keys are refused by every worker when the call returns.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import subscriptions
from keyturn.services.audit import Facts, note
from keyturn.services.counters import Counters
from keyturn.services.named import at_version, only
from keyturn.services.subscriptions import NO_TERMS, Terms
from keyturn.services.workers import Workers, forget
from keyturn.store import accounts, credit, ledger
from keyturn.store.accounts import AccountCounts, StoredAccount
from keyturn.store.engine import Store


class Account(msgspec.Struct, frozen=True):
    """An account with everything that may be shown of it."""

    stored: StoredAccount
    counts: AccountCounts
    out_of_credit: bool = False
    """It pays in advance, and nothing is left: its keys are refused until it has credit again."""


class AccountChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    terms: Terms = NO_TERMS


class Accounts:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, workers: Workers, counters: Counters) -> None:
        self._store = store
        self._workers = workers
        self._counters = counters

    async def create(
        self,
        name: str,
        *,
        metadata: dict[str, str],
        time_zone: str = "UTC",
        by: Principal,
        terms: Terms = NO_TERMS,
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
            resolved = await subscriptions.resolve(connection, terms, by)
            if isinstance(resolved, Refused):
                return resolved
            await accounts.add(connection, stored)
            after: Facts = {"name": name, "metadata": metadata, "time_zone": time_zone}
            changed = await subscriptions.apply(connection, stored, resolved, by)
            if changed.values:
                await accounts.change(connection, stored.id, changed.values)
            await note(connection, by, "account.create", stored.id, after=after | changed.values)
            return await _again(connection, stored)

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
            out = await _out_of_credit(connection, [one.id for one in shown])
        complete = [Account(one, counts[one.id], one.id in out) for one in shown]
        return complete, shown[-1].id if len(found) > limit else None

    async def show(self, id_or_name: str, *, by: Principal) -> Account | Refused:
        """Return the account with this identifier, or the only one within reach with this name."""
        async with self._store.reading() as connection:
            found = await find(connection, id_or_name, by)
            return found if isinstance(found, Refused) else await _complete(connection, found)

    async def edit(
        self, id_or_name: str, change: AccountChange, *, by: Principal, if_match: str | None = None
    ) -> Account | Refused:
        """Rename an account, replace its metadata, move it to another time zone or change its terms; in force on return.

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
            terms = await subscriptions.resolve(connection, change.terms, by)
            if isinstance(terms, Refused):
                return terms
            values: Facts = {}
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
            new = await subscriptions.apply(connection, found, terms, by)
            values, before, after = values | new.values, before | new.before, after | new.values
            if values:
                await accounts.change(connection, found.id, values)
                await note(connection, by, "account.edit", found.id, before=before, after=after)
            # Also when they are the same: it may be asked again because not all workers had confirmed.
            counted = change.terms.is_any or change.time_zone is not msgspec.UNSET
            key_ids = await accounts.key_ids(connection, found.id) if counted else []
            changed = await _again(connection, found)
        await forget(self._workers, key_ids)
        if counted:
            await self._counters.reload(found.id)
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
    counts = (await accounts.counts(connection, [stored.id]))[stored.id]
    return Account(stored, counts, bool(await _out_of_credit(connection, [stored.id])))


async def _out_of_credit(connection: AsyncConnection, account_ids: Sequence[str]) -> set[str]:
    """Return which of these accounts pay in advance and have nothing left."""
    prepaid = await credit.prepaid(connection, account_ids)
    left = await ledger.available_of(connection, prepaid, system.now_ms()) if prepaid else {}
    return {account_id for account_id, available in left.items() if available <= 0}


async def _again(connection: AsyncConnection, stored: StoredAccount) -> Account:
    """Return an account as it is now, after a change in the same transaction."""
    return await _complete(connection, await accounts.get(connection, stored.id) or stored)
