"""A limit is a limit: however many workers, clients and deaths, no true window ever holds more than it allows."""

import itertools
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from fakes.demo_upstream import demo_upstream
from fakes.load import Ask, Load, plain
from faults import books
from faults.test_kill import kill_both, kill_control, kill_worker, listens, settled
from support.limits import admitted_at, limited, most_within
from support.node import Node, running, until

FLOOD_S = 60.0
CLIENTS = 200
RATES = [
    ("requests", "minute", 1),
    ("requests", "minute", 10),
    ("requests", "minute", 100),
    ("requests", "minute", 1_000),
    ("requests", "minute", 10_000),
    ("requests", "second", 3),
    ("requests", "second", 40),
    ("requests", "hour", 500),
]
BRIEF_S = 12.0
WINDOW_S = {"second": 1.0, "minute": 60.0, "hour": 3_600.0}


def ask_with(secret: str, **members: Any) -> Ask:
    """Ask for a short completion with a key."""
    return structs.replace(plain("hi", max_tokens=4, **members), key=secret)


def flood(node: Node, secrets: list[str], *, for_s: float, clients: int = CLIENTS) -> Load:
    """Ask with all keys in turn, as fast as it goes, for some seconds."""
    asks = itertools.cycle([ask_with(secret) for secret in secrets])
    with Load(node.port, secrets[0], asks, clients=clients, per_connection=200) as load:
        until(lambda: False if not load.outcomes else _since_first(load) >= for_s, within_s=for_s + 30)
    return load


def _since_first(load: Load) -> float:
    return load.outcomes[-1].ended_at - load.outcomes[0].started_at


def test_no_true_window_ever_holds_more_than_its_limit(tmp_path: Path) -> None:
    """Four workers and two hundred clients for a minute: never one over, and hardly any allowed one refused."""
    node = Node(tmp_path, workers=4, demo=False)
    with demo_upstream(log=tmp_path / "served.log") as upstream, running(node):
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        keys = {
            limited(node, f"{metric} {window} {most}", {"metric": metric, "window": window, "max": most}): (
                window,
                most,
            )
            for metric, window, most in RATES
        }
        load = flood(node, [secret for _, secret in keys], for_s=FLOOD_S)
        until(lambda: settled(node), within_s=30)
        found = books.read(node.data)

    times = admitted_at(found)
    served = {entry["request_id"] for entry in upstream.served()}
    assert served == {request.request_id for request in found.requests}
    assert set(load.tally()) <= {"200", "429"}, load.tally()
    for (key_id, _), (window, most) in keys.items():
        own = times[key_id]
        assert most_within(own, WINDOW_S[window]) <= most, (window, most)
        if window == "second":  # clients that saturate the machine come back later than a second's cells
            assert len(own) >= 0.3 * most * FLOOD_S, (window, most, len(own))
        elif most < 10_000 or len(load.outcomes) > 10_000 * len(keys):
            assert len(own) >= 0.97 * most, (window, most, len(own))


@pytest.mark.parametrize("most", [3, 40])
def test_a_limit_by_the_second_is_used_up_where_the_machine_has_room(tmp_path: Path, most: int) -> None:
    """In a flood the machine is what ends first; here a few clients ask for a thousand times what there is."""
    node = Node(tmp_path, workers=2)
    with running(node):
        key_id, secret = limited(node, "brief", {"metric": "requests", "window": "second", "max": most})
        load = flood(node, [secret], for_s=BRIEF_S, clients=4)
        until(lambda: settled(node), within_s=30)
        found = books.read(node.data)

    times = admitted_at(found)[key_id]
    assert most_within(times, 1.0) <= most
    windows_s = times[-most] - times[0]
    assert len(times) - most >= 0.97 * most * windows_s, (len(times), windows_s)
    assert len(load.outcomes) > 10 * len(times)


BUDGET_NANO_USD = 10**9
PRICE = {"input_usd_per_million": "100", "output_usd_per_million": "1000"}


def kill_nobody(_node: Node) -> None:
    """Let everything live."""


@pytest.mark.parametrize("kill", [kill_nobody, kill_worker, kill_control, kill_both])
def test_a_dollar_is_a_dollar_for_five_hundred_calls_at_once(
    tmp_path: Path, kill: Callable[[Node], None]
) -> None:
    """Each call alone fits the budget, all together are many times over it."""
    node = Node(tmp_path, workers=3, demo=False, server__drain_s="1.0")
    with demo_upstream(log=tmp_path / "served.log") as upstream, running(node):
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        node.manage("PATCH", "/api/v1/models/demo-chat", body=PRICE)
        key_id, secret = limited(node, "a dollar", {"metric": "cost_usd", "window": "lifetime", "max": "1"})
        asks = [structs.replace(plain(f"call {number}", max_tokens=20), key=secret) for number in range(500)]
        with Load(node.port, secret, asks, clients=500) as load:
            until(lambda: len(load.outcomes) > 10)
            kill(node)
            load.join()
        again = [ask_with(secret) for _ in range(200)]
        with Load(node.port, secret, again, clients=50) as load:
            load.join()
        until(lambda: settled(node), within_s=30)
        found = books.read(node.data)
        proof = node.cli("ledger", "verify", check=False)

    assert proof.returncode == 0, proof.stdout + proof.stderr
    charged = sum(request.cost_nano_usd for request in found.requests if request.key_id == key_id)
    assert 0.8 * BUDGET_NANO_USD < charged <= BUDGET_NANO_USD
    found.check()


def restart_control(node: Node) -> None:
    """End the control process as a crash does, and wait for the next one."""
    pid = node.children()["control"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.children().get("control", pid) != pid, within_s=30, what="another control process")
    until(lambda: listens(node), within_s=30, what="the next control process")


def let_it_be_noon(node: Node) -> None:
    """Put the account into a time zone in which no day ends meanwhile."""
    [account] = node.manage("GET", "/api/v1/accounts")["data"]
    zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
    node.manage("PATCH", f"/api/v1/accounts/{account['id']}", body={"time_zone": zone})


def test_a_restart_of_the_control_process_forgets_no_window(tmp_path: Path) -> None:
    """What was counted before counts after: killing it must not buy anybody a second helping."""
    node = Node(tmp_path, workers=2)
    with running(node):
        let_it_be_noon(node)
        keys = [
            limited(node, "minute", {"metric": "requests", "window": "minute", "max": 20}),
            limited(node, "hour", {"metric": "requests", "window": "hour", "max": 20}),
            limited(node, "day", {"metric": "requests", "window": "day", "max": 20}),
        ]
        for _ in range(3):
            with Load(node.port, "", [ask_with(s) for _, s in keys for _ in range(12)], clients=20) as load:
                load.join()
            restart_control(node)
        until(lambda: settled(node), within_s=30)
        found = books.read(node.data)

    times = admitted_at(found)
    assert [len(times[key_id]) for key_id, _ in keys] == [20, 20, 20]


def test_requests_under_way_never_pass_their_limit(tmp_path: Path) -> None:
    """With a worker killed in between: its requests end with it, and their room comes back."""
    node = Node(tmp_path, workers=3, demo=False)
    with demo_upstream(log=tmp_path / "served.log") as upstream, running(node):
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        key_id, secret = limited(node, "five", {"metric": "concurrency", "max": 5})
        slow = itertools.repeat(ask_with(secret, stream=True))
        with Load(node.port, secret, slow, clients=60) as load:
            until(lambda: len([one for one in load.outcomes.copy() if one.served]) > 40, within_s=30)
            kill_worker(node)
            before = len(load.outcomes)
            until(lambda: len([one for one in load.outcomes[before:] if one.served]) > 60, within_s=30)
        until(lambda: settled(node), within_s=30)
        found = books.read(node.data)

    spans = [
        (request.started_us + request.admitted_us, request.started_us + request.total_us)
        for request in found.requests
        if request.key_id == key_id and request.outcome == "ok"
    ]
    edges = sorted(
        [(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans], key=lambda e: (e[0], e[1])
    )
    assert max(itertools.accumulate(step for _, step in edges)) == 5
