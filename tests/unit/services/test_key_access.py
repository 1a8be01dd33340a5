"""Which keys a caller reaches, and what a caller may make of them."""

import pytest
from msgspec import structs

from fakes.issued import issue
from fakes.stored_keys import BY_OPERATOR, holder
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Accounts
from keyturn.services.key_terms import NewKey, Terms
from keyturn.services.keys import Issued, Key, Keys
from keyturn.services.projects import NewProject, Projects
from keyturn.services.users import NewUser, Users
from keyturn.store.keys import KeyFilter

ADMIN = PRESETS[Preset.ADMIN]


@pytest.fixture
async def foreign(accounts: Accounts, projects: Projects, keys: Keys) -> Issued:
    """A key of another account."""
    await accounts.create("Other", metadata={}, by=BY_OPERATOR)
    await projects.create(NewProject("abroad", account="Other"), by=BY_OPERATOR)
    return await issue(keys, "theirs", project="abroad")


@pytest.fixture
async def writer(keys: Keys) -> Principal:
    """Who holds a key with `write` in the first project."""
    issued = await issue(keys, "writer", preset=Preset.DEVELOPMENT)
    stored = issued.key.stored
    by = holder(issued.key.account_id, stored.project_id, permission=Permission.WRITE)
    assert by.key is not None
    granted = PRESETS[Preset.DEVELOPMENT]
    record = structs.replace(by.key, id=stored.id, kind=Kind.SECRET, permissions=granted)
    return Principal(stored.id, key=record)


def limited(by: Principal, **members: object) -> Principal:
    """Return the same caller with a key that is restricted."""
    assert by.key is not None
    return Principal(by.name, key=structs.replace(by.key, **members))


async def names(keys: Keys, by: Principal) -> list[str]:
    """Return the names of the keys that a caller sees."""
    listed = await keys.page(KeyFilter(), by=by, cursor=None, limit=100)
    assert not isinstance(listed, Refused)
    return [key.stored.name for key in listed[0]]


@pytest.mark.parametrize("action", ["show", "enable", "disable", "revoke", "delete", "edit"])
@pytest.mark.parametrize("by_name", [True, False])
async def test_what_is_out_of_reach_does_not_exist(
    keys: Keys, foreign: Issued, writer: Principal, action: str, *, by_name: bool
) -> None:
    """A different answer would tell who else is a customer here."""
    asked = "theirs" if by_name else foreign.key.stored.id
    terms = (Terms(name="mine"),) if action == "edit" else ()

    out_of_reach = await getattr(keys, action)(asked, *terms, by=writer)
    unknown = await getattr(keys, action)("key_00000000000000000000", *terms, by=writer)

    assert isinstance(out_of_reach, Refused)
    assert out_of_reach == unknown
    kept = await keys.show(foreign.key.stored.id, by=BY_OPERATOR)
    assert isinstance(kept, Key)
    assert kept.stored == foreign.key.stored


async def test_a_list_shows_what_is_within_reach(
    keys: Keys, foreign: Issued, writer: Principal, projects: Projects
) -> None:
    """Project, account, node: each sees its own."""
    await projects.create(NewProject("second"), by=BY_OPERATOR)
    mine = await issue(keys, "second key", project="second")

    node = holder(mine.key.account_id, node=True)

    assert await names(keys, writer) == ["writer", "default"]
    assert await names(keys, holder(mine.key.account_id)) == ["second key", "writer", "default"]
    assert await names(keys, holder(foreign.key.account_id)) == ["theirs"]
    assert await names(keys, node) == await names(keys, BY_OPERATOR)
    assert len(await names(keys, node)) == 4


async def test_a_name_is_looked_for_within_reach_only(keys: Keys, foreign: Issued, writer: Principal) -> None:
    """Another customer's key of the same name must be no conflict, and no hint."""
    await issue(keys, "theirs")

    shown = await keys.show("theirs", by=writer)

    assert isinstance(shown, Key)
    assert shown.account_id != foreign.key.account_id


async def test_a_key_makes_keys_of_its_own_project(keys: Keys, foreign: Issued, writer: Principal) -> None:
    """And of no other, which is as unknown as one that does not exist."""
    own = await keys.create(NewKey(name="own"), by=writer)
    refused = [
        await keys.create(NewKey(name="x", project=project), by=writer)
        for project in ("abroad", foreign.key.stored.project_id, "proj_00000000000000000000")
    ]

    assert isinstance(own, Issued)
    assert own.key.stored.project_id == writer.project_id
    assert own.key.stored.created_by == writer.name
    assert len(set(map(str, refused))) == 1
    assert isinstance(refused[0], Refused)


@pytest.mark.parametrize(
    ("restriction", "wanted", "member"),
    [
        ({}, NewKey(name="x", preset=Preset.ADMIN), "permissions"),
        ({}, NewKey(name="x", kind=Kind.MANAGEMENT), "permissions"),
        ({"models": ("gpt-*",)}, NewKey(name="x"), "models"),
        ({"models": ("gpt-*",)}, NewKey(name="x", models=("gpt-4",)), None),
        ({"ip": ("10.0.0.0/8",)}, NewKey(name="x", ip=("10.0.0.0/7",)), "ip"),
        ({"expires_at": 4e9}, NewKey(name="x"), "expires_at"),
        ({"user_id": "user_1"}, NewKey(name="x"), "user_id"),
        ({}, NewKey(name="x", sink="/etc/cron.d/x"), "rotation.sink"),
    ],
)
async def test_a_key_makes_no_key_stronger_than_itself(
    keys: Keys, writer: Principal, restriction: dict[str, object], wanted: NewKey, member: str | None
) -> None:
    """Otherwise a leaked key could buy itself a better one. ``None``: it may be made."""
    made = await keys.create(wanted, by=limited(writer, **restriction))

    if member is None:
        assert isinstance(made, Issued)
    else:
        assert isinstance(made, Refused)
        assert (made.reason, made.param) == (Reason.INSUFFICIENT_PERMISSIONS, member)
        assert "x" not in await names(keys, BY_OPERATOR)


async def test_a_key_changes_no_key_into_a_stronger_one(keys: Keys, writer: Principal) -> None:
    """Nor itself."""
    by = limited(writer, models=("gpt-*",))
    await issue(keys, "weak", models=("gpt-4",))

    refused = await keys.edit("weak", Terms(models=("gpt-4", "claude")), by=by)
    own = await keys.edit(writer.name, Terms(permissions=ADMIN), by=writer)
    weaker = await keys.edit("weak", Terms(models=("gpt-5",)), by=by)

    assert isinstance(refused, Refused)
    assert isinstance(own, Refused)
    assert isinstance(weaker, Key)


async def test_a_key_that_is_stronger_is_neither_changed_nor_enabled(keys: Keys, writer: Principal) -> None:
    """A weaker one could otherwise turn it to its own ends; to end it is on the safe side."""
    await issue(keys, "strong", preset=Preset.ADMIN)

    changed = await keys.edit(
        "strong", Terms(name="mine", permissions=frozenset({Permission.READ})), by=writer
    )
    disabled = await keys.disable("strong", by=writer)
    enabled = await keys.enable("strong", by=writer)
    revoked = await keys.revoke("strong", by=writer)

    assert isinstance(changed, Refused)
    assert isinstance(disabled, Key)
    assert isinstance(enabled, Refused)
    assert isinstance(revoked, Key)


async def test_a_personal_key_is_for_a_member_of_the_project(
    keys: Keys, users: Users, projects: Projects, foreign: Issued
) -> None:
    """By identifier or address; who is none yet is named, and a user of another account is as unknown as nobody."""
    await users.create(NewUser("ann@example.com"), by=BY_OPERATOR)
    await users.create(NewUser("bob@example.com", account="Other"), by=BY_OPERATOR)
    stranger = await keys.create(NewKey(name="x", user="ann@example.com"), by=BY_OPERATOR)
    await users.join("Default", "ann@example.com", by=BY_OPERATOR)
    await users.join("abroad", "bob@example.com", by=BY_OPERATOR)

    personal = await issue(keys, "hers", user="Ann@Example.com")
    again = await issue(keys, "hers too", user=personal.key.stored.user_id)
    foreigner = await keys.create(NewKey(name="x", user="bob@example.com"), by=BY_OPERATOR)
    nobody = await keys.create(NewKey(name="x", user="no@example.com"), by=BY_OPERATOR)
    listed = await keys.page(KeyFilter(user_id="ann@example.com"), by=BY_OPERATOR, cursor=None, limit=9)

    assert (personal.key.stored.user_id or "").startswith("user_")
    assert again.key.stored.user_id == personal.key.stored.user_id
    assert isinstance(stranger, Refused)
    assert "ann@example.com is not a member of the project" in stranger.text
    assert isinstance(nobody, Refused)
    assert nobody == foreigner
    assert not isinstance(listed, Refused)
    assert [key.stored.name for key in listed[0]] == ["hers too", "hers"]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        (KeyFilter(account_id="nobody"), "account"),
        (KeyFilter(project_id="nowhere"), "project"),
        (KeyFilter(user_id="no@example.com"), "user"),
    ],
)
async def test_a_filter_that_names_nothing_is_refused(keys: Keys, wanted: KeyFilter, param: str) -> None:
    """An empty list for a typo would look like good news."""
    refused = await keys.page(wanted, by=BY_OPERATOR, cursor=None, limit=9)

    assert isinstance(refused, Refused)
    assert refused.param == param


async def test_a_filter_reaches_no_further_than_its_caller(
    keys: Keys, foreign: Issued, writer: Principal
) -> None:
    """Neither by name nor by identifier."""
    for wanted in (
        KeyFilter(account_id="Other"),
        KeyFilter(account_id=foreign.key.account_id),
        KeyFilter(project_id="abroad"),
        KeyFilter(project_id=foreign.key.stored.project_id),
    ):
        assert isinstance(await keys.page(wanted, by=writer, cursor=None, limit=9), Refused)
        listed = await keys.page(wanted, by=BY_OPERATOR, cursor=None, limit=9)
        assert not isinstance(listed, Refused)
        assert [key.stored.name for key in listed[0]] == ["theirs"]


async def test_whoever_needed_no_key_reaches_no_key(keys: Keys) -> None:
    """Routes without a key know no operator."""
    nobody = Principal("")

    assert isinstance(await keys.show("default", by=nobody), Refused)
    assert await names(keys, nobody) == []
