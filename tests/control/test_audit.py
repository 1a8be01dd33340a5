"""``/api/v1/audit`` and ``/api/v1/events`` over real sockets."""

import json
from typing import Any

import pytest

from fakes.control_process import ControlProcess
from keyturn import system
from keyturn.domain import key_text
from keyturn.domain.key_text import Kind
from keyturn.services.audit import REFUSALS_A_MINUTE

AUDIT, EVENTS, KEYS = "/api/v1/audit", "/api/v1/events", "/api/v1/keys"


def entries(control: ControlProcess, **wanted: Any) -> list[dict[str, Any]]:
    """Return audit entries, newest first."""
    found: list[dict[str, Any]] = control.operator.get(AUDIT, params=wanted).json()["data"]
    return found


def manager(control: ControlProcess) -> dict[str, str]:
    """Return the headers of a new management key."""
    created = control.operator.post(KEYS, json={"name": "m", "kind": "management"}).json()
    return {"authorization": f"Bearer {created['key']}"}


def test_a_change_says_who_made_it_and_what_was_before(fresh: ControlProcess) -> None:
    """The questions of the day after."""
    model = {"name": "fast", "upstream": "u", "input_usd_per_million": "1", "output_usd_per_million": "2"}
    upstream = {
        "name": "u",
        "base_url": "http://127.0.0.1:9/v1",
        "models": ["m"],
        "api_key": "a-provider-key",
    }
    assert fresh.operator.post("/api/v1/upstreams", json=upstream).status_code == 201
    assert fresh.operator.post("/api/v1/models", json=model).status_code == 201
    headers = manager(fresh) | {"x-forwarded-for": "203.0.113.7"}

    changed = fresh.relayed.patch("/api/v1/models/fast", json={"upstream_model": "m"}, headers=headers)

    (entry,) = entries(fresh, target="fast", action="model.edit")
    assert changed.status_code == 200
    assert entry["actor"].startswith("key_")
    assert (entry["address"], entry["request_id"]) == ("203.0.113.7", changed.headers["x-request-id"])
    assert (entry["before"]["upstream_model"], entry["after"]["upstream_model"]) == ("fast", "m")
    assert "a-provider-key" not in json.dumps(entries(fresh))
    assert entries(fresh, target="u", action="upstream.add")[0]["after"]["credential"] is True
    assert entries(fresh)[-1]["action"] == "node.first_start"


def test_the_log_is_verified_and_checkpoints_are_made(fresh: ControlProcess) -> None:
    """Over the network, for whoever has no access to the machine."""
    first = fresh.operator.post(f"{AUDIT}/checkpoint").json()["data"]
    again = fresh.operator.post(f"{AUDIT}/checkpoint").json()["data"]
    state = fresh.operator.get(f"{AUDIT}/checkpoint").json()["data"]
    good = fresh.operator.get(f"{AUDIT}/verify", params={"seq": first["seq"], "hash": first["hash"]})
    bad = fresh.operator.get(f"{AUDIT}/verify", params={"seq": first["seq"] + 5, "hash": first["hash"]})

    assert first == again == state["newest"]
    assert first["public_key"] == state["public_key"]
    assert good.json()["data"] == {
        "intact": True,
        "count": first["seq"],
        "hash": first["hash"],
        "problem": None,
    }
    assert bad.json()["data"]["problem"]["damage"] == "cut_off"
    assert fresh.operator.get(f"{AUDIT}/verify", params={"seq": 1, "hash": "x"}).status_code == 400


def test_refused_callers_are_written_down_but_not_what_they_sent(fresh: ControlProcess) -> None:
    """Whoever tries doors leaves a trace; a secret in a path or a header leaves none."""
    weak = fresh.operator.post(KEYS, json={"name": "weak", "permissions": ["read"]}).json()
    stranger = system.new_key(Kind.SECRET).reveal()

    fresh.relayed.get(f"{KEYS}/{stranger}")
    fresh.relayed.get(KEYS, headers={"x-api-key": stranger, "x-forwarded-for": "203.0.113.9"})
    fresh.relayed.delete(f"{KEYS}/{stranger}", headers={"x-api-key": weak["key"]})

    found = entries(fresh, action="management.refused")
    shown = [(one["after"]["reason"], one["after"]["status"], one["target"]) for one in reversed(found)]
    assert shown == [
        ("missing_api_key", 401, "GET /api/v1/keys/{key_id}"),
        ("unknown_api_key", 401, "GET /api/v1/keys"),
        ("insufficient_permissions", 403, "DELETE /api/v1/keys/{key_id}"),
    ]
    assert found[0]["actor"] == weak["data"]["id"]
    assert found[1]["actor"] == key_text.reference(stranger.encode())
    assert found[1]["address"] == "203.0.113.9"
    assert stranger not in json.dumps(found)


def test_a_refusal_behind_the_door_says_who_was_let_in(fresh: ControlProcess) -> None:
    """Whoever tries to make a stronger key than their own is known."""
    writer = fresh.operator.post(KEYS, json={"name": "w", "permissions": ["write"]}).json()

    answer = fresh.relayed.post(
        KEYS, json={"name": "x", "permissions": ["admin"]}, headers={"x-api-key": writer["key"]}
    )

    (entry,) = entries(fresh, action="management.refused")
    assert answer.status_code == 403
    assert (entry["actor"], entry["target"]) == (writer["data"]["id"], "POST /api/v1/keys")


def test_a_flood_of_refused_callers_does_not_fill_the_log(fresh: ControlProcess) -> None:
    """The bound is per minute, and the test may see two of them."""
    for _ in range(3 * REFUSALS_A_MINUTE):
        assert fresh.relayed.get(KEYS).status_code == 401

    found = entries(fresh, action="management.refused", limit=1000)

    assert REFUSALS_A_MINUTE <= len(found) <= 2 * REFUSALS_A_MINUTE + 1


def test_only_those_who_reach_the_node_read_the_log(control: ControlProcess) -> None:
    """It tells of all accounts."""
    writer = control.operator.post(KEYS, json={"name": "w", "permissions": ["write"]}).json()

    refused = control.relayed.get(AUDIT, headers={"x-api-key": writer["key"]})
    let_in = control.relayed.get(AUDIT, headers=manager(control))

    assert (refused.status_code, let_in.status_code) == (403, 200)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (AUDIT, "cursor=x"),
        (AUDIT, "cursor=-1"),
        (AUDIT, "since=2026-11-20T00:00:00"),
        (AUDIT, "limit=0"),
        (EVENTS, "cursor=x"),
        (EVENTS, "kind=nothing"),
        (EVENTS, "severity=nothing"),
        (EVENTS, "since=yesterday"),
    ],
)
def test_a_filter_that_is_none_is_refused(control: ControlProcess, path: str, query: str) -> None:
    """A filter that is quietly ignored shows too much or too little."""
    answer = control.operator.get(f"{path}?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_MEMBER"


def test_events_are_listed(control: ControlProcess) -> None:
    """Empty where nothing has happened, and for those who may know only."""
    reader = control.operator.post(KEYS, json={"name": "r", "permissions": ["read"]}).json()

    nothing = control.operator.get(
        EVENTS, params={"kind": "key.claimed_twice", "since": "2026-01-01T00:00:00Z"}
    )
    refused = control.relayed.get(EVENTS, headers={"x-api-key": reader["key"]})

    assert nothing.json() == {"success": True, "data": [], "next_cursor": None}
    assert refused.status_code == 403
