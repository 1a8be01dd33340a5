"""Plans: what an account may use, what it gets, and whether it pays in advance. A change holds for all who have it."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.limits import Limit, problem_with, read_limits, write_limits
from keyturn.domain.money import LARGEST_USD, NANO_PER_USD
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.audit import Facts, note
from keyturn.services.counters import Counters
from keyturn.services.named import at_version
from keyturn.services.subscriptions import find
from keyturn.services.workers import Workers, forget
from keyturn.store import accounts, plans
from keyturn.store.engine import Store
from keyturn.store.plans import StoredPlan

LONGEST_TRIAL_DAYS, HIGHEST_TIER = 3_650, 1_000
_SAME = msgspec.UNSET
_EFFECTIVE = {"limits", "prepaid"}
"""What workers and counters go by."""


class Plan(msgspec.Struct, frozen=True):
    """A plan, and how many accounts have it."""

    stored: StoredPlan
    accounts: int = 0


class PlanMembers(msgspec.Struct, frozen=True):
    """What is to be so; ``UNSET`` stays as it is, or as it is by default in a new plan.

    Amounts are nano-dollars. ``trial_days`` of ``None``: the trial's credit lasts until it is used.
    """

    name: str | msgspec.UnsetType = _SAME
    description: str | msgspec.UnsetType = _SAME
    tier: int | msgspec.UnsetType = _SAME
    limits: Sequence[Limit] | msgspec.UnsetType = _SAME
    prepaid: bool | msgspec.UnsetType = _SAME
    trial_nano_usd: int | msgspec.UnsetType = _SAME
    trial_days: int | msgspec.UnsetType | None = _SAME
    monthly_nano_usd: int | msgspec.UnsetType = _SAME
    metadata: dict[str, str] | msgspec.UnsetType = _SAME


class Plans:
    """The use cases; plans belong to whoever runs the gateway."""

    def __init__(self, store: Store, workers: Workers, counters: Counters) -> None:
        self._store = store
        self._workers = workers
        self._counters = counters

    async def create(self, members: PlanMembers, *, by: Principal) -> Plan | Refused:
        """Add a plan; nobody has it yet."""
        values = _values(members)
        if isinstance(values, Refused):
            return values
        now_ms = system.now_ms()
        stored = StoredPlan(system.new_id(ids.PLAN), "", created_at=now_ms)
        stored = msgspec.structs.replace(stored, **values)
        async with self._store.writing() as connection:
            if await plans.named(connection, stored.name):
                return Refused(Reason.CONFLICT, "There is a plan of this name", "name")
            await plans.add(connection, stored)
            await note(connection, by, "plan.create", stored.id, after=_facts(values))
        return Plan(stored)

    async def page(self, search: str, *, cursor: str | None, limit: int) -> tuple[list[Plan], str | None]:
        """Return up to ``limit`` plans, oldest first, and where the next page begins, if there is one."""
        async with self._store.reading() as connection:
            found = await plans.page(connection, search=search, after=cursor, limit=limit + 1)
            shown = found[:limit]
            counts = await plans.counts(connection, [one.id for one in shown])
        return [Plan(one, counts[one.id]) for one in shown], shown[-1].id if len(found) > limit else None

    async def show(self, id_or_name: str) -> Plan | Refused:
        """Return the plan with this identifier or name."""
        async with self._store.reading() as connection:
            found = await find(connection, id_or_name)
            return found if isinstance(found, Refused) else await _complete(connection, found)

    async def edit(
        self, id_or_name: str, members: PlanMembers, *, by: Principal, if_match: str | None = None
    ) -> Plan | Refused:
        """Change a plan; on return, every worker goes by it for every account that has it."""
        values = _values(members)
        if isinstance(values, Refused):
            return values
        key_ids: list[str] = []
        account_ids: list[str] = []
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_name), if_match)
            if isinstance(found, Refused):
                return found
            if "name" in values and any(
                one.id != found.id for one in await plans.named(connection, str(values["name"]))
            ):
                return Refused(Reason.CONFLICT, "There is a plan of this name", "name")
            if values:
                await plans.change(connection, found.id, values)
                was = msgspec.structs.asdict(found)
                before = {name: was[name] for name in values}
                await note(connection, by, "plan.edit", found.id, before=_facts(before), after=_facts(values))
            if values.keys() & _EFFECTIVE:
                account_ids = await plans.accounts_with(connection, found.id)
                for account_id in account_ids:
                    key_ids += await accounts.key_ids(connection, account_id)
            changed = await _complete(connection, await plans.get(connection, found.id) or found)
        await forget(self._workers, key_ids)
        for account_id in account_ids:
            await self._counters.reload(account_id)
        return changed

    async def delete(self, id_or_name: str, *, by: Principal, if_match: str | None = None) -> Plan | Refused:
        """Take away a plan that no account has."""
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_name), if_match)
            if isinstance(found, Refused):
                return found
            plan = await _complete(connection, found)
            if plan.accounts:
                message = f"{plan.accounts} accounts have this plan; give them another one first"
                return Refused(Reason.CONFLICT, message, details={"accounts": str(plan.accounts)})
            await plans.change(connection, found.id, {"deleted_at": system.now_ms()})
            await note(connection, by, "plan.delete", found.id, before={"name": found.name})
        return plan


async def _complete(connection: AsyncConnection, stored: StoredPlan) -> Plan:
    return Plan(stored, (await plans.counts(connection, [stored.id]))[stored.id])


def _values(members: PlanMembers) -> dict[str, object] | Refused:
    """Return the columns that are given, or the member that can't be so."""
    refused = (
        labels.problem_with_name(members.name)
        or labels.problem_with_description(members.description)
        or labels.problem_with_metadata(members.metadata)
        or _problem_with_figures(members)
    )
    if refused is not None:
        return refused
    given = msgspec.structs.asdict(members)
    values = {name: value for name, value in given.items() if not isinstance(value, msgspec.UnsetType)}
    if not isinstance(members.limits, msgspec.UnsetType):
        problem = problem_with(members.limits, system.now())
        if problem is not None:
            return Refused(Reason.INVALID_MEMBER, problem[1], f"limits{problem[0]}")
        values["limits"] = write_limits(members.limits)
    if not isinstance(members.metadata, msgspec.UnsetType):
        values["metadata"] = labels.write_metadata(members.metadata)
    return values


def _problem_with_figures(members: PlanMembers) -> Refused | None:
    ranges = (
        ("tier", members.tier, 0, HIGHEST_TIER),
        ("trial_usd", members.trial_nano_usd, 0, LARGEST_USD * NANO_PER_USD),
        ("monthly_usd", members.monthly_nano_usd, 0, LARGEST_USD * NANO_PER_USD),
        ("trial_days", members.trial_days, 1, LONGEST_TRIAL_DAYS),
    )
    for name, value, least, most in ranges:
        if isinstance(value, int) and not least <= value <= most:
            return Refused(Reason.INVALID_MEMBER, "The figure is too small or too large", name)
    return None


def _facts(values: dict[str, object]) -> Facts:
    """Return columns as the audit log shows them."""
    shown = dict(values)
    if "limits" in shown:
        shown["limits"] = msgspec.to_builtins(read_limits(str(shown["limits"])))
    if "metadata" in shown:
        shown["metadata"] = labels.read_metadata(str(shown["metadata"]))
    return shown
