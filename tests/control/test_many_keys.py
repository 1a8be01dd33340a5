"""Lists of keys on a node that has a hundred thousand of them."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.control_process import ControlProcess, control_process
from keyturn.domain import ids

KEYS = "/api/v1/keys"
COUNT = 100_000
HALFWAY = ids.mint(ids.KEY, now_ms=1_700_000_050_000, entropy=0)
WITHIN_S = 0.050
PAGES = 10
"""Read for one measurement: the processor's clock has steps of 10 ms."""


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlProcess]:
    """A control process with 100,000 keys in 200 projects of two accounts; one key in a thousand is disabled."""
    with control_process(tmp_path_factory.mktemp("crowd") / "data", traced=False) as found:
        other = found.operator.post("/api/v1/accounts", json={"name": "Other"}).json()["data"]["id"]
        _fill(found, other)
        yield found


def cpu_s(pid: int) -> float:
    """Return the seconds that a process has computed; waiting for a busy machine is none of its doing."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _fill(control: ControlProcess, account_id: str) -> None:
    project_ids = [ids.mint(ids.PROJECT, now_ms=1_700_000_000_000, entropy=number) for number in range(200)]
    keys, secrets = [], []
    for number in range(COUNT):
        key_id = ids.mint(ids.KEY, now_ms=1_700_000_000_000 + number, entropy=number)
        secret_id = ids.mint(ids.SECRET, now_ms=1_700_000_000_000 + number, entropy=number)
        keys.append(
            (
                *(key_id, project_ids[number % 200], f"service {number} of team {number % 977}"),
                *("An application of the billing department, in use since last year.", "secret"),
                *("production", "read", number % 1000 != 0, number, "operator", 1),
                *("staging" if number % 5000 == 7 else "production", "team-a" if number % 3 else "team-b x"),
            )
        )
        secrets.append(
            (
                secret_id,
                key_id,
                number.to_bytes(32, "big"),
                b"",
                "pepper-1",
                f"sk-{number % 9973:04d}…",
                number,
            )
        )
    with sqlite3.connect(control.data.database) as database:
        database.executemany(
            "INSERT INTO projects (id, account_id, name, created_at) VALUES (?, ?, ?, 0)",
            [(one, account_id, f"project {number}") for number, one in enumerate(project_ids)],
        )
        database.executemany(
            "INSERT INTO keys (id, project_id, name, description, kind, preset, permissions, enabled, created_at, "
            "created_by, version, environment, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            keys,
        )
        database.executemany(
            "INSERT INTO secrets (id, key_id, verifier, binding, pepper_id, display, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            secrets,
        )
    database.close()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 100),
        (f"cursor={HALFWAY}", 100),
        ("status=disabled", 100),
        ("status=revoked", 0),
        ("status=expired", 0),
        ("search=team 976", 100),
        ("search=SERVICE 99999", 1),
        ("search=no such words", 0),
        ("search=zq", 0),
        ("search=sk-9972…", 10),
        ("search=department&status=revoked", 0),
        ("project=project 7", 100),
        ("account=Other", 100),
        ("account=Default", 1),
        ("environment=staging", 20),
        ("environment=nowhere", 0),
        ("tag=team-b", 100),
        ("tag=nobody", 0),
        ("kind=management", 0),
        ("account=Other&tag=x&status=disabled&search=team", 34),
    ],
)
def test_a_page_of_a_hundred_thousand_keys_comes_at_once(
    crowded: ControlProcess, query: str, count: int
) -> None:
    """Whatever it is narrowed by, found or not: a list is read while somebody waits."""
    answer = crowded.operator.get(f"{KEYS}?{query}")
    before = cpu_s(crowded.process.pid)
    for _ in range(PAGES):
        crowded.operator.get(f"{KEYS}?{query}")
    spent = (cpu_s(crowded.process.pid) - before) / PAGES

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == count
    assert spent < WITHIN_S


def test_pages_hold_every_key_of_a_crowd_once(crowded: ControlProcess) -> None:
    """The last page as quickly as the first."""
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"limit": 1000, "environment": "production"}
        query |= {"cursor": cursor} if cursor else {}
        page = crowded.operator.get(KEYS, params=query).json()
        seen += [key["id"] for key in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None or len(seen) >= 10_000:
            break

    assert len(seen) == len(set(seen)) == 10_000
    assert seen == sorted(seen, reverse=True)
