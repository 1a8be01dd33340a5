"""The command that lists providers."""

import msgspec

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/providers?limit=100"
ANTHROPIC = {
    "id": "anthropic",
    "title": "Anthropic",
    "base_url": "https://api.anthropic.com/v1",
    "address": None,
    "variables": ["ANTHROPIC_API_KEY"],
}
ELSEWHERE = {"id": "azure", "title": "Azure", "base_url": None, "address": "https://{resource}.example"}


def test_providers_are_listed_with_their_addresses(keyturn: Run, node: ManagementApi) -> None:
    """What to write after `--provider`, and where it leads."""
    node.data("GET", PATH, [ANTHROPIC, ELSEWHERE])

    ran = keyturn("providers")

    assert ran.status == 0
    assert "anthropic" in ran.out
    assert "https://api.anthropic.com/v1" in ran.out
    assert "https://{resource}.example" in ran.out


def test_the_list_as_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts get every member."""
    node.data("GET", PATH, [ANTHROPIC])

    ran = keyturn("providers", "--json")

    assert msgspec.json.decode(ran.out) == [ANTHROPIC]
