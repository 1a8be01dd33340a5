"""Signing in at an OpenID provider: a real, certified one."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest

from fakes.control_process import ControlProcess, control_process
from fakes.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, oidc_provider
from fakes.strangers import Fields, Somebody, Visits, another, owner_of, visits, with_password
from keyturn.config.sections import Oidc
from keyturn.services.oidc import NOT_REACHED

ACCOUNT = "/dashboard/account"
CONNECT = f"{ACCOUNT}/identity/connect"
_CONTINUE = re.compile(r'href="(/dashboard/oidc/connect\?ticket=[^"]+)"')


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    """The provider."""
    with oidc_provider() as found:
        yield found


@pytest.fixture(scope="module")
def control(provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlProcess]:
    """A control process that knows it."""
    oidc = Oidc(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        name="Example <SSO>",
        allowed_domains=frozenset({"example.com"}),
        provision=True,
    )
    data = tmp_path_factory.mktemp("node") / "data"
    with control_process(data, sections={"oidc": oidc}) as found, owner_of(found):
        yield found


@pytest.fixture
def visit(control: ControlProcess) -> Iterator[Visits]:
    """Gives browsers without a screen."""
    with visits(control) as make:
        yield make


def person(sub: str, email: str, *, verified: bool = True) -> dict[str, object]:
    """Return what the provider says of somebody."""
    return {"sub": sub, "email": email, "email_verified": verified, "name": f"{sub} of Example"}


def arrives(somebody: Somebody, back: str) -> str:
    """Follow the address that leads back; return what the account page says."""
    answer = somebody.get(back)
    assert answer.status_code == 303, answer.text
    return somebody.get(ACCOUNT).text


def disconnect(somebody: Somebody, provider: OidcProvider, sub: str) -> httpx.Response:
    """Have somebody be this one at the provider no more."""
    fields: Fields = {"issuer": provider.issuer, "subject": sub}
    return somebody.post(f"{ACCOUNT}/identity/forget", fields)


def tenant(control: ControlProcess) -> tuple[str, str]:
    """Make somebody in an account that is not the operator's; return address and password."""

    def make(email: str) -> str:
        account = {"name": f"Tenant of {email}"}
        control.operator.post("/api/v1/accounts", json=account).raise_for_status()
        wanted = {"email": email, "account_id": account["name"]}
        return str(control.operator.post("/api/v1/users", json=wanted).json()["data"]["id"])

    return with_password(make, control.data.database, "member")


def way_to_connect(somebody: Somebody) -> str:
    """Return the link that stands on the page that asks."""
    found = _CONTINUE.search(somebody.get(CONNECT).text)
    assert found is not None
    return found[1]


def signed_in(visit: Visits, who: tuple[str, str]) -> Somebody:
    """Give the browser of somebody who has signed in with their password."""
    somebody = visit()
    assert somebody.sign_in(*who).status_code == 303
    return somebody


def identities(control: ControlProcess, sub: str) -> list[str]:
    """Return who is this one at the provider, by address."""
    query = "SELECT email FROM identities JOIN users ON users.id = user_id WHERE subject = ?"
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database:
        return [row[0] for row in database.execute(query, (sub,))]


def test_a_tenants_person_connects_who_they_are_there_and_signs_in_by_it(
    control: ControlProcess, provider: OidcProvider, visit: Visits
) -> None:
    """From their session, whatever address they have there; disconnected, it opens nothing."""
    who = tenant(control)
    here, there = signed_in(visit, who), visit()
    assert "Connect Example &lt;SSO&gt;" in here.get(ACCOUNT).text

    back = provider.sign_in(here, person("tess", "tess@example.com"), start=way_to_connect(here))
    assert here.get(back).headers["location"] == ACCOUNT
    page = here.get(ACCOUNT).text
    assert "You can sign in with Example &lt;SSO&gt; now, as tess@example.com" in page
    assert "tess" in page

    account = arrives(there, provider.sign_in(there, person("tess", "tess@example.com")))
    assert who[0] in account
    assert f"member in Tenant of {who[0]}" in account
    audit = control.operator.get("/api/v1/audit?action=user.link_identity&limit=1").json()["data"][0]
    assert audit["after"] == {"issuer": provider.issuer, "subject": "tess"}
    assert audit["actor"] == audit["target"]
    assert audit["address"] == here.address

    assert disconnect(here, provider, "nobody").status_code == 404
    assert disconnect(here, provider, "tess").status_code == 303
    assert identities(control, "tess") == []
    audit = control.operator.get("/api/v1/audit?action=user.forget_identity&limit=1").json()["data"][0]
    assert audit["before"] == {"issuer": provider.issuer, "subject": "tess"}


def test_who_somebody_is_there_is_not_taken_from_them(
    control: ControlProcess, provider: OidcProvider, visit: Visits
) -> None:
    """Not by connecting it, and not by disconnecting what is somebody else's."""
    first, second = tenant(control), tenant(control)
    owner, thief = signed_in(visit, first), signed_in(visit, second)
    for _ in range(2):  # again is harmless
        back = provider.sign_in(owner, person("uma", "uma@example.com"), start=way_to_connect(owner))
        assert owner.get(back).status_code == 303

    back = provider.sign_in(thief, person("uma", "uma@example.com"), start=way_to_connect(thief))
    answer = thief.get(back)

    assert answer.status_code == 409
    assert "connected to somebody else" in answer.text
    assert disconnect(thief, provider, "uma").status_code == 404
    assert identities(control, "uma") == [first[0]]


def test_what_comes_back_connects_in_the_session_that_went_and_once(
    control: ControlProcess, provider: OidcProvider, visit: Visits
) -> None:
    """Nobody makes an identity of theirs open somebody else's account by a link, a cookie, or a second time."""
    who = tenant(control)
    attacker, victim, same = (signed_in(visit, one) for one in (tenant(control), who, who))
    back = provider.sign_in(attacker, person("mallory", "m@example.com"), start=way_to_connect(attacker))
    planted = attacker.http.cookies["keyturn_led"]
    stranger = visit()
    stranger.get("/dashboard/sign-in")

    for other in (victim, same, stranger):
        other.http.cookies.set("keyturn_led", planted, domain="keyturn.test", path="/")
        assert other.get(back).status_code == 400
    assert identities(control, "mallory") == []

    attacker.post("/dashboard/sign-out")
    assert attacker.get(back).status_code == 400  # the session that went is over
    assert identities(control, "mallory") == []

    back = provider.sign_in(victim, person("vic", "vic@example.com"), start=way_to_connect(victim))
    led = victim.http.cookies["keyturn_led"]
    assert victim.get(back.replace("state=", "state=x")).status_code == 400
    assert victim.get(back).headers["location"] == ACCOUNT
    assert disconnect(victim, provider, "vic").status_code == 303
    victim.http.cookies.set("keyturn_led", led, domain="keyturn.test", path="/")
    assert victim.get(back).status_code == 400
    assert identities(control, "vic") == []


def test_no_link_from_elsewhere_begins_it_and_no_unlocked_screen(
    control: ControlProcess, visit: Visits
) -> None:
    """Whoever is signed in at the provider as an attacker would connect the attacker's identity by one click."""
    here, other = signed_in(visit, tenant(control)), signed_in(visit, tenant(control))
    theirs = way_to_connect(other)

    for path in ("/dashboard/oidc/connect", f"/dashboard/oidc/connect?ticket={'0' * 32}", theirs):
        assert here.get(path).headers["location"] == CONNECT
    query = parse_qs(urlsplit(here.get(way_to_connect(here)).headers["location"]).query)
    assert query["prompt"] == ["login"]
    assert query["code_challenge_method"] == ["S256"]
    link = way_to_connect(here)
    here.age(proved_minutes=11)
    assert here.get(link).headers["location"].startswith("/dashboard/prove")
    assert here.get(CONNECT).headers["location"].startswith("/dashboard/prove")
    refused = here.get("/dashboard/oidc/callback?error=access_denied")
    assert refused.headers["location"] == ACCOUNT
    assert visit().get(CONNECT).headers["location"].startswith("/dashboard/sign-in")


def test_a_newcomer_becomes_a_member_and_is_the_same_one_later(provider: OidcProvider, visit: Visits) -> None:
    """Known by the provider's name for them, also when their address is another one."""
    assert "Sign in with Example &lt;SSO&gt;" in visit().get("/dashboard/sign-in").text
    first, again = visit(), visit()

    start = "/dashboard/oidc?next=/dashboard/account?a=b"
    back = provider.sign_in(first, person("ada", "Ada@Example.com"), start=start)
    answer = first.get(back)
    assert answer.headers["location"] == "/dashboard/account?a=b"
    page = first.get(ACCOUNT).text
    assert "ada@example.com" in page
    assert "member in" in page
    assert "ada of Example" in page

    renamed = arrives(again, provider.sign_in(again, person("ada", "countess@example.com")))
    assert "ada@example.com" in renamed
    assert disconnect(again, provider, "ada").status_code == 409  # there would be no way in any more


def test_who_has_the_address_already_is_connected_by_it(
    control: ControlProcess, provider: OidcProvider, visit: Visits
) -> None:
    """But only if the provider has made sure that it is theirs."""
    email, _ = another(control)
    claims_it, has_it = visit(), visit()

    refused = claims_it.get(provider.sign_in(claims_it, person("mallory", email, verified=False)))
    assert refused.status_code == 400
    assert claims_it.get(ACCOUNT).status_code == 303

    page = arrives(has_it, provider.sign_in(has_it, person("grace", email)))
    assert email in page
    assert provider.issuer in page
    assert disconnect(has_it, provider, "grace").status_code == 303


def test_addresses_of_other_domains_stay_out(provider: OidcProvider, visit: Visits) -> None:
    """The provider may have more people than the operator wants."""
    stranger = visit()

    refused = stranger.get(provider.sign_in(stranger, person("eve", "eve@evil.example")))

    assert refused.status_code == 400
    assert "can&#39;t sign in here" in refused.text


def test_what_comes_back_works_once_and_in_the_browser_that_went(
    provider: OidcProvider, visit: Visits
) -> None:
    """Nobody is signed in as somebody else by following a link."""
    went, other = visit(), visit()
    back = provider.sign_in(went, person("ada", "ada@example.com"))
    other.get("/dashboard/sign-in")

    assert other.get(back).status_code == 400
    assert went.get(back.replace("state=", "state=x")).status_code == 400
    assert went.get(back).status_code == 303
    went.post("/dashboard/sign-out")
    assert went.get(back).status_code == 400
    assert (
        went.get("/dashboard/oidc/callback?error=access_denied").headers["location"] == "/dashboard/sign-in"
    )


def test_the_browser_is_led_with_pkce_state_and_nonce(provider: OidcProvider, visit: Visits) -> None:
    """RFC 9700 section 2.1.1."""
    there = urlsplit(visit().get("/dashboard/oidc").headers["location"])

    query = parse_qs(there.query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["state"][0]) == len(query["nonce"][0]) == 32
    assert query["redirect_uri"] == ["http://keyturn.test/dashboard/oidc/callback"]


def test_showing_again_that_it_is_them_works_at_the_provider_too(
    provider: OidcProvider, visit: Visits
) -> None:
    """Who has no password has no other way; somebody else's identity proves nothing."""
    somebody = visit()
    arrives(somebody, provider.sign_in(somebody, person("ada", "ada@example.com")))
    somebody.age(proved_minutes=11)
    assert somebody.get(f"{ACCOUNT}/passkeys").headers["location"].startswith("/dashboard/prove")
    assert "Sign in again with" in somebody.get("/dashboard/prove").text

    wrong = somebody.get(provider.sign_in(somebody, person("grace", "grace@example.com")))
    assert wrong.status_code == 400
    assert somebody.get(f"{ACCOUNT}/passkeys").status_code == 303

    back = provider.sign_in(
        somebody, person("ada", "ada@example.com"), start=f"/dashboard/oidc?next={ACCOUNT}"
    )
    assert somebody.get(back).headers["location"] == ACCOUNT
    assert somebody.get(f"{ACCOUNT}/passkeys").status_code == 200


def test_what_was_sent_before_is_there_again_behind_the_proof_at_the_provider(
    provider: OidcProvider, visit: Visits
) -> None:
    """The way there leads through pages that are not ours: nothing of it goes with them."""
    somebody = visit()
    arrives(somebody, provider.sign_in(somebody, person("ada", "ada@example.com")))
    somebody.age(proved_minutes=11)

    asked = somebody.post(f"{ACCOUNT}/two-factor/begin", {"typed": "some words"})
    then = unquote(asked.headers["location"].partition("?next=")[2])
    start = f"/dashboard/oidc?next={quote(then)}"
    assert start in somebody.get(asked.headers["location"]).text
    back = provider.sign_in(somebody, person("ada", "ada@example.com"), start=start)
    led = somebody.get(back).headers["location"]

    assert led == then
    page = somebody.get(led).text
    assert f'action="{ACCOUNT}/two-factor/begin"' in page
    assert 'name="typed" value="some words"' in page


def test_new_keys_of_the_provider_are_asked_for_once_a_minute_at_most(
    provider: OidcProvider, visit: Visits
) -> None:
    """Or tokens of strangers would have us ask all day. Until then nobody comes in by keys that are not known."""

    def come_in_by_new_keys() -> tuple[Somebody, int]:
        provider.start(claims_in_user_info=False)
        somebody = visit()
        back = provider.sign_in(somebody, person("ada", "ada@example.com"))
        return somebody, somebody.get(back).status_code

    come_in_by_new_keys()  # has them fetched, if they were not within this minute
    somebody, status = come_in_by_new_keys()
    if status == 303:  # that minute was over in between: now they have just been fetched
        somebody, status = come_in_by_new_keys()

    assert status == 503
    assert somebody.get(ACCOUNT).status_code == 303


def test_a_provider_that_is_down_is_no_dead_end(
    control: ControlProcess, provider: OidcProvider, visit: Visits
) -> None:
    """Who has a password uses it."""
    email, password = another(control)
    somebody = visit()
    back = provider.sign_in(somebody, person("henry", email))
    provider.stop()

    answer = somebody.get(back)

    assert answer.status_code == 503
    assert NOT_REACHED in answer.text
    assert somebody.get(ACCOUNT).status_code == 303
    assert somebody.sign_in(email, password).status_code == 303
    assert email in somebody.get(ACCOUNT).text
