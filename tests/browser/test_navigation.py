"""Pages that change without being loaded anew: the address, what is shown and what is said belong together."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from fakes.dashboard import shoot
from support.node import Node, until, without_control

PROJECTS = "/dashboard/team/projects"


def test_going_back_and_forth_at_once_leaves_the_page_that_the_address_names(page: Page) -> None:
    """Else a form is filled in that belongs to another page than the one in the address."""
    page.goto("/dashboard/usage")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="API keys").click()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    held: list[Route] = []
    ended: list[str] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.on("requestfinished", lambda one: ended.append(one.url))
    page.on("requestfailed", lambda one: ended.append(one.url))
    page.route("**/dashboard/usage", hold)

    _go(page, -1)
    until(lambda: page.evaluate("location.pathname") == "/dashboard/usage" and bool(held))
    _go(page, 1)
    held[0].continue_()
    until(lambda: page.evaluate("location.pathname") == "/dashboard/keys" and held[0].request.url in ended)
    expect(page.locator("body.busy")).to_have_count(0)

    expect(page.get_by_role("heading", level=1)).to_have_text("API keys")
    page.unroute("**/dashboard/usage")
    _go(page, -1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage")
    _go(page, 1)
    expect(page.get_by_role("heading", level=1)).to_have_text("API keys")


def test_going_back_while_the_node_starts_again_comes_by_itself(lenient_page: Page, node: Node) -> None:
    """The address is that of the other page at once; what is shown must not stay that of this one."""
    page = lenient_page
    page.goto("/dashboard/usage")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="API keys").click()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()

    with without_control(node):
        _go(page, -1)
        expect(page.get_by_role("heading", name="The dashboard is starting again")).to_be_visible()

    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible(timeout=60_000)
    assert page.evaluate("location.pathname") == "/dashboard/usage"


def _too_late(route: Route) -> None:
    """Have the node do it, and a proxy give up."""
    route.fetch(max_redirects=0)
    route.fulfill(status=504, content_type="text/html", body="<h1>Gateway Timeout</h1>")


def _cut(route: Route) -> None:
    """Have the node do it, and lose the connection."""
    route.fetch(max_redirects=0)
    route.abort()


def _led_astray(route: Route) -> None:
    """Have the node do it, and the page that it leads to be refused."""
    answer = route.fetch(max_redirects=0)
    assert answer.status == 303
    route.fulfill(status=303, headers={"location": "/dashboard/static/none.js"})


@pytest.mark.parametrize("answer", [_too_late, _cut, _led_astray])
def test_a_form_without_an_answer_may_have_done_its_work(
    lenient_page: Page, node: Node, answer: Callable[[Route], None]
) -> None:
    """Whoever reads that nothing was changed sends it once more, and has two."""
    page = lenient_page
    name = f"made{answer.__name__.replace('_', ' ')}"
    page.goto(PROJECTS)
    page.get_by_label("Name", exact=True).fill(name)
    page.route(f"**{PROJECTS}", lambda one: answer(one) if one.request.method == "POST" else one.continue_())

    page.get_by_role("button", name="Create project").click()
    expect(page.locator("[data-toast]")).to_contain_text("What you sent may have been done: look first")

    expect(page.locator("[data-toast]")).not_to_contain_text("nothing was")
    made = node.manage("GET", "/api/v1/projects")["data"]
    assert [one["name"] for one in made].count(name) == 1
    shoot(page, "not-answered")


def test_a_form_that_a_proxy_refuses_changed_nothing(lenient_page: Page) -> None:
    """It says so, so that nobody looks for what is not there."""
    page = lenient_page
    page.goto(PROJECTS)
    page.get_by_label("Name", exact=True).fill("too much")
    page.route(
        f"**{PROJECTS}", lambda one: one.fulfill(status=413, content_type="text/html", body="Too large")
    )

    page.get_by_role("button", name="Create project").click()

    expect(page.locator("[data-toast]")).to_contain_text("nothing was changed")
    expect(page.get_by_label("Name", exact=True)).to_have_value("too much")


def test_a_window_that_is_widened_closes_the_menu_of_a_narrow_one(page: Page) -> None:
    """A telephone is turned; a page on which nothing can be clicked looks broken."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/dashboard/keys")
    page.get_by_role("button", name="Pages").click()
    expect(page.locator(".column")).to_have_attribute("inert", "")

    page.set_viewport_size({"width": 1280, "height": 800})

    expect(page.locator("[inert]")).to_have_count(0)
    page.get_by_label("Search").click()
    expect(page.get_by_label("Search")).to_be_focused()


def _go(page: Page, steps: int) -> None:
    """Go through the history, and come back when the page was told."""
    page.evaluate(
        """(steps) => new Promise((told) => {
            addEventListener('popstate', () => told(), { once: true });
            history.go(steps);
        })""",
        steps,
    )
