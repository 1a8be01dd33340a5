"""Adding, suspending and ending accounts."""

import pytest

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, StoredKeys, holder, log_of, record_of
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, AccountChange, Accounts
from keyturn.services.lookup import Lookup
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.services.users import NewUser, Users
from keyturn.store import accounts as rows
from keyturn.store.engine import Store


async def add(accounts: Accounts, name: str = "acme") -> Account:
    """Add an account that is not refused."""
    added = await accounts.create(name, metadata={}, by=BY_OPERATOR)
    assert isinstance(added, Account)
    return added


async def add_project(projects: Projects, account: Account) -> Project:
    """Add a project to an account."""
    added = await projects.create(NewProject("p", account.stored.id), by=BY_OPERATOR)
    assert isinstance(added, Project)
    return added


async def first(store: Store) -> str:
    """Return the operator's own account."""
    async with store.reading() as connection:
        return await rows.first(connection) or ""


def reason(result: object) -> Reason:
    """Return why something was refused."""
    assert isinstance(result, Refused)
    return result.reason


async def test_a_new_account_is_empty_and_found_by_id_and_by_name(accounts: Accounts) -> None:
    """People remember names."""
    added = await add(accounts)

    by_id = await accounts.show(added.stored.id, by=BY_OPERATOR)
    by_name = await accounts.show("acme", by=BY_OPERATOR)

    assert by_id == by_name == added
    assert (added.counts.projects, added.counts.keys, added.counts.users) == (0, 0, 0)


async def test_a_name_that_two_accounts_have_names_neither(accounts: Accounts) -> None:
    """Suspending the wrong customer is worse than asking again."""
    await add(accounts)
    await add(accounts)

    assert reason(await accounts.suspend("acme", by=BY_OPERATOR)) is Reason.CONFLICT


async def test_suspending_is_known_to_every_worker_before_the_call_returns(
    accounts: Accounts,
    projects: Projects,
    lookup: Lookup,
    stored_keys: StoredKeys,
    workers: Heard,
) -> None:
    """Who does not pay, or is broken into, must stop now; resuming brings everything back."""
    account = await add(accounts)
    project = await add_project(projects, account)
    key_id, secret = await stored_keys.put(project.stored.id)

    suspended = await accounts.suspend("acme", by=BY_OPERATOR)
    while_suspended = await record_of(lookup, secret)
    resumed = await accounts.resume("acme", by=BY_OPERATOR)
    afterwards = await record_of(lookup, secret)

    assert isinstance(suspended, Account)
    assert isinstance(resumed, Account)
    assert suspended.stored.suspended_at is not None
    assert resumed.stored.suspended_at is None
    assert (while_suspended.owner_active, while_suspended.plain) == (False, False)
    assert afterwards.owner_active
    assert workers.changes == [[key_id], [key_id]]


async def test_suspending_again_tells_the_workers_again(
    accounts: Accounts, projects: Projects, stored_keys: StoredKeys, workers: Heard, furnished: Store
) -> None:
    """The first time may have ended with `not_confirmed`; it is one change all the same."""
    account = await add(accounts)
    await stored_keys.put((await add_project(projects, account)).stored.id)

    await accounts.suspend("acme", by=BY_OPERATOR)
    await accounts.suspend("acme", by=BY_OPERATOR)

    log = [action for _, action, _ in await log_of(furnished)]
    assert len(workers.changes) == 2
    assert log.count("account.suspend") == 1


async def test_the_operators_own_account_stays(accounts: Accounts, furnished: Store) -> None:
    """Whoever suspends it has locked themselves out of the node."""
    own = await first(furnished)

    assert reason(await accounts.suspend(own, by=BY_OPERATOR)) is Reason.CONFLICT
    assert reason(await accounts.delete(own, by=BY_OPERATOR)) is Reason.CONFLICT


async def test_only_an_account_in_which_nothing_lives_is_deleted(
    accounts: Accounts, projects: Projects, users: Users
) -> None:
    """Deleting is not a way to end a hundred keys by mistake."""
    account = await add(accounts)
    project = await add_project(projects, account)
    user = await users.create(NewUser("a@b.example", account="acme"), by=BY_OPERATOR)
    assert not isinstance(user, Refused)

    with_both = await accounts.delete("acme", by=BY_OPERATOR)
    await projects.delete(project.stored.id, by=BY_OPERATOR)
    with_user = await accounts.delete("acme", by=BY_OPERATOR)
    await users.delete(user.stored.id, by=BY_OPERATOR)
    empty = await accounts.delete("acme", by=BY_OPERATOR)

    assert reason(with_both) is reason(with_user) is Reason.CONFLICT
    assert isinstance(empty, Account)
    assert reason(await accounts.show(account.stored.id, by=BY_OPERATOR)) is Reason.RESOURCE_NOT_FOUND


async def test_what_is_out_of_reach_is_as_if_it_did_not_exist(
    accounts: Accounts, furnished: Store, workers: Heard
) -> None:
    """A tenant must not learn who the others are, by id, by name or from a list."""
    own, other = await add(accounts, "own"), await add(accounts, "other")
    tenant = holder(own.stored.id)

    unknown = await accounts.show("acct_" + "0" * 20, by=tenant)
    attempts = [
        await accounts.show(other.stored.id, by=tenant),
        await accounts.show("other", by=tenant),
        await accounts.edit("other", AccountChange(name="mine"), by=tenant),
        await accounts.suspend(other.stored.id, by=tenant),
        await accounts.delete(await first(furnished), by=tenant),
    ]
    page, _ = await accounts.page("", by=tenant, cursor=None, limit=10)

    assert attempts == [unknown] * len(attempts)
    assert [one.stored.name for one in page] == ["own"]
    assert isinstance(await accounts.show("own", by=tenant), Account)
    assert workers.changes == []


async def test_a_key_that_reaches_a_project_reaches_no_account(accounts: Accounts) -> None:
    """Its project is all there is for it."""
    own = await add(accounts)
    member = holder(own.stored.id, "proj_1", permission=Permission.WRITE)

    assert reason(await accounts.show(own.stored.id, by=member)) is Reason.RESOURCE_NOT_FOUND


async def test_a_change_needs_the_version_that_was_read(accounts: Accounts) -> None:
    """Two people who edit at once must not undo each other's work unseen."""
    account = await add(accounts)

    changed = await accounts.edit("acme", AccountChange(name="new"), by=BY_OPERATOR, if_match='"1"')
    late = await accounts.edit("new", AccountChange(name="newer"), by=BY_OPERATOR, if_match='"1"')
    deleted_late = await accounts.delete("new", by=BY_OPERATOR, if_match='"1"')

    assert isinstance(changed, Account)
    assert (changed.stored.name, changed.stored.version) == ("new", account.stored.version + 1)
    assert reason(late) is reason(deleted_late) is Reason.VERSION_MISMATCH


async def test_every_change_stands_in_the_audit_log(accounts: Accounts, furnished: Store) -> None:
    """And nothing that changed nothing."""
    account = await add(accounts)
    account_id = account.stored.id

    await accounts.edit("acme", AccountChange(name="b", metadata={"plan": "x"}), by=BY_OPERATOR)
    await accounts.edit("b", AccountChange(), by=BY_OPERATOR)
    await accounts.suspend("b", by=BY_OPERATOR)
    await accounts.resume("b", by=BY_OPERATOR)
    await accounts.delete("b", by=holder(account_id, node=True))

    log = [entry for entry in await log_of(furnished) if entry[2] == account_id]
    actions = ["account.create", "account.edit", "account.suspend", "account.resume", "account.delete"]
    assert [action for _, action, _ in log] == actions
    assert [actor for actor, _, _ in log] == ["operator"] * 4 + ["key_1"]


async def test_accounts_are_listed_page_by_page_and_searched(accounts: Accounts) -> None:
    """Every account once."""
    for number in range(4):
        await add(accounts, f"a{number}")

    one, cursor = await accounts.page("", by=BY_OPERATOR, cursor=None, limit=3)
    two, end = await accounts.page("", by=BY_OPERATOR, cursor=cursor, limit=3)
    found, _ = await accounts.page("A2", by=BY_OPERATOR, cursor=None, limit=3)

    assert sorted(account.stored.name for account in one + two) == ["Default", "a0", "a1", "a2", "a3"]
    assert (len(one), end) == (3, None)
    assert [account.stored.name for account in found] == ["a2"]


@pytest.mark.parametrize(
    ("name", "metadata", "param"),
    [
        ("", {}, "name"),
        (" ", {}, "name"),
        ("a\n", {}, "name"),
        ("a" * 201, {}, "name"),
        ("a", {str(number): "" for number in range(51)}, "metadata"),
        ("a", {"": ""}, "metadata"),
        ("a", {"x": "v" * 501}, "metadata.x"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_member(
    accounts: Accounts, name: str, metadata: dict[str, str], param: str
) -> None:
    """The caller must see what to change."""
    refused = await accounts.create(name, metadata=metadata, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


async def test_the_time_zone_of_an_account_reaches_every_worker(
    accounts: Accounts, projects: Projects, stored_keys: StoredKeys, workers: Heard
) -> None:
    """Its days begin elsewhere, so its keys are looked up again."""
    account = await add(accounts)
    project = await add_project(projects, account)
    key_id, _ = await stored_keys.put(project.stored.id)

    changed = await accounts.edit("acme", AccountChange(time_zone="Europe/Berlin"), by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(name="b"), by=BY_OPERATOR)

    assert isinstance(changed, Account)
    assert (account.stored.time_zone, changed.stored.time_zone) == ("UTC", "Europe/Berlin")
    assert workers.changes == [[key_id]]


@pytest.mark.parametrize(
    "zone",
    ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "America", "right/UTC", "localtime", "a\0b"],
)
async def test_what_is_no_time_zone_is_refused(accounts: Accounts, zone: str) -> None:
    """Nothing could say when its days begin."""
    await add(accounts)

    new = await accounts.create("b", metadata={}, time_zone=zone, by=BY_OPERATOR)
    changed = await accounts.edit("acme", AccountChange(time_zone=zone), by=BY_OPERATOR)

    assert isinstance(new, Refused)
    assert new == changed
    assert (new.reason, new.param) == (Reason.INVALID_MEMBER, "time_zone")


async def test_a_tenant_does_not_move_its_own_midnight(accounts: Accounts) -> None:
    """It would have two quotas on one day."""
    account = await add(accounts)

    refused = await accounts.edit("acme", AccountChange(time_zone="Asia/Tokyo"), by=holder(account.stored.id))

    assert reason(refused) is Reason.INSUFFICIENT_PERMISSIONS
