"""Invitations, with a mail server and without, and roles as services give them."""

import pytest

from keyturn import system
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Person, Role
from keyturn.domain.secret import Secret
from keyturn.services.accounts import Account, Accounts
from keyturn.services.credit import Credit
from keyturn.services.events import Events
from keyturn.services.hygiene import Hygiene
from keyturn.services.invitations import INVITE_DAYS, Invitation, Invitations, Invited
from keyturn.services.key_terms import NewKey
from keyturn.services.keys import Keys
from keyturn.services.letters import Letter, Letters, PostError
from keyturn.services.passwords import Passwords
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.services.sign_in import Known, SignIn
from keyturn.services.throttle import Throttle
from keyturn.services.users import NewUser, User, Users
from keyturn.store import identities, logins
from keyturn.store.engine import Store
from keyturn.store.events import EventFilter
from keyturn.store.identities import StoredIdentity
from keyturn.store.projects import ProjectFilter
from keyturn.store.users import UserFilter

BY = Principal(OPERATOR)
BASE = "https://keyturn.example"
PASSWORD = Secret("a long walk by the sea")


@pytest.fixture
def posted() -> list[Letter]:
    """Letters that a mail server has taken."""
    return []


@pytest.fixture
def invitations(furnished: Store, posted: list[Letter]) -> Invitations:
    """The use cases, with a mail server that takes all but one letter."""

    async def post(letter: Letter) -> None:
        if letter.to == "bounced@example.com":
            raise PostError("no such mailbox")
        posted.append(letter)

    return Invitations(furnished, Passwords(), Letters(post))


def token_in(invited: Invited | Refused) -> str:
    """Return the secret part of a link."""
    assert isinstance(invited, Invited)
    return invited.link.reveal().partition("#")[2]


async def test_a_letter_tells_who_invites_and_until_when(
    invitations: Invitations, posted: list[Letter]
) -> None:
    """Somebody who did not expect it can judge it; the link leads to the node as whoever invites sees it."""
    invited = await invitations.invite(Invitation("Kim@Example.com", Role.ADMIN), base=BASE, by=BY)

    assert isinstance(invited, Invited)
    assert invited.sent
    assert (invited.user.stored.email, invited.user.role) == ("kim@example.com", "admin")
    [letter] = posted
    assert letter.to == "kim@example.com"
    assert f"{BASE}/dashboard/invite#" in letter.text
    assert invited.expires_at - system.now_ms() > (INVITE_DAYS - 1) * 86_400_000


async def test_a_letter_that_nobody_takes_leaves_the_link(invitations: Invitations) -> None:
    """The invitation stands; whoever invites is told to hand it over."""
    invited = await invitations.invite(Invitation("bounced@example.com"), base=BASE, by=BY)

    assert isinstance(invited, Invited)
    assert not invited.sent
    assert isinstance(await invitations.accept(token_in(invited), "", PASSWORD, address=""), str)


async def test_only_a_letter_shows_that_an_address_is_theirs(
    invitations: Invitations, posted: list[Letter], furnished: Store
) -> None:
    """Who is shown the link can open it themselves, and be whoever they say; both of its kinds let in once."""
    handed = await invitations.invite(Invitation("ann@example.com"), base=BASE, by=BY)
    await invitations.invite(Invitation("bo@example.com"), base=BASE, by=BY)
    in_letters = [one.text.partition("/dashboard/invite#")[2][:32] for one in posted]

    ann = await invitations.accept(token_in(handed), "", PASSWORD, address="")
    bo = await invitations.accept(in_letters[1], "", PASSWORD, address="")

    assert isinstance(ann, str)
    assert isinstance(bo, str)
    async with furnished.reading() as connection:
        of_ann, of_bo = await logins.get(connection, ann), await logins.get(connection, bo)
    assert of_ann is not None
    assert of_bo is not None
    assert (of_ann.address_proved, of_bo.address_proved) == (False, True)
    assert isinstance(await invitations.accept(in_letters[0], "", PASSWORD, address=""), Refused)
    assert isinstance(await invitations.accept(in_letters[1], "", PASSWORD, address=""), Refused)
    sign_in = SignIn(furnished, Passwords(), Throttle(furnished))
    for email in ("ann@example.com", "bo@example.com"):
        assert isinstance(await sign_in.with_password(email, PASSWORD, address=""), Known)


@pytest.mark.parametrize("email", ["", "no address", "two@at@example.com", "a" * 250 + "@example.com"])
async def test_an_address_that_is_none_is_refused(invitations: Invitations, email: str) -> None:
    """Before anything is made."""
    refused = await invitations.invite(Invitation(email), base=BASE, by=BY)

    assert isinstance(refused, Refused)
    assert refused.param == "email"


async def test_whoever_is_invited_into_a_project_can_hold_keys_there(
    invitations: Invitations, users: Users, projects: Projects, accounts: Accounts
) -> None:
    """By its name or id; a project of another account is none, and nothing is made of such an invitation."""
    home = await projects.create(NewProject("home"), by=BY)
    other = await accounts.create("Other", metadata={}, by=BY)
    assert isinstance(home, Project)
    assert isinstance(other, Account)

    made = await invitations.invite(Invitation("ann@example.com", project="home"), base=BASE, by=BY)
    again = await invitations.invite(Invitation("ann@example.com", project=home.stored.id), base=BASE, by=BY)
    foreign = Invitation("bo@other.example", account="Other", project=home.stored.id)
    refused = await invitations.invite(foreign, base=BASE, by=BY)

    for one in (made, again):
        assert isinstance(one, Invited)
        assert one.user.projects == [home.stored.id]
    assert isinstance(refused, Refused)
    assert refused.param == "project_id"
    assert isinstance(await users.show("bo@other.example", by=BY), Refused)


async def test_who_holds_keys_stays_when_their_invitation_is_taken_back(
    invitations: Invitations, users: Users, projects: Projects, keys: Keys
) -> None:
    """They were there before; they only do not sign in."""
    home = await projects.create(NewProject("home"), by=BY)
    assert isinstance(home, Project)
    user = await users.create(NewUser("ann@example.com"), by=BY)
    assert isinstance(user, User)
    await users.join(home.stored.id, user.stored.id, by=BY)
    await keys.create(NewKey(name="ann's", project=home.stored.id, user=user.stored.id), by=BY)
    token = token_in(await invitations.again(user.stored.id, base=BASE, by=BY))

    gone = await invitations.take_back(user.stored.id, by=BY)
    kept = await users.show(user.stored.id, by=BY)

    assert isinstance(gone, User)
    assert gone.role == "member"
    assert isinstance(kept, User)
    assert (kept.role, kept.keys) == ("", 1)
    assert isinstance(await invitations.accept(token, "", PASSWORD, address=""), Refused)
    again = await invitations.take_back(user.stored.id, by=BY)
    assert isinstance(again, Refused)
    assert again.reason is Reason.CONFLICT


async def test_who_had_come_by_a_provider_is_forgotten_there_with_their_invitation(
    invitations: Invitations, furnished: Store
) -> None:
    """An identity that stays would belong to nobody, for good."""
    invited = await invitations.invite(Invitation("ann@example.com"), base=BASE, by=BY)
    assert isinstance(invited, Invited)
    user_id = invited.user.stored.id
    async with furnished.writing() as connection:
        await identities.add(connection, StoredIdentity("https://id.example", "ann", user_id, 1))

    await invitations.take_back("ann@example.com", by=BY)

    async with furnished.reading() as connection:
        assert await identities.of_user(connection, user_id) == []


async def test_nobody_is_invited_who_is_there(invitations: Invitations, users: Users) -> None:
    """Nor with a link that is made again; somebody unknown is not found; a suspended one does not come in."""
    invited = await invitations.invite(Invitation("ann@example.com"), base=BASE, by=BY)
    bo = await invitations.invite(Invitation("bo@example.com"), base=BASE, by=BY)
    await invitations.accept(token_in(invited), "Ann", PASSWORD, address="")
    await users.suspend("bo@example.com", by=BY)

    refused = [
        await invitations.invite(Invitation("ann@example.com"), base=BASE, by=BY),
        await invitations.again("ann@example.com", base=BASE, by=BY),
        await invitations.again("nobody@example.com", base=BASE, by=BY),
        await invitations.take_back("nobody@example.com", by=BY),
        await invitations.invite(Invitation("x@example.com", account="none"), base=BASE, by=BY),
        await invitations.accept(token_in(bo), "", PASSWORD, address=""),
    ]

    reasons = [one.reason for one in refused if isinstance(one, Refused)]
    assert reasons == [
        *[Reason.CONFLICT] * 2,
        *[Reason.RESOURCE_NOT_FOUND] * 2,
        Reason.INVALID_MEMBER,
        Reason.RESOURCE_NOT_FOUND,
    ]


async def test_services_show_a_member_nothing_of_others(
    furnished: Store, users: Users, projects: Projects, credit: Credit
) -> None:
    """Also where a page asks them that a member may open: what is not theirs does not come."""
    ann = await users.create(NewUser("ann@example.com", role=Role.MEMBER), by=BY)
    await users.create(NewUser("bo@example.com", role=Role.ADMIN), by=BY)
    assert isinstance(ann, User)
    person = Person(ann.stored.id, ann.stored.account_id, Role.MEMBER, first_account=True)
    member = Principal(ann.stored.id, person=person)

    seen = await users.page(UserFilter(), by=member, cursor=None, limit=10)
    shown = await credit.show(None, by=member)
    belongs = await projects.page(ProjectFilter(), by=member, cursor=None, limit=10)
    told, _ = await Events(furnished).page(EventFilter(), reach=member, cursor=None, limit=10)
    tidy = await Hygiene(furnished).report(by=member, cursor=None, limit=10)

    assert not isinstance(seen, Refused)
    assert [one.stored.id for one in seen[0]] == [ann.stored.id]
    assert isinstance(shown, Refused)
    assert not isinstance(belongs, Refused)
    assert belongs[0] == []
    assert told == []
    assert not isinstance(tidy, Refused)
    assert tidy.tidiness.keys == 0
