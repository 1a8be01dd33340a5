"""Projects: what keys belong to, with a policy for all of them, and who is a member.

A change of the policy that concerns requests is in force in every worker when the call returns.
"""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids, labels
from keyturn.domain.policies import ProjectPolicy, problem_with, read_policy, write_policy
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import accounts as owners
from keyturn.services.audit import Facts, note
from keyturn.services.key_access import reached_projects
from keyturn.services.named import at_version, only
from keyturn.services.workers import Workers, forget
from keyturn.store import accounts, projects, users
from keyturn.store.engine import Store
from keyturn.store.projects import ProjectCounts, ProjectFilter, StoredProject

Days = int | msgspec.UnsetType | None


class Project(msgspec.Struct, frozen=True):
    """A project with everything that may be shown of it."""

    stored: StoredProject
    counts: ProjectCounts
    policy: ProjectPolicy
    suspended: bool
    """Its account is."""


class NewProject(msgspec.Struct, frozen=True):
    """What is asked for."""

    name: str
    account: str = ""
    """Identifier or name; empty: the caller's own, for the operator the first."""
    description: str = ""
    metadata: dict[str, str] = {}
    policy: ProjectPolicy = ProjectPolicy()


class PolicyChange(msgspec.Struct, frozen=True):
    """What is to be different in a policy; ``UNSET`` stays as it is, ``None`` is left open again."""

    locations: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    longest_life_days: Days = msgspec.UNSET
    unused_days: Days = msgspec.UNSET
    recoverable: bool | msgspec.UnsetType = msgspec.UNSET
    rotate_every_days: Days = msgspec.UNSET
    store_bodies: bool | msgspec.UnsetType = msgspec.UNSET


class ProjectChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    policy: PolicyChange = PolicyChange()


class Projects:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers

    async def create(self, wanted: NewProject, *, by: Principal) -> Project | Refused:
        """Add a project to an account."""
        refused = (
            labels.problem_with_name(wanted.name)
            or labels.problem_with_description(wanted.description)
            or labels.problem_with_metadata(wanted.metadata)
            or _problem(wanted.policy)
        )
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            account_id = await owning(connection, wanted.account, by)
            if isinstance(account_id, Refused):
                return account_id
            stored = StoredProject(
                system.new_id(ids.PROJECT),
                account_id,
                wanted.name,
                system.now_ms(),
                wanted.description,
                policy=write_policy(wanted.policy),
                metadata=labels.write_metadata(wanted.metadata),
            )
            await projects.add(connection, stored)
            await note(connection, by, "project.create", stored.id, after=_facts(stored))
            return await _complete(connection, stored)

    async def page(
        self, wanted: ProjectFilter, *, by: Principal, cursor: str | None, limit: int
    ) -> tuple[list[Project], str | None] | Refused:
        """Return up to ``limit`` projects, newest first, and where the next page begins, if there is one.

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
            own = msgspec.structs.replace(
                wanted, account_id=account_id, project_id=by.project_id, member_id=by.holder_id
            )
            rows = await projects.page(connection, own, before=cursor, limit=limit + 1)
            shown = rows[:limit]
            counts = await projects.counts(connection, [one.id for one in shown])
            asleep = await accounts.suspended(connection, {one.account_id for one in shown})
        complete = [
            Project(one, counts[one.id], read_policy(one.policy), one.account_id in asleep) for one in shown
        ]
        return complete, shown[-1].id if len(rows) > limit else None

    async def show(self, id_or_name: str, *, by: Principal) -> Project | Refused:
        """Return the project with this identifier, or the only one within reach with this name."""
        async with self._store.reading() as connection:
            found = await find(connection, id_or_name, by)
            return found if isinstance(found, Refused) else await _complete(connection, found)

    async def edit(
        self, id_or_name: str, change: ProjectChange, *, by: Principal, if_match: str | None = None
    ) -> Project | Refused:
        """Change a project; in force everywhere on return."""
        refused = (
            labels.problem_with_name(change.name)
            or labels.problem_with_description(change.description)
            or labels.problem_with_metadata(change.metadata)
        )
        if refused is not None:
            return refused
        key_ids: list[str] = []
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_name, by), if_match)
            if isinstance(found, Refused):
                return found
            policy = _changed(read_policy(found.policy), change.policy)
            refused = _problem(policy)
            if refused is not None:
                return refused
            wanted = _apply(found, change, policy)
            before, after = _facts(found), _facts(wanted)
            different = {name for name in after if after[name] != before[name]}
            if different:
                kept = msgspec.structs.asdict(wanted)
                await projects.change(connection, found.id, {name: kept[name] for name in different})
                await note(
                    connection,
                    by,
                    "project.edit",
                    found.id,
                    before={name: before[name] for name in different},
                    after={name: after[name] for name in different},
                )
            if _concerns_workers(change.policy):
                # Also when nothing has changed: it may be asked again because not all workers had confirmed.
                key_ids = await projects.key_ids(connection, found.id)
            changed = await _complete(connection, await projects.get(connection, found.id) or wanted)
        await forget(self._workers, key_ids)
        return changed

    async def delete(
        self, id_or_name: str, *, by: Principal, if_match: str | None = None
    ) -> Project | Refused:
        """Take away a project that has no live keys; its usage stays in reports, its members leave."""
        async with self._store.writing() as connection:
            found = at_version(await find(connection, id_or_name, by), if_match)
            if isinstance(found, Refused):
                return found
            if found.id == await projects.first(connection):
                return Refused(Reason.CONFLICT, "The node's first project can't be deleted")
            now_ms = system.now_ms()
            alive = await projects.live_keys(connection, found.id, now_ms=now_ms)
            if alive:
                message = f"The project still has live keys ({alive}); revoke or delete them first"
                return Refused(Reason.CONFLICT, message)
            project = await _complete(connection, found)
            await users.leave_all(connection, found.id)
            await projects.change(connection, found.id, {"deleted_at": now_ms})
            await note(connection, by, "project.delete", found.id, before={"name": found.name})
            key_ids = await projects.key_ids(connection, found.id)
        # An expired key might get another expiry: workers must learn that its project is gone.
        await forget(self._workers, key_ids)
        return project


async def find(connection: AsyncConnection, id_or_name: str, by: Principal) -> StoredProject | Refused:
    """Return the project that a caller names: by its identifier, or by a name that only one within reach has."""
    by_id = await projects.get(connection, id_or_name)
    found = [by_id] if by_id is not None else await projects.named(connection, id_or_name)
    return only(await reached_projects(connection, found, by), "project", id_or_name)


async def owning(connection: AsyncConnection, account: str, by: Principal) -> str | Refused:
    """Return the identifier of the account that something new goes to.

    Args:
        connection: Where.
        account: What the caller said; empty: nothing.
        by: Who asks: the default is their own account, for the operator the first.
    """
    if not account:
        return by.account_id or await accounts.first(connection) or ""
    found = await owners.find(connection, account, by)
    if not isinstance(found, Refused):
        return found.id
    if found.reason is Reason.CONFLICT:
        return found
    return Refused(Reason.INVALID_MEMBER, "There is no such account", "account_id")


async def _complete(connection: AsyncConnection, stored: StoredProject) -> Project:
    counts = await projects.counts(connection, [stored.id])
    asleep = await accounts.suspended(connection, {stored.account_id})
    return Project(stored, counts[stored.id], read_policy(stored.policy), stored.account_id in asleep)


def _problem(policy: ProjectPolicy) -> Refused | None:
    found = problem_with(policy)
    return None if found is None else Refused(Reason.INVALID_MEMBER, found[1], f"policy.{found[0]}")


def _changed(policy: ProjectPolicy, change: PolicyChange) -> ProjectPolicy:
    given = {
        name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET
    }
    return msgspec.structs.replace(policy, **given)


def _concerns_workers(change: PolicyChange) -> bool:
    return any(
        not isinstance(member, msgspec.UnsetType) for member in (change.locations, change.store_bodies)
    )


def _apply(project: StoredProject, change: ProjectChange, policy: ProjectPolicy) -> StoredProject:
    values: dict[str, object] = {"policy": write_policy(policy)}
    if not isinstance(change.name, msgspec.UnsetType):
        values["name"] = change.name
    if not isinstance(change.description, msgspec.UnsetType):
        values["description"] = change.description
    if not isinstance(change.metadata, msgspec.UnsetType):
        values["metadata"] = labels.write_metadata(change.metadata)
    return msgspec.structs.replace(project, **values)


def _facts(project: StoredProject) -> Facts:
    """Return what the audit log tells of a project."""
    return {
        "name": project.name,
        "description": project.description,
        "metadata": labels.read_metadata(project.metadata),
        "policy": msgspec.to_builtins(read_policy(project.policy)),
    }
