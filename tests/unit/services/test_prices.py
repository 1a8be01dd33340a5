"""Saying what models cost, from when on."""

import pytest

from fakes.heard import Heard
from fakes.price_rules import RULES
from fakes.stored_keys import log_of
from keyturn import system
from keyturn.config.sections import Prices as PriceSettings
from keyturn.domain.prices import Origin, Price, PriceVersion, version_at
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.configuration import Configuration
from keyturn.services.models import ModelChange, Models
from keyturn.services.prices import ModelPrices, NewPrice, Prices
from keyturn.services.pricing import rules_of
from keyturn.services.upstreams import Added, NewUpstream, Upstreams
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

BY = Principal(OPERATOR)
HOUR_MS = 3_600_000
SHIPPED = Price(150_000_000, 600_000_000, 75_000_000)
TOKENS = {"input_nano_usd": 10**9, "output_nano_usd": 2 * 10**9}
OWN = Price(10**9, 2 * 10**9)


@pytest.fixture
def prices(furnished: Store, workers: Heard) -> Prices:
    """The use cases of prices."""
    return Prices(furnished, workers, RULES)


async def said(prices: Prices, at_ms: int | None = None, model: str = "gpt-4o") -> PriceVersion | None:
    """Return what a model costs at an instant, or now."""
    found = await prices.of(model)
    assert isinstance(found, ModelPrices)
    return version_at(found.steps, system.now_ms() if at_ms is None else at_ms)


async def add(prices: Prices, **members: object) -> PriceVersion:
    """Say a price of gpt-4o."""
    found = await prices.add(NewPrice("gpt-4o", TOKENS, **members), by=BY)  # type: ignore[arg-type]  # as given
    assert isinstance(found, PriceVersion)
    return found


async def test_a_model_costs_what_is_shipped_until_the_operator_says_otherwise(
    prices: Prices, workers: Heard, furnished: Store
) -> None:
    """A new node counts money from the first request on."""
    before = await said(prices)

    version = await add(prices)

    after = await said(prices)
    assert before is not None
    assert after is not None
    assert (before.origin, before.price) == (Origin.SHIPPED, SHIPPED)
    assert (after, after.price, after.origin) == (version, OWN, Origin.OPERATOR)
    assert workers.changes == [None]
    assert (await log_of(furnished))[-1] == ("operator", "price.add", version.id)


async def test_a_price_for_later_holds_from_its_moment_on(prices: Prices) -> None:
    """It is said on Friday for Monday, and nobody need be there on Monday."""
    later = system.now_ms() + HOUR_MS

    version = await add(prices, effective_from=later)

    before, after = await said(prices, later - 1), await said(prices, later)
    assert before is not None
    assert before.price == SHIPPED
    assert after == version


async def test_a_price_for_later_is_taken_back_and_one_in_force_is_not(prices: Prices) -> None:
    """Requests name the price that they were charged at: it must not go."""
    later, now = await add(prices, effective_from=system.now_ms() + HOUR_MS), await add(prices)

    removed = await prices.remove(later.id, by=BY)
    kept = await prices.remove(now.id, by=BY)
    unknown = await prices.remove(later.id, by=BY)

    assert removed == later
    assert isinstance(kept, Refused)
    assert isinstance(unknown, Refused)
    assert (kept.reason, unknown.reason) == (Reason.CONFLICT, Reason.RESOURCE_NOT_FOUND)
    assert await said(prices, system.now_ms() + 2 * HOUR_MS) == now


@pytest.mark.parametrize(
    ("figures", "param"),
    [
        ({}, "input_usd_per_million"),
        ({"input_nano_usd": 1}, "output_usd_per_million"),
        ({"output_nano_usd": 1}, "input_usd_per_million"),
        ({"cached_input_nano_usd": 1}, "cached_input_usd_per_million"),
        ({"cache_write_nano_usd": 1, "image_nano_usd": 1}, "cache_write_usd_per_million"),
        ({"reasoning_nano_usd": 1}, "reasoning_usd_per_million"),
    ],
)
async def test_half_a_price_is_refused(prices: Prices, figures: dict[str, int | None], param: str) -> None:
    """It would bill half a request."""
    refused = await prices.add(NewPrice("gpt-4o", figures), by=BY)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


@pytest.mark.parametrize(
    ("wanted", "param"),
    [(NewPrice("nobody", TOKENS), "model"), (NewPrice("gpt-4o", TOKENS, note="a\nb"), "note")],
)
async def test_a_price_of_nothing_is_refused(prices: Prices, wanted: NewPrice, param: str) -> None:
    """A slip in the name would go unnoticed until the bill."""
    refused = await prices.add(wanted, by=BY)

    assert isinstance(refused, Refused)
    assert refused.param == param
    assert isinstance(await prices.of("nobody"), Refused)


async def test_prices_come_a_page_at_a_time(prices: Prices) -> None:
    """As the models do, and the same for each as when all are asked for."""
    everything = await prices.everything()

    first, total = await prices.page("", after="", limit=1)
    rest, _ = await prices.page("", after=first[0].model, limit=1000)
    sought, _ = await prices.page("GPT-4O", after="", limit=10)

    assert first + rest == everything
    assert total == len(everything)
    assert "gpt-4o" in {one.model for one in sought}


async def test_a_price_of_zero_is_a_price(prices: Prices) -> None:
    """A model of one's own costs nothing, and that is known."""
    version = await prices.add(NewPrice("gpt-4o", {"image_nano_usd": 0}), by=BY)

    assert isinstance(version, PriceVersion)
    assert version.price == Price()
    assert await said(prices) == version


async def test_a_name_that_is_taken_away_takes_its_price_along(prices: Prices, models: Models) -> None:
    """Who gets the name next must not inherit what somebody else's model cost."""
    await models.add("mine", ModelChange(upstream="demo", upstream_model="nothing"), by=BY)
    await prices.add(NewPrice("mine", TOKENS), by=BY)
    await prices.add(NewPrice("mine", TOKENS, system.now_ms() + HOUR_MS), by=BY)

    await models.remove("mine", by=BY)
    added = await models.add("mine", ModelChange(upstream="demo", upstream_model="nothing"), by=BY)

    assert not isinstance(added, Refused)
    assert added.price is None
    assert await said(prices, system.now_ms() + 2 * HOUR_MS, "mine") is None


async def test_a_name_that_goes_to_another_provider_leaves_its_price_behind(
    prices: Prices, upstreams: Upstreams
) -> None:
    """The demo has famous names until their provider comes."""
    await add(prices)

    added = await upstreams.add(NewUpstream("openai", "https://api.openai.com/v1", models=["gpt-4o"]), by=BY)

    found = await said(prices)
    assert isinstance(added, Added)
    assert found is not None
    assert (found.origin, found.provider) == (Origin.SHIPPED, "openai")
    assert found.price == Price(2_500_000_000, 10**10, 1_250_000_000)


async def test_the_models_of_a_provider_that_goes_lose_their_prices(
    prices: Prices, models: Models, upstreams: Upstreams
) -> None:
    """As above."""
    await upstreams.add(NewUpstream("x", "http://x.example/v1", models=["m"]), by=BY)
    await prices.add(NewPrice("m", TOKENS), by=BY)

    await upstreams.remove("x", by=BY)
    added = await models.add("m", ModelChange(upstream="demo", upstream_model="nothing"), by=BY)

    assert not isinstance(added, Refused)
    assert added.price is None


async def test_workers_are_told_prices_in_force_and_to_come_and_the_largest_output(
    prices: Prices, upstreams: Upstreams, furnished: Store, vault: Vault
) -> None:
    """Without asking anybody they charge the right one, and reserve no more than the model can write."""
    await upstreams.add(NewUpstream("openai", "https://api.openai.com/v1", models=["gpt-4o-mini"]), by=BY)
    later = system.now_ms() + HOUR_MS
    await prices.add(NewPrice("gpt-4o-mini", TOKENS, later), by=BY)

    known = await Configuration(furnished, vault, demo_port=1, rules=RULES).read()

    target = known.models["gpt-4o-mini"]
    assert [step.version.price if step.version else None for step in target.prices] == [SHIPPED, OWN]
    assert target.prices[-1].from_ms == later
    assert target.output_cap == 16_384


async def test_the_default_is_for_models_that_nobody_has_priced(
    upstreams: Upstreams, furnished: Store, vault: Vault, workers: Heard
) -> None:
    """It stands in for not knowing, and is shown as no model's own price."""
    settings = PriceSettings("default", "5", "25")
    rules = rules_of(settings, RULES.table)
    await upstreams.add(NewUpstream("x", "http://x.example/v1", models=["m"]), by=BY)

    known = await Configuration(furnished, vault, demo_port=1, rules=rules).read()
    shown = await Models(furnished, workers, rules).show("m")

    version = known.models["m"].prices[0].version
    assert version is not None
    assert (version.origin, version.price) == (Origin.DEFAULT, Price(5 * 10**9, 25 * 10**9))
    assert known.models["gpt-4o"].prices[0].version != version
    assert not isinstance(shown, Refused)
    assert shown.price is None
