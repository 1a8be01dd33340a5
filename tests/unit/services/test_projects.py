"""Projects and their policies."""

import pytest

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, StoredKeys, holder, log_of, record_of
from keyturn import system
from keyturn.domain.permissions import Permission
from keyturn.domain.policies import ProjectPolicy
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, Accounts
from keyturn.services.lookup import Lookup
from keyturn.services.projects import NewProject, PolicyChange, Project, ProjectChange, Projects
from keyturn.store import projects as rows
from keyturn.store.engine import Store
from keyturn.store.projects import ProjectFilter

EVERY = ProjectFilter()
STRICT = ProjectPolicy(locations=("header",), unused_days=90)


async def add(projects: Projects, name: str = "shop", *, account: str = "", description: str = "") -> Project:
    """Add a project that is not refused."""
    added = await projects.create(NewProject(name, account, description), by=BY_OPERATOR)
    assert isinstance(added, Project)
    return added


async def first(store: Store) -> str:
    """Return the node's first project."""
    async with store.reading() as connection:
        return await rows.first(connection) or ""


def reason(result: object) -> Reason:
    """Return why something was refused."""
    assert isinstance(result, Refused)
    return result.reason


async def listed(projects: Projects, wanted: ProjectFilter = EVERY) -> list[str]:
    """Return the names that a list gives."""
    page = await projects.page(wanted, by=BY_OPERATOR, cursor=None, limit=100)
    assert not isinstance(page, Refused)
    return sorted(one.stored.name for one in page[0])


async def test_a_project_goes_to_the_callers_own_account_unless_said(
    projects: Projects, accounts: Accounts
) -> None:
    """A tenant need not know its own id, and must not guess another's."""
    acme = await accounts.create("acme", metadata={}, by=BY_OPERATOR)
    assert isinstance(acme, Account)
    tenant = holder(acme.stored.id)

    operators = await add(projects)
    own = await projects.create(NewProject("own"), by=tenant)
    named = await projects.create(NewProject("named", account="acme"), by=BY_OPERATOR)
    foreign = await projects.create(NewProject("x", account=operators.stored.account_id), by=tenant)
    unknown = await projects.create(NewProject("x", account="acct_nobody"), by=tenant)

    assert isinstance(own, Project)
    assert isinstance(named, Project)
    assert own.stored.account_id == named.stored.account_id == acme.stored.id
    assert operators.stored.account_id != acme.stored.id
    assert foreign == unknown == Refused(Reason.INVALID_MEMBER, "There is no such account", "account_id")


async def test_taking_a_location_away_is_known_to_every_worker_before_the_call_returns(
    projects: Projects, lookup: Lookup, stored_keys: StoredKeys, workers: Heard
) -> None:
    """Someone has just found keys in a proxy's log."""
    project = await add(projects)
    key_id, secret = await stored_keys.put(project.stored.id)

    change = ProjectChange(policy=PolicyChange(locations=("header",)))
    changed = await projects.edit("shop", change, by=BY_OPERATOR)
    record = await record_of(lookup, secret)

    assert isinstance(changed, Project)
    assert changed.policy.locations == ("header",)
    assert record.locations == frozenset({"header"})
    assert workers.changes == [[key_id]]


async def test_what_workers_do_not_know_of_does_not_concern_them(
    projects: Projects, stored_keys: StoredKeys, workers: Heard
) -> None:
    """Renaming a project must not make every worker look its keys up again."""
    project = await add(projects)
    await stored_keys.put(project.stored.id)

    await projects.edit("shop", ProjectChange(name="b", policy=PolicyChange(unused_days=9)), by=BY_OPERATOR)

    assert workers.changes == []


async def test_that_bodies_are_kept_is_known_to_every_worker_before_the_call_returns(
    projects: Projects, stored_keys: StoredKeys, workers: Heard, lookup: Lookup
) -> None:
    """Whoever switches it off must be able to rely on it; said again, it is told again."""
    shop = await add(projects)
    key_id, secret = await stored_keys.put(shop.stored.id)
    known = []

    for wanted in (True, False, False):
        change = ProjectChange(policy=PolicyChange(store_bodies=wanted))
        await projects.edit("shop", change, by=BY_OPERATOR)
        known.append((await record_of(lookup, secret)).store_bodies)

    assert known == [True, False, False]
    assert workers.changes == [[key_id]] * 3


async def test_a_policy_is_changed_member_by_member(projects: Projects) -> None:
    """What is not named stays, null opens it again."""
    await projects.create(NewProject("shop", policy=STRICT), by=BY_OPERATOR)

    policy = PolicyChange(locations=None, rotate_every_days=30)
    changed = await projects.edit("shop", ProjectChange(policy=policy), by=BY_OPERATOR)

    assert isinstance(changed, Project)
    assert changed.policy == ProjectPolicy(unused_days=90, rotate_every_days=30)


@pytest.mark.parametrize(
    ("policy", "param"),
    [
        (ProjectPolicy(locations=()), "policy.locations"),
        (ProjectPolicy(locations=("header", "cookie")), "policy.locations[1]"),
        (ProjectPolicy(locations=("query", "query")), "policy.locations[1]"),
        (ProjectPolicy(longest_life_days=0), "policy.longest_life_days"),
        (ProjectPolicy(unused_days=3_651), "policy.unused_days"),
        (ProjectPolicy(rotate_every_days=-1), "policy.rotate_every_days"),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused_by_its_member(
    projects: Projects, policy: ProjectPolicy, param: str
) -> None:
    """At creation and at a change alike, and nothing is kept."""
    await add(projects)
    change = PolicyChange(policy.locations, policy.longest_life_days, policy.unused_days)
    change = change if policy.rotate_every_days is None else PolicyChange(rotate_every_days=-1)

    new = await projects.create(NewProject("n", policy=policy), by=BY_OPERATOR)
    changed = await projects.edit("shop", ProjectChange(policy=change), by=BY_OPERATOR)

    assert isinstance(new, Refused)
    assert isinstance(changed, Refused)
    assert (new.reason, new.param) == (changed.reason, changed.param) == (Reason.INVALID_MEMBER, param)
    assert await listed(projects) == ["Default", "shop"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        (ProjectChange(name=""), "name"),
        (ProjectChange(description="d" * 2_001), "description"),
        (ProjectChange(metadata={"": ""}), "metadata"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused_by_its_member(
    projects: Projects, change: ProjectChange, param: str
) -> None:
    """The caller must see what to change."""
    await add(projects)

    refused = await projects.edit("shop", change, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert refused.param == param


async def test_only_a_project_without_live_keys_is_deleted(
    projects: Projects, stored_keys: StoredKeys, lookup: Lookup
) -> None:
    """A disabled key can be enabled again: it lives. An expired one is let go, and stays refused for good."""
    project = await add(projects)
    past, now = system.now_ms() - 1, system.now_ms()
    _, expired = await stored_keys.put(project.stored.id, expires_at=past)
    await stored_keys.put(project.stored.id, revoked_at=now)
    await stored_keys.put(project.stored.id, deleted_at=now)
    other = await add(projects, "other")
    await stored_keys.put(other.stored.id, enabled=False)

    kept = await projects.delete("other", by=BY_OPERATOR)
    gone = await projects.delete("shop", by=BY_OPERATOR)
    record = await record_of(lookup, expired)

    assert reason(kept) is Reason.CONFLICT
    assert isinstance(gone, Project)
    assert not record.owner_active
    assert reason(await projects.show("shop", by=BY_OPERATOR)) is Reason.RESOURCE_NOT_FOUND


async def test_the_first_project_stays(projects: Projects, furnished: Store) -> None:
    """Keys go there when nobody says where."""
    async with furnished.writing() as connection:
        await connection.exec_driver_sql("UPDATE keys SET revoked_at = 1")

    assert reason(await projects.delete(await first(furnished), by=BY_OPERATOR)) is Reason.CONFLICT


async def test_what_is_out_of_reach_is_as_if_it_did_not_exist(
    projects: Projects, accounts: Accounts, furnished: Store
) -> None:
    """By id, by name, and in a list."""
    acme = await accounts.create("acme", metadata={}, by=BY_OPERATOR)
    assert isinstance(acme, Account)
    one, other = await add(projects, "one", account="acme"), await add(projects, "other", account="acme")
    tenant = holder(acme.stored.id)
    member = holder(acme.stored.id, one.stored.id, permission=Permission.WRITE)

    unknown = await projects.show("proj_" + "0" * 20, by=tenant)
    attempts = [
        await projects.show(await first(furnished), by=tenant),
        await projects.show("Default", by=tenant),
        await projects.edit(other.stored.id, ProjectChange(name="x"), by=member),
        await projects.delete("other", by=member),
    ]
    of_tenant = await projects.page(EVERY, by=tenant, cursor=None, limit=10)
    of_member = await projects.page(EVERY, by=member, cursor=None, limit=10)
    of_other = await projects.page(ProjectFilter("Default"), by=tenant, cursor=None, limit=10)

    assert attempts == [unknown] * len(attempts)
    assert not isinstance(of_tenant, Refused)
    assert not isinstance(of_member, Refused)
    assert sorted(project.stored.name for project in of_tenant[0]) == ["one", "other"]
    assert [project.stored.name for project in of_member[0]] == ["one"]
    assert reason(of_other) is Reason.RESOURCE_NOT_FOUND


async def test_projects_are_listed_by_account_and_searched(projects: Projects, accounts: Accounts) -> None:
    """And say whether their account is suspended."""
    await accounts.create("acme", metadata={}, by=BY_OPERATOR)
    await add(projects, "one", account="acme")
    await add(projects, "two", description="for the shop")
    await accounts.suspend("acme", by=BY_OPERATOR)

    shown = await projects.show("one", by=BY_OPERATOR)

    assert await listed(projects) == ["Default", "one", "two"]
    assert await listed(projects, ProjectFilter(account_id="acme")) == ["one"]
    assert await listed(projects, ProjectFilter(search="SHOP")) == ["two"]
    assert isinstance(shown, Project)
    assert shown.suspended


async def test_a_change_needs_the_version_that_was_read(projects: Projects) -> None:
    """A policy must not be overwritten unseen."""
    await add(projects)

    changed = await projects.edit("shop", ProjectChange(description="d"), by=BY_OPERATOR, if_match='"1"')
    late = await projects.edit("shop", ProjectChange(description="e"), by=BY_OPERATOR, if_match='"1"')
    deleted_late = await projects.delete("shop", by=BY_OPERATOR, if_match='"1"')

    assert isinstance(changed, Project)
    assert changed.stored.version == 2
    assert reason(late) is reason(deleted_late) is Reason.VERSION_MISMATCH


async def test_every_change_stands_in_the_audit_log(projects: Projects, furnished: Store) -> None:
    """With nothing that changed nothing."""
    project = await add(projects)

    await projects.edit("shop", ProjectChange(name="b", metadata={"a": "b"}), by=BY_OPERATOR)
    await projects.edit("b", ProjectChange(name="b"), by=BY_OPERATOR)
    await projects.delete("b", by=BY_OPERATOR)

    log = [action for _, action, target in await log_of(furnished) if target == project.stored.id]
    assert log == ["project.create", "project.edit", "project.delete"]
