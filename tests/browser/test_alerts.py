"""The alerts page: what waits, what was done, and the way out."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from support.node import Node, running, until


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that freezes keys which come from a browser."""
    folder = tmp_path_factory.mktemp("node")
    with running(Node(folder, workers=1, alerts__key_in_browser="quarantine")) as node:
        yield node


def from_a_browser(node: Node, secret: str) -> None:
    """Use a key as a page's script does."""
    headers = {
        "authorization": f"Bearer {secret}",
        "origin": "https://app.example",
        "sec-fetch-site": "cross-site",
    }
    node.send("GET", "/v1/models", headers=headers)


def alert_of(node: Node, key_id: str) -> Any:
    """Wait for the alert about a key."""
    return until(lambda: node.manage("GET", f"/api/v1/alerts?key={key_id}")["data"], what="an alert")[0]


def test_a_frozen_key_is_seen_looked_into_and_let_in_again(node: Node, page: Page) -> None:
    """From the badge in the navigation to a key that works."""
    name = "<script>alert(1)</script> in a page"
    key_id, secret = node.new_key(name)
    page.goto("/dashboard/alerts")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    shoot(page, "alerts-empty")
    from_a_browser(node, secret)
    alert_of(node, key_id)
    frozen = node.chat(key=secret).status_code

    page.goto("/dashboard/alerts")
    expect(page.get_by_role("link", name="Alerts 1 open")).to_be_visible()
    shoot(page, "alerts")
    page.get_by_role("link", name="A secret key came from a browser").click()
    expect(page.get_by_text("Keyturn has acted: quarantined")).to_be_visible()
    expect(page.get_by_role("link", name=name)).to_be_visible()
    shoot(page, "alert")
    page.get_by_role("button", name="Enable the key").click()
    page.get_by_role("dialog").get_by_role("button", name="Enable the key").click()
    expect(page.locator(".toast")).to_contain_text("works again")
    works = node.chat(key=secret).status_code
    page.get_by_role("button", name="Acknowledge").click()

    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    expect(page.get_by_role("link", name="Alerts", exact=True)).to_be_visible()
    page.get_by_role("link", name="Acknowledged").click()
    expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("critical")
    assert (frozen, works) == (403, 200)


def test_the_shares_that_are_told_are_changed_and_taken_back(node: Node, page: Page) -> None:
    """Of the own account; what is no share is said beside the field."""
    page.goto("/dashboard/alerts")
    page.get_by_role("link", name="Alert rules").first.click()
    expect(page.get_by_role("heading", name="Shares of limits")).to_be_visible()
    page.locator("main").get_by_role("link").last.click()
    shares = page.get_by_label("Percent of the limits")
    shares.fill("25, ninety")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Write whole numbers").last).to_be_visible()
    expect(shares).to_have_value("25, ninety")
    shares.fill("25, 90")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("Saved")
    shoot(page, "alert-rules")
    owner = page.locator('input[name="owner"]').first.input_value()
    told = node.manage("GET", f"/api/v1/alerts/rules?owner={owner}")["data"]

    page.get_by_role("button", name="Go by the node's").click()
    expect(page.get_by_label("Percent of the limits")).to_have_value("50, 80, 100")

    assert (told["thresholds"], told["own"]) == ([25, 90], True)


def test_events_are_filtered_and_what_is_none_is_refused(node: Node, owner: Visit) -> None:
    """By severity and key, all of them or those that wait."""
    key_id, secret = node.new_key("filtered")
    from_a_browser(node, secret)
    alert = alert_of(node, key_id)

    grave = owner.get("/dashboard/alerts", severity="critical", key="filtered")
    mild = owner.get("/dashboard/alerts", severity="info", key="filtered")
    everything = owner.get("/dashboard/alerts", view="events")
    odd = owner.get("/dashboard/alerts", cursor="x")
    nobody = owner.get("/dashboard/alerts/evt_nobody")
    no_owner = owner.get("/dashboard/alerts/rules", owner="acct_nobody")
    bad = owner.post("/dashboard/alerts/rules", {"owner": alert["account_id"], "thresholds": "500"})

    assert alert["id"] in grave.text
    assert alert["id"] not in mild.text
    assert "Clear the filter" in mild.text
    assert alert["id"] in everything.text
    assert (odd.status_code, nobody.status_code, no_owner.status_code, bad.status_code) == (
        400,
        404,
        404,
        400,
    )
