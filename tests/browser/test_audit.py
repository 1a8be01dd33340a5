"""The audit page: who changed what, found again, and the proof that the log is whole."""

import sqlite3
from contextlib import closing

from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from support.node import Node

NASTY = "<img src=x onerror=alert(1)> " + "long " * 30


def test_a_change_is_found_by_who_what_and_which_and_shows_what_differs(node: Node, page: Page) -> None:
    """Names instead of identifiers, and what was before beside what is now."""
    key_id, _ = node.new_key(NASTY[:190])
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"description": "the new words"})
    node.manage("POST", f"/api/v1/keys/{key_id}/disable")
    page.goto("/dashboard/audit")
    expect(page.get_by_text("Kim Example").first).to_be_visible()
    shoot(page, "audit")

    page.get_by_label("Action").fill("key.disable")
    page.get_by_role("button", name="Filter").click()
    row = page.get_by_role("row").filter(has_text="key.disable")
    expect(row).to_contain_text("onerror=alert(1)")
    expect(row).to_contain_text("Operator at the machine")
    page.goto(f"/dashboard/audit?target={key_id}")
    expect(page.get_by_role("row").filter(has_text="key.edit")).to_contain_text("the new words")
    page.goto("/dashboard/audit?action=nothing")

    expect(page.get_by_text("Leave a filter out to see more")).to_be_visible()


def test_the_log_is_proved_and_a_touched_one_is_found_out(node: Node, owner: Visit, page: Page) -> None:
    """The verdict says how far it is good."""
    page.goto("/dashboard/audit/verify")
    expect(page.get_by_text("The log is whole")).to_be_visible()
    page.get_by_role("button", name="Make a checkpoint").click()
    expect(page.locator(".toast")).to_contain_text("Checkpoint at entry")
    shoot(page, "audit-verify")

    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=20)) as database, database:
        [kept] = database.execute("SELECT actor FROM audit WHERE seq = 2").fetchone()
        database.execute("UPDATE audit SET actor = 'mallory' WHERE seq = 2")
    touched = owner.get("/dashboard/audit/verify")
    listed = owner.get("/dashboard/audit")
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=20)) as database, database:
        database.execute("UPDATE audit SET actor = ? WHERE seq = 2", (kept,))

    assert "The log was touched at entry 2" in touched.text
    assert listed.status_code == 200
    assert "The log is whole" in owner.get("/dashboard/audit/verify").text


def test_the_list_has_pages_and_refuses_what_is_none(node: Node, owner: Visit) -> None:
    """From the newest to the first, without a gap."""
    for number in range(52):
        node.new_key(f"many {number}")

    first = owner.get("/dashboard/audit")
    before = first.text.partition("?cursor=")[2].partition('"')[0]
    second = owner.get("/dashboard/audit", cursor=before)
    odd = owner.get("/dashboard/audit", cursor="x")

    assert f'<td class="quiet">{before}</td>' in first.text
    assert f'<td class="quiet">{int(before) - 1}</td>' in second.text
    assert "First page" in second.text
    assert odd.status_code == 400
