"""Prices through the management API: what they are, what is refused, and pricing recorded requests again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.bus_worker import BusWorker
from fakes.control_process import ControlProcess
from fakes.usage_records import WorkerJournal, served
from keyturn.domain.prices import Price

PRICES = "/api/v1/prices"
TOKENS = {"input_usd_per_million": "1", "output_usd_per_million": "2"}


def later(hours: int = 1) -> str:
    """Return a time to come."""
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def listed(control: ControlProcess, **query: str) -> list[dict[str, Any]]:
    """Return prices."""
    answer = control.operator.get(PRICES, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_every_model_of_the_demo_has_a_shipped_price(control: ControlProcess) -> None:
    """Money is counted from the first request on; each price says where it stands."""
    found = {one["model"]: one for one in listed(control)}

    assert {"demo-chat", "gpt-4o", "echo", "demo-embed"} <= set(found)
    price = found["gpt-4o"]
    assert (price["origin"], price["in_force"], price["effective_from"]) == ("shipped", True, None)
    assert (price["input_usd_per_million"], price["output_usd_per_million"]) == ("0.15", "0.6")
    assert price["source_date"]


def test_the_shipped_table_is_shown_whole(control: ControlProcess) -> None:
    """Before a provider is connected, too."""
    answer = control.operator.get(f"{PRICES}/shipped")

    found = {(one["provider"], one["upstream_model"]): one for one in answer.json()["data"]}
    assert len(found) > 100
    assert found["openai", "whisper-1"]["second_usd"] == "0.0001"
    assert found["openai", "tts-1"]["characters_usd_per_million"] == "15"
    assert found["openai", "tts-1"]["input_usd_per_million"] is None
    assert found["openai", "dall-e-3"]["image_usd"] == "0.04"


async def test_a_price_for_later_reaches_the_workers_at_once_and_is_taken_back(fresh: ControlProcess) -> None:
    """They switch by themselves when its time comes."""
    fresh.operator.post(
        "/api/v1/upstreams",
        json={"name": "openai", "base_url": "https://api.openai.com/v1", "models": ["o3"]},
    )
    worker = await BusWorker.connect(fresh.data.bus_socket)
    await worker.snapshot()
    at = later()

    added = await fresh.call(
        "POST", PRICES, {"model": "o3", **TOKENS, "effective_from": at, "note": "contract"}
    )
    snapshot = await worker.snapshot(2)
    shown = listed(fresh, model="o3")
    future = listed(fresh, model="o3", at=later(2))
    removed = await fresh.call("DELETE", f"{PRICES}/{added.json()['data']['id']}")
    again = await worker.snapshot(3)
    await worker.close()

    assert added.status_code == 201
    assert (added.json()["data"]["in_force"], added.json()["data"]["effective_from"]) == (False, at)
    prices = [step.version.price if step.version else None for step in snapshot.models["o3"].prices]
    assert prices == [Price(2 * 10**9, 8 * 10**9, 500_000_000), Price(10**9, 2 * 10**9)]
    assert [(one["origin"], one["in_force"], one["effective_until"]) for one in shown] == [
        ("shipped", False, "2025-06-10T00:00:00Z"),
        ("shipped", True, at),
        ("operator", False, None),
    ]
    assert [(one["id"], one["note"]) for one in future] == [(added.json()["data"]["id"], "contract")]
    assert (removed.status_code, len(again.models["o3"].prices)) == (200, 1)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "nobody", **TOKENS}, "model"),
        ({"model": "gpt-4o"}, "input_usd_per_million"),
        ({"model": "gpt-4o", "input_usd_per_million": "1"}, "output_usd_per_million"),
        ({"model": "gpt-4o", **TOKENS, "image_usd": "-1"}, "image_usd"),
        ({"model": "gpt-4o", **TOKENS, "image_usd": "0.0000000001"}, "image_usd"),
        ({"model": "gpt-4o", **TOKENS, "effective_from": "2026-12-01T00:00:00"}, "effective_from"),
        ({"model": "gpt-4o", **TOKENS, "effective_from": "0001-01-01T00:00:00Z"}, "effective_from"),
        ({"model": "gpt-4o", **TOKENS, "effective_from": "monday"}, "effective_from"),
        ({"model": "gpt-4o", **TOKENS, "note": "x" * 501}, "note"),
        ({"model": "gpt-4o", **TOKENS, "price": "1"}, "price"),
    ],
)
def test_a_bad_price_is_refused_by_its_member(
    control: ControlProcess, body: dict[str, Any], param: str
) -> None:
    """Money is never guessed."""
    answer = control.operator.post(PRICES, json=body)

    assert (answer.status_code, answer.json()["error"]["details"].get("param")) == (400, param), answer.text


def test_a_price_that_was_in_force_stays(control: ControlProcess) -> None:
    """Requests name it."""
    added = control.operator.post(PRICES, json={"model": "demo-slow", **TOKENS}).json()["data"]

    kept = control.operator.delete(f"{PRICES}/{added['id']}")
    unknown = control.operator.delete(f"{PRICES}/prc_00000000000000000000")
    of_nobody = control.operator.get(PRICES, params={"model": "nobody"})

    assert (kept.status_code, unknown.status_code, of_nobody.status_code) == (409, 404, 404)


def test_requests_are_priced_again_only_when_that_is_asked_for(fresh: ControlProcess) -> None:
    """Then reports, keys and the request itself say the same, and a second time changes nothing."""
    owner = fresh.operator.get("/api/v1/keys/default").json()["data"]["id"]
    body = {"name": "x", "base_url": "http://127.0.0.1:9/v1", "models": ["mine"]}
    fresh.operator.post("/api/v1/upstreams", json=body)
    record = served(
        key_id=owner, model="mine", upstream="x", upstream_model="mine", cost_nano_usd=0, priced=False
    )
    morning = datetime.fromtimestamp(record.started_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = fresh.operator.post(PRICES, json={"model": "mine", **TOKENS, "effective_from": morning}).json()[
        "data"
    ]
    journal = WorkerJournal(fresh.data.journals)
    journal.write(record)
    journal.close()  # else it would be a worker's that lives and never confirms anything

    def rerate(**members: object) -> dict[str, Any]:
        answer = fresh.operator.post(f"{PRICES}/rerate", json={"from": morning, **members})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    looked = rerate()
    usage = fresh.operator.get("/api/v1/usage").json()["data"]["total"]
    applied = rerate(apply=True)
    again = rerate(apply=True)
    after = fresh.operator.get("/api/v1/usage").json()["data"]["total"]
    request = fresh.operator.get(f"/api/v1/requests/{record.request_id}").json()["data"]

    (row,) = looked["rows"]
    assert (row["key_name"], row["model"], row["difference_usd"]) == ("default", "mine", "0.000051")
    assert (looked["applied"], looked["next_cursor"], looked["scanned"]) == (False, None, 1)
    assert (usage["cost_usd"], usage["unpriced"]) == ("0", 1)
    assert applied["total"]["after_usd"] == "0.000051"
    assert (again["rows"], again["scanned"]) == ([], 1)
    assert (after["cost_usd"], after["unpriced"]) == ("0.000051", 0)
    assert (request["cost_usd"], request["price_id"], request["priced"]) == ("0.000051", said["id"], True)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"from": "2026-11-20T00:00:00"}, "from"),
        ({"from": "2026-11-20T00:00:00Z", "cursor": "x"}, "cursor"),
        ({"from": "2026-11-20T00:00:00Z", "id": "x"}, "id"),
        ({}, None),
    ],
)
def test_a_rerate_of_nobody_knows_what_is_refused(
    control: ControlProcess, members: dict[str, str], param: str | None
) -> None:
    """Before anything is looked at."""
    answer = control.operator.post(f"{PRICES}/rerate", json=members)

    assert (answer.status_code, answer.json()["error"]["details"].get("param")) == (400, param), answer.text
