import pytest

from keyturn.control.dashboard.pages.team import factors, roles_for
from keyturn.domain.roles import Person, Role
from keyturn.services.users import User
from keyturn.store.logins import Standing
from keyturn.store.users import StoredUser


def person(role: Role, account: str = "acct_1", *, first: bool = False) -> Person:
    """Return somebody."""
    return Person("user_1", account, role, first_account=first)


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


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, "none"),
        (Standing("member", False, None, True, None), "none"),
        (Standing("member", True, None, True, None), "codes of an app"),
        (Standing("member", False, None, True, None, 1), "1 passkey"),
        (Standing("member", True, None, True, None, 2), "codes of an app, 2 passkeys"),
    ],
)
def test_a_person_shows_what_they_have_beside_a_password(standing: Standing | None, said: str) -> None:
    """Who has nothing, has nothing to lose."""
    stored = StoredUser("user_2", "acct_1", "kim@example.com", "Kim", 0)

    assert factors(User(stored, 0, [], standing)) == said
