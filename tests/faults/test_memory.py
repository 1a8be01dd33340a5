"""Memory stays flat, however many requests go by."""

import itertools
import subprocess
import sys
from pathlib import Path

import httpx

from fakes.load import Load, mixed, plain
from keyturn.system import resident_bytes
from support.node import NO_TLS, Node, running, until

WARM_UP, REQUESTS = 6_000, 20_000
CLIENTS = 16
ALLOWED_GROWTH = (1 << 20, 4 << 20)
"""Of the worker and of the control process, whose database keeps pages it has read."""

CACHE_BYTES = 60 << 20
ROOT = Path(__file__).parents[2]


def test_twenty_thousand_requests_leave_nothing_behind_in_worker_and_control_process(tmp_path: Path) -> None:
    """A node runs for months; what a request leaves behind is what ends it one day."""
    # Small journals, so that several are written, read and deleted, and none counts as memory for long.
    with running(Node(tmp_path, workers=1, journal__segment_bytes="262144")) as node:
        asks = itertools.chain(mixed(800), itertools.repeat(plain(max_tokens=4), WARM_UP + REQUESTS))
        pids = [*node.worker_pids(), node.children()["control"]]
        with Load(node.port, node.key, asks, clients=CLIENTS) as load:
            until(lambda: len(load.outcomes) >= WARM_UP, within_s=60)
            before = [resident_bytes(pid) for pid in pids]
            load.join()
            after = [resident_bytes(pid) for pid in pids]

        assert load.tally() == {"200": 800 + WARM_UP + REQUESTS}
        worker, control = (late - early for early, late in zip(before, after, strict=True))
        assert worker < ALLOWED_GROWTH[0]
        assert control < ALLOWED_GROWTH[1]


def test_a_worker_remembers_no_more_keys_than_it_is_told_to(tmp_path: Path) -> None:
    """Those that it has forgotten work all the same, and are refused all the same once they are revoked."""
    cached, count = 20, 100
    with running(Node(tmp_path, workers=1, demo=False, auth__cached_keys=str(cached))) as node:
        keys = [node.new_key(f"key {number}") for number in range(count)]

        def look_ups() -> int:
            number: int = node.manage("GET", "/api/v1/node")["data"]["control"]["look_ups"]
            return number

        with httpx.Client(verify=NO_TLS, timeout=30) as client:

            def ask(secret: str) -> int:
                return client.get(f"{node.url}/v1/models", headers={"x-api-key": secret}).status_code

            first = {ask(secret) for _, secret in keys}
            before = look_ups()
            again = {ask(secret) for _, secret in keys}
            forgotten = look_ups() - before
            latest = {ask(secret) for _, secret in keys[-cached:]}
            remembered = look_ups() - before - forgotten
            for key_id, _ in keys[::2]:
                node.manage("POST", f"/api/v1/keys/{key_id}/revoke")
            ended = {ask(secret) for _, secret in keys[::10]}
            others = {ask(secret) for _, secret in keys[1::2]}

    assert first == again == latest == others == {200}
    assert ended == {401}
    assert (forgotten, remembered) == (count, 0)


def test_fifty_thousand_remembered_keys_fit_into_sixty_mebibytes() -> None:
    """The default of ``auth.cached_keys``, with records as they come from the bus; in a process of its own."""
    program = "from bench.key_check import _cache_memory as used; print(used())"

    used = int(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, timeout=60))

    assert 0 < used < CACHE_BYTES
