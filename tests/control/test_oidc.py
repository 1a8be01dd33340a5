"""Signing in at an OpenID provider: a real, certified one."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.control_process import ControlProcess, control_process
from fakes.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, oidc_provider
from fakes.strangers import Somebody, Visits, another, owner_of, visits
from keyturn.config.sections import Oidc
from keyturn.services.oidc import NOT_REACHED

ACCOUNT = "/dashboard/account"


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
    assert again.post(f"{ACCOUNT}/identity/forget").status_code == 409  # there would be no way in any more


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
    assert has_it.post(f"{ACCOUNT}/identity/forget").status_code == 303


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
