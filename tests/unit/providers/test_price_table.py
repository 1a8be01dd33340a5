"""The table of prices that is shipped: what is in it, and how a model is found in it."""

from datetime import date
from urllib.parse import urlsplit

import msgspec
import pytest

from keyturn.domain.prices import Origin, Price, price_at
from keyturn.providers.price_table import PriceTable, parse
from keyturn.store import shipped_prices

TABLE = """
[one]
source = "https://one.example/prices"
read = 2026-11-09
hosts = ["api.one.example"]
[one.models]
"chat" = { input = "2.50", cached_input = "0.25", output = "10", max_output_tokens = 4096, aliases = ["chat-latest"] }
"chat-2024-05-13" = { input = "5", output = "15" }
"shared" = { input = "1", output = "1" }
"voice" = { characters = "15", source = "https://one.example/voice", read = 2026-11-10, note = "n" }
"late" = [
    { from = 2027-01-01, input = "2", output = "2" },
    { input = "1", output = "1" },
]

[two]
source = "https://two.example/prices"
read = 2026-11-09
hosts = ["api.two.example"]
[two.models]
"shared" = { input = "2", output = "2" }

[demo]
source = "here"
read = 2026-11-09
hosts = ["local"]
everywhere = false
[demo.models]
"echo" = { input = "0.15", output = "0.60" }
"""
SHIPPED = shipped_prices.load()


@pytest.fixture
def table() -> PriceTable:
    """A small table."""
    return parse(TABLE)


def found(table: PriceTable, upstream: str, base_url: str, model: str) -> str | None:
    """Return which row is found."""
    listed = table.find(upstream, base_url, model)
    return None if listed is None else f"{listed.provider}/{listed.model}"


@pytest.mark.parametrize(
    ("upstream", "base_url", "model", "row"),
    [
        ("anything", "https://api.one.example/v1", "chat", "one/chat"),
        ("two", "https://api.one.example/v1", "shared", "one/shared"),
        ("two", "https://proxy.example/v1", "shared", "two/shared"),
        ("x", "https://proxy.example/v1", "chat", "one/chat"),
        ("x", "https://proxy.example/v1", "shared", None),
        ("x", "https://proxy.example/v1", "echo", None),
        ("demo", "http://127.0.0.1:9/v1", "echo", "demo/echo"),
        ("x", "demo://local", "echo", "demo/echo"),
        ("two", "https://api.two.example/v1", "chat", None),
        ("one", "https://api.one.example/v1", "chat-latest", "one/chat"),
        ("one", "https://api.one.example/v1", "chat-2024-11-20", "one/chat"),
        ("one", "https://api.one.example/v1", "chat-20241120", "one/chat"),
        ("one", "https://api.one.example/v1", "chat-2024-05-13", "one/chat-2024-05-13"),
        ("one", "https://api.one.example/v1", "models/chat", "one/chat"),
        ("one", "https://api.one.example/v1", "chat-large", None),
        ("one", "https://api.one.example/v1", "", None),
    ],
)
def test_a_model_is_found_at_its_provider_or_by_a_name_that_only_one_has(
    table: PriceTable, upstream: str, base_url: str, model: str, row: str | None
) -> None:
    """A price taken from the wrong provider is worse than none: it is believed."""
    assert found(table, upstream, base_url, model) == row


def test_a_row_says_what_it_costs_where_that_stands_and_when_it_was_read(table: PriceTable) -> None:
    """Whoever doubts a figure must be able to look it up."""
    listed = table.find("one", "", "chat")
    voice = table.find("one", "", "voice")

    assert listed is not None
    assert voice is not None
    (version,) = listed.versions
    assert version.price == Price(2_500_000_000, 10**10, 250_000_000)
    assert (version.origin, version.provider, version.model) == (Origin.SHIPPED, "one", "chat")
    assert (version.source, version.source_date) == ("https://one.example/prices", "2026-11-09")
    assert listed.output_cap == 4096
    spoken = voice.versions[0]
    assert spoken.price == Price(million_characters_nano_usd=15 * 10**9)
    assert (spoken.source, spoken.source_date, spoken.note) == (
        "https://one.example/voice",
        "2026-11-10",
        "n",
    )


def test_a_model_with_two_prices_changes_at_the_beginning_of_the_day(table: PriceTable) -> None:
    """Providers announce what comes."""
    listed = table.find("one", "", "late")
    assert listed is not None
    midnight_ms = 1_798_761_600_000

    before, after = price_at(listed.versions, midnight_ms - 1), price_at(listed.versions, midnight_ms)

    assert before is not None
    assert after is not None
    assert (before.price, after.price) == (Price(10**9, 10**9), Price(2 * 10**9, 2 * 10**9))


def test_a_figure_that_changes_is_another_version() -> None:
    """A later release may correct a figure; requests that were charged at the old one must not seem right."""
    corrected = parse(TABLE.replace('"2.50"', '"2.40"'))
    noted = parse(TABLE.replace("read = 2026-11-09", "read = 2026-12-09"))

    def version(table: PriceTable) -> str:
        listed = table.find("one", "", "chat")
        assert listed is not None
        return listed.versions[0].id

    assert version(corrected) != version(parse(TABLE)) == version(noted)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('input = "2.50"', 'input = "-1"', "one: chat: not an amount"),
        ('input = "2.50"', "input = 2.5", "Expected `str"),
        ('input = "2.50"', 'imput = "2.50"', "imput"),
        ('aliases = ["chat-latest"]', 'aliases = ["shared"]', "one: shared is there twice"),
    ],
)
def test_a_table_with_a_mistake_is_refused(old: str, new: str, message: str) -> None:
    """It is read once at the start; a mistake must not become money."""
    with pytest.raises(ValueError, match=message):
        parse(TABLE.replace(old, new))


def test_the_shipped_table_has_the_main_providers_with_source_and_date() -> None:
    """A figure that nobody can look up is worth nothing."""
    providers = {one.provider for one in SHIPPED.listed} - {"demo"}
    models = [one for one in SHIPPED.listed if one.provider != "demo"]

    assert providers == {
        *("openai", "anthropic", "google", "mistral", "groq", "deepseek", "xai", "cohere", "perplexity"),
        *("together", "fireworks"),
    }
    assert len(models) >= 80
    for version in (version for one in models for version in one.versions):
        assert urlsplit(version.source).scheme == "https"
        assert date(2026, 10, 1) <= date.fromisoformat(version.source_date) <= date(2026, 12, 31)
        assert len(version.id) <= 120, "it stands in every record of a request"


def test_every_shipped_price_is_one() -> None:
    """Cached input is never dearer than other input, and nothing is free by a slip."""
    for version in (version for one in SHIPPED.listed for version in one.versions):
        price = version.price
        assert price is not None
        assert any(msgspec.structs.astuple(price)) or version.note == "Free.", version.id
        assert price.cached_extra <= 0 <= price.write_extra, version.id
        assert max(figure or 0 for figure in msgspec.structs.astuple(price)) <= 1000 * 10**9, version.id


@pytest.mark.parametrize(
    ("upstream", "base_url", "model", "price"),
    [
        (
            "openai",
            "https://api.openai.com/v1",
            "gpt-4o-2024-11-20",
            Price(2_500_000_000, 10**10, 1_250_000_000),
        ),
        ("openai", "https://api.openai.com/v1", "gpt-4o-2024-05-13", Price(5 * 10**9, 15 * 10**9)),
        (
            "claude",
            "https://api.anthropic.com/v1",
            "claude-haiku-4-5-20251001",
            Price(10**9, 5 * 10**9, 10**8, 1_250_000_000),
        ),
        (
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "models/gemini-2.5-flash",
            None,
        ),
        ("openai", "https://api.openai.com/v1", "whisper-1", Price(second_nano_usd=100_000)),
        ("openai", "https://api.openai.com/v1", "dall-e-3", Price(image_nano_usd=40_000_000)),
    ],
)
def test_well_known_models_are_found_as_their_providers_call_them(
    upstream: str, base_url: str, model: str, price: Price | None
) -> None:
    """Lists of models name snapshots."""
    listed = SHIPPED.find(upstream, base_url, model)

    assert listed is not None
    assert price is None or listed.versions[-1].price == price
