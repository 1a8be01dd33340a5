import pytest

from keyturn.control.dashboard.pages.team import factors, may_touch, roles_for
from keyturn.domain.roles import Person, Role
from keyturn.services.users import User
from keyturn.store.logins import Standing
from keyturn.store.users import StoredUser


def person(role: Role, account: str = "acct_1", *, first: bool = False) -> Person:
    """Return somebody."""
    return Person("user_1", account, role, first_account=first)


def user(role: str, account: str = "acct_1") -> User:
    """Return somebody as the pages show them."""
    stored = StoredUser("user_2", account, "kim@example.com", "Kim", 0)
    return User(stored, 0, [], Standing(role, False, None, True, None) if role else None)


@pytest.mark.parametrize(
    ("who", "account", "offered"),
    [
        (person(Role.OWNER), "acct_1", ["viewer", "member", "admin", "owner"]),
        (person(Role.ADMIN), "acct_1", ["viewer", "member", "admin"]),
        (person(Role.ADMIN, first=True), "acct_1", ["viewer", "member", "admin"]),
        (person(Role.ADMIN, first=True), "acct_2", ["viewer", "member", "admin", "owner"]),
    ],
)
def test_a_form_offers_the_roles_that_can_be_given(who: Person, account: str, offered: list[str]) -> None:
    """The first one is the narrowest."""
    assert [value for value, _ in roles_for(who, account)] == offered


def test_an_owner_is_changed_by_owners_and_by_whoever_runs_the_node() -> None:
    """Somebody else's page shows no buttons that would only be refused."""
    assert may_touch(person(Role.OWNER), user("owner"))
    assert not may_touch(person(Role.ADMIN), user("owner"))
    assert may_touch(person(Role.ADMIN), user("admin"))
    assert may_touch(person(Role.ADMIN), user(""))
    assert may_touch(person(Role.ADMIN, first=True), user("owner", "acct_2"))


@pytest.mark.parametrize(
    ("two_factor", "passkeys", "said"),
    [
        (False, 0, "none"),
        (True, 0, "codes of an app"),
        (False, 1, "1 passkey"),
        (True, 2, "codes of an app, 2 passkeys"),
    ],
)
def test_a_person_shows_what_they_have_beside_a_password(two_factor: bool, passkeys: int, said: str) -> None:  # noqa: FBT001 -- a row of the table
    """Who has nothing, has nothing to lose."""
    standing = Standing("member", two_factor, None, able=True, invited_until=None, passkeys=passkeys)
    who = User(StoredUser("user_2", "acct_1", "kim@example.com", "Kim", 0), 0, [], standing)

    assert factors(who) == said
    assert factors(user("")) == "none"
