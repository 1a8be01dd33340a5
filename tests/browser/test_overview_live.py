"""The first page while something comes in."""

import re

from playwright.sync_api import Page, Request, expect

from fakes.dashboard import shoot
from support.node import Node, until

FIGURES = re.compile(r"/dashboard/figures\?")
WITHIN_MS = 30_000
TOLD = """() => new Promise((done) => {
    const other = new EventSource("/dashboard/live");
    other.addEventListener("counters", () => { other.close(); done(); });
})"""
"""Waits until all pages are told figures of now."""
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def asked_for(page: Page) -> list[Request]:
    """Return the requests for figures alone that a page makes from now on."""
    found: list[Request] = []
    page.on("request", lambda one: found.append(one) if FIGURES.search(one.url) else None)
    return found


def counted(node: Node) -> int:
    """Return how many requests the node has counted."""
    count: int = node.manage("GET", "/api/v1/usage?days=7")["data"]["total"]["requests"]
    return count


def stat(page: Page, name: str) -> str:
    """Return what a figure of the page says."""
    return page.locator(".stat", has=page.get_by_text(name, exact=True)).locator(".stat-value").inner_text()


def test_a_page_of_a_node_at_rest_does_not_ask_again_and_again(page: Page) -> None:
    """It asks for what came in before it was told anything, and then only when it is told."""
    asked = asked_for(page)
    page.clock.install()
    page.goto("/dashboard")
    expect(page.locator("[data-live-value='spend']")).to_have_text("$0.00", timeout=WITHIN_MS)
    with page.expect_response(FIGURES, timeout=WITHIN_MS) as first:
        page.clock.fast_forward(10_000)
    first.value.finished()

    for _ in range(4):
        page.evaluate(TOLD)
        page.clock.fast_forward(10_000)

    assert len(asked) == 1
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()


def test_the_first_request_takes_the_place_of_the_first_steps(page: Page, node: Node) -> None:
    """As the page itself says, and without loading it anew."""
    page.goto("/dashboard")
    page.evaluate("window.stayed = true")
    expect(page.locator("[data-live-state]")).to_have_text("live", timeout=WITHIN_MS)

    assert node.chat().status_code == 200

    expect(page.locator("figure.drawn")).to_have_count(4, timeout=WITHIN_MS)
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
    assert page.evaluate("window.stayed") is True


def test_figures_and_charts_follow_and_whoever_reads_them_is_not_disturbed(page: Page, node: Node) -> None:
    """Focus, what is under the pointer, what was opened, hidden or scrolled: all of it stays."""
    _, few = node.new_key("few")
    _, many = node.new_key("many")
    assert node.chat(key=few).status_code == 200
    before = until(lambda: counted(node), what="the request")
    page.goto("/dashboard")
    expect(page.locator("[data-live-state]")).to_have_text("live", timeout=WITHIN_MS)
    tokens, spend = (page.locator("figure", has_text=name) for name in ("Tokens", "Spend"))
    tokens.get_by_role("button", name="Input").click()
    tokens.get_by_text("Table", exact=True).click()
    page.get_by_role("link", name="few", exact=True).focus()
    plot = spend.locator(".chart-plot")
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 40)
    expect(plot.locator(".chart-tip")).to_be_visible()
    tip, place = plot.locator(".chart-tip strong").inner_text(), page.evaluate("scrollY")

    for _ in range(3):
        assert node.chat(key=many).status_code == 200

    requests = page.locator(".stat", has=page.get_by_text("Requests", exact=True)).locator(".stat-value")
    expect(requests).to_have_text(str(before + 3), timeout=WITHIN_MS)
    expect(page.get_by_role("row", name="many")).to_contain_text("3")
    expect(page.get_by_role("link", name="few", exact=True)).to_be_focused()
    expect(tokens.get_by_role("button", name="Input")).to_have_attribute("aria-pressed", "false")
    expect(tokens.get_by_role("table")).to_be_visible()
    expect(plot.locator(".chart-tip")).to_be_visible()
    expect(plot.locator(".chart-tip strong")).not_to_have_text(tip)
    assert page.evaluate("scrollY") == place
    shoot(page, "overview-live")


def test_a_page_that_nobody_looks_at_asks_for_nothing(page: Page, node: Node) -> None:
    """What came in meanwhile is there when somebody looks again."""
    asked = asked_for(page)
    page.clock.install()
    page.goto("/dashboard")
    expect(page.locator("[data-live-state]")).to_have_text("live", timeout=WITHIN_MS)
    page.evaluate(HIDE, True)
    expect(page.locator("[data-live-state]")).to_have_text("paused")
    before = counted(node)
    asked.clear()

    assert node.chat().status_code == 200
    until(lambda: counted(node) == before + 1, what="the request")
    page.clock.fast_forward(60_000)
    assert asked == []
    page.evaluate(HIDE, False)
    expect(page.locator("[data-live-state]")).to_have_text("live", timeout=WITHIN_MS)

    until(lambda: _later(page) == str(before + 1), within_s=WITHIN_MS / 1000, what="the figure")


def _later(page: Page) -> str:
    page.clock.fast_forward(2_000)
    return stat(page, "Requests")
