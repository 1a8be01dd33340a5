"""The commands about prices."""

from typing import Any

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/prices"
SATURDAY = 1_795_824_000.0
"""2026-11-28, in seconds since 1970."""


def price(**members: Any) -> dict[str, Any]:
    """Return a price as the node shows it."""
    shown = {
        "model": "gpt-4o",
        "id": "openai/gpt-4o#0a1b2c3d",
        "origin": "shipped",
        "effective_from": None,
        "effective_until": None,
        "in_force": True,
        "provider": "openai",
        "upstream_model": "gpt-4o",
        "input_usd_per_million": "2.5",
        "cached_input_usd_per_million": "1.25",
        "output_usd_per_million": "10",
        "source": "https://prices.example",
        "source_date": "2026-11-09",
        "note": "For short prompts.",
    }
    return shown | members


def portion(*rows: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return one portion of a rerate as the node answers it."""
    reached = "2026-11-21T00:00:00Z"
    shown = {
        "id": "rrt_1",
        "applied": False,
        "scanned": 10,
        "reached": reached,
        "rows": rows,
        "next_cursor": None,
    }
    return shown | members


def row(**members: Any) -> dict[str, Any]:
    """Return what changes for one key and model."""
    shown = {
        "model": "gpt-4o",
        "key_id": "key_1",
        "key_name": "my-app",
        "account_id": "acct_1",
        "requests": 3,
        "before_usd": "0.5",
        "after_usd": "0.25",
        "difference_usd": "-0.25",
    }
    return shown | members


def test_the_list_shows_who_says_each_price_and_from_when_on(keyturn: Run, node: ManagementApi) -> None:
    """A price to come must not look like one in force."""
    later = price(id="prc_1", origin="operator", effective_from="2099-01-01T00:00:00Z", in_force=False)
    node.data("GET", PATH, [price(), later])

    first, second = [line for line in keyturn("prices", "list").out.splitlines() if "gpt-4o" in line]

    assert first.split()[:5] == ["gpt-4o", "ever", "$2.50", "$10.00", "$1.25"]
    assert "shipped" in first
    assert "2099-01-01T00:00:00Z (2099-01-01)" in second
    assert "operator" in second


def test_the_list_can_be_asked_for_another_time_or_for_the_whole_table(
    keyturn: Run, node: ManagementApi
) -> None:
    """What did it cost on that day?"""
    node.data("GET", f"{PATH}?at=2026-12-01T00%3A00%3A00Z", [price()])
    node.data("GET", f"{PATH}/shipped", [price(), price(model="o3")])

    dated = keyturn("prices", "list", "--at", "2026-12-01", "--json")
    shipped = keyturn("prices", "list", "--shipped", "--json")

    assert msgspec.json.decode(dated.out) == [price()]
    assert len(msgspec.json.decode(shipped.out)) == 2


def test_an_empty_list_says_how_a_price_is_set(keyturn: Run, node: ManagementApi) -> None:
    """A head with nothing below helps nobody."""
    node.data("GET", PATH, [])

    assert "keyturn prices set" in keyturn("prices", "list").err


def test_a_price_is_shown_with_its_source_and_what_it_leaves_out(keyturn: Run, node: ManagementApi) -> None:
    """Whoever doubts a figure looks it up."""
    node.data("GET", f"{PATH}?model=gpt-4o", [price()])

    ran = keyturn("prices", "show", "gpt-4o")

    assert "https://prices.example (2026-11-09). For short prompts." in ran.out


@pytest.mark.parametrize(
    ("when", "sent"),
    [
        ("2026-12-01", "2026-12-01T00:00:00Z"),
        ("monday", "2026-11-30T00:00:00Z"),
        ("next Saturday", "2026-12-05T00:00:00Z"),
        ("2d", "2026-11-30T00:00:00Z"),
    ],
)
def test_a_price_is_set_from_a_day_on(
    keyturn: Run, node: ManagementApi, monkeypatch: pytest.MonkeyPatch, when: str, sent: str
) -> None:
    """Amounts are decimal text all the way; a day begins at midnight UTC."""
    monkeypatch.setattr("keyturn.cli.prices.now", lambda: SATURDAY)
    node.data("POST", PATH, price(origin="operator", effective_from=sent, in_force=False))

    ran = keyturn("prices", "set", "gpt-4o", "--input", "2.50", "--output", "10", "--from", when)

    assert node.asked[0].body == {
        "model": "gpt-4o",
        "note": "",
        "input_usd_per_million": "2.50",
        "output_usd_per_million": "10",
        "effective_from": sent,
    }
    assert ran.out == f"gpt-4o costs from {sent} on: $2.50 in, $10.00 out, $1.25 cached\n"


def test_a_price_of_other_things_than_tokens_is_set_at_once(keyturn: Run, node: ManagementApi) -> None:
    """Images, seconds and characters have prices of their own."""
    figures = {
        "input_usd_per_million": None,
        "output_usd_per_million": None,
        "cached_input_usd_per_million": None,
    }
    node.data("POST", PATH, price(**figures, image_usd="0.04"))

    ran = keyturn("prices", "set", "gpt-4o", "--image", "0.04", "--note", "n")

    assert node.asked[0].body == {"model": "gpt-4o", "note": "n", "image_usd": "0.04"}
    assert ran.out == "gpt-4o now costs: $0.04 an image\n"


def test_a_price_without_a_figure_is_refused(keyturn: Run, node: ManagementApi) -> None:
    """Nothing is not a price."""
    ran = keyturn("prices", "set", "gpt-4o")

    assert (ran.status, node.asked) == (1, [])
    assert "no price given" in ran.err


def test_a_price_for_later_is_taken_back(keyturn: Run, node: ManagementApi) -> None:
    """By its identifier."""
    node.data("DELETE", f"{PATH}/prc_1", price(id="prc_1"))

    assert keyturn("prices", "remove", "prc_1").out == "Took back prc_1 of gpt-4o\n"


def test_a_rerate_shows_what_would_change_and_changes_nothing(keyturn: Run, node: ManagementApi) -> None:
    """One looks before one changes what customers are charged; portions are added up."""
    node.data("POST", f"{PATH}/rerate", portion(row(), next_cursor="a.b"))
    node.data(
        "POST",
        f"{PATH}/rerate",
        portion(row(), row(model="o3", key_id="key_2", key_name="", difference_usd="1")),
    )

    ran = keyturn("prices", "rerate", "--from", "2026-11-20")

    first, second = node.asked
    assert first.body == {"from": "2026-11-20T00:00:00Z", "model": "", "apply": False}
    assert second.body == {**first.body, "id": "rrt_1", "cursor": "a.b"}
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "o3 key_2 acct_1 3 $0.50 $0.25 +$1.00" in lines
    assert "gpt-4o my-app acct_1 6 $1.00 $0.50 -$0.50" in lines
    assert "total 9 $1.50 $0.75 +$0.50" in lines
    assert "Nothing was changed" in ran.err


def test_an_applied_rerate_says_so_as_json(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("POST", f"{PATH}/rerate", portion(row(), applied=True))

    ran = keyturn("prices", "rerate", "--from", "2026-11-20", "--model", "gpt-4o", "--apply", "--json")

    found = msgspec.json.decode(ran.out)
    assert node.asked[0].body["apply"] is True
    assert (found["applied"], found["scanned"], found["total"]["requests"]) == (True, 10, 3)
    assert found["rows"] == [row()]


def test_a_rerate_that_changes_nothing_says_how_much_it_looked_at(keyturn: Run, node: ManagementApi) -> None:
    """Silence would not tell whether there was anything."""
    node.data("POST", f"{PATH}/rerate", portion(reached=None))

    ran = keyturn("prices", "rerate", "--from", "2026-11-20", "--apply")

    assert (ran.out, ran.status) == ("", 0)
    assert "10 requests have the price" in ran.err
