"""The log of requests, and one of them."""

from playwright.sync_api import Page, expect

from fakes.dashboard import shoot
from support.node import Node

XSS = "<img src=x onerror=alert(1)>"


def test_a_refused_request_tells_which_check_refused_it(page: Page, node: Node) -> None:
    """Whoever is asked "why was I refused?" finds it in two clicks."""
    assert node.chat().status_code == 200
    assert node.chat(model=XSS).status_code == 404
    page.goto("/dashboard/requests")
    expect(page.locator("tr[data-request]")).to_have_count(2)
    shoot(page, "requests")

    page.locator("tr[data-request]").first.get_by_role("link").first.click()

    expect(page.locator(".checks .failed")).to_contain_text("model")
    expect(page.locator("main")).to_contain_text(XSS)
    shoot(page, "request-refused")
    page.get_by_role("link", name="Requests").last.click()
    page.locator("tr[data-request]").last.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Time")).to_be_visible()
    shoot(page, "request")


def test_requests_appear_while_the_page_is_open(page: Page, node: Node) -> None:
    """Whoever tries a client out sees each of its calls come in, and can stop them to read."""
    page.goto("/dashboard/requests")
    expect(page.locator("[data-live-state]")).to_have_text("live")
    known = page.locator("tr[data-request]").count()

    assert node.chat(model=XSS).status_code == 404
    expect(page.locator("tr[data-request]")).to_have_count(known + 1)
    expect(page.locator("tr[data-request]").first).to_contain_text(XSS)
    page.get_by_role("button", name="Pause").click()
    answer = node.chat()
    expect(page.get_by_role("button", name="Go on (1 new)")).to_be_visible()
    expect(page.locator("tr[data-request]")).to_have_count(known + 1)
    page.get_by_role("button", name="Go on").click()

    first = page.locator("tr[data-request]").first
    expect(first).to_have_attribute("data-request", answer.headers["x-request-id"])
    shoot(page, "requests-live")
    first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Request", exact=True).first).to_be_visible()
