"""A node whose dashboard is set up, and a real browser to open it with."""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from support.node import NO_TLS, Node

EMAIL, PASSWORD = "kim@example.com", "correct horse battery"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Root has no sandbox; nothing is to be fetched from anywhere but the node."""
PATIENCE_MS = 20_000
"""How long a browser may take to show something; what it shows is what is looked at, and not how busy the machine is."""
SHOTS = os.environ.get("KEYTURN_SHOTS", "")
"""A folder for screenshots of every page, to be looked at; empty: none are taken."""

_TOKEN = re.compile(r"/dashboard/setup#([0-9A-Za-z]{32})")
_CSRF = re.compile(r'<meta name="csrf" content="([0-9A-Za-z]+)">')


class Visit:
    """Somebody's browser without a screen: cookies, and forms that are sent as ours."""

    def __init__(self, base: str, headers: dict[str, str] | None = None, *, address: str = "") -> None:
        """Start it.

        Args:
            base: The node's address.
            headers: Of every request.
            address: From which it comes; empty: the usual one of this machine.
        """
        transport = httpx.HTTPTransport(verify=NO_TLS, local_address=address or None)
        self.http = httpx.Client(base_url=base, transport=transport, timeout=20, headers=headers)

    def get(self, path: str, **query: str) -> httpx.Response:
        """Open a page; a redirection is not followed."""
        return self.http.get(path, params=query or None)

    def post(
        self, path: str, fields: dict[str, str | list[str]] | None = None, *, page: str = ""
    ) -> httpx.Response:
        """Fill a form in and send it.

        Args:
            path: Where it goes.
            fields: What it was filled with.
            page: Where it stands; ``/dashboard/account`` unless said, which everybody may open.
        """
        body = urlencode({"csrf": self.csrf(page or "/dashboard/account"), **(fields or {})}, doseq=True)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.http.post(path, content=body, headers=headers)

    def csrf(self, page: str) -> str:
        """Return what forms carry."""
        found = _CSRF.search(self.get(page).text)
        assert found is not None, page
        return found[1]

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        """Sign in as somebody with a password and nothing else."""
        fields: dict[str, str | list[str]] = {"email": email, "password": password, "next": "/dashboard"}
        return self.post("/dashboard/sign-in", fields, page="/dashboard/sign-in")

    def close(self) -> None:
        """Let go of the connection."""
        self.http.close()


def setup_token(node: Node) -> str:
    """Return the secret part of the link that a node printed at its start."""
    found = _TOKEN.findall(node.output.read_text())
    assert found, node.output.read_text()
    token: str = found[-1]
    return token


def set_up(node: Node) -> Visit:
    """Make the first owner of a node; return their browser without a screen, signed in."""
    visit = Visit(node.url)
    fields: dict[str, str | list[str]] = {
        "token": setup_token(node),
        "email": EMAIL,
        "name": "Kim Example",
        "password": PASSWORD,
    }
    answer = visit.post("/dashboard/setup", fields, page="/dashboard/setup")
    assert answer.status_code == 303, answer.text
    return visit


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium; tests are skipped where there is none, but in CI.

    It must end with the module that uses it: its event loop would be in the way of asynchronous tests.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium; on Debian and Ubuntu: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def signed_in(browser: Browser, visit: Visit, *, width: int = 1280, dark: bool = False) -> Page:
    """Open a window in which somebody is signed in already; close its ``context`` when it is not needed any more."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        base_url=str(visit.http.base_url),
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.add_cookies(
        [
            {"name": cookie.name, "value": cookie.value or "", "url": str(visit.http.base_url)}
            for cookie in visit.http.cookies.jar
        ]
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def long_ago(node: Node, email: str) -> None:
    """Have it been a while since somebody showed that it is them; their sessions go on."""
    meant = "user_id IN (SELECT id FROM users WHERE email = ?)"
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as database, database:
        database.execute(f"UPDATE sessions SET proved_at = proved_at - 660000 WHERE {meant}", [email])  # noqa: S608


def shoot(page: Page, name: str) -> None:
    """Take pictures of what is shown, in light, dark and narrow, where somebody wants to look at them."""
    if not SHOTS:
        return
    folder = Path(SHOTS)
    folder.mkdir(parents=True, exist_ok=True)
    for mode, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("narrow", 390, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.screenshot(path=folder / f"{name}-{mode}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme="light")
