"""Upstreams, models, usage, requests, the node, metrics: over real sockets."""

import os
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.bus_worker import BusWorker
from fakes.control_process import ControlProcess
from fakes.provider import provider
from fakes.usage_records import WorkerJournal, admitted, refused, request_id, served
from keyturn import __version__, bus
from keyturn.domain.checks import CHECKS
from keyturn.domain.prices import Price
from keyturn.store.migrations import HEAD

UPSTREAMS, MODELS = "/api/v1/upstreams", "/api/v1/models"
ALL_CHECKS = [name for name, _ in CHECKS]


async def test_an_upstream_is_added_tried_and_removed(control: ControlProcess) -> None:
    """Its credential goes in and never comes out."""
    async with provider() as there:
        there.says(b'{"data":[{"id":"llama"}]}')
        body = {"name": "local", "base_url": there.base_url, "api_key": "very-secret"}
        added = await control.call("POST", UPSTREAMS, body)
        tested = await control.call("POST", f"{UPSTREAMS}/local/test")

    listed = control.operator.get(UPSTREAMS)
    removed = control.operator.delete(f"{UPSTREAMS}/local")
    again = control.operator.delete(f"{UPSTREAMS}/local")

    assert added.status_code == 201
    data = added.json()["data"]
    assert (data["models"], data["has_credential"], data["note"]) == (["llama"], True, None)
    assert tested.json()["data"]["ok"] is True
    assert tested.json()["data"]["models"] == ["llama"]
    assert "local" in [one["name"] for one in listed.json()["data"]]
    assert "very-secret" not in added.text + tested.text + listed.text
    assert (removed.status_code, again.status_code) == (200, 404)


def test_an_upstream_that_does_not_answer_is_added_with_a_note(control: ControlProcess) -> None:
    """It may be down today."""
    body = {"name": "down", "base_url": "http://127.0.0.1:9/v1"}

    added = control.operator.post(UPSTREAMS, json=body)
    tested = control.operator.post(f"{UPSTREAMS}/down/test")
    control.operator.delete(f"{UPSTREAMS}/down")

    assert added.status_code == 201
    assert "can't be reached" in added.json()["data"]["note"]
    assert (tested.status_code, tested.json()["data"]["ok"]) == (200, False)


def test_providers_are_listed_and_one_is_connected_by_name(control: ControlProcess) -> None:
    """With two credentials, neither of which comes out again."""
    listed = {one["id"]: one for one in control.operator.get("/api/v1/providers").json()["data"]}
    body = {"name": "claude", "provider": "anthropic", "api_keys": ["secret-1", "secret-2"], "models": ["c"]}
    added = control.operator.post(UPSTREAMS, json=body)
    control.operator.delete(f"{UPSTREAMS}/claude")

    assert listed["anthropic"]["operations"]["chat"] == "anthropic_messages"
    assert listed["anthropic"]["operations"].keys() & {"embeddings", "messages"} == {"messages"}
    assert listed["mistral"]["quirks"] == {
        "legacy_cap": True,
        "stream_options": False,
        "strict": True,
        "random_seed": True,
        "thoughts": None,
        "top_k": False,
    }
    assert listed["cloudflare"]["base_url"] is None
    assert added.status_code == 201
    data = added.json()["data"]
    assert (data["provider"], data["base_url"]) == ("anthropic", listed["anthropic"]["base_url"])
    assert (data["has_credential"], data["credentials"]) == (True, 2)
    assert "secret-" not in added.text


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"name": "demo", "base_url": "http://h/v1"}, 409, "name"),
        ({"name": "X", "base_url": "http://h/v1"}, 400, "name"),
        ({"name": "x", "base_url": "file:///etc/passwd"}, 400, "base_url"),
        ({"name": "x", "base_url": "http://h/v1", "models": "m"}, 400, "models"),
        ({"name": "x"}, 400, "base_url"),
        ({"name": "x", "provider": "anthropc"}, 400, "provider"),
        ({"name": "x", "provider": "anthropic", "api_keys": ["ok", "not ok"]}, 400, "api_keys[1]"),
    ],
)
def test_a_bad_upstream_is_refused(
    control: ControlProcess, body: dict[str, Any], status: int, param: str | None
) -> None:
    """By the member at fault."""
    answer = control.operator.post(UPSTREAMS, json=body)

    assert answer.status_code == status
    assert answer.json()["error"]["details"].get("param") == param


async def test_a_model_with_slashes_lives_from_creation_to_removal(control: ControlProcess) -> None:
    """Many providers name theirs like paths; prices go in and out as decimals, exactly."""
    worker = await BusWorker.connect(control.data.bus_socket)
    await worker.snapshot()
    body = {
        "name": "org/fast",
        "upstream": "demo",
        "upstream_model": "demo-chat",
        "input_usd_per_million": "0.15",
        "output_usd_per_million": 0.6,
    }

    added = await control.call("POST", MODELS, body)
    snapshot = await worker.snapshot(2)
    changed = await control.call(
        "PATCH", f"{MODELS}/org/fast", {"cached_input_usd_per_million": "0.000000001"}
    )
    shown = await control.call("GET", f"{MODELS}/org%2Ffast")
    removed = await control.call("DELETE", f"{MODELS}/org/fast")
    gone = await control.call("GET", f"{MODELS}/org/fast")
    await worker.close()

    assert added.status_code == 201
    price = snapshot.models["org/fast"].prices[0].version
    assert price is not None
    assert price.price == Price(150_000_000, 600_000_000)
    assert changed.json()["data"]["cached_input_usd_per_million"] == "0.000000001"
    assert shown.json() == changed.json()
    assert (removed.status_code, gone.status_code) == (200, 404)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "m", "upstream": "nobody"}, "upstream"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": "-1"}, "input_usd_per_million"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": "0.0000000001"}, "input_usd_per_million"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": "NaN"}, "input_usd_per_million"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": "1e999"}, "input_usd_per_million"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": "x"}, "input_usd_per_million"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": True}, "input_usd_per_million"),
        ({"name": "m", "upstream": "demo", "input_usd_per_million": "1"}, "output_usd_per_million"),
    ],
)
def test_a_bad_model_is_refused(control: ControlProcess, body: dict[str, Any], param: str) -> None:
    """By the member at fault; money is never rounded."""
    answer = control.operator.post(MODELS, json=body)

    assert (answer.status_code, answer.json()["error"]["details"]["param"]) == (400, param)


def test_usage_is_grouped_three_ways_with_one_total(fresh: ControlProcess) -> None:
    """However it is cut, it is the same money."""
    owner = fresh.operator.get("/api/v1/keys/default").json()["data"]["id"]
    journal = WorkerJournal(fresh.data.journals)
    journal.write(served(key_id=owner), served(key_id=owner, model="echo", source="estimated", priced=False))
    journal.write(served(key_id="key_gone"))

    reports = {
        by: fresh.operator.get(f"/api/v1/usage?by={by}&days=3").json()["data"]
        for by in ("key", "model", "day")
    }
    journal.close()

    total = {
        "requests": 3,
        "input_tokens": 27,
        "output_tokens": 63,
        "cost_usd": "0.000015",
        "estimated": 1,
        "recovered": 0,
        "unpriced": 1,
    }
    totals = [report["total"] for report in reports.values()]
    assert totals == totals[:1] * 3
    assert totals[0] | total == totals[0]
    assert [(row["key_id"], row["key_name"], row["requests"]) for row in reports["key"]["rows"]] == [
        (owner, "default", 2),
        ("key_gone", "", 1),
    ]
    assert [(row["model"], row["requests"]) for row in reports["model"]["rows"]] == [
        ("demo-chat", 2),
        ("echo", 1),
    ]
    [day] = reports["day"]["rows"]
    assert len(day["day"]) == len("2026-11-20")


def test_a_request_that_was_served_is_explained(fresh: ControlProcess) -> None:
    """Checks, target, timings, usage."""
    owner = fresh.operator.get("/api/v1/keys/default").json()["data"]["id"]
    journal = WorkerJournal(fresh.data.journals)
    begun, waiting = admitted(key_id=owner), admitted(key_id=owner)
    journal.write(begun, served(begun, streamed=True), waiting)

    ended = fresh.operator.get(f"/api/v1/requests/{begun.request_id}").json()["data"]
    open_ = fresh.operator.get(f"/api/v1/requests/{waiting.request_id}").json()["data"]
    journal.close()

    assert [check["name"] for check in ended["checks"]] == ALL_CHECKS
    assert all(check["passed"] for check in ended["checks"])
    assert (ended["source"], ended["outcome"], ended["key_name"], ended["streamed"]) == (
        "journal",
        "ok",
        "default",
        True,
    )
    assert (ended["auth_us"], ended["first_byte_us"], ended["total_us"]) == (20, 400, 900)
    assert (ended["cost_usd"], ended["usage_source"]) == ("0.000005", "reported")
    assert (open_["outcome"], open_["status"]) == ("under_way", 0)


async def test_a_refusal_that_was_not_written_down_is_explained_from_a_workers_memory(
    control: ControlProcess,
) -> None:
    """A flood of refusals fills no disk, and can be explained all the same."""
    asked = request_id()
    worker = await BusWorker.connect(control.data.bus_socket)
    await worker.snapshot()
    worker.trace = refused(request_id=asked, location="query")

    answer = await control.call("GET", f"/api/v1/requests/{asked}")
    worker.trace = None
    unknown = await control.call("GET", f"/api/v1/requests/{request_id()}")
    await worker.close()

    data = answer.json()["data"]
    assert (data["source"], data["reason"], data["status"], data["location"]) == (
        "memory",
        "disabled_api_key",
        401,
        "query",
    )
    failed = ALL_CHECKS.index("active")
    passed = [True] * failed + [False] + [None] * (len(ALL_CHECKS) - failed - 1)
    assert [check["passed"] for check in data["checks"]] == passed
    assert unknown.status_code == 404


@pytest.mark.parametrize("text", ["x", "req_1", "key_" + "a" * 20])
def test_what_is_no_request_id_is_not_found(control: ControlProcess, text: str) -> None:
    """Without asking anybody."""
    assert control.operator.get(f"/api/v1/requests/{text}").status_code == 404


async def test_the_node_shows_its_workers_and_what_is_wrong(fresh: ControlProcess) -> None:
    """`keyturn doctor` reads it."""
    alone = (await fresh.call("GET", "/api/v1/node")).json()["data"]
    lost = WorkerJournal(fresh.data.journals, f"{os.getpid()}-lost")
    worker = await BusWorker.connect(fresh.data.bus_socket, "1-here")
    snapshot = await worker.snapshot()
    worker.send(bus.Counted([("chat", 200, 4), ("chat", 401, 1)], [], [], [], 0.0, {"open_connections": 3.0}))
    await worker.look(b"x" * 32)
    (fresh.data.secrets / "pepper-1").chmod(0o644)

    node = (await fresh.call("GET", "/api/v1/node")).json()["data"]
    await worker.close()
    lost.close()

    assert "no worker runs" in " ".join(alone["problems"])
    assert "there is no upstream" in " ".join(alone["problems"])
    assert (node["version"], node["database"]["revision"]) == (__version__, HEAD)
    assert (node["control"]["pid"], node["control"]["resident_bytes"] > 1 << 20) == (fresh.process.pid, True)
    here, gone = node["workers"]
    assert (here["name"], here["connected"], here["requests"], here["open_connections"]) == (
        "1-here",
        True,
        5,
        3,
    )
    assert here["confirmed_sequence"] == snapshot.sequence
    assert (gone["name"], gone["connected"], gone["pid"]) == (f"{os.getpid()}-lost", False, os.getpid())
    assert f"worker {os.getpid()}-lost is not connected" in " ".join(node["problems"])
    assert "pepper-1 can be read by others" in " ".join(node["problems"])


async def test_readiness_follows_the_workers(fresh: ControlProcess) -> None:
    """Without one nobody is admitted."""
    before = await fresh.call("GET", "/readyz")
    worker = await BusWorker.connect(fresh.data.bus_socket)
    await worker.snapshot()

    ready = await fresh.call("GET", "/readyz")
    await worker.close()

    assert (before.status_code, ready.status_code) == (503, 200)
    assert fresh.operator.get("/healthz").text == "ok\n"


async def test_metrics_add_the_workers_up_in_a_format_that_prometheus_reads(fresh: ControlProcess) -> None:
    """Buckets cumulative, counters with _total."""
    counted = bus.Counted(
        [("chat", 200, 3)],
        [("unknown_api_key", 1)],
        [("input", 10)],
        [2, 1] + [0] * 13 + [1],
        12.5,
        {"open_connections": 2.0, "open_streams": 1.0, "resident_bytes": 4096.0},
    )
    gone = await BusWorker.connect(fresh.data.bus_socket, "1-a")
    worker = await BusWorker.connect(fresh.data.bus_socket, "2-b")
    for one in (gone, worker):
        one.send(counted)
        await one.look(b"x" * 32)
    await gone.close()

    answer = await fresh.call("GET", "/metrics")
    await worker.close()

    assert answer.headers["content-type"].count("charset") == 1
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["keyturn_requests_total", ("operation", "chat"), ("status", "200")] == 6
    assert samples["keyturn_refusals_total", ("reason", "unknown_api_key")] == 2
    assert samples["keyturn_tokens_total", ("direction", "input")] == 20
    assert samples["keyturn_request_duration_seconds_bucket", ("le", "0.005")] == 4
    assert samples["keyturn_request_duration_seconds_bucket", ("le", "0.01")] == 6
    assert samples["keyturn_request_duration_seconds_bucket", ("le", "+Inf")] == 8
    assert samples["keyturn_request_duration_seconds_count",] == 8
    assert samples["keyturn_request_duration_seconds_sum",] == 25
    assert samples["keyturn_build_info", ("version", __version__)] == 1
    assert samples["keyturn_open_streams",] >= 1
