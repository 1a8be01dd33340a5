"""The commands about the names that clients use."""

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/models"
FAST = {
    "name": "fast",
    "upstream": "openai",
    "upstream_model": "gpt-4o-mini",
    "input_usd_per_million": "0.15",
    "output_usd_per_million": "0.6",
    "cached_input_usd_per_million": None,
    "created_at": "2026-01-01T00:00:00Z",
}


def test_the_list_shows_where_a_name_goes_and_what_it_costs(keyturn: Run, node: ManagementApi) -> None:
    """A price that nobody set must not look like a price of zero."""
    node.data("GET", f"{PATH}?limit=100", [FAST])

    ran = keyturn("models", "list")

    line = next(line for line in ran.out.splitlines() if "fast" in line)
    assert line.split() == ["fast", "openai", "gpt-4o-mini", "$0.15", "\N{EN DASH}", "$0.60"]


def test_the_list_as_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("GET", f"{PATH}?limit=100", [FAST])

    assert msgspec.json.decode(keyturn("models", "list", "--json").out) == [FAST]


def test_an_empty_list_says_where_models_come_from(keyturn: Run, node: ManagementApi) -> None:
    """They come with a provider."""
    node.data("GET", f"{PATH}?limit=100", [])

    assert "keyturn upstreams add" in keyturn("models", "list").err


def test_a_name_is_added_with_its_target_and_prices(keyturn: Run, node: ManagementApi) -> None:
    """Prices are decimal text all the way: a float would not add up."""
    node.data("POST", PATH, FAST)

    ran = keyturn(
        *("models", "add", "fast", "--upstream", "openai", "--upstream-model", "gpt-4o-mini"),
        *("--input", "0.15", "--output", "0.60", "--cached-input", "0.075"),
    )

    assert ran.out == "Added fast → openai: gpt-4o-mini\n"
    assert node.asked[0].body == {
        "name": "fast",
        "upstream": "openai",
        "upstream_model": "gpt-4o-mini",
        "input_usd_per_million": "0.15",
        "output_usd_per_million": "0.60",
        "cached_input_usd_per_million": "0.075",
    }


def test_a_price_is_changed_without_touching_the_others(keyturn: Run, node: ManagementApi) -> None:
    """The price that is not named stays."""
    node.data("PATCH", f"{PATH}/openai%2Ffast", FAST)

    ran = keyturn("models", "price", "openai/fast", "--output", "0.60")

    assert ran.status == 0
    assert "$0.60 out" in ran.out
    assert node.asked[0].body == {"output_usd_per_million": "0.60"}


def test_a_price_command_without_a_price_is_refused(keyturn: Run, node: ManagementApi) -> None:
    """Nothing is not a price."""
    ran = keyturn("models", "price", "fast")

    assert (ran.status, node.asked) == (1, [])


@pytest.mark.parametrize("name", ["fast", "a/b"])
def test_a_name_is_removed(keyturn: Run, node: ManagementApi, name: str) -> None:
    """Names with a slash too: providers have them."""
    node.data("DELETE", f"{PATH}/{name.replace('/', '%2F')}", FAST)

    ran = keyturn("models", "remove", name)

    assert ran.out == f"Removed {name}\n"
