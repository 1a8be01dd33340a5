"""Limits of keys, projects, accounts and plans."""

from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import insert, update

from fakes.heard import Heard
from fakes.issued import issue
from fakes.stored_keys import BY_OPERATOR, StoredKeys, holder, log_of, record_of
from keyturn import system
from keyturn.domain import ids
from keyturn.domain.key_text import Kind
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window, write_limits
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, Accounts
from keyturn.services.issuing import PUBLISHABLE_LIMITS
from keyturn.services.key_terms import NewKey, Terms
from keyturn.services.keys import Issued, Key, Keys
from keyturn.services.limits import Limited, Limits, Stand
from keyturn.services.lookup import Lookup
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.store import tables
from keyturn.store.engine import Store

MINUTE = Limit(Metric.REQUESTS, Window.MINUTE, 60)
MONTH = Limit(Metric.COST, Window.MONTH, 20_000_000_000)
AT_ONCE = Limit(Metric.CONCURRENCY, Window.NONE, 5)
WIDER = msgspec.structs.replace(MINUTE, max=61)


class Counted:
    """Says that seven of everything were used, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Bound] = []

    async def standing(self, bounds: Sequence[Bound]) -> list[Stand]:
        """Answer for each."""
        self.asked += bounds
        return [Stand(7, None) for _ in bounds]


@pytest.fixture
def limits(furnished: Store, workers: Heard) -> Limits:
    """The use cases."""
    return Limits(furnished, workers, Counted())


class Tenant(msgspec.Struct):
    """An account with a plan, and a project with one key."""

    account_id: str
    project_id: str
    key_id: str
    plan_id: str


@pytest.fixture
async def tenant(furnished: Store, accounts: Accounts, projects: Projects, stored_keys: StoredKeys) -> Tenant:
    """Somebody who is held to limits at every height."""
    account = await accounts.create("acme", metadata={}, time_zone="Asia/Tokyo", by=BY_OPERATOR)
    assert isinstance(account, Account)
    project = await projects.create(NewProject("shop", account="acme"), by=BY_OPERATOR)
    assert isinstance(project, Project)
    key_id, _ = await stored_keys.put(project.stored.id, name="till")
    plan_id = system.new_id(ids.PLAN)
    async with furnished.writing() as connection:
        row = {"id": plan_id, "name": "gold", "created_at": 1, "limits": write_limits([AT_ONCE])}
        await connection.execute(insert(tables.plans).values(row))
        await connection.execute(
            update(tables.accounts).where(tables.accounts.c.name == "acme").values(plan_id=plan_id)
        )
    return Tenant(account.stored.id, project.stored.id, key_id, plan_id)


def named(tenant: Tenant, scope: Scope) -> str:
    """Return what the caller would name."""
    return {
        Scope.KEY: "till",
        Scope.PROJECT: tenant.project_id,
        Scope.ACCOUNT: "acme",
        Scope.PLAN: "gold",
    }[scope]


async def written(limits: Limits, scope: Scope, name: str, *wanted: Limit) -> Limited:
    """Write limits as the operator."""
    done = await limits.write(scope, name, wanted, by=BY_OPERATOR)
    assert isinstance(done, Limited)
    return done


def shown(found: object) -> list[Limit]:
    """Return the limits in an answer."""
    assert isinstance(found, Limited)
    return [held.bound.limit for held in found.limits]


def reason(result: object) -> tuple[Reason, str | None]:
    """Return why something was refused, and for which member."""
    assert isinstance(result, Refused)
    return result.reason, result.param


@pytest.mark.parametrize("scope", list(Scope))
async def test_limits_are_in_force_in_every_worker_when_the_call_returns(
    limits: Limits, tenant: Tenant, workers: Heard, furnished: Store, scope: Scope
) -> None:
    """The keys that they hold for are forgotten; what is asked next knows the new ones."""
    done = await written(limits, scope, named(tenant, scope), MINUTE, MONTH)

    again = await limits.show(scope, done.id, by=BY_OPERATOR)
    assert workers.changes == [[tenant.key_id]]
    assert set(shown(done)) == set(shown(again)) == {MINUTE, MONTH}
    assert done.version == 2
    assert (await log_of(furnished))[-1] == ("operator", f"{scope}.limits", done.id)


async def test_a_worker_that_asks_gets_the_limits_of_all_owners(
    limits: Limits, tenant: Tenant, keys: Keys, lookup: Lookup
) -> None:
    """From the closest outwards, days and months in the account's zone."""
    issued = await issue(keys, "new", project=tenant.project_id)
    for scope in (Scope.PROJECT, Scope.ACCOUNT):
        await written(limits, scope, named(tenant, scope), MONTH)
    await written(limits, Scope.KEY, issued.key.stored.id, MINUTE)

    record = await record_of(lookup, issued.secret)

    assert [(bound.scope, bound.limit, bound.zone) for bound in record.limits] == [
        (Scope.KEY, MINUTE, "Asia/Tokyo"),
        (Scope.PROJECT, MONTH, "Asia/Tokyo"),
        (Scope.ACCOUNT, MONTH, "Asia/Tokyo"),
        (Scope.PLAN, AT_ONCE, "Asia/Tokyo"),
    ]


async def test_each_limit_is_shown_with_what_is_used_of_it(limits: Limits, tenant: Tenant) -> None:
    """Beside those of its owners, which hold too. A plan has no use of its own."""
    for scope in (Scope.KEY, Scope.PROJECT, Scope.ACCOUNT):
        await written(limits, scope, named(tenant, scope), MINUTE)

    key = await limits.show(Scope.KEY, "till", by=BY_OPERATOR)
    account = await limits.show(Scope.ACCOUNT, "acme", by=BY_OPERATOR)
    plan = await limits.show(Scope.PLAN, "gold", by=BY_OPERATOR)

    assert isinstance(key, Limited)
    assert isinstance(account, Limited)
    assert isinstance(plan, Limited)
    assert [one.bound.scope for one in key.inherited] == [Scope.PROJECT, Scope.ACCOUNT, Scope.PLAN]
    assert [one.bound.owner_id for one in account.inherited] == [tenant.account_id]
    assert {one.stand for one in [*key.limits, *key.inherited, *account.limits]} == {Stand(7, None)}
    assert [one.stand for one in plan.limits] == [None]


async def test_writing_the_same_again_changes_nothing_but_tells_the_workers(
    limits: Limits, tenant: Tenant, workers: Heard, furnished: Store
) -> None:
    """It may be asked again because not all of them had confirmed."""
    await written(limits, Scope.PROJECT, tenant.project_id, MINUTE, MONTH)
    before = len(await log_of(furnished))

    again = await written(limits, Scope.PROJECT, tenant.project_id, MONTH, MINUTE)

    assert again.version == 2
    assert len(await log_of(furnished)) == before
    assert workers.changes == [[tenant.key_id]] * 2


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_change_of_what_has_changed_since_is_refused(
    limits: Limits, tenant: Tenant, workers: Heard, scope: Scope
) -> None:
    """Two operators must not undo each other's work unseen."""
    fresh = await limits.write(scope, named(tenant, scope), [MINUTE], by=BY_OPERATOR, if_match='"1"')
    stale = await limits.write(scope, named(tenant, scope), [], by=BY_OPERATOR, if_match='"1"')

    assert shown(fresh) == [MINUTE]
    assert reason(stale) == (Reason.VERSION_MISMATCH, None)
    assert len(workers.changes) == 1


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_list_with_one_bad_limit_is_refused_as_a_whole(
    limits: Limits, tenant: Tenant, workers: Heard, scope: Scope
) -> None:
    """With the member at fault; nothing is half done."""
    bad = [MINUTE, msgspec.structs.replace(MONTH, max=-1)]

    refused = await limits.write(scope, named(tenant, scope), bad, by=BY_OPERATOR)

    assert reason(refused) == (Reason.INVALID_MEMBER, "limits[1].max")
    assert workers.changes == []


@pytest.mark.parametrize("scope", list(Scope))
async def test_what_is_out_of_reach_does_not_exist(limits: Limits, tenant: Tenant, scope: Scope) -> None:
    """Another customer must not even learn the name."""
    stranger = holder("acct_stranger")

    refused = [
        await limits.show(scope, named(tenant, scope), by=stranger),
        await limits.write(scope, named(tenant, scope), [], by=stranger),
        await limits.show(scope, "nobody", by=BY_OPERATOR),
    ]

    assert {reason(one) for one in refused} == {(Reason.RESOURCE_NOT_FOUND, None)}


async def test_a_key_of_one_project_is_not_told_of_the_others_use(limits: Limits, tenant: Tenant) -> None:
    """What the account has used is what other projects have."""
    for scope in (Scope.PROJECT, Scope.ACCOUNT):
        await written(limits, scope, named(tenant, scope), MINUTE)
    writer = holder(tenant.account_id, tenant.project_id, permission=Permission.WRITE)
    admin = holder(tenant.account_id, tenant.project_id)

    narrow = await limits.show(Scope.KEY, "till", by=writer)
    wide = await limits.show(Scope.KEY, "till", by=admin)

    assert isinstance(narrow, Limited)
    assert isinstance(wide, Limited)
    assert [one.bound.scope for one in narrow.inherited] == [Scope.PROJECT]
    assert [one.bound.scope for one in wide.inherited] == [Scope.PROJECT, Scope.ACCOUNT, Scope.PLAN]


def by_key(tenant: Tenant, *own: Limit, permission: Permission = Permission.WRITE) -> Principal:
    """Return who holds the tenant's key, which has these limits."""
    by = holder(tenant.account_id, tenant.project_id, permission=permission)
    assert by.key is not None
    bounds = tuple(Bound(tenant.key_id, Scope.KEY, limit) for limit in own)
    granted = by.key.permissions | {Permission.READ}
    record = msgspec.structs.replace(
        by.key, id=tenant.key_id, kind=Kind.SECRET, permissions=granted, limits=bounds
    )
    return Principal(tenant.key_id, key=record)


@pytest.mark.parametrize(
    ("wanted", "is_refused"),
    [([WIDER], True), ([], True), ([MONTH], True), ([MINUTE, MONTH], False)],
)
async def test_a_key_raises_no_limits_above_its_own(
    limits: Limits, tenant: Tenant, keys: Keys, wanted: list[Limit], *, is_refused: bool
) -> None:
    """Neither its own nor those of the keys it makes: else a limit on it would be a suggestion."""
    await written(limits, Scope.KEY, "till", MINUTE)
    by = by_key(tenant, MINUTE)
    sibling = await keys.create(
        NewKey(name="s", permissions=frozenset({Permission.WRITE}), limits=(MINUTE,)), by=by
    )
    assert isinstance(sibling, Issued)

    results = [
        await limits.write(Scope.KEY, "till", wanted, by=by),
        await limits.write(Scope.KEY, "s", wanted, by=by),
        await keys.edit("s", Terms(limits=tuple(wanted)), by=by),
        await keys.create(
            NewKey(name="n", permissions=frozenset({Permission.WRITE}), limits=tuple(wanted)), by=by
        ),
    ]

    refusals = {reason(one) for one in results if isinstance(one, Refused)}
    assert len([one for one in results if isinstance(one, Refused)]) == (4 if is_refused else 0)
    assert refusals <= {(Reason.INSUFFICIENT_PERMISSIONS, "limits")}


async def test_a_key_does_not_touch_one_that_is_less_limited(limits: Limits, tenant: Tenant) -> None:
    """It is the stronger one, whatever would become of it."""
    refused = await limits.write(Scope.KEY, "till", [MINUTE], by=by_key(tenant, MINUTE))

    assert reason(refused) == (Reason.INSUFFICIENT_PERMISSIONS, "limits")


async def test_an_administrators_key_tightens_its_own_project_and_loosens_others(
    limits: Limits, tenant: Tenant, projects: Projects
) -> None:
    """What holds for itself is for somebody else to lift."""
    await projects.create(NewProject("other", account="acme"), by=BY_OPERATOR)
    admin = by_key(tenant, permission=Permission.ADMIN)
    for project in ("shop", "other"):
        await written(limits, Scope.PROJECT, project, MINUTE)

    tightened = await limits.write(Scope.PROJECT, "shop", [MINUTE, MONTH], by=admin)
    loosened = await limits.write(Scope.PROJECT, "shop", [MONTH], by=admin)
    elsewhere = await limits.write(Scope.PROJECT, "other", [], by=admin)

    assert set(shown(tightened)) == {MINUTE, MONTH}
    assert reason(loosened) == (Reason.INSUFFICIENT_PERMISSIONS, "limits")
    assert shown(elsewhere) == []


async def test_no_tenant_sets_the_limits_of_its_account(limits: Limits, tenant: Tenant) -> None:
    """They are what it has paid for; not even tighter ones."""
    admin = by_key(tenant, permission=Permission.ADMIN)

    account = await limits.write(Scope.ACCOUNT, "acme", [MINUTE], by=admin)
    plan = await limits.write(Scope.PLAN, "gold", [MINUTE], by=admin)

    assert reason(account) == (Reason.INSUFFICIENT_PERMISSIONS, "limits")
    assert reason(plan) == (Reason.RESOURCE_NOT_FOUND, None)


async def test_a_key_of_the_operators_account_does_not_lift_what_holds_for_itself(
    limits: Limits, tenant: Tenant
) -> None:
    """It reaches the whole node, and is still a key that somebody may have stolen."""
    by = holder(tenant.account_id, tenant.project_id, node=True)
    await written(limits, Scope.ACCOUNT, "acme", MINUTE)

    results = [
        await limits.write(Scope.ACCOUNT, "acme", [WIDER], by=by),
        await limits.write(Scope.PLAN, "gold", [], by=by),
        await limits.write(Scope.ACCOUNT, "acme", [MINUTE, MONTH], by=by),
    ]

    assert [isinstance(one, Refused) for one in results] == [True, True, False]


async def test_a_publishable_key_starts_with_low_limits_unless_told_otherwise(keys: Keys) -> None:
    """It stands in the source of a web page."""
    page = NewKey(name="page", kind=Kind.PUBLISHABLE, origins=("https://a.example.com",))
    wanted = [
        page,
        msgspec.structs.replace(page, limits=(MONTH,)),
        msgspec.structs.replace(page, limits=()),
        NewKey(name="secret"),
    ]

    made = [await keys.create(one, by=BY_OPERATOR) for one in wanted]

    kept = [one.key.stored.limits for one in made if isinstance(one, Issued)]
    assert kept == [write_limits(PUBLISHABLE_LIMITS), write_limits([MONTH]), "[]", "[]"]


async def test_limits_are_changed_with_everything_else_of_a_key(
    keys: Keys, workers: Heard, furnished: Store
) -> None:
    """One call, one entry in the audit log; what is not named stays."""
    await issue(keys, "app", limits=(MINUTE,))

    changed = await keys.edit("app", Terms(limits=(MONTH,), description="x"), by=BY_OPERATOR)
    renamed = await keys.edit("app", Terms(name="b"), by=BY_OPERATOR)
    bad = await keys.edit("b", Terms(limits=(MINUTE, MINUTE)), by=BY_OPERATOR)

    assert isinstance(changed, Key)
    assert isinstance(renamed, Key)
    assert changed.stored.limits == renamed.stored.limits == write_limits([MONTH])
    assert reason(bad) == (Reason.INVALID_MEMBER, "limits[1]")
    assert len(workers.changes) == 2
    async with furnished.reading() as connection:
        query = tables.audit.select().where(tables.audit.c.action == "key.edit")
        first = (await connection.execute(query)).first()
    assert first is not None
    assert msgspec.json.decode(first.after)["limits"][0]["metric"] == "cost_usd"
