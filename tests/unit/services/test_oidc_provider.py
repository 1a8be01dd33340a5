"""What is believed of an OpenID provider's answers, and what is not."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from fakes.issuer import DISCOVERY, Issuer, issuer
from keyturn import system
from keyturn.config.sections import Oidc
from keyturn.services.oidc_provider import Claims, Provider, ProviderError

CLIENT, SECRET, NONCE = "keyturn", "shh %&", "nonce-nonce"
TO_REFUSE = json.loads((Path(__file__).parents[2] / "data" / "jwt.json").read_text())["refuse"]


@pytest.fixture(scope="module")
def at() -> Iterator[Issuer]:
    """A provider."""
    with issuer() as found:
        yield found


def provider(at: Issuer, secret: str = SECRET) -> Provider:
    """Return the provider as the node knows it."""
    return Provider(Oidc(issuer=at.url, client_id=CLIENT, client_secret=secret))


def claims(at: Issuer, **others: Any) -> dict[str, Any]:
    """Return what a good ID token says; ``others`` takes its place."""
    now = int(system.now())
    good = {"iss": at.url, "sub": "ada", "aud": CLIENT, "exp": now + 60, "iat": now, "nonce": NONCE}
    return good | {"email": "Ada@Example.com", "email_verified": True} | others


async def read(found: Provider) -> Claims:
    """Exchange a code."""
    return await found.claims("code", redirect_uri="http://us/back", nonce=NONCE, verifier="v" * 64)


async def test_a_good_token_is_believed(at: Issuer) -> None:
    """The client's secret goes as RFC 6749 section 2.3.1 wants it, the verifier beside the code."""
    at.give(at.token(claims(at)))

    found = await read(provider(at))

    assert (found.sub, found.verified_email) == ("ada", "ada@example.com")
    path, headers, body = at.asked[-2]
    assert path == "/token"
    pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert [unquote(part) for part in pair.split(":")] == [CLIENT, SECRET]
    assert "code_verifier=vvv" in body


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"iss": "https://evil.example"}, "another provider's"),
        ({"aud": "another"}, "another client"),
        ({"aud": [CLIENT, "another"]}, "another client"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "another client"),
        ({"azp": "another"}, "another client"),
        ({"exp": 1}, "is over"),
        ({"iat": 99_999_999_999}, "the future"),
        ({"nonce": "another"}, "another request"),
        ({"nonce": ""}, "another request"),
        ({"sub": ""}, "names nobody"),
        ({"sub": "x" * 300}, "names nobody"),
        ({"exp": "soon"}, "can't be read"),
        ({"sub": None}, "can't be read"),
        ({"aud": {}}, "can't be read"),
    ],
)
async def test_a_signed_token_that_is_not_for_us_is_not_believed(
    at: Issuer, others: dict[str, Any], why: str
) -> None:
    """OpenID Connect Core 3.1.3.7."""
    at.give(at.token(claims(at, **others)))

    with pytest.raises(ProviderError, match=why):
        await read(provider(at))


@pytest.mark.parametrize("token", TO_REFUSE, ids=lambda one: one["name"])
async def test_a_token_that_is_not_signed_as_it_must_be_is_not_believed(
    at: Issuer, token: dict[str, Any]
) -> None:
    """None of the tricks of twenty years."""
    at.give(token["token"])

    with pytest.raises(ProviderError):
        await read(provider(at))


async def test_new_keys_are_fetched_but_not_for_every_strange_token(
    at: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Providers rotate their keys without telling; strangers could have us ask all day."""
    found = provider(at)
    at.give(at.token(claims(at)))
    await read(found)
    before = at.count("/keys")

    at.rotate()
    at.give(at.token(claims(at)))
    with pytest.raises(ProviderError, match="not signed"):
        await read(found)
    assert at.count("/keys") == before
    now = system.monotonic()
    monkeypatch.setattr(system, "monotonic", lambda: now + 61)
    assert (await read(found)).sub == "ada"
    assert at.count("/keys") == before + 1


async def test_an_address_is_asked_for_where_the_token_has_none(at: Issuer) -> None:
    """But only of the same person."""
    bare = claims(at)
    del bare["email"], bare["email_verified"]
    at.give(at.token(bare))

    at.answers["/me"] = {"sub": "ada", "email": "ada@example.com", "email_verified": "true", "name": "Ada"}
    found = await read(provider(at))
    assert (found.verified_email, found.name) == ("ada@example.com", "Ada")

    at.answers["/me"] = {"sub": "eve", "email": "ada@example.com", "email_verified": True}
    with pytest.raises(ProviderError, match="somebody else's"):
        await read(provider(at))


@pytest.mark.parametrize("verified", [False, "false", 1, None, "yes"])
async def test_an_address_counts_only_if_the_provider_is_sure(at: Issuer, verified: object) -> None:
    """Anything but true, and the text of it that some send, is no."""
    at.give(at.token(claims(at, email_verified=verified)))

    if isinstance(verified, bool | str):
        assert (await read(provider(at))).verified_email == ""
    else:
        with pytest.raises(ProviderError):
            await read(provider(at))


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"id_token":1}', b'{"access_token":"a"}', None],
)
async def test_what_is_no_answer_is_none(at: Issuer, answer: bytes | None) -> None:
    """A page of a proxy, or nothing."""
    at.answers["/token"] = answer

    with pytest.raises(ProviderError):
        await read(provider(at))


async def test_a_provider_that_calls_itself_otherwise_is_not_believed(at: Issuer) -> None:
    """OpenID Connect Discovery 4.3."""
    at.describe(issuer="https://evil.example")
    with pytest.raises(ProviderError, match="calls itself"):
        await read(provider(at))
    at.describe()


async def test_keys_that_can_not_be_read_are_none(at: Issuer) -> None:
    """Whatever stands there instead."""
    kept = at.answers["/keys"]
    at.give(at.token(claims(at)))
    answers: tuple[dict[str, Any], ...] = ({"keys": []}, {"keys": [{"kty": "RSA"}]}, {}, {"keys": 1})
    for answer in answers:
        at.answers["/keys"] = answer
        with pytest.raises(ProviderError):
            await read(provider(at))
    at.answers["/keys"] = kept


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "EC", "crv": "P-192", "x": "AAAA", "y": "AAAA", "kid": "old"},
        {"kty": "OKP", "crv": "Ed25519ph", "x": "AAAA", "kid": "hashed"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "new"},
        {"kty": "RSA", "kid": "empty"},
        {"kty": {}},
        "no key",
        None,
    ],
)
async def test_a_key_that_nobody_here_knows_stands_in_the_way_of_no_other(at: Issuer, other: object) -> None:
    """RFC 7517 section 5: a provider that also has keys for others must not shut its people out."""
    kept = at.answers["/keys"]
    assert isinstance(kept, dict)
    at.answers["/keys"] = {"keys": [other, *kept["keys"], other]}
    at.give(at.token(claims(at)))

    found = await read(provider(at))

    at.answers["/keys"] = kept
    assert found.sub == "ada"


async def test_a_client_without_a_secret_and_one_that_sends_it_in_the_form(at: Issuer) -> None:
    """As the provider wants it."""
    at.give(at.token(claims(at)))

    await read(provider(at, secret=""))
    assert f"client_id={CLIENT}" in next(body for path, _, body in reversed(at.asked) if path == "/token")
    at.describe(token_endpoint_auth_methods_supported=["client_secret_post"])
    await read(provider(at))
    sent = next(one for one in reversed(at.asked) if one[0] == "/token")
    assert "client_secret=shh" in sent[2]
    assert "authorization" not in sent[1]
    at.describe()


async def test_a_provider_that_is_not_there_is_said_to_be(at: Issuer) -> None:
    """Not a traceback."""
    gone = Provider(Oidc(issuer="http://127.0.0.1:9", client_id=CLIENT))

    with pytest.raises(ProviderError):
        await read(gone)
    assert DISCOVERY in {path for path, _, _ in at.asked}
