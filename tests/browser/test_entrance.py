from contextlib import closing

from playwright.sync_api import Page, expect

from fakes.dashboard import EMAIL, PASSWORD, Visit, set_up, setup_token, shoot
from support.node import Node

NO_OWNER = "This node has no owner yet"


def test_the_first_owner_comes_in_by_the_link_that_the_node_printed(node: Node, strange_page: Page) -> None:
    """A stranger who starts a node is at home within a minute; the link's secret part is gone from the address at once."""
    page = strange_page
    page.goto("/")
    expect(page.get_by_text(NO_OWNER)).to_be_visible()
    page.goto(f"/dashboard/setup#{setup_token(node)}")
    assert "#" not in page.url
    shoot(page, "setup")

    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Your name").fill("Kim Example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up Keyturn").click()

    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link", name="API keys")).to_be_visible()


def test_who_signs_out_is_out_and_comes_in_again_with_their_password(node: Node, strange_page: Page) -> None:
    """Also in a window that still shows the page."""
    _has_owner(node)
    page = strange_page
    page.goto("/dashboard")
    expect(page.get_by_text(NO_OWNER)).to_have_count(0)
    shoot(page, "sign-in")
    _sign_in(page, "wrong horse battery")
    expect(page.get_by_role("alert")).to_contain_text("The address or the password is wrong")

    _sign_in(page, PASSWORD)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/dashboard")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_used_link_makes_no_second_owner(node: Node) -> None:
    """Whoever finds it in a terminal's history later gets nowhere."""
    _has_owner(node)
    fields: dict[str, str | list[str]] = {
        "token": setup_token(node),
        "email": "mallory@example.com",
        "password": PASSWORD,
    }

    with closing(Visit(node.url)) as visit:
        answer = visit.post("/dashboard/setup", fields, page="/dashboard/setup")
        after = visit.sign_in("mallory@example.com")

    assert (answer.status_code, after.status_code) == (404, 401)


def _has_owner(node: Node) -> None:
    """Make the owner, where no test before has done so."""
    with closing(Visit(node.url)) as visit:
        if NO_OWNER in visit.get("/dashboard/sign-in").text:
            set_up(node).close()


def _sign_in(page: Page, password: str) -> None:
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
