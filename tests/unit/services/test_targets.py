"""Where models may go, as operators say it, and what workers are told of it."""

import pytest

from fakes.heard import Heard
from fakes.price_rules import RULES
from keyturn.domain.models import Sold
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.routing import Terms, When
from keyturn.domain.secret import Secret
from keyturn.services.configuration import Configuration
from keyturn.services.models import Model, ModelChange, Models
from keyturn.services.targets import MOST_TARGETS, WantedTarget, read
from keyturn.services.upstreams import NewUpstream, Upstream, UpstreamChange, Upstreams
from keyturn.store.engine import Store
from keyturn.store.models import StoredTarget
from keyturn.store.upstream_rooms import Room
from keyturn.store.vault import Vault

BY = Principal(OPERATOR)
CHAT = When(stream=True, operations=("chat",))
PAIR = (
    WantedTarget("openai", "gpt-4o", Terms(0, 3)),
    WantedTarget("spare", "", Terms(1, 1, CHAT)),
)
SPREAD = ModelChange(targets=PAIR)


@pytest.fixture
async def connected(upstreams: Upstreams) -> Upstreams:
    """Two providers beside the demo."""
    for name in ("openai", "spare"):
        wanted = NewUpstream(name, "https://127.0.0.1:1/v1", Secret(f"{name}-secret"), [f"of-{name}"])
        await upstreams.add(wanted, by=BY)
    return upstreams


@pytest.fixture
def configuration(furnished: Store, vault: Vault) -> Configuration:
    """What workers are told, the demo running."""
    return Configuration(furnished, vault, demo_port=1, rules=RULES)


# ── targets ─────────────────────────────────────────────────────────────────


async def test_a_model_keeps_its_targets_in_order(
    connected: Upstreams, models: Models, workers: Heard, configuration: Configuration
) -> None:
    """With all their terms, and with a price of their own."""
    workers.changes.clear()

    added = await models.add("fast", SPREAD, by=BY)
    shown = await models.show("fast")
    known = await configuration.read()

    assert isinstance(added, Model)
    assert added == shown
    assert added.stored.targets == (
        StoredTarget("openai", "gpt-4o", Terms(0, 3)),
        StoredTarget("spare", "fast", Terms(1, 1, CHAT)),
    )
    assert (added.stored.upstream, added.stored.upstream_model) == ("openai", "gpt-4o")
    assert workers.changes == [None]
    first, (second,) = known.models["fast"], known.others["fast"]
    assert (first.upstream, first.model, first.terms) == ("openai", "gpt-4o", Terms(0, 3))
    assert (second.upstream, second.model, second.terms) == ("spare", "fast", Terms(1, 1, CHAT))
    assert first.prices != second.prices


async def test_a_single_target_without_terms_is_what_it_always_was(
    connected: Upstreams, models: Models
) -> None:
    """Whichever way it is said."""
    added = await models.add("fast", ModelChange(targets=[WantedTarget("openai")]), by=BY)

    assert isinstance(added, Model)
    assert added.stored.targets == ()
    assert (added.stored.upstream, added.stored.upstream_model) == ("openai", "fast")


async def test_targets_are_replaced_and_taken_back(connected: Upstreams, models: Models) -> None:
    """A change of the price leaves them; an upstream alone takes the place of all."""
    await models.add("fast", SPREAD, by=BY)

    priced = await models.edit("fast", ModelChange(input_nano_usd=1, output_nano_usd=2), by=BY)
    turned = await models.edit("fast", ModelChange(targets=PAIR[::-1]), by=BY)
    alone = await models.edit("fast", ModelChange(upstream="spare", upstream_model="m"), by=BY)

    assert isinstance(priced, Model)
    assert isinstance(turned, Model)
    assert isinstance(alone, Model)
    assert [one.upstream for one in priced.stored.targets] == ["openai", "spare"]
    assert [one.upstream for one in turned.stored.all_targets] == ["spare", "openai"]
    assert alone.stored.all_targets == (StoredTarget("spare", "m"),)


@pytest.mark.parametrize(
    ("targets", "param"),
    [
        ([], "targets"),
        ([WantedTarget("openai", f"m{number}") for number in range(MOST_TARGETS + 1)], "targets"),
        ([WantedTarget("openai"), WantedTarget("openai")], "targets"),
        ([WantedTarget("openai"), WantedTarget("nobody")], "targets[1].upstream"),
        ([WantedTarget("openai", "a\tb")], "targets[0].model"),
        ([WantedTarget("openai", "gpt-*")], "targets[0].model"),
        ([WantedTarget("openai", "m", Terms(weight=-1))], "targets[0].weight"),
        ([WantedTarget("openai", "m", Terms(priority=-1))], "targets[0].priority"),
        ([WantedTarget("openai", "m", Terms(when=When(operations=("talk",))))], "targets[0].when.operations"),
        ([WantedTarget("openai", "m", Terms(when=When(projects=("p",))))], "targets[0].when.projects"),
        ([WantedTarget("openai", "m", Terms(when=When(environments=("",))))], "targets[0].when.environments"),
        (
            [WantedTarget("openai", "m", Terms(when=When(min_input_tokens=-1)))],
            "targets[0].when.min_input_tokens",
        ),
        (
            [WantedTarget("openai", "m", Terms(when=When(min_input_tokens=9, max_input_tokens=8)))],
            "targets[0].when.min_input_tokens",
        ),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_by_its_member(
    targets: list[WantedTarget], param: str
) -> None:
    """The caller must see which of twenty it is."""
    refused = read("fast", targets, {"openai"})

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


async def test_where_a_model_goes_is_said_one_way_only(connected: Upstreams, models: Models) -> None:
    """Two ways at once could disagree; none at all leads nowhere."""
    both = await models.add("a", ModelChange(upstream="openai", targets=PAIR), by=BY)
    neither = await models.add("a", ModelChange(), by=BY)
    await models.add("fast", SPREAD, by=BY)
    half = await models.edit("fast", ModelChange(upstream_model="m"), by=BY)

    assert isinstance(both, Refused)
    assert isinstance(neither, Refused)
    assert isinstance(half, Refused)
    assert (both.param, neither.param, half.param) == ("targets", "upstream", "upstream_model")


async def test_a_model_outlives_one_of_its_upstreams(connected: Upstreams, models: Models) -> None:
    """With its operator's price; one that goes nowhere else does not."""
    await models.add("fast", SPREAD, by=BY)
    await models.edit("fast", ModelChange(input_nano_usd=1, output_nano_usd=2), by=BY)

    removed = await connected.remove("openai", by=BY)
    shown = await models.show("fast")

    assert isinstance(removed, Upstream)
    assert removed.models == ["fast", "of-openai"]
    assert isinstance(shown, Model)
    assert [one.upstream for one in shown.stored.all_targets] == ["spare"]
    assert shown.price is not None
    assert isinstance(await models.show("of-openai"), Refused)


async def test_what_cannot_be_used_now_is_not_among_the_targets(
    connected: Upstreams, models: Models, furnished: Store, vault: Vault
) -> None:
    """The others are served meanwhile."""
    await models.add("fast", ModelChange(targets=[WantedTarget("demo", "demo-chat"), PAIR[0]]), by=BY)
    without_demo = Configuration(furnished, vault, demo_port=0, rules=RULES)

    known = await without_demo.read()

    assert known.models["fast"].upstream == "openai"
    assert "fast" not in known.others


async def test_a_new_provider_does_not_take_a_name_that_is_spread(
    connected: Upstreams, models: Models
) -> None:
    """The famous names are lent by the demo, but what an operator has arranged is arranged."""
    change = ModelChange(targets=[WantedTarget("demo", "demo-chat"), WantedTarget("spare", "x")])
    await models.edit("gpt-4o", change, by=BY)

    added = await connected.add(NewUpstream("third", "http://127.0.0.1:1/v1", models=["gpt-4o"]), by=BY)

    assert not isinstance(added, Refused)
    assert added.upstream.models == ["third/gpt-4o"]


# ── stars ───────────────────────────────────────────────────────────────────


async def test_a_star_leads_to_what_it_stands_for_at_its_price(
    connected: Upstreams, models: Models, configuration: Configuration
) -> None:
    """Workers hold no table of prices: they are told those that the star may lead to."""
    await models.add("openai/*", ModelChange(upstream="openai"), by=BY)

    target = (await configuration.read()).models["openai/*"]

    assert target.model == "*"
    assert target.sold["gpt-4o"].prices
    assert target.at("gpt-4o").prices == target.sold["gpt-4o"].prices
    assert target.at("gpt-4o-2024-11-20").prices == target.sold["gpt-4o"].prices
    assert target.at("gpt-4o").model == "gpt-4o"
    assert target.at("unheard-of").prices == ()


async def test_the_operators_price_of_a_star_is_that_of_all(
    connected: Upstreams, models: Models, configuration: Configuration
) -> None:
    """As of any name."""
    change = ModelChange(upstream="openai", input_nano_usd=1, output_nano_usd=2)
    await models.add("openai/*", change, by=BY)

    target = (await configuration.read()).models["openai/*"]

    assert {one.prices for one in target.sold.values()} == {target.prices}
    assert isinstance(target.sold["gpt-4o"], Sold)


async def test_one_star_is_enough(connected: Upstreams, models: Models) -> None:
    """What two stand for could be read in several ways."""
    refused = await models.add("*/*", ModelChange(upstream="openai"), by=BY)

    assert isinstance(refused, Refused)
    assert refused.param == "name"


# ── room and credentials ────────────────────────────────────────────────────


async def test_room_and_credentials_reach_the_workers(
    connected: Upstreams, workers: Heard, configuration: Configuration
) -> None:
    """What is not named stays."""
    workers.changes.clear()
    secrets = [Secret("one"), Secret("two"), Secret("three")]

    await connected.edit("openai", UpstreamChange(max_concurrency=8), by=BY)
    edited = await connected.edit(
        "openai", UpstreamChange(requests_per_minute=60, credentials=secrets), by=BY
    )
    told = (await configuration.read()).upstreams["openai"]

    assert isinstance(edited, Upstream)
    assert (edited.room, len(edited.stored.sealed_credentials)) == (Room(8, 60), 3)
    assert (told.credential, told.credentials) == ("one", ("one", "two", "three"))
    assert (told.max_concurrency, told.requests_per_minute) == (8, 60)
    assert workers.changes == [None, None]


async def test_credentials_and_limits_can_be_taken_away(
    connected: Upstreams, configuration: Configuration
) -> None:
    """A server of one's own needs none."""
    await connected.edit("openai", UpstreamChange(5, 5, [Secret("one"), Secret("two")]), by=BY)

    await connected.edit("openai", UpstreamChange(0, 0, []), by=BY)
    told = (await configuration.read()).upstreams["openai"]

    assert (told.credential, told.credentials) == ("", ())
    assert (told.max_concurrency, told.requests_per_minute) == (0, 0)


async def test_a_credential_that_cannot_be_sent_is_refused_by_its_place(connected: Upstreams) -> None:
    """And nothing is changed."""
    change = UpstreamChange(max_concurrency=5, credentials=[Secret("one"), Secret("t wo")])

    refused = await connected.edit("openai", change, by=BY)
    shown = await connected.show("openai")

    assert isinstance(refused, Refused)
    assert refused.param == "api_keys[1]"
    assert isinstance(shown, Upstream)
    assert (shown.room, len(shown.stored.sealed_credentials)) == (Room(), 1)


async def test_an_unknown_upstream_is_not_edited(connected: Upstreams) -> None:
    """A name that is mistyped."""
    refused = await connected.edit("nobody", UpstreamChange(), by=BY)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RESOURCE_NOT_FOUND
