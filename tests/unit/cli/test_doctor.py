"""What the doctor sees."""

import fcntl
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes.management_api import ManagementApi, over_tcp
from keyturn.cli.doctor import FEW_FILES
from unit.cli.conftest import Run

PATH = "/api/v1/node"
WORKER = {
    "name": "11-ab",
    "pid": 11,
    "connected": True,
    "confirmed_sequence": 3,
    "requests": 1234,
    "open_connections": 5,
    "resident_bytes": 30 << 20,
    "journal_bytes_behind": 2048,
}
NODE: dict[str, Any] = {
    "version": "0.1.0",
    "started_at": "2026-01-01T00:00:00Z",
    "control": {"pid": 10, "resident_bytes": 90 << 20},
    "workers": [WORKER],
    "upstreams": [],
    "database": {"path": "x", "revision": "1"},
    "problems": [],
}


@pytest.fixture
def supervised(node: ManagementApi, tmp_path: Path) -> Iterator[ManagementApi]:
    """A node whose supervisor is this process."""
    path = tmp_path / ".keyturn/run/supervisor.pid"
    path.write_text(str(os.getpid()))
    with path.open() as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        yield node


def test_without_a_node_the_settings_are_shown_and_the_status_is_1(keyturn: Run) -> None:
    """It is called when nothing works, so it has to."""
    ran = keyturn("doctor")

    assert ran.status == 1
    assert "server.port" in ran.out
    assert "✗ no node runs on .keyturn" in ran.out


def test_a_running_node_shows_the_settings_it_runs_with(keyturn: Run, supervised: ManagementApi) -> None:
    """A flag given to ``serve`` is nowhere to be read afterwards but in the node itself."""
    port = {"path": "server.port", "value": "18081", "origin": "flag --port"}
    supervised.data("GET", PATH, NODE | {"settings": [port]})

    ran = keyturn("doctor")

    assert "18081" in ran.out
    assert "flag --port" in ran.out


def test_each_setting_says_where_it_came_from(
    keyturn: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever says that it was set finds the answer in this column."""
    (tmp_path / "keyturn.toml").write_text("[server]\nmax_headers = 50\n")
    monkeypatch.setenv("KEYTURN_PORT", "9000")
    monkeypatch.setenv("KEYTURN_METRICS__TOKEN", "very-secret")

    ran = keyturn("doctor", "--data", "elsewhere")

    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if "." in line}
    assert rows["server.max_headers"] == ["50", "keyturn.toml:2"]
    assert rows["server.port"] == ["9000", "environment:", "KEYTURN_PORT"]
    assert "flag --data" in ran.out
    assert "very-secret" not in ran.out


def test_a_healthy_node_is_shown_with_its_processes(keyturn: Run, supervised: ManagementApi) -> None:
    """Pid, memory, requests: what one would collect by hand."""
    supervised.data("GET", PATH, NODE)
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    ran = keyturn("doctor")

    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    line = next(line for line in ran.out.splitlines() if "11-ab" in line)
    assert line.split() == ["●", "active", "11-ab", "11", "30", "MiB", "1,234", "5", "2", "KiB"]
    assert f"process {os.getpid()}" in ran.out
    assert (ran.status == 0) == (hard >= FEW_FILES)


def test_what_the_node_knows_to_be_wrong_is_shown(keyturn: Run, node: ManagementApi) -> None:
    """A problem is worth an exit status."""
    node.data("GET", PATH, {**NODE, "problems": ["usage can't be stored"]})

    ran = keyturn("doctor")

    assert ran.status == 1
    assert "✗ usage can't be stored" in ran.out


def test_a_worker_that_is_not_connected_is_a_problem(keyturn: Run, node: ManagementApi) -> None:
    """It would go on with keys it last heard of."""
    node.data("GET", PATH, {**NODE, "workers": [{**WORKER, "connected": False}]})

    ran = keyturn("doctor")

    assert "✗ 11-ab (process 11) is not connected to the control process" in ran.out


def test_a_data_directory_that_others_can_read_is_a_problem(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """It holds the keys to everything."""
    node.data("GET", PATH, NODE)
    (tmp_path / ".keyturn").chmod(0o755)

    ran = keyturn("doctor")

    assert ran.status == 1
    assert "chmod 700 .keyturn" in ran.out


def test_a_low_limit_of_open_files_is_a_problem(keyturn: Run, supervised: ManagementApi) -> None:
    """A node that runs out of files refuses connections and looks healthy."""
    supervised.data("GET", PATH, NODE)
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))

    ran = keyturn("doctor")

    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    assert ran.status == 1
    assert "512 files only" in ran.out


def test_a_node_elsewhere_is_asked_and_this_machine_is_not(keyturn: Run, tmp_path: Path) -> None:
    """The local data directory has nothing to do with it."""
    (tmp_path / ".keyturn").mkdir(mode=0o755)
    with over_tcp() as (api, address):
        api.data("GET", PATH, NODE)

        ran = keyturn("doctor", "--url", address, "--key", "ak-1")

    assert ran.status == 0
    assert "Nothing is wrong." in ran.out


def test_json_has_it_all(keyturn: Run, node: ManagementApi) -> None:
    """A monitoring script reads the problems."""
    node.data("GET", PATH, NODE)

    document = msgspec.json.decode(keyturn("doctor", "--json").out)

    assert document["node"]["workers"] == [WORKER]
    assert ["server.port", "8080", "default"] in document["settings"]
    assert document["problems"] == []


@pytest.mark.parametrize(("required", "warnings"), [("False", 1), ("True", 0)])
def test_a_node_without_keys_is_a_warning_and_no_problem(
    keyturn: Run, supervised: ManagementApi, required: str, warnings: int
) -> None:
    """It may be meant; a watchdog that goes by the exit status need not wake anybody."""
    setting = {"path": "auth.required", "value": required, "origin": "default"}
    supervised.data("GET", PATH, NODE | {"settings": [setting]})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    ran, raw = keyturn("doctor"), keyturn("doctor", "--json")

    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert ran.out.count("! no key is needed") == warnings
    assert len(msgspec.json.decode(raw.out)["warnings"]) == warnings
    assert not [one for one in msgspec.json.decode(raw.out)["problems"] if "key" in one]
