"""Limits of keys, projects, accounts and plans: written down as a whole, and shown with what is used of them.

When a change returns, every worker goes by the new limits. Whoever asks with a key can loosen no limit that holds for
that key: neither its own nor those of its project, account and plan.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.limits import Bound, Limit, Scope, loosened, read_limits, write_limits
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import accounts as account_rows, key_access, projects as project_rows
from keyturn.services.audit import note
from keyturn.services.key_checks import refused_limits
from keyturn.services.named import at_version, only
from keyturn.services.workers import Workers, forget
from keyturn.store import limits as rows
from keyturn.store.engine import Store


class Stand(msgspec.Struct, frozen=True):
    """How far a limit is used up now."""

    used: int
    """Money in nano-dollars."""
    resets_at: float | None
    """Seconds since 1970 UTC; ``None``: its window slides or never ends."""


class Standing(Protocol):
    """Knows what has been counted."""

    async def standing(self, bounds: Sequence[Bound]) -> list[Stand]:
        """Return how far each of these is used up, in their order."""
        ...


class Held(msgspec.Struct, frozen=True):
    """A limit and how far it is used up."""

    bound: Bound
    stand: Stand | None
    """``None``: it is a plan's, counted for each account that has it."""


class Limited(msgspec.Struct, frozen=True):
    """The limits of one owner."""

    id: str
    version: int
    limits: list[Held]
    inherited: list[Held]
    """Those of its own owners that hold for it too, as far as the caller reaches them: the closest first."""


class Owner(msgspec.Struct, frozen=True):
    """Something that limits can be written down for, as it is kept."""

    scope: Scope
    id: str
    version: int
    limits: str
    account_id: str = ""
    project_id: str = ""
    key: key_access.Owned | None = None


class Limits:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, workers: Workers, counted: Standing) -> None:
        self._store = store
        self._workers = workers
        self._counted = counted

    async def show(self, scope: Scope, id_or_name: str, *, by: Principal) -> Limited | Refused:
        """Return the limits of a key, project, account or plan, with what is used of them."""
        async with self._store.reading() as connection:
            found = await _find(connection, scope, id_or_name, by)
            if isinstance(found, Refused):
                return found
            own, above = await _bounds(connection, found, by)
        return await self._held(found, own, above)

    async def write(
        self,
        scope: Scope,
        id_or_name: str,
        limits: Sequence[Limit],
        *,
        by: Principal,
        if_match: str | None = None,
    ) -> Limited | Refused:
        """Put these limits in the place of all that there were; every worker goes by them on return.

        Args:
            scope: What they are for.
            id_or_name: Which.
            limits: All of them; empty: none.
            by: Who asks.
            if_match: The precondition on the owner's version, as in ``domain.versions``.
        """
        refused = refused_limits(limits)
        if refused is not None:
            return refused
        text = write_limits(limits)
        async with self._store.writing() as connection:
            found = at_version(await _find(connection, scope, id_or_name, by), if_match)
            if isinstance(found, Refused):
                return found
            refused = await _refused_by_reach(connection, found, text, by)
            if refused is not None:
                return refused
            if text != found.limits:
                await rows.change(connection, scope, found.id, text)
                before, after = (msgspec.json.decode(one) for one in (found.limits, text))
                told = {"before": {"limits": before}, "after": {"limits": after}}
                await note(connection, by, f"{scope}.limits", found.id, **told)
                found = msgspec.structs.replace(found, version=found.version + 1, limits=text)
            # Also when nothing has changed: it may be asked again because not all workers had confirmed.
            key_ids = await rows.key_ids(connection, scope, found.id)
            own, above = await _bounds(connection, found, by)
        await forget(self._workers, key_ids)
        return await self._held(found, own, above)

    async def _held(self, owner: Owner, own: list[Bound], above: list[Bound]) -> Limited:
        if owner.scope is Scope.PLAN:
            return Limited(owner.id, owner.version, [Held(bound, None) for bound in own], [])
        stands = await self._counted.standing([*own, *above])
        held = [Held(bound, stand) for bound, stand in zip([*own, *above], stands, strict=True)]
        return Limited(owner.id, owner.version, held[: len(own)], held[len(own) :])


async def _find(connection: AsyncConnection, scope: Scope, id_or_name: str, by: Principal) -> Owner | Refused:
    match scope:
        case Scope.KEY:
            key = await key_access.find(connection, id_or_name, by)
            if isinstance(key, Refused):
                return key
            one, of = key.key, key.owner
            return Owner(scope, one.id, one.version, one.limits, of.account_id, of.project_id, key)
        case Scope.PROJECT:
            project = await project_rows.find(connection, id_or_name, by)
            if isinstance(project, Refused):
                return project
            return Owner(scope, project.id, project.version, project.limits, project.account_id, project.id)
        case Scope.ACCOUNT:
            account = await account_rows.find(connection, id_or_name, by)
            if isinstance(account, Refused):
                return account
            return Owner(scope, account.id, account.version, account.limits, account.id)
        case Scope.PLAN:
            plans = [] if by.account_id else await rows.plans_named(connection, id_or_name)
            plan = only(plans, "plan", id_or_name)
            return plan if isinstance(plan, Refused) else Owner(scope, plan.id, plan.version, plan.limits)


async def _bounds(
    connection: AsyncConnection, owner: Owner, by: Principal
) -> tuple[list[Bound], list[Bound]]:
    """Return an owner's own limits, and those of its own owners that the caller reaches as a whole."""
    if owner.scope is Scope.PLAN:
        return _bound(owner.id, owner.scope, owner.limits), []
    account_id, project_id = owner.account_id, owner.project_id
    above = await rows.of_owners(connection, account_id, project_id)
    found: list[Bound] = []
    if owner.scope is Scope.KEY:
        found += _bound(project_id, Scope.PROJECT, above.project, above.zone)
    if by.reaches(account_id) and not by.project_id and not by.holder_id:
        if owner.scope is not Scope.ACCOUNT:
            found += _bound(account_id, Scope.ACCOUNT, above.account, above.zone)
        found += _bound(account_id, Scope.PLAN, above.plan, above.zone)
    return _bound(owner.id, owner.scope, owner.limits, above.zone), found


def _bound(owner_id: str, scope: Scope, limits: str, zone: str = "UTC") -> list[Bound]:
    return [Bound(owner_id, scope, limit, zone) for limit in read_limits(limits)]


async def _refused_by_reach(
    connection: AsyncConnection, owner: Owner, text: str, by: Principal
) -> Refused | None:
    """Refuse limits that would let the caller's own key do more, or make another key stronger than it is."""
    if by.trusted:
        return None
    if by.holder_id:
        message = "Limits are changed by those who administer the account"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, "limits")
    now = system.now()
    if owner.key is not None:
        changed = msgspec.structs.replace(owner.key.key, limits=text)
        return key_access.refused_as_too_strong(by, owner.key, now) or key_access.refused_as_too_strong(
            by, msgspec.structs.replace(owner.key, key=changed), now
        )
    if by.account_id and owner.scope is not Scope.PROJECT:
        message = "The limits of an account are set by those who reach the whole node"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, "limits", {"key_id": by.name})
    if by.key is None:
        return None  # no limit holds for a person
    own = {by.key.project_id, by.key.account_id, await rows.plan_of(connection, by.key.account_id)}
    if owner.id in own and loosened(read_limits(owner.limits), read_limits(text), now):
        message = f"A key can't loosen a limit that holds for itself, and it belongs to this {owner.scope}"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, "limits", {"key_id": by.key.id})
    return None
