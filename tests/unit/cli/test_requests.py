"""The list of requests."""

import msgspec

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/requests"
REFUSED = {
    "request_id": "req_00000000000000000002",
    "source": "journal",
    "status": 403,
    "reason": "ip_not_allowed",
    "outcome": "ip_not_allowed",
    "key_id": "key_1",
    "key_name": "my-app",
    "address": "203.0.113.7",
    "started_at": "2026-01-01T00:00:00Z",
}
SERVED = {
    "request_id": "req_00000000000000000001",
    "source": "journal",
    "status": 200,
    "outcome": "ok",
    "key_id": "key_1",
    "key_name": "my-app",
    "model": "fast",
    "address": "203.0.113.7",
    "total_us": 1_500,
    "started_at": "2026-01-01T00:00:00Z",
}


def test_requests_are_listed_with_what_became_of_them(keyturn: Run, node: ManagementApi) -> None:
    """One line each: when, whose, why."""
    node.data("GET", f"{PATH}?limit=50", [REFUSED, SERVED])

    ran = keyturn("requests")

    for part in (
        "403",
        "ip not allowed",
        "my-app",
        "203.0.113.7",
        "fast",
        "1.5 ms",
        "req_00000000000000000002",
    ):
        assert part in ran.out, part


def test_a_page_may_be_empty_and_not_the_last(keyturn: Run, node: ManagementApi) -> None:
    """A rare key in a long log: the node stops looking after a while and says where to go on."""
    node.data("GET", f"{PATH}?key_id=key_1&refused=true&limit=2", [], next_cursor="req_9")
    node.data("GET", f"{PATH}?key_id=key_1&refused=true&limit=2&cursor=req_9", [REFUSED], next_cursor="req_5")
    node.data("GET", f"{PATH}?key_id=key_1&refused=true&limit=1&cursor=req_5", [REFUSED], next_cursor="req_4")

    ran = keyturn("requests", "key_1", "--refused", "--limit", "2", "--json")

    assert msgspec.json.decode(ran.out) == [REFUSED, REFUSED]


def test_a_key_may_be_named(keyturn: Run, node: ManagementApi) -> None:
    """Nobody remembers identifiers."""
    key = {"id": "key_1", "name": "my-app", "status": "active", "display": "sk-", "created_at": ""}
    node.data("GET", "/api/v1/keys/my-app", key)
    node.data("GET", f"{PATH}?key_id=key_1&status=403&limit=50", [])

    ran = keyturn("requests", "my-app", "--status", "403")

    assert ran.status == 0
    assert "No requests here" in ran.err


def test_all_requests_are_exported_as_the_node_writes_them(keyturn: Run, node: ManagementApi) -> None:
    """More than fit on any page."""
    written = b'{"request_id":"req_1"}\n' * 50_000
    since, until = "2026-11-01T00%3A00%3A00Z", "2026-11-02T00%3A00%3A00Z"
    node.answers("GET", f"{PATH}/export?format=jsonl&key_id=key_1&since={since}&until={until}", written)

    ran = keyturn("requests", "key_1", "--jsonl", "--since", "2026-11-01", "--until", "2026-11-02")

    assert ran.out == written.decode()
