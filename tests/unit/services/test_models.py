"""Naming and pricing models."""

import pytest

from fakes.heard import Heard
from keyturn.domain.prices import Price
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.models import Model, ModelChange, Models

BY = Principal(OPERATOR)
PRICED = ModelChange(upstream="demo", upstream_model="demo-chat", input_nano_usd=150, output_nano_usd=600)


async def test_a_name_leads_where_it_was_sent(models: Models, workers: Heard) -> None:
    """An alias is how an application changes its model without a release."""
    added = await models.add("org/fast", PRICED, by=BY)
    shown = await models.show("org/fast")

    assert isinstance(added, Model)
    assert added == shown
    assert (added.stored.upstream, added.stored.upstream_model) == ("demo", "demo-chat")
    assert added.price == Price(150, 600)
    assert workers.changes == [None]


async def test_without_a_name_there_the_name_is_the_same(models: Models) -> None:
    """The common case."""
    added = await models.add("fast", ModelChange(upstream="demo"), by=BY)

    assert isinstance(added, Model)
    assert (added.stored.upstream_model, added.price) == ("fast", None)


async def test_models_come_a_page_at_a_time_and_are_found_by_a_part_of_their_name(models: Models) -> None:
    """Ten thousand of them are looked through without reading all."""
    for name in ("page/b", "page/A", "page/c"):
        await models.add(name, PRICED, by=BY)

    first, total = await models.page("PAGE/", after="", limit=2)
    second, _ = await models.page("PAGE/", after=first[-1].stored.name, limit=2)
    everything = await models.everything()

    assert [one.stored.name for one in (*first, *second)] == ["page/A", "page/b", "page/c"]
    assert first[0].price == Price(150, 600)
    assert total == len(everything)
    assert (await models.page("", after="", limit=1000))[0] == everything


async def test_a_price_is_changed_and_taken_away(models: Models) -> None:
    """An edit that names no upstream leaves it."""
    await models.add("fast", PRICED, by=BY)

    changed = await models.edit("fast", ModelChange(input_nano_usd=1, cached_input_nano_usd=0), by=BY)
    gone = await models.edit(
        "fast", ModelChange(input_nano_usd=None, output_nano_usd=None, cached_input_nano_usd=None), by=BY
    )

    assert isinstance(changed, Model)
    assert isinstance(gone, Model)
    assert changed.price == Price(1, 600, 0)
    assert gone.price == Price(150_000_000, 600_000_000, 75_000_000), "what is shipped applies again"
    assert gone.stored.upstream_model == "demo-chat"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        (ModelChange(upstream="nobody"), "upstream"),
        (ModelChange(upstream="demo", upstream_model=""), "upstream_model"),
        (ModelChange(upstream="demo", input_nano_usd=1), "output_usd_per_million"),
        (ModelChange(upstream="demo", output_nano_usd=1), "input_usd_per_million"),
        (ModelChange(upstream="demo", cached_input_nano_usd=1), "cached_input_usd_per_million"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_member(
    models: Models, change: ModelChange, param: str
) -> None:
    """Half a price would bill half a request."""
    refused = await models.add("fast", change, by=BY)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


@pytest.mark.parametrize("name", ["", "x" * 201, "a\tb", "/x"])
async def test_a_bad_name_is_refused(models: Models, name: str) -> None:
    """It stands in paths and lists."""
    refused = await models.add(name, PRICED, by=BY)

    assert isinstance(refused, Refused)
    assert refused.param == "name"


async def test_a_taken_name_is_a_conflict(models: Models) -> None:
    """Silently rerouting somebody's model is no way to add one."""
    refused = await models.add("demo-chat", PRICED, by=BY)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT


async def test_a_removed_name_is_unknown(models: Models, workers: Heard) -> None:
    """To people and to workers."""
    await models.add("fast", PRICED, by=BY)
    workers.changes.clear()

    removed = await models.remove("fast", by=BY)

    assert isinstance(removed, Model)
    assert workers.changes == [None]
    for refused in (
        await models.show("fast"),
        await models.edit("fast", PRICED, by=BY),
        await models.remove("fast", by=BY),
    ):
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.RESOURCE_NOT_FOUND


async def test_an_edit_to_an_unknown_upstream_changes_nothing(models: Models) -> None:
    """No half-applied change."""
    refused = await models.edit("demo-chat", ModelChange(upstream="nobody"), by=BY)
    shown = await models.show("demo-chat")

    assert isinstance(refused, Refused)
    assert isinstance(shown, Model)
    assert shown.stored.upstream == "demo"
