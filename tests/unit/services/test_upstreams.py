"""Connecting providers."""

import msgspec
import pytest

from fakes.heard import Heard
from fakes.price_rules import RULES
from fakes.provider import Provider, provider
from keyturn.bus import Upstream
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.configuration import Configuration
from keyturn.services.demo_models import UPSTREAMS
from keyturn.services.models import Model, ModelChange, Models
from keyturn.services.probe import Probe, probe
from keyturn.services.upstreams import Added, NewUpstream, Upstreams
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

BY = Principal(OPERATOR)


def listing(*names: str) -> bytes:
    """Return a provider's list of models."""
    return msgspec.json.encode({"object": "list", "data": [{"id": name} for name in names]})


async def add(upstreams: Upstreams, name: str, base_url: str, *names: str) -> Added:
    """Add an upstream that is not refused."""
    added = await upstreams.add(NewUpstream(name, base_url, Secret("sk-provider"), names), by=BY)
    assert isinstance(added, Added)
    return added


async def test_a_provider_is_asked_for_its_models(upstreams: Upstreams, workers: Heard) -> None:
    """Nobody should have to type a list that the provider has."""
    async with provider() as there:
        there.says(listing("llama", "qwen"))

        added = await add(upstreams, "local", there.base_url + "/")

    assert (added.upstream.models, added.problem) == (["llama", "qwen"], "")
    assert there.requests[0].startswith(b"GET /v1/models HTTP/1.1")
    assert b"authorization: bearer sk-provider" in there.requests[0].lower()
    assert workers.changes == [None]


async def test_a_bare_host_of_anthropic_is_asked_where_its_api_is(upstreams: Upstreams) -> None:
    """Its SDKs are told no more than that."""
    async with provider() as there:
        there.says(listing("claude"))
        host = there.base_url.removesuffix("/v1")

        added = await upstreams.add(NewUpstream("claude", host, provider="anthropic"), by=BY)

    assert isinstance(added, Added)
    assert added.upstream.stored.base_url == there.base_url
    assert there.requests[0].startswith(b"GET /v1/models")


async def test_a_provider_that_does_not_answer_is_added_and_told_so(upstreams: Upstreams) -> None:
    """It may be down today and the list may be given later."""
    added = await add(upstreams, "local", "http://127.0.0.1:1/v1")

    assert added.upstream.models == []
    assert "can't be reached" in added.problem


async def test_models_that_are_given_need_no_asking(upstreams: Upstreams) -> None:
    """Some providers have no list."""
    added = await add(upstreams, "local", "http://127.0.0.1:1/v1", "b", "a", "a")

    assert (added.upstream.models, added.problem) == (["a", "b"], "")


async def test_a_real_provider_takes_over_the_famous_names_and_nothing_else(upstreams: Upstreams) -> None:
    """gpt-4o must be the real one as soon as there is one; another upstream's name must not be taken from it."""
    await add(upstreams, "first", "http://127.0.0.1:1/v1", "shared")

    added = await add(upstreams, "second", "http://127.0.0.1:1/v1", "gpt-4o", "shared", "demo-chat")

    assert added.upstream.models == ["gpt-4o", "second/demo-chat", "second/shared"]
    by_name = {one.stored.name: one.models for one in await upstreams.everything()}
    assert "gpt-4o" not in by_name["demo"]
    assert by_name["first"] == ["shared"]


@pytest.mark.parametrize("name", ["", "A", "-a", "a" * 41, "a/b", "ä"])
async def test_a_bad_name_is_refused(upstreams: Upstreams, name: str) -> None:
    """It stands in paths and in names of models."""
    refused = await upstreams.add(NewUpstream(name, "http://h/v1"), by=BY)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, "name")


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "host/v1",
        "ftp://h/v1",
        "file:///etc/passwd",
        "http://",
        "http://u:p@h/v1",
        "http://h/v1?x=1",
        "http://h/v1#x",
        "http://h:99999/v1",
        "http://[::1/v1",
        "http://h/v 1",
        "http://h/v1\n",
        "demo://local",
    ],
)
async def test_a_bad_base_url_is_refused(upstreams: Upstreams, base_url: str) -> None:
    """The relay goes where it says; a credential in it would be shown in lists."""
    refused = await upstreams.add(NewUpstream("x", base_url), by=BY)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, "base_url")


async def test_a_bad_model_name_is_refused_by_its_place(upstreams: Upstreams) -> None:
    """The caller must see which of a hundred it is."""
    refused = await upstreams.add(NewUpstream("x", "http://h/v1", models=["ok", ""]), by=BY)

    assert isinstance(refused, Refused)
    assert refused.param == "models[1]"


async def test_a_taken_name_is_a_conflict(upstreams: Upstreams) -> None:
    """Overwriting would send traffic and a credential elsewhere."""
    await add(upstreams, "x", "http://127.0.0.1:1/v1", "a")

    refused = await upstreams.add(NewUpstream("x", "http://127.0.0.1:2/v1"), by=BY)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.CONFLICT, "name")


async def test_removing_an_upstream_takes_its_models_along(
    upstreams: Upstreams, models: Models, workers: Heard
) -> None:
    """A name that leads nowhere is a 503 for somebody."""
    await add(upstreams, "x", "http://127.0.0.1:1/v1", "a")
    await models.add("alias", ModelChange(upstream="x", upstream_model="a"), by=BY)
    workers.changes.clear()

    removed = await upstreams.remove("x", by=BY)
    again = await upstreams.remove("x", by=BY)

    assert not isinstance(removed, Refused)
    assert removed.models == ["a", "alias"]
    assert workers.changes == [None]
    assert isinstance(again, Refused)
    assert {model.stored.upstream for model in await models.everything()} == set(UPSTREAMS)


async def test_a_test_makes_a_real_call(upstreams: Upstreams) -> None:
    """What `upstreams test` says must be what traffic will meet."""
    async with provider() as there:
        there.says(listing("llama"))
        await add(upstreams, "local", there.base_url, "llama")

        result = await upstreams.test("local")
        unknown = await upstreams.test("nobody")
        demo = await upstreams.test("demo")

    assert not isinstance(result, Refused)
    assert (result.ok, result.models, result.status, result.error) == (True, ["llama"], 200, "")
    assert result.latency_ms > 0
    assert isinstance(unknown, Refused)
    assert not isinstance(demo, Refused)
    assert not demo.ok


async def test_models_found_in_the_background_are_added(
    upstreams: Upstreams, furnished: Store, vault: Vault
) -> None:
    """The first start must not wait for a provider."""
    async with provider() as there:
        await add(upstreams, "local", there.base_url, "placeholder")
        there.says(listing("llama"))

        await upstreams.fill("local")
        await upstreams.fill("nobody")

    models = (await Configuration(furnished, vault, demo_port=0, rules=RULES).read()).models
    assert set(models) == {"placeholder", "llama"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("401 Unauthorized", b"{}", "refuses the credential"),
        ("404 Not Found", b"", "is the path right"),
        ("500 Oops", b"", "status 500"),
        ("200 OK", b"<html>", "not a list of models"),
        ("200 OK", b'{"data":[{"name":1}]}', "not a list of models"),
        ("200 OK", b"[" + b" " * (9 << 20), "not a list of models"),
    ],
)
async def test_a_probe_says_what_is_wrong(status: str, body: bytes, error: str) -> None:
    """One line that tells what to do; nothing of what the provider sent, which may echo the credential."""
    async with provider() as there:
        there.says(body, status)

        result = await probe(Upstream("x", there.base_url, "sk-provider"))

    assert not result.ok
    assert error in result.error
    assert result.models == []


async def test_a_probe_leaves_out_names_that_are_none() -> None:
    """They would break lists and paths."""
    async with provider() as there:
        there.says(listing("ok", "", "a\nb", "x" * 201))

        result = await probe(Upstream("x", there.base_url))

    assert result.models == ["ok"]
    assert b"authorization" not in there.requests[0].lower()


async def test_a_probe_gives_up_on_a_silent_provider() -> None:
    """An operator waits for this call."""
    async with provider() as there:
        result = await probe(Upstream("x", there.base_url), within_s=1.0)

    assert (result.ok, result.error) == (False, "no answer within 1 s")


async def test_a_provider_is_connected_by_its_name(
    upstreams: Upstreams, furnished: Store, vault: Vault
) -> None:
    """Nobody should have to look an address up that the program knows; the table's quirks come with it."""
    named = await upstreams.add(NewUpstream("groq", models=["llama"]), by=BY)
    said = await upstreams.add(NewUpstream("claude", provider="anthropic", models=["c"]), by=BY)
    told = await upstreams.add(
        NewUpstream("x", "https://api.mistral.ai/v1", models=["m"], provider=""), by=BY
    )
    other = await upstreams.add(
        NewUpstream("mine", "http://127.0.0.1:1/v1", models=["n"], provider="vllm"), by=BY
    )

    assert [
        (one.upstream.stored.provider, one.upstream.stored.base_url)
        for one in (named, said, told, other)
        if isinstance(one, Added)
    ] == [
        ("groq", "https://api.groq.com/openai/v1"),
        ("anthropic", "https://api.anthropic.com/v1"),
        ("mistral", "https://api.mistral.ai/v1"),
        ("vllm", "http://127.0.0.1:1/v1"),
    ]
    known = (await Configuration(furnished, vault, demo_port=0, rules=RULES).read()).upstreams
    assert known["claude"].provider == "anthropic"


async def test_credentials_take_turns_and_all_are_sealed(
    upstreams: Upstreams, furnished: Store, vault: Vault
) -> None:
    """The workers get them all in the order in which they were given; the database has none in the clear."""
    keys = [Secret("provider-key-two"), Secret("provider-key-three")]
    wanted = NewUpstream("x", "http://127.0.0.1:1/v1", Secret("provider-key-one"), ["m"], "", keys)
    added = await upstreams.add(wanted, by=BY)
    only = await upstreams.add(NewUpstream("y", "http://127.0.0.1:1/v1", None, ["n"], "", keys), by=BY)

    known = (await Configuration(furnished, vault, demo_port=0, rules=RULES).read()).upstreams

    assert isinstance(added, Added)
    assert isinstance(only, Added)
    assert known["x"].credentials == ("provider-key-one", "provider-key-two", "provider-key-three")
    assert known["x"].credential == "provider-key-one"
    assert known["y"].credentials == ("provider-key-two", "provider-key-three")
    assert known["y"].credential == "provider-key-two"
    stored = b"".join(path.read_bytes() for path in furnished.path.parent.glob("keyturn.db*"))
    assert b"provider-key" not in stored


@pytest.mark.parametrize(
    ("wanted", "param", "word"),
    [
        (NewUpstream("x", provider="anthropc"), "provider", "did you mean anthropic"),
        (NewUpstream("x", provider="zzz"), "provider", "no provider"),
        (NewUpstream("x"), "base_url", "which provider"),
        (NewUpstream("x", provider="cloudflare"), "base_url", "accounts/{account}"),
        (NewUpstream("groq", credential=Secret("a b")), "api_key", "without blanks"),
        (NewUpstream("groq", further=[Secret("ok"), Secret("ä")]), "api_keys[1]", "ASCII"),
    ],
)
async def test_bad_terms_are_refused_by_the_member(
    upstreams: Upstreams, wanted: NewUpstream, param: str, word: str
) -> None:
    """With what to write instead."""
    refused = await upstreams.add(wanted, by=BY)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)
    assert word in refused.message


@pytest.mark.parametrize(
    ("provider_id", "line", "header", "body"),
    [
        (
            "anthropic",
            b"GET /v1/models?limit=1000 HTTP/1.1",
            b"x-api-key: k\r\n",
            b'{"data":[{"id":"m"}]}',
        ),
        (
            "gemini",
            b"GET /v1/models?pageSize=1000 HTTP/1.1",
            b"x-goog-api-key: k\r\n",
            b'{"models":[{"name":"models/m"}]}',
        ),
        ("groq", b"GET /v1/models HTTP/1.1", b"authorization: bearer k\r\n", b'{"data":[{"id":"m"}]}'),
    ],
)
async def test_each_provider_is_asked_in_its_own_way(
    provider_id: str, line: bytes, header: bytes, body: bytes
) -> None:
    """With another's header it would say that the credential is wrong."""
    async with provider() as there:
        there.says(body)

        result = await probe(Upstream("x", there.base_url, "k", provider_id, ("k",)))

    assert (result.ok, result.models) == (True, ["m"])
    assert there.requests[0].startswith(line)
    assert header in there.requests[0].lower()
    assert (b"anthropic-version: 2023-06-01" in there.requests[0].lower()) == (provider_id == "anthropic")


async def test_a_provider_without_a_list_is_added_with_a_note(upstreams: Upstreams) -> None:
    """It can't be tried either: every call there costs."""
    added = await upstreams.add(NewUpstream("cohere", credential=Secret("k")), by=BY)

    assert isinstance(added, Added)
    assert "no list of models" in added.problem
    tested = await upstreams.test("cohere")
    assert isinstance(tested, Probe)
    assert (tested.ok, tested.tried) == (False, False)


def test_the_fake_answers_nothing_by_itself() -> None:
    """The silent case above rests on it."""
    assert Provider().answer == b""


async def test_a_name_says_who_is_at_an_address_that_nobody_else_has(upstreams: Upstreams) -> None:
    """Taken for somebody compatible, a cloud's secret would be sent as it is instead of signing with it."""
    private = "https://ai.example.com/openai/v1"

    azure = await upstreams.add(NewUpstream("azure", private, Secret("k"), ["m"]), by=BY)
    bedrock = await upstreams.add(NewUpstream("bedrock", private, Secret("AKIA:s"), ["m"]), by=BY)
    own = await upstreams.add(NewUpstream("groq", private, Secret("k"), ["m"]), by=BY)

    assert isinstance(azure, Added)
    assert azure.upstream.stored.provider == "azure"
    assert isinstance(bedrock, Refused)
    assert isinstance(own, Added)
    assert own.upstream.stored.provider == "compatible"


async def test_a_listed_model_replaces_no_name_that_goes_elsewhere(
    upstreams: Upstreams, models: Models
) -> None:
    """What the operator has spread over several targets is nobody's to replace, whatever it is called."""
    await add(upstreams, "first", "http://127.0.0.1:1/v1", "m")
    await models.add("second/m", ModelChange(upstream="first", upstream_model="m"), by=BY)

    added = await add(upstreams, "second", "http://127.0.0.1:2/v1", "m", "n")
    kept = await models.show("second/m")

    assert added.upstream.models == ["n"]
    assert isinstance(kept, Model)
    assert kept.stored.upstream == "first"
