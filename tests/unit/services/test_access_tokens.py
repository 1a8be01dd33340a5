"""Tokens that stand for a key file."""

from collections.abc import Callable

import httpx
import pytest

from fakes.heard import Heard
from fakes.price_rules import RULES
from fakes.provider import provider
from fakes.service_account import key_file
from keyturn import system
from keyturn.config.sections import Relay
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret
from keyturn.services.access_tokens import AccessTokens
from keyturn.services.configuration import Configuration
from keyturn.services.upstreams import Added, NewUpstream, Upstreams
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

NOON = 1_798_804_800.0
BASE = "https://aiplatform.googleapis.com/v1/projects/p/locations/global"
BY = Principal(OPERATOR)


class Google:
    """Gives tokens, one after the other.

    Attributes:
        asked: Address and form of each request.
        answer: Status and body, where it is not a token.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.answer: tuple[int, bytes] | httpx.HTTPError | None = None

    async def post(self, url: str, form: bytes) -> tuple[int, bytes]:
        """Answer."""
        self.asked.append((url, form))
        if isinstance(self.answer, httpx.HTTPError):
            raise self.answer
        return self.answer or (200, b'{"access_token":"ya29.%d","expires_in":3600}' % len(self.asked))


@pytest.fixture
def google() -> Google:
    """Where tokens come from."""
    return Google()


@pytest.fixture
def tokens(google: Google) -> AccessTokens:
    """Those of a process that has just begun."""
    return AccessTokens(Relay(), post=google.post)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time of day."""

    def set_to(now: float) -> None:
        monkeypatch.setattr(system, "now", lambda: now)

    set_to(NOON)
    return set_to


async def test_a_token_is_kept_until_five_minutes_before_its_end(
    tokens: AccessTokens, google: Google, clock: Callable[[float], None]
) -> None:
    """Asked for at each request it would double its time; asked for too late, requests fail."""
    credential = key_file()
    seen = []
    for moment in (0, 3299, 3301, 3302):
        clock(NOON + moment)
        assert await tokens.renew(credential) == ""
        seen.append(tokens.held(credential))

    assert seen == ["ya29.1", "ya29.1", "ya29.2", "ya29.2"]
    assert {url for url, _ in google.asked} == {"https://oauth2.googleapis.com/token"}
    assert tokens.held("another") == ""


async def test_a_token_that_is_over_is_not_handed_out(
    tokens: AccessTokens, google: Google, clock: Callable[[float], None]
) -> None:
    """While it is good it goes on being used, though a new one can't be had."""
    credential = key_file()
    await tokens.renew(credential)
    google.answer = httpx.ConnectError("no")

    clock(NOON + 3400)
    why = await tokens.renew(credential)
    meanwhile = tokens.held(credential)
    clock(NOON + 3600)

    assert why == "Google can't be asked for an access token (ConnectError)"
    assert (meanwhile, tokens.held(credential)) == ("ya29.1", "")


@pytest.mark.parametrize(
    ("credential", "answer", "why"),
    [
        (key_file(), (400, b'{"error":"invalid_grant"}'), "Google gives no access token (status 400)"),
        (key_file(), (200, b"<html>"), "what Google answers is no access token"),
        ("no key file", None, "A credential for Vertex AI is the JSON key file of a service account"),
    ],
)
async def test_why_there_is_no_token_is_said_in_one_line(
    tokens: AccessTokens, google: Google, credential: str, answer: tuple[int, bytes] | None, why: str
) -> None:
    """Nothing of what was sent or answered: it may hold a secret."""
    google.answer = answer

    assert await tokens.renew(credential) == why
    assert tokens.held(credential) == ""


async def test_the_request_is_a_form(tokens: AccessTokens) -> None:
    """Over a real connection; an endless answer is cut off."""
    async with provider() as there:
        there.says(b'{"a":1}')
        short = await tokens._over_http(there.base_url, b"grant_type=x")
        there.says(b" " * (1 << 20), "400 Bad Request")
        status, long = await tokens._over_http(there.base_url, b"grant_type=x")

    assert short == (200, b'{"a":1}')
    assert status == 400
    assert len(long) < 1 << 19
    head = there.requests[0].lower()
    assert head.startswith(b"post /v1 http/1.1")
    assert b"content-type: application/x-www-form-urlencoded" in head


async def test_workers_get_a_token_and_a_newer_one_in_time(  # noqa: PLR0917 -- all of them play a part
    furnished: Store,
    vault: Vault,
    workers: Heard,
    tokens: AccessTokens,
    google: Google,
    clock: Callable[[float], None],
) -> None:
    """Never the key file; and nothing is published while nothing is new."""
    configuration = Configuration(furnished, vault, demo_port=0, rules=RULES, tokens=tokens)
    upstreams = Upstreams(furnished, vault, workers, configuration)
    wanted = NewUpstream("vertex", BASE, Secret(key_file()), ["gemini-2.5-pro"], "vertex")
    added = await upstreams.add(wanted, by=BY)
    first = (await configuration.read()).upstreams["vertex"]
    published = len(workers.changes)

    await upstreams.renew_tokens()
    clock(NOON + 3301)
    await upstreams.renew_tokens()

    second = (await configuration.read()).upstreams["vertex"]
    assert isinstance(added, Added)
    assert added.problem == ""
    assert (first.credential, first.credentials, first.provider) == ("ya29.1", ("ya29.1",), "vertex")
    assert second.credentials == ("ya29.2",)
    assert len(workers.changes) == published + 1
    assert len(google.asked) == 2


async def test_without_a_token_an_upstream_is_not_used_and_says_why(
    furnished: Store, vault: Vault, workers: Heard, tokens: AccessTokens, google: Google
) -> None:
    """The others go on; a test shows what is wrong."""
    google.answer = (403, b"{}")
    configuration = Configuration(furnished, vault, demo_port=0, rules=RULES, tokens=tokens)
    upstreams = Upstreams(furnished, vault, workers, configuration)
    added = await upstreams.add(NewUpstream("vertex", BASE, Secret(key_file()), ["m"], "vertex"), by=BY)

    tested = await upstreams.test("vertex")
    await upstreams.renew_tokens()

    known = await configuration.read()
    assert isinstance(added, Added)
    assert "status 403" in added.problem
    assert not isinstance(tested, Refused)
    assert (tested.ok, tested.error) == (False, "Google gives no access token (status 403)")
    assert known.upstreams == {}
