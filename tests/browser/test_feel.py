"""What every page does beyond links and forms: keys, history, colours, times."""

import hashlib
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from fakes.dashboard import EMAIL, PASSWORD, Visit, shoot, signed_in
from support.node import Node, until, without_control


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


def test_the_menu_of_a_narrow_window_is_left_by_keyboard_as_it_was_opened(page: Page) -> None:
    """What it lies over is out of reach meanwhile; Escape leads back to its button."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/dashboard/keys")
    button = page.get_by_role("button", name="Pages")
    pages = page.get_by_role("navigation", name="Pages", exact=True)
    button.focus()

    page.keyboard.press("Enter")
    expect(pages.get_by_role("link", name="Overview")).to_be_focused()
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('.column, .skip') === null"))
    expect(pages).to_be_visible()
    pages.get_by_role("link", name="Overview").focus()
    page.keyboard.press("Escape")

    expect(pages).to_be_hidden()
    expect(button).to_be_focused()
    assert reached == {True}


def test_the_menu_of_a_narrow_window_opens_without_a_script(browser: Browser, owner: Visit) -> None:
    """Pages work without any."""
    context = browser.new_context(
        base_url=str(owner.http.base_url), java_script_enabled=False, viewport={"width": 390, "height": 800}
    )
    url = str(owner.http.base_url)
    context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": url} for one in owner.http.cookies.jar]
    )
    page = context.new_page()
    page.goto("/dashboard")
    pages = page.get_by_role("navigation", name="Pages")

    expect(pages).to_be_hidden()
    page.get_by_role("button", name="Pages").click()
    pages.get_by_role("link", name="Usage").click()

    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()
    context.close()


def test_the_way_past_the_navigation_leaves_what_was_typed(page: Page) -> None:
    """Whoever works by keyboard takes it on every page; going back from there is no other page either."""
    page.goto("/dashboard/keys/new")
    page.get_by_label("Name").fill("half typed")
    asked = asked_for(page)

    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.evaluate("history.back()")
    until(lambda: "#" not in page.evaluate("location.href"))
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")

    assert [url for url in asked if "/dashboard/keys" in url] == []
    expect(page.get_by_label("Name")).to_have_value("half typed")


def test_going_back_leads_to_where_one_was_on_the_page(page: Page) -> None:
    """Somebody who opens one after the other from a long page does not look for the place each time."""
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto("/dashboard/settings")
    page.evaluate("scrollTo(0, 300)")

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Usage").click()
    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    until(lambda: page.evaluate("scrollY") == 300)
    page.go_forward()
    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()

    assert page.evaluate("scrollY") == 0


def test_a_switch_that_was_pressed_keeps_the_focus(page: Page, node: Node) -> None:
    """At the top of the page, too: pressed once more, it takes it back."""
    node.new_key("switched by keyboard")
    page.goto("/dashboard/keys")
    switch = page.get_by_role("switch", name="switched by keyboard may be used")

    switch.focus()
    page.keyboard.press("Enter")

    expect(switch).to_have_attribute("aria-checked", "false")
    expect(switch).to_be_focused()


def test_an_impatient_click_opens_one_dialog(page: Page, node: Node) -> None:
    """The second would lie above the first, and ask the same."""
    created = node.manage("POST", "/api/v1/keys", body={"name": "pressed twice"})
    page.goto(f"/dashboard/keys/{created['data']['id']}")
    asked = asked_for(page)

    page.get_by_role("link", name="Revoke", exact=True).evaluate("(link) => { link.click(); link.click(); }")
    expect(page.get_by_role("dialog")).to_be_visible()

    assert len([url for url in asked if url.endswith("/revoke")]) == 1
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_a_dialog_that_cannot_be_fetched_says_so(lenient_page: Page, node: Node) -> None:
    """A button that does nothing is pressed again and again."""
    page = lenient_page
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    created = node.manage("POST", "/api/v1/keys", body={"name": "out of reach"})
    page.goto(f"/dashboard/keys/{created['data']['id']}")
    page.context.set_offline(True)

    page.get_by_role("link", name="Revoke", exact=True).click()

    expect(page.locator(".toasts")).to_contain_text("The node could not be reached")
    page.context.set_offline(False)
    page.get_by_role("link", name="Revoke", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert broken == []


def test_a_form_stays_while_the_node_cannot_take_it(lenient_page: Page, node: Node) -> None:
    """Management restarts at times; whoever presses the button then presses it again, and has lost nothing."""
    page = lenient_page
    page.goto("/dashboard/keys/new")
    page.get_by_label("Name").fill("typed before the restart")
    create = page.get_by_role("button", name="Create")

    with without_control(node):
        create.click()
        expect(page.locator(".toasts")).to_contain_text("The node could not be reached", timeout=15_000)
        with page.expect_response("**/dashboard/usage"):
            page.get_by_role("navigation", name="Pages").get_by_role("link", name="Usage").click()
        expect(page.locator("body.busy")).to_have_count(0)
        expect(page.get_by_label("Name")).to_have_value("typed before the restart")
    _back(node)
    create.click()

    expect(page.get_by_role("heading", name="typed before the restart")).to_be_visible()


def test_a_page_that_is_opened_during_a_restart_comes_by_itself(browser: Browser, node: Node) -> None:
    """Without a script, too."""
    context = browser.new_context(base_url=node.url, java_script_enabled=False)
    page = context.new_page()

    with without_control(node):
        page.goto("/dashboard/sign-in")
        expect(page.get_by_role("heading", name="The dashboard is starting again")).to_be_visible()
        shoot(page, "starting-again")
    _back(node)

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=30_000)
    context.close()


@pytest.mark.usefixtures("owner")
def test_what_was_typed_outlives_the_session(browser: Browser, node: Node) -> None:
    """Its time is over in the middle of a form."""
    visit = Visit(node.url)
    assert visit.sign_in().status_code == 303
    page = signed_in(browser, visit)
    page.goto("/dashboard/keys/new")
    page.get_by_label("Name").fill("typed in time")
    token_hash = hashlib.sha256(visit.http.cookies["keyturn_session"].encode()).digest()
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as store, store:
        store.execute("UPDATE sessions SET last_seen_at = 0 WHERE token_hash = ?", (token_hash,))

    page.get_by_role("button", name="Create").click()
    expect(page.locator(".toasts")).to_contain_text("Your session ended, and nothing was changed")
    shoot(page, "session-ended")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="What you sent before")).to_be_visible()
    expect(page.locator("dl")).to_contain_text("typed in time")
    shoot(page, "sent-before")
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_role("heading", name="typed in time")).to_be_visible()
    page.context.close()
    visit.close()


def test_what_is_refused_leaves_the_page_as_it_is(page: Page, node: Node) -> None:
    """What was typed beside it is still there, and Back does not lead out of the dashboard."""
    created = node.manage("POST", "/api/v1/keys", body={"name": "gone meanwhile"})["data"]
    page.goto(f"/dashboard/keys/{created['id']}")
    node.manage("DELETE", f"/api/v1/keys/{created['id']}")

    page.get_by_role("button", name="Disable").click()

    expect(page.locator(".toasts")).to_contain_text("no such key")
    expect(page.get_by_role("heading", name="gone meanwhile")).to_be_visible()


def _back(node: Node) -> None:
    """Wait until pages are served again."""
    until(lambda: httpx.get(f"{node.url}/dashboard/sign-in", timeout=30).status_code == 200, within_s=40.0)


def asked_for(page: Page) -> list[str]:
    """Return the addresses that will be asked for from here on."""
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    return asked
