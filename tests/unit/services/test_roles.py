"""Who changes whom."""

import pytest

from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.roles import Person, Role
from keyturn.services.roles import refused_to_touch


def by(role: Role, *, first: bool = False) -> Principal:
    """Return somebody who asks."""
    return Principal("user_1", person=Person("user_1", "acct_1", role, first_account=first))


@pytest.mark.parametrize(
    ("who", "account", "role", "refused"),
    [
        (by(Role.OWNER), "acct_1", Role.OWNER, False),
        (by(Role.ADMIN), "acct_1", Role.OWNER, True),
        (by(Role.ADMIN), "acct_1", Role.ADMIN, False),
        (by(Role.ADMIN), "acct_1", None, False),
        (by(Role.ADMIN, first=True), "acct_1", Role.OWNER, True),
        (by(Role.ADMIN, first=True), "acct_2", Role.OWNER, False),
        (Principal(OPERATOR), "acct_1", Role.OWNER, False),
    ],
)
def test_an_owner_is_changed_by_owners_and_by_whoever_runs_the_node(
    who: Principal, account: str, role: Role | None, *, refused: bool
) -> None:
    """Pages ask the same, and show no buttons that would only be refused."""
    assert (refused_to_touch(who, account, role) is not None) is refused
