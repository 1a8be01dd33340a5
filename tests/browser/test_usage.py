"""Usage: any dimension, any time, the same figures as everywhere."""

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from keyturn.control.dashboard.pages import usage
from support.node import Node, until


def used_by(node: Node, key_id: str) -> int:
    """Return how many requests of a key have been written down."""
    count: int = node.manage("GET", f"/api/v1/usage?key={key_id}&days=7")["data"]["total"]["requests"]
    return count


def test_what_was_used_is_found_by_clicking_through(page: Page, node: Node) -> None:
    """From all keys to one, from one to its models, and back."""
    key_id, secret = node.new_key("<b>loud</b> & long " + "n" * 120)
    for _ in range(3):
        assert node.chat(key=secret).status_code == 200
    assert node.chat().status_code == 200
    page.goto("/dashboard/usage")
    expect(page.locator("figure.drawn")).to_have_count(1)
    shoot(page, "usage")

    page.get_by_role("link", name="<b>loud</b>").click()

    expect(page.get_by_role("row", name="demo-chat")).to_contain_text("3")
    page.get_by_label("Figure").select_option("p95")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("figcaption")).to_have_text("Latency, 95 % of the requests")
    assert key_id in page.url
    shoot(page, "usage-key")
    page.get_by_role("link", name="remove this filter").click()
    expect(page.get_by_role("row", name="Total")).to_contain_text("4")


def test_the_scale_of_a_chart_is_told_in_the_largest_unit(page: Page) -> None:
    """Rounding makes a million of 999,950, not a thousand thousands."""
    page.goto("/dashboard/usage")

    told = page.evaluate(
        """async () => {
            const loaded = performance.getEntriesByType("resource").map((one) => one.name);
            const charts = await import(loaded.find((name) => /charts[^/]*\\.js/.test(name)));
            return [999499, 999950, 1234567].map((number) => charts.written(number, "count"));
        }"""
    )

    assert told == ["999k", "1M", "1.23M"]


def test_all_books_say_the_same(owner: Visit, node: Node) -> None:
    """What the page shows, the file holds, the command line prints and the ledger charged must be one figure."""
    key_id, secret = node.new_key("counted")
    for _ in range(2):
        assert node.chat(key=secret).status_code == 200
    until(lambda: used_by(node, key_id) == 2, what="both requests in the books")
    told = node.manage("GET", "/api/v1/usage?by=key&days=7")["data"]["total"]
    ledger = node.manage("GET", "/api/v1/ledger?limit=1000")["data"]

    rows = list(
        csv.DictReader(owner.get("/dashboard/usage/export?by=key&range=7d&format=csv").text.splitlines())
    )
    lines = owner.get("/dashboard/usage/export?by=model&range=7d&format=jsonl").text.splitlines()
    page = owner.get("/dashboard/usage?range=7d").text

    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal(told["cost_usd"])
    assert (
        sum(json.loads(line)["requests"] for line in lines)
        == told["requests"]
        == sum(int(row["requests"]) for row in rows)
    )
    assert Decimal(told["cost_usd"]) > 0
    charged = -sum(Decimal(entry["amount_usd"]) for entry in ledger if entry["kind"] == "charge")
    assert charged == Decimal(told["cost_usd"])
    assert f"${Decimal(told['cost_usd']):f}" in page
    assert owner.get("/dashboard/usage/export?range=7d&course=1").text.startswith("start,key_id")


@pytest.mark.parametrize(
    "query",
    ["from=soon", "to=2026-99-99", "status=teapot", "key=nobody", "from=2026-11-20&to=2026-11-01"],
)
def test_what_can_not_be_answered_is_said_and_what_was_typed_stays(owner: Visit, query: str) -> None:
    """Nobody should have to begin anew for one mistake."""
    answer = owner.get(f"/dashboard/usage?{query}&metric=cost")

    assert answer.status_code in {400, 404}
    assert 'role="alert"' in answer.text
    assert '<option value="cost" selected>' in answer.text


@pytest.mark.parametrize("by", list(usage.DIMENSIONS))
def test_every_dimension_and_figure_has_a_page(owner: Visit, by: str) -> None:
    """Also those that nobody looks at often."""
    for metric in usage.METRICS:
        for span in ("1h", "24h", "90d"):
            answer = owner.get(f"/dashboard/usage?by={by}&metric={metric}&range={span}")

            assert answer.status_code == 200
            assert "<b>loud</b>" not in answer.text
    assert owner.get(f"/dashboard/usage/export?by={by}").status_code == 200


def test_files_are_csv_or_json_and_nothing_else(owner: Visit) -> None:
    """A wrong link is no fault of the node."""
    assert owner.get("/dashboard/usage/export?format=xls").status_code == 400
    assert owner.get("/dashboard/usage/export?from=soon").status_code == 400
    assert owner.get("/dashboard/usage?key=none&model=none").status_code == 404


def test_an_empty_time_says_what_to_do(owner: Visit) -> None:
    """Not a bare table."""
    some_day = (datetime.now(UTC) - timedelta(days=9)).date().isoformat()

    assert "Show 90 days" in owner.get(f"/dashboard/usage?from={some_day}&to={some_day}").text
