"""The log of requests, and one of them."""

import csv
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, set_up, shoot
from fakes.strangers import with_password
from support.node import Node, running

DRAIN_S = 60
"""What requests in flight would get: so long that no busy machine takes half of it to stop."""
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


def test_refused_requests_are_found_from_the_figures_that_leave_them_out(page: Page, node: Node) -> None:
    """Whoever sees that a key has no errors must not believe that all its requests went well."""
    limit = {"metric": "requests", "window": "day", "max": 1}
    key_id, secret = node.new_key("throttled", limits=[limit])
    assert [node.chat(key=secret).status_code for _ in range(3)] == [200, 429, 429]
    for address in ("", "/usage", f"/usage?key={key_id}", "/usage?from=2026-01-01&to=2026-01-01"):
        page.goto(f"/dashboard{address}")
        expect(page.get_by_role("link", name="see them")).to_be_visible()
    page.goto(f"/dashboard/keys/{key_id}")
    shoot(page, "key-refused")

    page.get_by_role("link", name="see them").click()

    rows = page.locator("tr[data-request]")
    expect(rows).to_have_count(2)
    expect(page.get_by_label("Status")).to_have_value("refused")
    expect(page.locator("[data-live-state]")).to_have_text("live")
    assert node.chat(key=secret).status_code == 429
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="429")).to_have_count(3)
    page.get_by_role("textbox", name="Key").fill("")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("key=&"))
    expect(page.locator("[data-live-state]")).to_have_text("live")
    answered = node.chat().headers["x-request-id"]
    refused = node.chat(key=secret).headers["x-request-id"]
    expect(page.locator(f'[data-request="{refused}"]')).to_have_count(1)
    expect(page.locator(f'[data-request="{answered}"]')).to_have_count(0)


def test_an_empty_log_says_how_long_requests_are_kept(owner: Visit, node: Node) -> None:
    """As it is set now, not as it comes out of the box."""
    key_id, _ = node.new_key("unused")
    before = owner.get("/dashboard/requests?model=nothing").text
    node.manage("PATCH", "/api/v1/settings", body={"requests.kept_days": 7})
    after = owner.get("/dashboard/requests?model=nothing").text
    own = owner.get(f"/dashboard/keys/{key_id}/requests").text
    node.manage("PATCH", "/api/v1/settings", body={"requests.kept_days": None})

    assert "Requests are kept for 30 days." in before
    assert "Requests are kept for 7 days." in after
    assert "requests are kept for 7 days." in own


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


def test_the_page_of_a_key_says_of_a_request_what_the_log_says(owner: Visit, node: Node) -> None:
    """The client's own mistake must not look like an outage on one page, and like nothing much on the other."""
    key_id, secret = node.new_key("elsewhere", models=["other"])
    request_id = node.chat(key=secret).headers["x-request-id"]

    pages = [owner.get(f"/dashboard/{path}").text for path in ("requests", f"keys/{key_id}/requests")]

    log, own = (
        page.partition(f'<tr data-request="{request_id}">')[2].partition("</tr>")[0] for page in pages
    )
    whose = f'<td><a class="clip" href="/dashboard/keys/{key_id}" title="elsewhere">elsewhere</a></td>'
    assert "status warn" in log
    assert own == log.replace(whose, "")


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
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
    shoot(page, "request-bodies")


def test_a_member_is_told_of_nothing_but_their_own(owner: Visit, node: Node) -> None:
    """The stream is made once for all who may see the same, and for nobody else."""
    with closing(member_of(node, "mo@example.com")) as member:
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

    assert (row["key_id"], row["requests"]) == (own_id, "1")


def test_a_stream_ends_with_its_session_and_with_the_role_it_was_opened_in(owner: Visit, node: Node) -> None:
    """Who was shut out, or is no administrator any more, must not go on listening."""
    made: list[str] = []

    def make(email: str) -> str:
        made.append(node.manage("POST", "/api/v1/users", body={"email": email})["data"]["id"])
        return made[0]

    email, password = with_password(make, node.data / "keyturn.db", "admin")
    with closing(Visit(node.url)) as leaving, closing(Visit(node.url)) as lowered:
        assert leaving.sign_in().status_code == 303
        assert lowered.sign_in(email, password).status_code == 303
        with stream(leaving, "") as left, stream(lowered, "?rows=1") as kept:
            assert {next(left)[0], next(kept)[0]} <= {"alerts", "counters"}
            leaving.post("/dashboard/sign-out", page="/dashboard")
            node.manage("PATCH", f"/api/v1/users/{made[0]}", body={"role": "member"})
            untold = node.chat().headers["x-request-id"]
            heard = [list(frames) for frames in (left, kept)]

    assert [frames[-1] for frames in heard] == [("end", {"why": "session"})] * 2
    assert untold not in str(heard)


def test_a_node_with_open_pages_stops_at_once(tmp_path: Path) -> None:
    """A window that somebody forgot must not hold up a restart."""
    with (
        running(Node(tmp_path, workers=1, demo=False, server__drain_s=str(DRAIN_S))) as node,
        closing(set_up(node)) as visit,
        stream(visit, "") as frames,
    ):
        assert next(frames)[0] in {"alerts", "counters"}
        visit.csrf("/dashboard/requests")  # another connection, idle
        begun = time.monotonic()
        assert node.stop(within_s=2 * DRAIN_S) == 0
        took = time.monotonic() - begun

    assert took < DRAIN_S / 2, node.errors.read_text()


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
