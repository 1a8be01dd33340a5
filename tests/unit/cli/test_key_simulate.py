"""What would happen, on the command line."""

import msgspec

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/keys/my-app/simulate"
REFUSED = {
    "would": "refused",
    "status": 403,
    "reason": "ip_not_allowed",
    "message": "Not from there",
    "checks": [
        {"name": "known", "passed": True, "detail": "key_1"},
        {"name": "address", "passed": False, "detail": "Not from there (client_ip: 203.0.113.7)"},
        {"name": "model", "passed": None, "detail": ""},
    ],
    "key_id": "key_1",
    "secret_id": "sec_1",
}


def test_each_check_is_shown_with_what_it_was_decided_by(keyturn: Run, node: ManagementApi) -> None:
    """The answer to "why does it not work", before anybody has tried."""
    node.data("POST", PATH, REFUSED)

    ran = keyturn("keys", "simulate", "my-app", "--ip", "203.0.113.7", "--at", "2027-01-01T00:00:00Z")

    for part in (
        "refused",
        "403 ip not allowed",
        "Not from there",
        "✓ known  key_1",
        "✗ address  Not from there (client_ip: 203.0.113.7)",
        "\N{EN DASH} model",
    ):
        assert part in ran.out, part
    assert node.asked[0].body == {"ip": "203.0.113.7", "at": "2027-01-01T00:00:00Z"}
    assert ran.status == 0


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("POST", PATH, REFUSED)

    ran = keyturn("keys", "simulate", "my-app", "--path", "/v1/embeddings", "--json")

    assert msgspec.json.decode(ran.out) == REFUSED
