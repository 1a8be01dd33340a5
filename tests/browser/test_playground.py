"""The playground: a real model of the demo upstream, asked from a real browser."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from fakes.dashboard import Visit, shoot, signed_in
from support.node import Node, until


def test_an_answer_streams_in_with_its_cost_and_its_request(page: Page, node: Node) -> None:
    """What an operator wants to know of a model before anybody else uses it."""
    page.goto("/dashboard/playground")
    shoot(page, "playground-start")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text(re.compile("pk-.*… · until"))).to_be_visible()
    page.get_by_label("Model").fill("demo-chat")
    page.get_by_label(re.compile("^System prompt")).fill("Be 'brief'")
    page.get_by_label(re.compile("^Message")).fill("hello ```<img src=x onerror=alert(1)>```")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_text(re.compile("total .*s"))).to_be_visible()
    log = page.get_by_role("log")
    expect(log).to_contain_text("I am Keyturn's demo model")
    expect(log).to_contain_text(
        re.compile(r"stop.*\d+ tokens in, \d+ out.*\$0\.0000.*first token.*auth .*upstream")
    )
    expect(log.locator("pre")).to_have_text("<img src=x onerror=alert(1)>")
    request_id = log.get_by_role("link").inner_text()
    told = node.manage("GET", f"/api/v1/requests/{request_id}")["data"]
    assert told["streamed"]
    assert told["key_name"] == "Playground"
    shoot(page, "playground")

    page.get_by_label("Stream the answer").uncheck()
    page.get_by_label("Message").fill("again")
    expect(page.locator("[data-code=curl]")).to_contain_text("Be '\\''brief'\\''")
    expect(page.locator("[data-code=curl]")).to_contain_text(
        "I am Keyturn's demo model".replace("'", "'\\''")
    )
    page.get_by_text("Python", exact=True).click()
    expect(page.locator("[data-code=python]")).to_contain_text('model="demo-chat"')
    page.get_by_role("button", name="Send").click()
    expect(log.get_by_role("link")).to_have_count(2)
    events = {one["kind"] for one in node.manage("GET", "/api/v1/events")["data"]}
    assert "key.seen_in_browser" not in events


def test_a_long_answer_can_be_stopped(page: Page) -> None:
    """Nobody has to pay for what they no longer want to read."""
    page.goto("/dashboard/playground?model=echo-slow")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Message").fill(" ".join(f"word{number}" for number in range(500)))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn.assistant")).to_contain_text("word3")

    page.get_by_role("button", name="Stop").click()

    expect(page.locator(".turn.assistant li").first).to_have_text("stopped")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert "word499" not in page.locator(".turn.assistant").inner_text()


def test_an_answer_that_breaks_off_is_shown_and_not_sent_again(lenient_page: Page) -> None:
    """What came is read; the question is asked anew, once."""
    page = lenient_page
    sent: list[list[str]] = []

    def listen(request: Request) -> None:
        if request.url.endswith("/v1/chat/completions"):
            sent.append([one["content"] for one in json.loads(request.post_data or "")["messages"]])

    page.on("request", listen)
    page.goto("/dashboard/playground?model=demo-cut")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Message").fill("tell me")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn.failed .said")).to_contain_text(re.compile(r"\w+.*\n\n.*\w+", re.DOTALL))
    expect(page.locator(".turn.failed .said")).to_contain_text("I am Keyturn's")
    expect(page.get_by_label("Message")).to_have_value("tell me")
    shoot(page, "playground-cut")

    page.get_by_label("Model").fill("demo-chat")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).to_contain_text("stop")

    assert sent == [["tell me"], ["tell me"]]


def test_a_key_that_is_over_is_said_to_be_and_the_conversation_goes_on(page: Page) -> None:
    """Not with a 401 of which nobody knows whether the key was wrong."""
    page.clock.install()
    page.goto("/dashboard/playground?model=demo-chat")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).to_contain_text("stop")
    page.get_by_label("Message").fill("and then?")

    page.clock.fast_forward(3_601_000)
    expect(page.get_by_text("The key has expired")).to_be_visible()
    expect(page.get_by_text(re.compile("pk-.*… · expired|^expired$"))).to_be_visible()
    shoot(page, "playground-over")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).not_to_contain_text("401")
    page.get_by_role("button", name="Start").click()

    expect(page.get_by_text("The key has expired")).to_be_hidden()
    expect(page.get_by_role("log")).to_contain_text("I am Keyturn's demo model")
    expect(page.get_by_label("Message")).to_have_value("and then?")
    expect(page.get_by_label("Model")).to_have_value("demo-chat")


def test_without_a_script_nothing_is_offered_that_needs_one(browser: Browser, owner: Visit) -> None:
    """A key that is pasted would go into the address, and one that is issued would be of no use."""
    full = signed_in(browser, owner)
    cookies = full.context.cookies()
    full.context.close()
    context = browser.new_context(java_script_enabled=False, base_url=str(owner.http.base_url))
    context.add_cookies(
        [{"name": one["name"], "value": one["value"], "url": str(owner.http.base_url)} for one in cookies]
    )
    page = context.new_page()

    page.goto("/dashboard/playground")

    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    assert (
        "The playground needs a script" in page.content()
    )  # this way of turning scripts off hides <noscript>
    expect(page.get_by_role("button", name="Start")).to_have_count(0)
    expect(page.get_by_role("button", name="Use it")).to_have_count(0)
    assert page.locator("form[data-paste]").get_attribute("method") == "post"
    shoot(page, "playground-plain")
    context.close()


def test_pictures_and_vectors_can_be_asked_for(page: Page) -> None:
    """Not every model talks."""
    page.goto("/dashboard/playground?model=demo-image")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("What to ask for").select_option("images")
    page.get_by_label("Message").fill("a cat")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_alt_text("What the model drew")).to_be_visible()
    page.get_by_label("What to ask for").select_option("embeddings")
    page.get_by_label("Model").fill("demo-embed")
    page.get_by_label("Message").fill("a cat")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("log")).to_contain_text(re.compile(r"\d+ numbers: "))
    shoot(page, "playground-picture")


@pytest.fixture
def own_page(browser: Browser, owner: Visit, node: Node) -> Iterator[Page]:
    """A window with a session of its own, which may be ended; its browser may complain."""
    with closing(Visit(node.url)) as visit:
        visit.sign_in()
        window = signed_in(browser, visit)
        yield window
        window.context.close()


def test_what_the_api_refuses_is_said_in_its_words(own_page: Page, node: Node) -> None:
    """A key that is revoked meanwhile, a model that fails: the answer says which, and what was typed is there still."""
    page = own_page
    page.goto("/dashboard/playground?model=demo-503")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).to_contain_text("503: ")
    expect(page.get_by_label("Message")).to_have_value("hello")
    for one in node.manage("GET", "/api/v1/keys?search=Playground")["data"]:
        node.manage("POST", f"/api/v1/keys/{one['id']}/revoke")

    page.get_by_label("Model").fill("demo-chat")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).to_contain_text("401: ")
    expect(page.get_by_role("log")).to_contain_text("revoked")
    shoot(page, "playground-refused")
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()

    page.get_by_label("API key").fill(node.key)
    page.get_by_role("button", name="Use it").click()
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).to_contain_text("I am Keyturn's demo model")
    assert node.key not in page.content()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_key_is_a_personal_one_for_this_page_and_an_hour(owner: Visit, node: Node) -> None:
    """If it gets out, it opens little and not for long."""
    [project] = node.manage("GET", "/api/v1/projects")["data"][:1]

    answer = owner.post("/dashboard/playground", {"project": project["id"]})
    [key] = node.manage("GET", "/api/v1/keys?search=Playground&limit=1")["data"]

    assert answer.status_code == 200
    secret = re.search(r'data-secret="(pk-[0-9A-Za-z]{32})"', answer.text)
    assert secret is not None
    assert answer.headers["cache-control"] == "no-store"
    assert key["kind"] == "publishable"
    assert key["permissions"] == ["read"]
    assert key["origins"] == [node.url]
    assert key["tags"] == ["playground"]
    assert key["expires_at"] is not None
    assert node.chat("hello", key=secret[1]).status_code == 403
    assert secret[1] not in owner.get("/dashboard/playground").text


def test_no_key_comes_of_a_project_that_is_not_theirs(owner: Visit) -> None:
    """A form is only as trustworthy as whoever sends it."""
    answer = owner.post("/dashboard/playground", {"project": "proj_00000000000000000000"})

    assert answer.status_code == 400
    assert "There is no such project" in answer.text


def test_what_a_request_has_cost_is_told_to_whom_it_concerns(owner: Visit, node: Node) -> None:
    """A request that does not exist is no fault."""
    answer = node.chat("hello", stream=True)

    def cost() -> str:
        told = owner.get("/dashboard/playground/cost", id=answer.headers["x-request-id"]).json()
        return str(told["cost_usd"] or "")

    assert until(cost).startswith("0.0000")
    assert owner.get("/dashboard/playground/cost", id="req_none").json()["cost_usd"] is None


def test_viewers_are_told_why_they_get_no_key(owner: Visit, node: Node) -> None:
    """A page without its button would leave them guessing; a key of theirs works all the same."""
    with _as("viewer", node):
        page = owner.get("/dashboard/playground")
        started = owner.post("/dashboard/playground", {"project": "proj_a"}, page="/dashboard/playground")
        models = owner.get("/dashboard/models")

    assert page.status_code == 200
    assert "Your role, viewer, makes no keys" in page.text
    assert 'name="pasted"' in page.text
    assert started.status_code == 403
    assert models.status_code == 403


def test_members_use_the_projects_that_they_are_in_and_no_other(owner: Visit, node: Node) -> None:
    """A key is charged to its project."""
    [user] = node.manage("GET", "/api/v1/users")["data"]
    [project] = node.manage("GET", "/api/v1/projects")["data"]
    where = f"/api/v1/projects/{project['id']}/members"
    fields: dict[str, str | list[str]] = {"project": project["id"]}
    with _as("member", node):
        outside = owner.get("/dashboard/playground")
        refused = owner.post("/dashboard/playground", fields, page="/dashboard/playground")
        node.manage("POST", where, body={"user_id": user["id"]})
        started = owner.post("/dashboard/playground", fields, page="/dashboard/playground")
        node.manage("DELETE", f"{where}/{user['id']}")

    assert "You are not a member of a project yet" in outside.text
    assert refused.status_code == 400
    assert started.status_code == 200
    assert 'data-secret="pk-' in started.text


@contextmanager
def _as(role: str, node: Node) -> Iterator[None]:
    """Give the only user another role for a while."""
    _give(role, node)
    try:
        yield
    finally:
        _give("owner", node)


def _give(role: str, node: Node) -> None:
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as store, store:
        store.execute("UPDATE logins SET role = ?", (role,))
