"""What every page does beyond links and forms: keys, history, colours, times."""

import re
from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from support.node import Node


def test_pages_are_reached_and_left_by_keyboard(page: Page) -> None:
    """Without a mouse and without loading anything anew; while somebody types, letters are letters."""
    page.goto("/dashboard")
    page.evaluate("window.stayed = true")
    page.clock.set_fixed_time(datetime.now(UTC))  # the second key counts for a second or so only

    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("g u")
    expect(page.get_by_label("Search")).to_have_value("g u")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("By", exact=True)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()

    assert page.evaluate("window.stayed") is True


def test_light_or_dark_stays_as_it_was_chosen(page: Page) -> None:
    """The server knows it before the page is drawn, so that none flashes."""
    page.goto("/dashboard")
    page.get_by_role("button", name="Light or dark").click()
    chosen = page.evaluate("document.documentElement.dataset.theme")

    answer = page.goto("/dashboard/keys")

    assert chosen == "dark"
    assert answer is not None
    assert '<html lang="en" data-theme="dark"' in answer.text()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 24)"


def test_a_time_is_said_as_people_say_it_and_exactly_on_hover(page: Page, node: Node) -> None:
    """In the account's time zone."""
    node.manage("PATCH", "/api/v1/accounts/Default", body={"time_zone": "Asia/Tokyo"})
    page.goto("/dashboard/keys")
    made = page.locator("tbody time").first

    expect(made).to_have_text(re.compile(r"just now|\d+ (second|minute)s? ago"))
    expect(made).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d JST$"))


def test_the_menu_of_a_narrow_window_opens_and_closes(page: Page) -> None:
    """All pages are reached on a telephone, too."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/dashboard")
    pages = page.get_by_role("navigation", name="Pages")

    expect(pages).to_be_hidden()
    page.get_by_role("button", name="Pages").click()
    expect(pages).to_be_visible()
    pages.get_by_role("link", name="Usage").click()

    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()
    expect(pages).to_be_hidden()
