"""Signing in with more than a password, in a real browser: codes of an app, recovery codes, passkeys, proof."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from fakes.dashboard import Visit, long_ago, shoot
from fakes.strangers import with_password
from support.node import Node

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def context(node: Node, browser: Browser) -> Iterator[BrowserContext]:
    """A browser in which nobody is signed in. Passkeys belong to names, so it goes to one."""
    found = browser.new_context(
        base_url=f"http://localhost:{node.port}", viewport={"width": 1280, "height": 800}
    )
    found.set_default_timeout(15_000)
    yield found
    found.close()


def somebody(node: Node) -> tuple[str, str]:
    """Make a member who can sign in; return address and password."""

    def make(email: str) -> str:
        return str(
            node.manage("POST", "/api/v1/users", body={"email": email, "name": "Ada Example"})["data"]["id"]
        )

    return with_password(make, node.data / "keyturn.db", "member")


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the first form."""
    page.goto("/dashboard/account")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def listen(page: Page) -> list[str]:
    """Return what the browser will complain about."""
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def test_an_app_is_set_up_and_its_codes_are_asked_for(
    node: Node, owner: Visit, context: BrowserContext
) -> None:
    """From the QR code to the next sign-in with a code, a recovery code, and what asks for proof."""
    email, password = somebody(node)
    page = context.new_page()
    complaints = listen(page)
    sign_in(page, email, password)
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    shoot(page, "account")
    page.get_by_role("button", name="Set up an app").click()
    expect(page.locator("svg.qr")).to_be_visible()
    shoot(page, "two-factor")
    app = pyotp.TOTP(page.get_by_role("button", name="Copy the secret").get_attribute("data-copy") or "")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    shoot(page, "recovery-codes")
    codes = page.locator("pre").inner_text().split()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("You have 10 recovery codes")).to_be_visible()
    shoot(page, "account-two-factor")

    page.get_by_role("button", name="Sign out").click()
    sign_in(page, email, password)
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    shoot(page, "sign-in-code")
    page.get_by_label("Code").fill(app.at(int(time.time()) + 30))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    sign_in(page, email, password)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("9 are left")).to_be_visible()
    page.get_by_role("button", name="Turn off").click()
    page.locator("dialog").get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Codes are not asked for any more")).to_be_visible()
    assert [one for one in complaints if "400" not in one] == []


def test_a_passkey_is_made_and_signs_in_without_a_password(
    node: Node, owner: Visit, context: BrowserContext
) -> None:
    """Chromium's own authenticator makes and keeps it; a copy of it that counts backwards is refused."""
    email, password = somebody(node)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    sign_in(page, email, password)

    page.get_by_role("link", name="New passkey").click()
    expect(page.get_by_role("heading", name="New passkey")).to_be_visible()
    page.get_by_label("Name").fill("Ada's <b>phone</b>")
    shoot(page, "passkey")
    page.get_by_role("button", name="Make passkey").click()
    expect(page.get_by_role("rowheader", name="Ada's <b>phone</b>")).to_be_visible()
    shoot(page, "account-passkey")
    page.get_by_text("Rename").click()
    page.locator("details.rename input[name=name]").fill("Pocket")
    page.locator("details.rename").get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="Pocket")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    page.goto("/dashboard/sign-in?next=/dashboard/account")
    shoot(page, "sign-in-passkey")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.goto("/dashboard/prove?next=/dashboard/account")
    shoot(page, "prove")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    long_ago(node, email)
    page.get_by_role("button", name="Set up an app").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(
        page.get_by_role("heading", name="Two-factor sign-in")
    ).to_be_visible()  # what was asked for is done

    page.get_by_role("button", name="Sign out").click()
    kept = devtools.send("WebAuthn.getCredentials", {"authenticatorId": made["authenticatorId"]})[
        "credentials"
    ][0]
    devtools.send("WebAuthn.clearCredentials", {"authenticatorId": made["authenticatorId"]})
    copied = {"authenticatorId": made["authenticatorId"], "credential": kept | {"signCount": 1}}
    devtools.send("WebAuthn.addCredential", copied)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not accepted")

    actions = [one["action"] for one in node.manage("GET", "/api/v1/audit")["data"]]
    assert {"passkey.add", "passkey.edit", "passkey.refused"} <= set(actions)


def test_a_removed_passkey_opens_nothing(node: Node, owner: Visit, context: BrowserContext) -> None:
    """And what is not confirmed in the dialog does not happen."""
    email, password = somebody(node)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    sign_in(page, email, password)
    page.goto("/dashboard/account/passkeys")
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Make passkey").click()

    page.get_by_role("button", name="Remove").click()
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("rowheader", name="Laptop")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    page.locator("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey is removed")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not accepted")


def test_your_account_fits_a_narrow_window(node: Node, owner: Visit, context: BrowserContext) -> None:
    """However long a provider's address is, and its name for somebody: what they press stays within reach."""
    email, password = somebody(node)
    user_id = node.manage("GET", f"/api/v1/users/{email}")["data"]["id"]
    issuer, subject = f"https://accounts.example.com/{'realm-' * 9}", "248289761001-" * 6
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as database, database:
        row = (issuer, subject, user_id, 1_700_000_000_000)
        database.execute(
            "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES (?, ?, ?, ?)", row
        )
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(page, email, password)

    for name in ("Disconnect", "End"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
