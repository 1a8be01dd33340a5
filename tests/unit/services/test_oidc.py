"""Which user somebody of an OpenID provider is, and what they prove by it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.heard import Heard
from fakes.issuer import Issuer, issuer
from fakes.stored_keys import BY_OPERATOR
from keyturn import system
from keyturn.config.sections import Oidc as OidcSettings
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import Person, Role
from keyturn.services.accounts import Accounts
from keyturn.services.oidc import (
    CODE_TOO,
    MOST,
    NO_USER,
    NOT_ASKED,
    SOMEBODY_ELSE,
    STALE,
    TAKEN,
    Arrived,
    Led,
    Oidc,
)
from keyturn.services.passkeys import Passkeys, text_of
from keyturn.services.sessions import Visitor
from keyturn.services.tickets import Tickets
from keyturn.services.users import NewUser, User, UserChange, Users
from keyturn.store import identities, logins, passkeys, users as stored_users
from keyturn.store.engine import Store
from keyturn.store.identities import StoredIdentity
from keyturn.store.logins import UNPROVED, StoredLogin
from keyturn.store.passkeys import StoredPasskey
from keyturn.store.sessions import SignedIn, StoredSession

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def at() -> Iterator[Issuer]:
    """A provider."""
    with issuer() as found:
        yield found


class Visitors:
    """Sends people to the provider and takes them back."""

    def __init__(self, store: Store, at: Issuer, *, provision: bool = False) -> None:
        self.store, self.at = store, at
        self.users = Users(store, Heard())
        settings = OidcSettings(issuer=at.url, client_id="keyturn", name="SSO", provision=provision)
        self.oidc = Oidc(store, Tickets(), settings)

    async def add(self, email: str, *, account: str = "", verified_at: int = 1) -> str:
        """Add a user who can sign in; return who it is."""
        user = await self.users.create(NewUser(email, account=account), by=BY_OPERATOR)
        assert isinstance(user, User)
        login = StoredLogin(user.stored.id, "member", "hash", 1, email_verified_at=verified_at)
        async with self.store.writing() as connection:
            await logins.add(connection, login)
        return user.stored.id

    async def come(
        self,
        *,
        proves: str = "",
        connects: Visitor | None = None,
        back_as: Visitor | None = None,
        **others: Any,
    ) -> Arrived | Refused:
        """Go and come back as Ada; ``others`` stands in the place of what the ID token says."""
        led = await self.oidc.lead(
            "form",
            redirect_uri="http://us/back",
            then="/dashboard",
            proves=proves,
            connects=connects.person.session_id if connects else "",
        )
        assert isinstance(led, Led)
        query = parse_qs(urlsplit(led.address).query)
        now = int(system.now())
        claims = {"iss": self.at.url, "sub": "ada", "aud": "keyturn", "exp": now + 60, "iat": now}
        claims |= {"nonce": query["nonce"][0], "email": ADA, "email_verified": True} | others
        self.at.give(self.at.token(claims))
        return await self.oidc.arrive(
            "form",
            led.ticket.reveal(),
            state=query["state"][0],
            code="code",
            redirect_uri="http://us/back",
            address="192.0.2.1",
            visitor=back_as or connects,
        )

    async def identity(self) -> StoredIdentity | None:
        """Return whose Ada's identity is."""
        async with self.store.reading() as connection:
            return await identities.get(connection, self.at.url, "ada")


def visitor(user_id: str, session_id: str = "ses_1") -> Visitor:
    """Return somebody who has signed in."""
    person = Person(user_id, "acct_1", Role.MEMBER, first_account=False, session_id=session_id)
    session = StoredSession(session_id, b"", user_id, "form", 1, 1, 1, "192.0.2.1", "")
    signed_in = SignedIn(session, "acct_1", "One", "eve@example.com", "Eve", "member", "UTC", active=True)
    return Visitor(signed_in, person, Principal(user_id, person=person))


@pytest.fixture
def visitors(furnished: Store, at: Issuer) -> Visitors:
    """A node where nobody becomes a user by coming."""
    return Visitors(furnished, at)


def message(found: object) -> str:
    """Return what a refusal says."""
    assert isinstance(found, Refused)
    return found.message


async def test_nobody_is_connected_to_a_user_of_a_tenant_by_an_address(visitors: Visitors) -> None:
    """A tenant says what their users' addresses are: they would get whoever has the address."""
    await Accounts(visitors.store, Heard(), Heard()).create("acme", metadata={}, by=BY_OPERATOR)
    await visitors.add(ADA, account="acme")

    assert message(await visitors.come()) == NO_USER
    assert await visitors.identity() is None


async def test_the_operators_user_is_the_one_though_a_tenant_has_the_address_too(visitors: Visitors) -> None:
    """Taking an address must not keep its owner out either."""
    await Accounts(visitors.store, Heard(), Heard()).create("acme", metadata={}, by=BY_OPERATOR)
    await visitors.add(ADA, account="acme")
    own = await visitors.add(ADA)

    assert await visitors.come() == Arrived(own, "/dashboard", "")


@pytest.mark.parametrize("moved", [False, True])
async def test_an_address_that_nobody_has_proved_connects_nobody(visitors: Visitors, *, moved: bool) -> None:
    """Whether they were let in by a link that was handed over, or were given the address later."""
    user_id = await visitors.add("eve@example.com" if moved else ADA, verified_at=1 if moved else UNPROVED)
    if moved:
        await visitors.users.edit(user_id, UserChange(email=ADA), by=BY_OPERATOR)

    assert message(await visitors.come()) == NO_USER


async def test_who_was_deleted_comes_back_as_somebody_new(furnished: Store, at: Issuer) -> None:
    """Also who was deleted when identities were still left behind."""
    visitors = Visitors(furnished, at, provision=True)
    first = await visitors.come()
    assert isinstance(first, Arrived)
    async with furnished.writing() as connection:
        await stored_users.change(connection, first.user_id, {"deleted_at": 1})

    second = await visitors.come()

    assert isinstance(second, Arrived)
    assert second.user_id != first.user_id


async def test_a_proof_connects_nobody(visitors: Visitors) -> None:
    """Somebody who is signed in as one and at the provider as another must not change what either is."""
    await visitors.add(ADA)

    found = await visitors.come(proves="ses_1", auth_time=int(system.now()))

    assert message(found) == SOMEBODY_ELSE
    assert await visitors.identity() is None


@pytest.mark.parametrize("told", [{}, {"auth_time": None}, {"auth_time": 1}])
async def test_a_proof_says_when_the_provider_asked(visitors: Visitors, told: dict[str, Any]) -> None:
    """Without it nobody knows that anybody was asked; with ``max_age`` providers must say it."""
    user_id = await visitors.add(ADA)
    await visitors.come()

    assert message(await visitors.come(proves="ses_1", **told)) == NOT_ASKED
    fresh = await visitors.come(proves="ses_1", auth_time=int(system.now()))
    assert fresh == Arrived(user_id, "/dashboard", "ses_1")


async def test_where_a_code_is_asked_for_the_provider_alone_proves_nothing(visitors: Visitors) -> None:
    """Or whoever has the provider's password would turn the codes off."""
    user_id = await visitors.add(ADA)
    await visitors.come()
    async with visitors.store.writing() as connection:
        await logins.change(connection, user_id, {"totp_confirmed_at": 1})

    found = await visitors.come(proves="ses_1", auth_time=int(system.now()))

    assert message(found) == CODE_TOO


async def test_an_identity_of_somebody_deleted_can_be_connected(visitors: Visitors) -> None:
    """It opens nothing any more; and of an address of theirs nobody asks."""
    gone, user_id = await visitors.add("gone@example.com"), await visitors.add("eve@example.com")
    assert isinstance(await visitors.come(connects=visitor(gone)), Arrived)
    assert message(await visitors.come(connects=visitor(user_id))) == TAKEN
    async with visitors.store.writing() as connection:
        await stored_users.change(connection, gone, {"deleted_at": 1})

    found = await visitors.come(connects=visitor(user_id), email="other@example.com", email_verified=False)

    assert found == Arrived(user_id, "/dashboard", "", connected="other@example.com")
    held = await visitors.identity()
    assert held is not None
    assert held.user_id == user_id


@pytest.mark.parametrize(("auth_time", "connected"), [(None, True), (1, False)])
async def test_who_is_connected_was_asked_who_they_are(
    visitors: Visitors, *, auth_time: int | None, connected: bool
) -> None:
    """Somebody else may have signed in at the provider in this browser before. Some providers never say when."""
    user_id = await visitors.add("eve@example.com")

    found = await visitors.come(connects=visitor(user_id), auth_time=auth_time)

    assert isinstance(found, Arrived) == connected
    assert connected or message(found) == NOT_ASKED


async def test_another_session_connects_nobody(visitors: Visitors) -> None:
    """Whatever its forms carry: not somebody else's, and not another one of theirs."""
    eve, mallory = await visitors.add("eve@example.com"), await visitors.add("mallory@example.com")

    for back_as in (visitor(mallory, "ses_2"), visitor(eve, "ses_2")):
        assert message(await visitors.come(connects=visitor(eve), back_as=back_as)) == STALE
    assert await visitors.identity() is None


async def test_nobody_connects_without_end(visitors: Visitors) -> None:
    """Ten are more than anybody has."""
    user_id = await visitors.add("eve@example.com")
    for number in range(MOST):
        assert isinstance(await visitors.come(connects=visitor(user_id), sub=f"sub-{number}"), Arrived)

    assert isinstance(await visitors.come(connects=visitor(user_id), sub="one more"), Refused)


async def test_the_last_way_in_stays(visitors: Visitors) -> None:
    """Without a password: another identity, or a passkey; one of a provider that is not asked any more is none."""
    user_id = await visitors.add("eve@example.com")
    eve, keys = visitor(user_id), Passkeys(visitors.store, Tickets())
    for sub in ("ada", "second"):
        await visitors.come(connects=eve, sub=sub)
    async with visitors.store.writing() as connection:
        await logins.change(connection, user_id, {"password_hash": ""})
        await identities.add(connection, StoredIdentity("https://old.example", "eve", user_id, 1))
    at = visitors.at.url

    assert await visitors.oidc.forget(eve, at, "second") is None
    assert message(await visitors.oidc.forget(eve, at, "ada")).startswith("Set a password first")
    async with visitors.store.writing() as connection:
        await passkeys.add(connection, StoredPasskey(b"key", user_id, "Phone", b"", 0, 1))
    assert await visitors.oidc.forget(eve, at, "ada") is None
    assert await visitors.oidc.forget(eve, "https://old.example", "eve") is None
    assert message(await keys.remove(eve, text_of(b"key"))).startswith("Set a password first")
    async with visitors.store.writing() as connection:
        await passkeys.add(connection, StoredPasskey(b"other", user_id, "Laptop", b"", 0, 1))
    assert await keys.remove(eve, text_of(b"key")) is None
