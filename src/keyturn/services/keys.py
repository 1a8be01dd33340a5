"""Issue keys, change them, end them.

Whatever takes rights away is committed first and then confirmed by every live worker, so that the key is
dead everywhere when the call returns. What a key asks for is bounded by the key itself (``domain.rights``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.keys import Status, status
from keyturn.domain.policies import read_policy
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import note
from keyturn.services.delivery_sinks import Sinks
from keyturn.services.idempotency import keep
from keyturn.services.issuing import DAY_MS, draft, new_secret, next_rotation
from keyturn.services.key_access import (
    Owned,
    find,
    holder_for,
    narrowed,
    own,
    project_for,
    refused_as_too_strong,
)
from keyturn.services.key_checks import (
    refused_by_form,
    refused_by_kind,
    refused_by_policy,
    refused_by_time,
)
from keyturn.services.key_terms import NewKey, Terms, applied, differences, facts
from keyturn.services.named import at_version
from keyturn.services.workers import Workers
from keyturn.store import keys, projects, usage
from keyturn.store.engine import Store
from keyturn.store.keys import KeyFilter, StoredKey, StoredSecret
from keyturn.store.usage import KeyUsage
from keyturn.store.vault import Vault

UNDELETE_DAYS = 30
"""How long the operator can bring a deleted key back."""


class Key(msgspec.Struct, frozen=True):
    """A key with everything that may be shown of it."""

    stored: StoredKey
    account_id: str
    secrets: list[StoredSecret]
    """Oldest first."""
    usage: KeyUsage
    status: Status


class Issued(msgspec.Struct, frozen=True):
    """A new key and its secret, which nobody will see again."""

    key: Key
    secret: Secret


Step = Callable[[AsyncConnection, Owned, int], Awaitable[StoredKey | Refused]]
"""Says what becomes of a key: takes it as it is and the time in milliseconds, returns it as it shall be."""


class Keys:
    """The use cases. A key is named by its identifier, or by its name when only one within reach has it."""

    def __init__(self, store: Store, vault: Vault, workers: Workers, sinks: Sinks) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers
        self._sinks = sinks

    async def create(self, wanted: NewKey, *, by: Principal) -> Issued | Refused:
        """Issue a key.

        Args:
            wanted: What it shall be.
            by: Who asks.
        """
        refused = refused_by_form(wanted) or await self._refused_by_sinks(wanted, by)
        if refused is not None:
            return refused
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            drafted = await _draft(connection, wanted, by, now_ms)
            if isinstance(drafted, Refused):
                return drafted
            key = drafted.key
            secret, stored_secret = new_secret(self._vault, key, now_ms=now_ms)
            await keys.add(connection, key, stored_secret)
            told = facts(key) | {"display": stored_secret.display}
            await note(connection, by, "key.create", key.id, after=told)
            state = status(key, now_ms)
            shown = Key(key, drafted.owner.account_id, [stored_secret], KeyUsage(key.id), state)
            issued = Issued(shown, secret)
            await keep(connection, issued)
        return issued

    async def page(
        self, wanted: KeyFilter, *, by: Principal, cursor: str | None, limit: int
    ) -> tuple[list[Key], str | None] | Refused:
        """Return up to ``limit`` keys within reach, newest first, and where the next page begins, if there is one.

        Args:
            wanted: Which; account, project and user may stand there by identifier, name and e-mail address.
            by: Who asks; only the operator sees deleted keys.
            cursor: The last key of the page before.
            limit: How many at most.
        """
        if wanted.deleted and not by.trusted:
            return Refused(Reason.INSUFFICIENT_PERMISSIONS, "Only the operator sees deleted keys", "deleted")
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            within = await narrowed(connection, wanted, by)
            if isinstance(within, Refused):
                return within
            found = await keys.page(connection, within, before=cursor, limit=limit + 1, now_ms=now_ms)
            shown = await views(connection, found[:limit], now_ms)
        return shown, shown[-1].stored.id if len(found) > limit else None

    async def show(self, id_or_name: str, *, by: Principal) -> Key | Refused:
        """Return a key."""
        async with self._store.reading() as connection:
            found = await find(connection, id_or_name, by)
            if isinstance(found, Refused):
                return found
            [shown] = await views(connection, [found.key], system.now_ms())
        return shown

    async def edit(
        self, id_or_name: str, terms: Terms, *, by: Principal, if_match: str | None = None
    ) -> Key | Refused:
        """Change a key; in force everywhere on return.

        Args:
            id_or_name: Which.
            terms: What shall be different.
            by: Who asks.
            if_match: The precondition on its version, as in ``domain.versions``.
        """

        async def step(connection: AsyncConnection, found: Owned, now_ms: int) -> StoredKey | Refused:
            changed = applied(found.key, terms)
            refused = (
                refused_as_too_strong(by, found, now_ms / 1000)
                or _refused_limits(by, found.key, changed)
                or refused_by_kind(changed)
                or refused_by_time(changed, found.key, now_ms)
                or refused_by_policy(changed, found.key, found.policy)
                or refused_as_too_strong(by, replace(found, key=changed), now_ms / 1000)
            )
            if refused is not None:
                return refused
            if changed.rotate_every_days != found.key.rotate_every_days:
                secrets = (await keys.secrets_of(connection, [changed.id]))[changed.id]
                since = secrets[-1].created_at if secrets else now_ms
                changed = replace(changed, next_rotation_at=next_rotation(changed, since, now_ms=now_ms))
            return changed

        refused = refused_by_form(terms) or await self._refused_by_sinks(terms, by)
        return refused or await self._change(id_or_name, "key.edit", step, by=by, if_match=if_match)

    async def enable(self, id_or_name: str, *, by: Principal) -> Key | Refused:
        """Let a disabled or quarantined key work again."""

        async def step(_connection: AsyncConnection, found: Owned, now_ms: int) -> StoredKey | Refused:
            if found.key.revoked_at is not None:
                return Refused(Reason.CONFLICT, "A revoked key can't be enabled again; create a new one")
            refused = refused_as_too_strong(by, found, now_ms / 1000)
            return refused or replace(found.key, enabled=True, frozen_at=None, case_id="")

        return await self._change(id_or_name, "key.enable", step, by=by)

    async def disable(self, id_or_name: str, *, by: Principal) -> Key | Refused:
        """Stop a key for now; no worker accepts it any more on return."""

        async def step(_connection: AsyncConnection, found: Owned, _now_ms: int) -> StoredKey:
            return replace(found.key, enabled=False)

        return await self._change(id_or_name, "key.disable", step, by=by)

    async def revoke(self, id_or_name: str, *, by: Principal) -> Key | Refused:
        """End a key for good; no worker accepts it any more on return."""

        async def step(_connection: AsyncConnection, found: Owned, now_ms: int) -> StoredKey:
            return replace(found.key, revoked_at=found.key.revoked_at or now_ms)

        return await self._change(id_or_name, "key.revoke", step, by=by)

    async def delete(self, id_or_name: str, *, by: Principal, if_match: str | None = None) -> Key | Refused:
        """Take a key out of sight, its usage kept; no worker accepts it any more on return."""

        async def step(_connection: AsyncConnection, found: Owned, now_ms: int) -> StoredKey | Refused:
            if found.key.delete_protected:
                message = "The key is protected from deletion; take that protection away first"
                return Refused(Reason.CONFLICT, message)
            return replace(found.key, deleted_at=now_ms)

        changed = await self._change(id_or_name, "key.delete", step, by=by, if_match=if_match)
        if isinstance(changed, Refused) and changed.reason is Reason.RESOURCE_NOT_FOUND:
            await self._confirm_deleted(id_or_name, by)
        return changed

    async def undelete(self, id_or_name: str, *, by: Principal) -> Key | Refused:
        """Bring back a key that was deleted in the last 30 days; for the operator only."""
        if not by.trusted:
            message = "Only the operator, on the machine itself, can bring back a deleted key"
            return Refused(Reason.INSUFFICIENT_PERMISSIONS, message)
        now_ms = system.now_ms()
        since_ms = now_ms - UNDELETE_DAYS * DAY_MS
        async with self._store.writing() as connection:
            found = await keys.deleted(connection, id_or_name, since_ms=since_ms)
            if len(found) != 1:
                return _none_or_many_deleted(found)
            owned = await own(connection, found[0])
            if await projects.get(connection, found[0].project_id) is None:
                return Refused(Reason.CONFLICT, "The project of the key is deleted")
            changed = replace(found[0], deleted_at=None)
            shown = await _store(connection, owned, changed, by, "key.undelete")
        await self._workers.invalidate([changed.id])
        return shown

    async def _change(
        self, id_or_name: str, action: str, step: Step, *, by: Principal, if_match: str | None = None
    ) -> Key | Refused:
        """Change a key in one transaction, then have the workers forget it, also where nothing was to change.

        It may have been asked for again because they had not all confirmed the first time.
        """
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            found = await find(connection, id_or_name, by)
            if isinstance(found, Refused):
                return found
            key = at_version(found.key, if_match)
            if isinstance(key, Refused):
                return key
            changed = await step(connection, found, now_ms)
            if isinstance(changed, Refused):
                return changed
            shown = await _store(connection, found, changed, by, action)
        await self._workers.invalidate([found.key.id])
        return shown

    async def _refused_by_sinks(self, terms: Terms, by: Principal) -> Refused | None:
        """Refuse a file that no secret could be written to, while whoever names it is there to hear it.

        Who does not reach the node may name none, and is not told either what there is on its disk.
        """
        if by.account_id or not isinstance(terms.sink, str) or not terms.sink:
            return None
        problem = await asyncio.to_thread(self._sinks.problem_with, terms.sink)
        return Refused(Reason.INVALID_MEMBER, problem, "rotation.sink") if problem else None

    async def _confirm_deleted(self, id_or_name: str, by: Principal) -> None:
        """Have the workers forget a key that was deleted before, for the same reason."""
        async with self._store.reading() as connection:
            found = [await own(connection, key) for key in await keys.deleted(connection, id_or_name)]
        reached = [
            one.key.id
            for one in found
            if by.reaches_key(one.owner.account_id, one.key.project_id, one.key.user_id)
        ]
        if reached:
            await self._workers.invalidate(reached)


async def _draft(connection: AsyncConnection, wanted: NewKey, by: Principal, now_ms: int) -> Owned | Refused:
    owner = await project_for(connection, wanted.project, by)
    if isinstance(owner, Refused):
        return owner
    holder = await holder_for(connection, wanted.user, owner, by)
    if isinstance(holder, Refused):
        return holder
    policy = read_policy(owner.policy)
    if wanted.rotate_every_days is msgspec.UNSET and not wanted.decoy:
        wanted = replace(wanted, rotate_every_days=policy.rotate_every_days)
    key = draft(replace(wanted, user=holder), project_id=owner.project_id, by=by.name, now_ms=now_ms)
    drafted = Owned(key, owner)
    refused = (
        refused_by_kind(key)
        or refused_by_time(key, None, now_ms)
        or refused_by_policy(key, None, policy)
        or refused_as_too_strong(by, drafted, now_ms / 1000)
    )
    return refused or drafted


def _refused_limits(by: Principal, before: StoredKey, changed: StoredKey) -> Refused | None:
    """Refuse a member other limits for a key of theirs: those it has may come from somebody who administers it."""
    if not by.holder_id or before.limits == changed.limits:
        return None
    message = "The limits of a key are changed by those who administer the account"
    return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, "limits")


async def _store(
    connection: AsyncConnection, before: Owned, changed: StoredKey, by: Principal, action: str
) -> Key:
    """Write what has changed of a key, and that it has; return the key as it is then."""
    old = asdict(before.key)
    values = {name: value for name, value in asdict(changed).items() if value != old[name]}
    if values:
        changed = replace(changed, version=before.key.version + 1)
        await keys.change(connection, changed.id, values)
        if values.get("revoked_at") is not None or values.get("recoverable") is False:
            await keys.forget_text(connection, changed.id)
        was, now = differences(before.key, changed)
        await note(connection, by, action, changed.id, before=was, after=now)
    [shown] = await views(connection, [changed], system.now_ms())
    return shown


async def views(connection: AsyncConnection, found: Iterable[StoredKey], now_ms: int) -> list[Key]:
    """Return these keys with everything that may be shown of them."""
    found = list(found)
    key_ids = [key.id for key in found]
    owners = await keys.owners(connection, (key.project_id for key in found))
    secrets = await keys.secrets_of(connection, key_ids)
    used = await usage.of_keys(connection, key_ids)
    return [
        Key(key, owners[key.project_id].account_id, secrets[key.id], used[key.id], status(key, now_ms))
        for key in found
    ]


def _none_or_many_deleted(found: list[StoredKey]) -> Refused:
    if not found:
        message = f"No such key was deleted in the last {UNDELETE_DAYS} days"
        return Refused(Reason.RESOURCE_NOT_FOUND, message)
    message = f"{len(found)} deleted keys have this name; use the id"
    return Refused(Reason.CONFLICT, message, details={"ids": ", ".join(key.id for key in found)})
