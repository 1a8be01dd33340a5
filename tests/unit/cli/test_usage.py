"""The report of requests, tokens and cost."""

from typing import Any

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run


def row(**members: Any) -> dict[str, Any]:
    """Return a row of usage."""
    figures = {"requests": 1, "input_tokens": 10, "output_tokens": 20, "cost_usd": "0.5"}
    return {**figures, "estimated": 0, "recovered": 0, "unpriced": 0, **members}


def lay_down(node: ManagementApi, by: str, rows: list[dict[str, Any]], **total: object) -> dict[str, Any]:
    """Lay down a report and return it."""
    report = {"by": by, "days": 30, "rows": rows, "total": row(**total)}
    node.data("GET", f"/api/v1/usage?by={by}&days=30", report)
    return report


def test_the_dearest_comes_first_and_has_the_longest_bar(keyturn: Run, node: ManagementApi) -> None:
    """What costs most is what is looked for."""
    cheap = row(key_id="key_1", key_name="cheap", cost_usd="1", requests=5000)
    lay_down(node, "key", [cheap, row(key_id="key_2", key_name="dear", cost_usd="1200.5")], requests=5001)

    ran = keyturn("usage")

    lines = ran.out.splitlines()
    dear, cheap_line, total = (
        next(line for line in lines if name in line) for name in ("dear", "cheap", "total")
    )
    assert lines.index(dear) < lines.index(cheap_line) < lines.index(total)
    assert "$1,200.50" in dear
    assert dear.count("█") == 16
    assert cheap_line.count("█") == 0
    assert "▏" in cheap_line
    assert "5,001" in total


def test_where_nothing_costs_anything_the_bars_compare_requests(keyturn: Run, node: ManagementApi) -> None:
    """Local models are free, and still somebody uses them most."""
    rows = [row(model="a", cost_usd="0", requests=10), row(model="b", cost_usd="0", requests=5)]
    lay_down(node, "model", rows)

    ran = keyturn("usage", "--by", "model")

    bars = [line.count("█") for line in ran.out.splitlines() if " $0.00" in line]
    assert bars[:2] == [16, 8]


def test_days_stay_in_their_order(keyturn: Run, node: ManagementApi) -> None:
    """A course of time is read from the top."""
    rows = [row(day="2026-11-01", cost_usd="1"), row(day="2026-11-02", cost_usd="9")]
    lay_down(node, "day", rows)

    ran = keyturn("usage", "--by", "day")

    assert ran.out.index("2026-11-01") < ran.out.index("2026-11-02")


def test_a_report_of_nothing_is_still_a_report(keyturn: Run, node: ManagementApi) -> None:
    """A new node has no usage, and says so with zeros."""
    lay_down(node, "key", [], requests=0, input_tokens=0, output_tokens=0, cost_usd="0")

    ran = keyturn("usage")

    assert ran.status == 0
    assert "total" in ran.out


@pytest.mark.parametrize(
    ("member", "words"),
    [("estimated", "estimated"), ("recovered", "recovered"), ("unpriced", "without a price")],
)
def test_figures_that_are_not_exact_are_pointed_out(
    keyturn: Run, node: ManagementApi, member: str, words: str
) -> None:
    """A bill is only as good as what is known about it."""
    lay_down(node, "key", [], **{member: 2})

    assert words in keyturn("usage").err


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_the_nodes_own_to_the_byte(keyturn: Run, node: ManagementApi, form: str) -> None:
    """For the spreadsheet of whoever pays: written as it comes, however long it is."""
    written = b"key_id,requests\nkey_1,1\n" * 50_000
    asked = "by=model&interval=hour&days=7&tz=Europe%2FBerlin&model=gpt-%2A&status=5xx"
    node.answers("GET", f"/api/v1/usage/export?format={form}&{asked}", written)

    wanted = (
        "--by",
        "model",
        "--interval",
        "hour",
        "--days",
        "7",
        "--tz",
        "Europe/Berlin",
        "--model",
        "gpt-*",
    )
    ran = keyturn("usage", f"--{form}", *wanted, "--status", "5xx")

    assert ran.out == written.decode()


def test_an_export_that_is_refused_says_why(keyturn: Run, node: ManagementApi) -> None:
    """A file with an error in it would be taken for the figures."""
    path = "/api/v1/usage/export?format=csv&by=key&days=30&tz=Nowhere"
    node.refuses("GET", path, 400, "INVALID_MEMBER", "'Nowhere' is no time zone", param="tz")

    ran = keyturn("usage", "--csv", "--tz", "Nowhere")

    assert (ran.status, ran.out) == (1, "")
    assert "no time zone" in ran.err


def test_a_course_of_time_has_its_groups_in_order(keyturn: Run, node: ManagementApi) -> None:
    """Two at once: when, and of what."""
    rows = [
        row(start=f"2026-11-01T0{hour}:00:00Z", model=model, p95_us=1_500, errors=3)
        for hour in (1, 2)
        for model in ("a", "b")
    ]
    report = {"by": "model", "days": 30, "rows": rows, "total": row(), "left_out": 7}
    node.data("GET", "/api/v1/usage?by=model&interval=hour&days=30", report)

    ran = keyturn("usage", "--by", "model", "--interval", "hour")

    lines = [line.split()[:3] for line in ran.out.splitlines() if "2026" in line]
    assert lines == [["2026-11-01", f"0{hour}:00", model] for hour in (1, 2) for model in ("a", "b")]
    assert "1.5 ms" in ran.out
    assert "7 more did not fit" in ran.err


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    report = lay_down(node, "key", [row(key_id="key_1", key_name="a")])

    assert msgspec.json.decode(keyturn("usage", "--json").out) == report


def test_two_formats_at_once_are_refused(keyturn: Run, node: ManagementApi) -> None:
    """Nobody could say which was meant."""
    assert keyturn("usage", "--json", "--csv").status == 1


@pytest.mark.parametrize("arguments", [("--by", "colour"), ("--days", "0")])
def test_a_report_that_does_not_exist_is_a_usage_error(keyturn: Run, arguments: tuple[str, ...]) -> None:
    """Said by the command line itself, with what there is."""
    assert keyturn("usage", *arguments).status == 2
