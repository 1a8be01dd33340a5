"""Who comes in by a password, and what tells nothing."""

import pytest

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.accounts import Account, Accounts
from keyturn.services.passwords import Passwords
from keyturn.services.sign_in import (
    MOST_OF_ONE_ADDRESS,
    NOT_WELCOME,
    SUSPENDED,
    WRONG,
    Known,
    Newcomer,
    SignIn,
)
from keyturn.services.throttle import Throttle
from keyturn.services.users import NewUser, User, Users
from keyturn.store import logins
from keyturn.store.engine import Store
from keyturn.store.logins import UNPROVED, StoredLogin

EMAIL, PASSWORD = "kim@example.com", Secret("correct horse battery")


class Counted(Passwords):
    """Passwords that count how often they are compared: that is what takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.compared = 0

    async def matches(self, kept: str, password: Secret) -> bool:
        """Count, and compare."""
        self.compared += 1
        return await super().matches(kept, password)


@pytest.fixture
def passwords() -> Counted:
    """Counts."""
    return Counted()


@pytest.fixture
async def sign_in(furnished: Store, passwords: Counted) -> SignIn:
    """A node that has an owner."""
    made = SignIn(furnished, passwords, Throttle(furnished))
    token = await made.setup_link()
    assert token is not None
    user_id = await made.set_up(token.reveal(), Newcomer(EMAIL, "Kim", PASSWORD), address="192.0.2.1")
    assert isinstance(user_id, str)
    return made


async def test_an_unknown_address_takes_as_long_as_a_known_one(sign_in: SignIn, passwords: Counted) -> None:
    """One comparison each: a clock tells nobody who is there."""
    for email in (EMAIL, "nobody@example.com"):
        passwords.compared = 0
        found = await sign_in.with_password(email, Secret("wrong horse battery"), address="192.0.2.2")

        assert isinstance(found, Refused)
        assert found.message == WRONG
        assert passwords.compared == 1


async def test_what_can_be_no_password_is_not_compared(sign_in: SignIn, passwords: Counted) -> None:
    """A megabyte would take a core for a second; the answer is the same."""
    for password in ("x" * 1_001, "x" * 1_000_000):
        found = await sign_in.with_password(EMAIL, Secret(password), address="192.0.2.3")

        assert isinstance(found, Refused)
        assert found.message == WRONG
    assert passwords.compared == 0


@pytest.mark.parametrize(
    "email",
    ["", "\0", "kim@example.com\0", "x" * 100_000 + "@example.com", "' OR 1=1 --", "\u202ekim@example.com"],
)
async def test_what_can_be_no_address_is_nobodys(sign_in: SignIn, email: str) -> None:
    """And nothing breaks."""
    assert isinstance(await sign_in.with_password(email, PASSWORD, address="192.0.2.4"), Refused)


async def test_a_hash_of_other_parameters_is_made_anew(
    sign_in: SignIn, furnished: Store, passwords: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is strong enough changes with the years; only at signing in is the password there."""
    found = await sign_in.with_password(f" {EMAIL.upper()} ", PASSWORD, address="192.0.2.5")
    assert isinstance(found, Known)
    async with furnished.reading() as connection:
        before = await logins.get(connection, found.user_id)

    monkeypatch.setattr(passwords, "outdated", lambda _kept: True)
    again = await sign_in.with_password(EMAIL, PASSWORD, address="192.0.2.5")

    async with furnished.reading() as connection:
        after = await logins.get(connection, found.user_id)
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash
    assert isinstance(again, Known)
    assert again.stamp != found.stamp
    assert (await sign_in.again(found.user_id)) == again


class Tenants:
    """Makes accounts with one user each, who have a password."""

    def __init__(self, store: Store, passwords: Passwords) -> None:
        self._store, self._passwords = store, passwords
        self.accounts, self.users = Accounts(store, Heard(), Heard()), Users(store, Heard())

    async def add(self, account: str, email: str, password: Secret, *, verified_at: int) -> User:
        """Add an account and its user; without a name it is the operator's own."""
        if account:
            await self.accounts.create(account, metadata={}, by=BY_OPERATOR)
        user = await self.users.create(NewUser(email, account=account), by=BY_OPERATOR)
        assert isinstance(user, User)
        kept = await self._passwords.hash(password)
        async with self._store.writing() as connection:
            login = StoredLogin(user.stored.id, "owner", kept, 1, email_verified_at=verified_at)
            await logins.add(connection, login)
        return user


@pytest.fixture
def tenants(furnished: Store, passwords: Counted) -> Tenants:
    """Makes them."""
    return Tenants(furnished, passwords)


async def test_who_takes_an_address_in_accounts_of_their_own_keeps_nobody_out(
    sign_in: SignIn, tenants: Tenants, passwords: Counted
) -> None:
    """Neither somebody of the operator's account nor a tenant who came later and has shown that it is theirs."""
    email, other = "ada@example.com", Secret("somebody else's password")
    for number in range(MOST_OF_ONE_ADDRESS):
        await tenants.add(f"taken{number}", email, other, verified_at=UNPROVED)
    own = await tenants.add("acme", email, PASSWORD, verified_at=1)
    operators = await tenants.add("", email, Secret("a walk by the sea"), verified_at=UNPROVED)
    passwords.compared = 0

    as_tenant = await sign_in.with_password(email, PASSWORD, address="192.0.2.6")
    as_operator = await sign_in.with_password(email, Secret("a walk by the sea"), address="192.0.2.6")

    assert isinstance(as_tenant, Known)
    assert isinstance(as_operator, Known)
    assert (as_tenant.user_id, as_operator.user_id) == (own.stored.id, operators.stored.id)
    assert passwords.compared == 3
    wrong = await sign_in.with_password(email, Secret("wrong horse battery"), address="192.0.2.6")
    assert isinstance(wrong, Refused)
    assert passwords.compared == 3 + MOST_OF_ONE_ADDRESS


async def test_whose_account_is_suspended_is_told_so_after_the_right_password_only(
    sign_in: SignIn, tenants: Tenants, furnished: Store
) -> None:
    """A session would be worth nothing, and somebody would go in circles; a guesser is told nothing."""
    user = await tenants.add("acme", "ada@example.com", PASSWORD, verified_at=1)
    assert isinstance(await tenants.accounts.suspend("acme", by=BY_OPERATOR), Account)

    wrong = await sign_in.with_password("ada@example.com", Secret("wrong horse"), address="192.0.2.7")
    right = await sign_in.with_password("ada@example.com", PASSWORD, address="192.0.2.7")
    in_another_way = await sign_in.again(user.stored.id)

    assert isinstance(wrong, Refused)
    assert wrong.message == WRONG
    assert isinstance(right, Refused)
    assert (right.reason, right.message) == (Reason.ACCOUNT_INACTIVE, SUSPENDED)
    assert in_another_way == right
    async with furnished.reading() as connection:
        login = await logins.get(connection, user.stored.id)
    assert login is not None
    assert login.last_sign_in_at is None


async def test_who_is_not_there_any_more_is_not_let_in_in_another_way(
    sign_in: SignIn, tenants: Tenants
) -> None:
    """They may have gone while their code was asked for."""
    user = await tenants.add("acme", "ada@example.com", PASSWORD, verified_at=1)
    assert isinstance(await tenants.users.delete(user.stored.id, by=BY_OPERATOR), User)

    found = await sign_in.again(user.stored.id)

    assert isinstance(found, Refused)
    assert found.message == NOT_WELCOME
