"""Who comes in by a password, and what tells nothing."""

import pytest

from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret
from keyturn.services.passwords import Passwords
from keyturn.services.sign_in import WRONG, Known, Newcomer, SignIn
from keyturn.services.throttle import Throttle
from keyturn.store import logins
from keyturn.store.engine import Store

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
