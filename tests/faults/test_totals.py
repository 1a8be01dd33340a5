"""Every way to ask what was used gives the same answer, to the token, and it is the provider's own."""

import csv
import itertools
import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import httpx

from fakes.load import Load, mixed, plain
from fakes.usage_records import START_MS, payload, request_id, served
from faults import books
from faults.test_kill import metered
from keyturn.domain import journal
from keyturn.system import resident_bytes
from support.node import NO_TLS, Node, running, until

REQUESTS, CLIENTS = 600, 16
DIMENSIONS = (
    "key",
    "project",
    "account",
    "user",
    "model",
    "status",
    "operation",
    "upstream",
    "day",
    "hour",
    "minute",
)
FIGURES = ("requests", "input_tokens", "output_tokens", "cost_usd", "estimated", "errors")
EXPORTED = 200_000
FIRST_MS = START_MS - 3_600_000
"""Yesterday, and early enough that no request is of a time that is still to come: a report goes up to now."""
SHORT = 100_000
"""So many that the database's connections have filled what they keep of it; an export that is put together first grows on."""
ALLOWED_GROWTH = 24 << 20
"""Of each process while 200,000 requests, 60 MiB as CSV, go through it."""


def nano(usd: Any) -> int:
    """Return decimal dollars as nano-dollars."""
    whole, _, decimals = str(usd).partition(".")
    return int(whole) * 10**9 + int(decimals.ljust(9, "0") or 0)


def figures(row: dict[str, Any]) -> tuple[int, ...]:
    """Return what is compared, of a row in any format."""
    return tuple(nano(row[name]) if name == "cost_usd" else int(row[name]) for name in FIGURES)


def added(rows: list[dict[str, Any]]) -> tuple[int, ...]:
    """Add rows up."""
    return tuple(map(sum, zip(*map(figures, rows), strict=True)))


def test_totals_are_equal_by_every_dimension_in_every_format_and_upstream(tmp_path: Path) -> None:
    """Whoever compares the bill with the provider's must find them equal, whichever page they print."""
    with metered(tmp_path) as (node, upstream):
        secrets = [node.new_key(f"key {number}")[1] for number in range(2)]
        project = node.manage("POST", "/api/v1/projects", body={"name": "other"})["data"]["id"]
        secrets.append(node.new_key("=elsewhere()", project_id=project)[1])
        for secret in secrets:
            wrong = itertools.repeat(plain("x", model="no-such-model"), 10)
            with Load(node.port, secret, itertools.chain(mixed(REQUESTS), wrong), clients=CLIENTS) as load:
                load.join()
        total = node.manage("GET", "/api/v1/usage")["data"]["total"]
        reports = {by: node.manage("GET", f"/api/v1/usage?by={by}&days=2")["data"] for by in DIMENSIONS}
        exported = {by: node.cli("usage", "--by", by, "--days", "2", "--csv").stdout for by in DIMENSIONS}
        lines = node.cli("usage", "--by", "key", "--interval", "minute", "--since", "2h", "--jsonl").stdout
        requests_csv = node.cli("requests", "--csv").stdout
        requests_lines = node.cli("requests", "--jsonl").stdout
        found = books.read(node.data)
        log = upstream.served()

    found.check()
    expected = figures(total)
    assert expected[0] == len(secrets) * REQUESTS == len(found.requests) == len(log)
    for by in DIMENSIONS:
        assert added(reports[by]["rows"]) == figures(reports[by]["total"]) == expected, by
        assert added(list(csv.DictReader(StringIO(exported[by])))) == expected, by
    assert added([json.loads(line) for line in lines.splitlines()]) == expected
    for rows in (
        list(csv.DictReader(StringIO(requests_csv))),
        list(map(json.loads, requests_lines.splitlines())),
    ):
        used = [row for row in rows if row["usage_source"]]
        assert len(rows) == len(used) + len(secrets) * 10
        assert len({row["request_id"] for row in rows}) == len(rows)
        assert sum(int(row["input_tokens"]) for row in used) == total["input_tokens"]
        assert sum(int(row["output_tokens"]) for row in used) == total["output_tokens"]
        assert sum(nano(row["cost_usd"]) for row in used) == nano(total["cost_usd"])
        ours = {row["request_id"]: row for row in used if row["usage_source"] == "reported"}
        theirs = [entry for entry in log if entry["request_id"] in ours]
        assert len(theirs) == len(ours) == total["requests"] - total["estimated"]
        for member in ("input_tokens", "output_tokens"):
            assert sum(int(row[member]) for row in ours.values()) == sum(entry[member] for entry in theirs)
    assert "'=elsewhere()" in requests_csv


def test_a_long_export_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Through the port, a worker and the control process; a reader that stops must not fill them up either."""
    node = Node(tmp_path, workers=1, demo=False)
    folder = node.data / "journals"
    folder.mkdir(parents=True)
    with (folder / "1-aaaa.0.journal").open("wb") as stream:
        for number in range(EXPORTED):
            at_ms = FIRST_MS + number
            record = served(request_id=request_id(at_ms), started_us=at_ms * 1000)
            stream.write(journal.frame(payload(record)))
    with running(node):
        until(lambda: books.total(node) == EXPORTED, within_s=60, what="ingest")
        pids = [*node.worker_pids(), node.children()["control"]]
        _, secret = node.new_key("exporter", preset="admin")
        headers = {"authorization": f"Bearer {secret}"}
        path = f"{node.url}/api/v1/requests/export?format=csv"
        until_ms = FIRST_MS + SHORT
        when = datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="milliseconds")
        short = httpx.get(
            path, params={"format": "csv", "until": when}, headers=headers, timeout=60, verify=NO_TLS
        )
        assert short.text.count("\n") == SHORT + 1
        before = [resident_bytes(pid) for pid in pids]
        peaks, rows, last = list(before), 0, b""
        with httpx.stream("GET", path, headers=headers, timeout=60, verify=NO_TLS) as answer:
            assert answer.status_code == 200
            # At first nobody reads: what would be sent ahead is sent while the node answers others.
            until(lambda: len({node.chat().status_code for _ in range(50)}) == 1, within_s=60)
            peaks = [max(peak, resident_bytes(pid)) for peak, pid in zip(peaks, pids, strict=True)]
            for number, piece in enumerate(answer.iter_bytes(1 << 20)):
                rows += piece.count(b"\n")
                last = piece
                if number % 8 == 0:
                    peaks = [max(peak, resident_bytes(pid)) for peak, pid in zip(peaks, pids, strict=True)]

    assert rows == EXPORTED + 1
    assert last.endswith(b"\n")
    for early, peak in zip(before, peaks, strict=True):
        assert peak - early < ALLOWED_GROWTH
