"""The log of requests, and one of them."""

import csv
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
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


def test_requests_are_found_by_what_is_known_of_them(owner: Visit, node: Node) -> None:
    """A key, a model, a status, an id: each alone and all together."""
    key_id, secret = node.new_key("finder")
    answer = node.chat(key=secret)
    request_id = answer.headers["x-request-id"]

    assert request_id in owner.get("/dashboard/requests?key=finder&model=demo-chat&status=2xx").text
    assert request_id not in owner.get("/dashboard/requests?status=404").text
    assert request_id not in owner.get("/dashboard/requests?model=other").text
    assert request_id in owner.get(f"/dashboard/requests/export?key={key_id}&format=jsonl").text
    led = owner.get(f"/dashboard/requests?search={request_id}")
    assert (led.status_code, led.headers["location"]) == (303, f"/dashboard/requests/{request_id}")
    assert owner.get(f"/dashboard/requests?cursor={request_id}").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("requests?search=req_1", 400),
        ("requests?cursor=next", 400),
        ("requests?status=soon", 400),
        ("requests?key=nobody", 404),
        ("requests/export?format=xls", 400),
        ("requests/req_1", 404),
        ("requests/req_VbXhUyUBKUlzDND0IYtt", 404),
    ],
)
def test_what_is_not_there_is_said(owner: Visit, path: str, status: int) -> None:
    """In a page of its own, never with a stack trace."""
    answer = owner.get(f"/dashboard/{path}")

    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_nothing_that_a_client_sends_becomes_markup(owner: Visit, node: Node) -> None:
    """Models and paths are whatever somebody makes up."""
    answer = node.chat(model=XSS)
    lost = node.send("GET", f"/v1/{XSS}", headers={"authorization": f"Bearer {node.key}", "user-agent": XSS})

    for path in (
        "requests",
        f"requests/{answer.headers['x-request-id']}",
        f"requests/{lost.headers['x-request-id']}",
    ):
        page = owner.get(f"/dashboard/{path}")
        assert page.status_code == 200
        assert "<img" not in page.text


def test_bodies_are_shown_to_who_asks_for_them_and_that_is_written_down(owner: Visit, node: Node) -> None:
    """What people wrote is nobody's business without a trace."""
    project = node.manage(
        "POST", "/api/v1/projects", body={"name": "kept", "policy": {"store_bodies": True}}
    )["data"]
    _, secret = node.new_key("kept", project_id=project["id"])
    kept, other = (node.chat(XSS, key=key).headers["x-request-id"] for key in (secret, None))

    shown = owner.post(f"/dashboard/requests/{kept}/bodies", page="/dashboard/requests")
    refused = owner.post(f"/dashboard/requests/{other}/bodies", page="/dashboard/requests")

    assert shown.status_code == 200
    assert "&lt;img src=x" in shown.text
    assert "<img" not in shown.text
    assert refused.status_code == 404
    assert "No bodies of this request are kept" in refused.text
    audit = node.manage("GET", "/api/v1/audit?action=request.bodies")["data"]
    assert [entry["target"] for entry in audit] == [kept]


def test_long_bodies_stay_within_the_page(page: Page, node: Node) -> None:
    """A body is one line of JSON as a rule, thousands of characters long; the page is as wide as the window all the same."""
    policy = {"name": "long", "policy": {"store_bodies": True}}
    project = node.manage("POST", "/api/v1/projects", body=policy)["data"]
    _, secret = node.new_key("long", project_id=project["id"])
    request_id = node.chat("word" * 1_000, key=secret).headers["x-request-id"]
    page.goto(f"/dashboard/requests/{request_id}")
    page.get_by_role("button", name="Show the bodies").click()
    expect(page.get_by_role("heading", name="Body of the answer")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})

    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    shoot(page, "request-bodies")


def test_a_member_is_told_of_nothing_but_their_own(owner: Visit, node: Node) -> None:
    """The stream is made once for all who may see the same, and for nobody else."""
    member = member_of(node, "mo@example.com")
    own_id, own = node.new_key("mo's own", user_id="mo@example.com")

    with stream(member, "?rows=1") as frames:
        assert next(frames)[0] in {"alerts", "counters"}
        other = node.chat().headers["x-request-id"]
        mine = node.chat(key=own).headers["x-request-id"]
        rows = next(data["rows"] for event, data in frames if event == "requests")

    assert [(row["id"], row["key_id"]) for row in rows] == [(mine, own_id)]
    log = member.get("/dashboard/requests").text
    assert (log.count("<tr data-request"), mine in log) == (1, True)
    assert member.get(f"/dashboard/requests/{mine}").status_code == 200
    assert member.get(f"/dashboard/requests/{other}").status_code == 404
    assert member.post(f"/dashboard/requests/{mine}/bodies", page="/dashboard").status_code == 403
    assert "Upstreams" not in member.get("/dashboard").text
    [row] = csv.DictReader(member.get("/dashboard/usage/export?range=24h").text.splitlines())
    member.close()
    assert (row["key_id"], row["requests"]) == (own_id, "1")


def test_a_stream_ends_with_its_session(owner: Visit, node: Node) -> None:
    """Who was shut out must not go on listening."""
    other = Visit(node.url)
    other.sign_in()

    with stream(other, "") as frames:
        assert next(frames)[0] in {"alerts", "counters"}
        other.post("/dashboard/sign-out", page="/dashboard")
        ends = [data["why"] for event, data in frames if event == "end"]

    other.close()
    assert ends == ["session"]


def test_a_node_with_open_pages_stops_at_once(owner: Visit, node: Node) -> None:
    """A window that somebody forgot must not hold up a restart. The last test: the node is gone after it."""
    with stream(owner, "") as frames:
        assert next(frames)[0] in {"alerts", "counters"}
        owner.csrf("/dashboard/requests")  # another connection, idle
        begun = time.monotonic()
        assert node.stop() == 0
        took = time.monotonic() - begun

    assert took < 4, node.errors.read_text()  # what requests in flight would get


def member_of(node: Node, email: str) -> Visit:
    """Return a signed-in browser of somebody who has no role but that of a member."""
    user = node.manage("POST", "/api/v1/users", body={"email": email, "name": "Mo"})["data"]
    with closing(sqlite3.connect(node.data / "keyturn.db")) as database, database:
        database.execute(
            "INSERT OR REPLACE INTO logins (user_id, role, password_hash, created_at, email_verified_at, terms_accepted_at) "
            "SELECT ?, 'member', password_hash, created_at, 1, 1 FROM logins WHERE role = 'owner'",
            (user["id"],),
        )
    project = node.manage("GET", "/api/v1/projects")["data"][-1]["id"]  # the first: keys go there unless said
    node.manage("POST", f"/api/v1/projects/{project}/members", body={"user_id": user["id"]})
    visit = Visit(node.url)
    assert visit.sign_in(email).status_code == 303
    return visit


@contextmanager
def stream(visit: Visit, query: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """Yield the events that an open page is told."""
    with visit.http.stream("GET", f"/dashboard/live{query}") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    event = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)
