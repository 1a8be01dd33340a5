import pytest

from keyturn.control.dashboard.pages.team import roles_for
from keyturn.domain.roles import Person, Role


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
