"""Users, their membership, and the personal keys that end with it."""

import pytest

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, StoredKeys, holder, log_of, record_of
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, Accounts
from keyturn.services.lookup import Lookup
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.services.users import NewUser, User, UserChange, Users
from keyturn.store import identities, logins, passkeys, recovery_codes
from keyturn.store.engine import Store
from keyturn.store.identities import StoredIdentity
from keyturn.store.logins import UNPROVED, StoredLink, StoredLogin
from keyturn.store.passkeys import StoredPasskey
from keyturn.store.users import StoredMember, UserFilter

KIM = "kim@example.com"


async def add(users: Users, email: str = KIM, account: str = "") -> User:
    """Add a user that is not refused."""
    added = await users.create(NewUser(email, account=account), by=BY_OPERATOR)
    assert isinstance(added, User)
    return added


async def add_project(projects: Projects, name: str = "shop", account: str = "") -> str:
    """Add a project; return its identifier."""
    added = await projects.create(NewProject(name, account), by=BY_OPERATOR)
    assert isinstance(added, Project)
    return added.stored.id


def reason(result: object) -> Reason:
    """Return why something was refused."""
    assert isinstance(result, Refused)
    return result.reason


async def test_a_user_is_found_by_address_in_any_case(users: Users) -> None:
    """People write their address as they like."""
    added = await users.create(NewUser("Kim@Example.COM"), by=BY_OPERATOR)

    found = await users.show("KIM@example.com", by=BY_OPERATOR)

    assert isinstance(added, User)
    assert found == added
    assert (added.stored.email, added.stored.name) == (KIM, KIM)


async def test_an_address_is_one_person_within_an_account(users: Users, accounts: Accounts) -> None:
    """The same person may work for two tenants; a deleted one may come back."""
    await accounts.create("acme", metadata={}, by=BY_OPERATOR)
    own = await add(users)

    twice = await users.create(NewUser(KIM), by=BY_OPERATOR)
    elsewhere = await users.create(NewUser(KIM, account="acme"), by=BY_OPERATOR)
    both = await users.show(KIM, by=BY_OPERATOR)
    await users.delete(own.stored.id, by=BY_OPERATOR)
    again = await users.create(NewUser(KIM), by=BY_OPERATOR)

    assert reason(twice) is reason(both) is Reason.CONFLICT
    assert isinstance(elsewhere, User)
    assert isinstance(again, User)


@pytest.mark.parametrize(
    "email", ["", "kim", "@b", "a@", "a b@c", "a@b@c", "a/b@c", "a@b.", "a@.b", "x" * 251 + "@b.c"]
)
async def test_what_is_no_address_is_refused(users: Users, email: str) -> None:
    """One day something is sent there."""
    refused = await users.create(NewUser(email, name="n"), by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, "email")


async def test_suspending_stops_personal_keys_before_the_call_returns_and_no_others(
    users: Users, projects: Projects, lookup: Lookup, stored_keys: StoredKeys, workers: Heard
) -> None:
    """A service key survives the person."""
    user_id, project = (await add(users)).stored.id, await add_project(projects)
    key_id, personal = await stored_keys.put(project, user_id=user_id)
    _, service = await stored_keys.put(project)

    await users.suspend(KIM, by=BY_OPERATOR)
    while_suspended = await record_of(lookup, personal)
    untouched = await record_of(lookup, service)
    await users.resume(KIM, by=BY_OPERATOR)
    afterwards = await record_of(lookup, personal)

    assert (while_suspended.owner_active, untouched.owner_active) == (False, True)
    assert afterwards.owner_active
    assert workers.changes == [[key_id], [key_id]]


async def test_deleting_a_user_revokes_their_personal_keys_with_it(
    users: Users, projects: Projects, lookup: Lookup, stored_keys: StoredKeys, workers: Heard
) -> None:
    """Whoever has left must not hold a key that works; the service key they made stays."""
    user_id, project = (await add(users)).stored.id, await add_project(projects)
    await users.join(project, KIM, by=BY_OPERATOR)
    key_id, personal = await stored_keys.put(project, user_id=user_id)
    _, service = await stored_keys.put(project)

    deleted = await users.delete(KIM, by=BY_OPERATOR)
    gone, stays = await record_of(lookup, personal), await record_of(lookup, service)
    members = await users.members(project, by=BY_OPERATOR, cursor=None, limit=10)

    assert isinstance(deleted, User)
    assert gone.revoked_at is not None
    assert stays.plain
    assert workers.changes == [[key_id]]
    assert members == ([], None)
    assert reason(await users.show(KIM, by=BY_OPERATOR)) is Reason.RESOURCE_NOT_FOUND


async def test_removing_a_member_revokes_their_keys_in_that_project_only(
    users: Users, projects: Projects, lookup: Lookup, stored_keys: StoredKeys, workers: Heard
) -> None:
    """They moved to another team; their work there goes on."""
    user_id = (await add(users)).stored.id
    left, stayed = await add_project(projects, "left"), await add_project(projects, "stayed")
    await users.join(left, user_id, by=BY_OPERATOR)
    await users.join("stayed", KIM, by=BY_OPERATOR)
    key_id, there = await stored_keys.put(left, user_id=user_id)
    _, here = await stored_keys.put(stayed, user_id=user_id)

    removed = await users.leave("left", KIM, by=BY_OPERATOR)
    shown = await users.show(KIM, by=BY_OPERATOR)
    revoked, alive = await record_of(lookup, there), await record_of(lookup, here)

    assert isinstance(removed, StoredMember)
    assert isinstance(shown, User)
    assert shown.projects == [stayed]
    assert revoked.revoked_at is not None
    assert alive.revoked_at is None
    assert workers.changes == [[key_id]]
    assert reason(await users.leave("left", KIM, by=BY_OPERATOR)) is Reason.RESOURCE_NOT_FOUND


async def test_joining_twice_is_joining_once(users: Users, projects: Projects, furnished: Store) -> None:
    """Scripts repeat themselves."""
    await add(users)
    project = await add_project(projects)

    one = await users.join(project, KIM, by=BY_OPERATOR)
    two = await users.join(project, KIM, by=BY_OPERATOR)

    log = [action for _, action, target in await log_of(furnished) if target == project]
    assert isinstance(one, StoredMember)
    assert one == two
    assert log.count("member.add") == 1


async def test_only_users_of_the_projects_account_join_it(
    users: Users, projects: Projects, accounts: Accounts
) -> None:
    """Accounts are walls."""
    await accounts.create("acme", metadata={}, by=BY_OPERATOR)
    stranger = await add(users, "stranger@example.com", "acme")
    project = await add_project(projects)

    by_id = await users.join(project, stranger.stored.id, by=BY_OPERATOR)
    by_email = await users.join(project, "stranger@example.com", by=BY_OPERATOR)
    unknown = await users.join(project, "nobody@example.com", by=BY_OPERATOR)

    assert by_id == by_email == unknown
    assert isinstance(unknown, Refused)
    assert (unknown.reason, unknown.param) == (Reason.INVALID_MEMBER, "user_id")


async def test_what_is_out_of_reach_is_as_if_it_did_not_exist(
    users: Users, accounts: Accounts, projects: Projects
) -> None:
    """A tenant must not learn who works for another."""
    acme = await accounts.create("acme", metadata={}, by=BY_OPERATOR)
    assert isinstance(acme, Account)
    tenant = holder(acme.stored.id)
    other = await add(users)
    await add(users, "own@example.com", "acme")
    project = await add_project(projects)

    unknown = await users.show("user_" + "0" * 20, by=tenant)
    attempts = [
        await users.show(other.stored.id, by=tenant),
        await users.show(KIM, by=tenant),
        await users.edit(KIM, UserChange(name="x"), by=tenant),
        await users.suspend(KIM, by=tenant),
        await users.delete(other.stored.id, by=tenant),
    ]
    page = await users.page(UserFilter(), by=tenant, cursor=None, limit=10)
    foreign = [
        await users.members(project, by=tenant, cursor=None, limit=10),
        await users.join(project, "own@example.com", by=tenant),
        await users.leave(project, KIM, by=tenant),
        await users.page(UserFilter("Default"), by=tenant, cursor=None, limit=10),
    ]

    assert attempts == [unknown] * len(attempts)
    assert not isinstance(page, Refused)
    assert [user.stored.email for user in page[0]] == ["own@example.com"]
    assert [reason(one) for one in foreign] == [Reason.RESOURCE_NOT_FOUND] * 4


async def test_a_user_is_changed_at_the_version_that_was_read(users: Users, furnished: Store) -> None:
    """To no address that another has; each change stands in the audit log."""
    user = await add(users)
    await add(users, "lee@example.com")

    taken = await users.edit(KIM, UserChange(email="LEE@example.com"), by=BY_OPERATOR)
    change = UserChange(email="Kim@Example.org", name="Kim", metadata={"a": "b"})
    changed = await users.edit(KIM, change, by=BY_OPERATOR, if_match='"1"')
    same = await users.edit("kim@example.org", UserChange(name="Kim"), by=BY_OPERATOR, if_match="*")
    late = await users.edit("kim@example.org", UserChange(name="K"), by=BY_OPERATOR, if_match='"1"')
    deleted_late = await users.delete("kim@example.org", by=BY_OPERATOR, if_match='"1"')

    log = [action for _, action, target in await log_of(furnished) if target == user.stored.id]
    assert reason(taken) is Reason.CONFLICT
    assert isinstance(changed, User)
    assert (changed.stored.email, changed.stored.name) == ("kim@example.org", "Kim")
    assert same == changed
    assert reason(late) is reason(deleted_late) is Reason.VERSION_MISMATCH
    assert log == ["user.create", "user.edit"]


async def test_the_end_of_each_personal_key_stands_in_the_audit_log(
    users: Users, projects: Projects, stored_keys: StoredKeys, furnished: Store
) -> None:
    """Whoever looks a key up must find who ended it."""
    user_id, project = (await add(users)).stored.id, await add_project(projects)
    key_id, _ = await stored_keys.put(project, user_id=user_id)
    revoked_before, _ = await stored_keys.put(project, user_id=user_id, revoked_at=1)

    await users.delete(KIM, by=BY_OPERATOR)

    log = await log_of(furnished)
    assert ("operator", "key.revoke", key_id) in log
    assert revoked_before not in {target for _, _, target in log}


async def test_users_and_members_are_listed_page_by_page(users: Users, projects: Projects) -> None:
    """Everyone once."""
    project = await add_project(projects)
    emails = [f"u{number}@example.com" for number in range(5)]
    for email in emails:
        await add(users, email)
        await users.join(project, email, by=BY_OPERATOR)

    one = await users.page(UserFilter(), by=BY_OPERATOR, cursor=None, limit=3)
    assert not isinstance(one, Refused)
    two = await users.page(UserFilter(), by=BY_OPERATOR, cursor=one[1], limit=3)
    assert not isinstance(two, Refused)
    first = await users.members(project, by=BY_OPERATOR, cursor=None, limit=4)
    assert not isinstance(first, Refused)
    last = await users.members(project, by=BY_OPERATOR, cursor=first[1], limit=4)
    assert not isinstance(last, Refused)
    found = await users.page(UserFilter(search="U3@"), by=BY_OPERATOR, cursor=None, limit=3)
    assert not isinstance(found, Refused)

    assert sorted(user.stored.email for user in one[0] + two[0]) == emails
    assert sorted(member.user.email for member in first[0] + last[0]) == emails
    assert two[1] is last[1] is None
    assert [user.stored.email for user in found[0]] == ["u3@example.com"]


async def let_in(store: Store, user_id: str) -> None:
    """Have a user sign in with everything there is, and wait for a link of each kind."""
    async with store.writing() as connection:
        await logins.add(connection, StoredLogin(user_id, "member", "hash", 1, email_verified_at=1))
        await identities.add(connection, StoredIdentity("https://id.example", "kim", user_id, 1))
        await passkeys.add(connection, StoredPasskey(b"id", user_id, "laptop", b"key", 0, 1))
        await recovery_codes.replace(connection, user_id, [b"code"], now_ms=1)
        for purpose in ("reset", "verify", "invite"):
            link = StoredLink(purpose.encode(), purpose, user_id, 1, 1 << 50, None, "tests")
            await logins.add_link(connection, link)


async def test_another_address_is_not_proved_and_links_to_the_one_before_lead_nowhere(
    users: Users, furnished: Store
) -> None:
    """Whoever reads the letters of the address before is not let in by them; whoever has the new one may be anybody."""
    user_id = (await add(users)).stored.id
    await let_in(furnished, user_id)

    await users.edit(user_id, UserChange(name="Kim"), by=BY_OPERATOR)
    async with furnished.reading() as connection:
        renamed, link = await logins.get(connection, user_id), await logins.link(connection, b"reset")
    await users.edit(user_id, UserChange(email="lee@example.com"), by=BY_OPERATOR)

    assert renamed is not None
    assert renamed.address_proved
    assert link is not None
    async with furnished.reading() as connection:
        moved = await logins.get(connection, user_id)
        links = [await logins.link(connection, one) for one in (b"reset", b"verify", b"invite")]
    assert moved is not None
    assert moved.email_verified_at == UNPROVED
    assert links == [None] * 3


async def test_nothing_stays_of_how_somebody_signed_in_who_is_deleted(users: Users, furnished: Store) -> None:
    """They may come back as somebody new: what they are at a provider must not belong to nobody for good."""
    user_id = (await add(users)).stored.id
    await let_in(furnished, user_id)

    await users.delete(user_id, by=BY_OPERATOR)

    async with furnished.reading() as connection:
        assert await logins.get(connection, user_id) is None
        assert await identities.of_user(connection, user_id) == []
        assert await passkeys.of_user(connection, user_id) == []
        assert await recovery_codes.left(connection, user_id) == 0
        links = [await logins.link(connection, one) for one in (b"reset", b"verify", b"invite")]
    assert links == [None] * 3
