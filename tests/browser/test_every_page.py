"""What holds for every page that a link leads to, found by following the links from the first page."""

import html
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.routes import HTTPRoute
from playwright.sync_api import Browser, Page, expect

from fakes.dashboard import EMAIL, PASSWORD, Visit, shoot, signed_in
from keyturn.control.dashboard import routes as dashboard
from support.node import NO_TLS, Node, until

AXE = Path(sys.prefix) / "node-sdks" / "node_modules" / "axe-core" / "axe.min.js"
HEAVIEST = 150_000
"""Bytes of a page with all that it loads."""
LONG = "A name that goes on and on, as people write them who do not see the table it ends up in " * 2
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
MOST_PAGES = 200
"""More than there are: names that lead to pages of their own without end are a mistake here."""
ENTRANCE = (
    "/dashboard/sign-in",
    "/dashboard/setup",
    "/dashboard/forgot",
    "/dashboard/reset",
    "/dashboard/verify",
    "/dashboard/invite",
    "/dashboard/holder",
)
"""What is for those who have not signed in."""
HOLDER = ("/dashboard/holder", "/dashboard/holder/rotate")
"""What whoever has a key sees of it."""
BY_ADDRESS = ("/dashboard/account/passkeys", "/dashboard/prove", "/dashboard/account/two-factor")
"""Forms lead there, or a script."""
ELSEWHERE = {
    "/dashboard/{rest}": "says that there is no such page",
    "/dashboard/static/{version}/{name}": "no page",
    "/dashboard/live": "a stream",
    "/dashboard/figures": "a piece of the first page for a script",
    "/dashboard/playground/cost": "figures for a script",
    "/dashboard/account/passkeys/options": "figures for a script",
    "/dashboard/usage/export": "a file",
    "/dashboard/requests/export": "a file",
    "/dashboard/audit/export": "a file",
    "/dashboard/account/recovery-codes": "leads back: they are shown once",
    "/dashboard/keys/bulk": "leads back: what to do with which keys is in the form",
    "/dashboard/team/{user_id}/invite": "leads back: the link is shown once",
    "/dashboard/sign-in/code": "asks who has given a password: tests/browser/test_entrance.py",
    "/dashboard/sign-in/passkey": "begins a ceremony: tests/browser/test_entrance.py",
    "/dashboard/oidc": "leads to the provider, of which there is none: tests/control/test_oidc.py",
    "/dashboard/oidc/connect": "leads there too",
    "/dashboard/oidc/callback": "leads back from there",
    "/dashboard/account/identity/connect": "asks before that: tests/control/test_oidc.py",
    "/dashboard/sign-up": "closed on this node: tests/control/test_sign_up.py",
}
"""Routes that are no page of this crawl, each with why."""
_LINK = re.compile(r'href="(/dashboard[^"#]*)"')
_UPSTREAM = re.compile(r"(?<=/models/upstreams/)[^/]+")
_NUMBERED = re.compile(r"(key|sec|req|user|acct|proj|plan|evt|up|prc|grnt)_[0-9A-Za-z]{20}")

MEASURE = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const loaded = [performance.getEntriesByType("navigation")[0], ...performance.getEntriesByType("resource")];
  return {
    paint_ms: paint ? paint.startTime : 0,
    shift: window.shifted || 0,
    bytes: loaded.reduce((sum, one) => sum + one.decodedBodySize, 0),
  };
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"
SETTLE_MS = 300
"""What comes in after a page has loaded may move nothing either."""
SIDEWAYS = """() => {
  scrollTo(9999, scrollY);
  const far = scrollX;
  scrollTo(0, scrollY);
  return far;
}"""
WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def furnished(node: Node, owner: Visit) -> Visit:
    """A node in use: keys with long and hostile names, requests that went well and badly."""
    for name in ("app", LONG[:100], HOSTILE):
        key_id, secret = node.new_key(name, recoverable=True)
        node.manage("POST", f"/api/v1/keys/{key_id}/rotate")
        with httpx.Client(base_url=node.url, verify=NO_TLS, headers={"user-agent": HOSTILE}) as client:
            for model in ("demo-chat", "demo-chat", "no-such-model"):
                body = {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
                client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {secret}"})
    until(lambda: node.manage("GET", "/api/v1/usage")["data"]["total"]["requests"] >= 6, what="usage")
    node.manage("POST", "/api/v1/plans", body={"name": LONG[:60]})
    node.manage("POST", "/api/v1/credit/grants", body={"amount_usd": "5", "note": HOSTILE})
    owner.post("/dashboard/account/two-factor/begin")
    return owner


@pytest.fixture(scope="module")
def paths(node: Node, furnished: Visit) -> list[str]:
    """The paths of all pages, one of each kind."""
    found: dict[str, str] = {}
    kim = node.manage("GET", f"/api/v1/users/{EMAIL}")["data"]["id"]
    # Whoever has a second factor is somebody else than the only one who is there.
    waiting = ["/dashboard", "/dashboard/account", *BY_ADDRESS, f"/dashboard/team/{kim}/second-factor"]
    while waiting:
        assert len(found) < MOST_PAGES, sorted(found)
        path = waiting.pop(0)
        answer = furnished.get(path)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert answer.status_code in {200, 303}, (path, answer.status_code)
        found[_kind(path)] = path
        for link in map(html.unescape, _LINK.findall(answer.text)):
            kinds = {*found, *map(_kind, waiting)}
            if not link.startswith(("/dashboard/static", "/dashboard/live")) and _kind(link) not in kinds:
                waiting.append(link)
    return sorted(found.values())


@pytest.fixture(scope="module")
def window(browser: Browser, furnished: Visit) -> Iterator[Page]:
    """A window of the owner's that notes what moves."""
    page = signed_in(browser, furnished)
    page.add_init_script(WATCH_SHIFTS)
    yield page
    page.context.close()


def test_every_page_is_light_quick_still_and_usable_by_everybody(window: Page, paths: list[str]) -> None:
    """No console errors, no layout shift, under 150 KB, first paint under half a second, nothing serious by axe-core."""
    complaints: list[str] = []
    window.on(
        "console", lambda one: complaints.append(one.text) if one.type in {"error", "warning"} else None
    )
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
    found: dict[str, list[str]] = {}
    for path in paths:
        problems = _problems(window, path) + complaints
        complaints.clear()
        if problems:
            found[path] = problems

    assert found == {}


def test_pages_for_those_outside_are_as_good(browser: Browser, node: Node, furnished: Visit) -> None:
    """The first page that somebody ever sees is one of them."""
    stranger = Visit(node.url)
    window = signed_in(browser, stranger)
    window.add_init_script(WATCH_SHIFTS)

    found = {path: problems for path in ENTRANCE if (problems := _problems(window, path))}
    _, secret = node.new_key("somebody's")
    window.goto("/dashboard/holder")
    window.get_by_label("API key", exact=True).fill(secret)
    window.get_by_role("button", name="Show my key").click()
    window.get_by_role("button", name="Sign out").wait_for()
    found |= {f"{path} (inside)": problems for path in HOLDER if (problems := _problems(window, path))}

    window.context.close()
    stranger.close()
    assert found == {}


def test_no_page_is_left_out(paths: list[str]) -> None:
    """A page that no link leads to is one that nobody looks at."""
    seen = [urlsplit(path).path for path in (*paths, *ENTRANCE, *HOLDER)]
    routes = _routes()

    left_out = {
        route
        for route in routes - set(ELSEWHERE)
        if not any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), path) for path in seen)
    }

    assert left_out == set()
    assert set(ELSEWHERE) - routes == set()


def test_every_page_forbids_what_it_does_not_need(furnished: Visit, paths: list[str]) -> None:
    """Neither another site's frame nor a script from elsewhere, and nothing is kept by caches."""
    for path in paths:
        headers = furnished.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cache-control"] == "no-store", path


def test_what_others_wrote_is_never_markup(furnished: Visit, paths: list[str]) -> None:
    """Names of keys and models and what browsers call themselves come from strangers."""
    for path in paths:
        assert "<script>alert" not in furnished.get(path).text, path
        assert "<img src=x" not in furnished.get(path).text, path


def test_no_page_is_shown_to_whoever_has_not_signed_in(node: Node, paths: list[str]) -> None:
    """They are asked who they are, and led back afterwards."""
    stranger = Visit(node.url)
    inside = [path for path in paths if path not in ENTRANCE]

    answers = {path: stranger.get(path) for path in inside}

    kept_out = {path for path, answer in answers.items() if answer.status_code == 303}
    assert kept_out == set(inside)
    assert all(one.headers["location"].startswith("/dashboard/sign-in?next=") for one in answers.values())
    stranger.close()


def test_pages_come_within_their_time(furnished: Visit, paths: list[str]) -> None:
    """Under 100 ms of the server's time; what 10,000 keys and a month of use make of it, a benchmark says."""
    slow: dict[str, float] = {}
    for path in paths:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            assert furnished.get(path).status_code < 400, path
            took.append(time.perf_counter() - began)
        if min(took) > 0.1:
            slow[path] = min(took)

    assert slow == {}


def test_the_last_page_can_be_reached_without_a_script(
    browser: Browser, node: Node, furnished: Visit
) -> None:
    """Links and forms work as they are."""
    assert furnished.get("/dashboard").status_code == 200
    context = browser.new_context(base_url=node.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/dashboard")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/dashboard/keys/new")
    page.get_by_label("Name").fill("made without a script")
    page.get_by_role("button", name="Create the key").click()
    expect(page.get_by_text("Store it now")).to_be_visible()
    page.goto("/dashboard/keys")
    page.get_by_label("Search").fill("without a script")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def _problems(window: Page, path: str) -> list[str]:
    """Open a page and return what is wrong with it."""
    window.set_viewport_size({"width": 1280, "height": 800})
    window.emulate_media(color_scheme="light")
    window.goto(path)
    until(lambda: window.evaluate(PAINTED), what="the first paint")
    painted = time.monotonic()
    _load_axe(window)
    window.wait_for_timeout(max(0, SETTLE_MS - (time.monotonic() - painted) * 1000))
    measured = window.evaluate(MEASURE)
    problems = _serious(window)
    if measured["bytes"] > HEAVIEST:
        problems.append(f"{measured['bytes']} bytes")
    if measured["shift"] > 0.01:
        problems.append(f"moves by {measured['shift']:.3f}")
    if measured["paint_ms"] > 500:
        problems.append(f"first paint after {measured['paint_ms']:.0f} ms")
    window.set_viewport_size({"width": 390, "height": 800})
    window.emulate_media(color_scheme="dark")
    if window.evaluate(SIDEWAYS) > 0:
        problems.append("is wider than a narrow window")
    problems += [f"narrow and dark: {one}" for one in _serious(window)]
    shoot(window, _kind(path).strip("/").replace("/", "-"))
    return problems


def _kind(path: str) -> str:
    """Return what pages of one kind have in common: no query, and no identifier or name."""
    return _UPSTREAM.sub("name", _NUMBERED.sub(r"\1", urlsplit(path).path))


def _routes() -> set[str]:
    """Return the routes of all pages, without the types of their parts."""

    def nothing() -> None:
        return None

    app = Litestar(
        [dashboard.router()],
        dependencies={"management": Provide(nothing, sync_to_thread=False)},
        openapi_config=None,
        logging_config=None,
    )
    return {
        re.sub(r":\w+}", "}", route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute) and "GET" in route.methods
    }


def _load_axe(page: Page) -> None:
    """Have axe-core ready in what is shown."""
    if AXE.exists():
        page.evaluate(AXE.read_text("utf-8"))


def _serious(page: Page) -> list[str]:
    if not AXE.exists():
        assert not os.environ.get("CI"), "axe-core could not be fetched"
        return []
    result: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']} at {one['nodes'][0]['target']}"
        for one in result["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
