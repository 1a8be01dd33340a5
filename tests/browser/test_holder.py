"""The page of whoever has a key and nothing else."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from support.node import Node

HOLDER = "/dashboard/holder"
_SECRET = re.compile(r"sk-[0-9A-Za-z]{32}")
_NONCE = re.compile(r'name="nonce" value="([0-9A-Za-z]+)"')


@pytest.fixture
def visit(node: Node) -> Iterator[Visit]:
    """Somebody's browser without a screen, signed in nowhere."""
    found = Visit(node.url)
    yield found
    found.close()


def test_a_holder_sees_what_the_key_has_used_and_rotates_it(
    node: Node, owner: Visit, strange_page: Page
) -> None:
    """With the key alone: from the sign-in page to a new secret that works, in a window of nobody else's."""
    assert owner.get("/dashboard/keys").status_code == 200
    node.new_key("a neighbour's key")
    limits = [{"metric": "requests", "window": "lifetime", "max": 10}]
    key_id, secret = node.new_key(
        "my own key", limits=limits, models=["demo-*"], rotation={"self_rotation": True}
    )
    node.manage(
        "PUT",
        f"/api/v1/projects/{_project(node, key_id)}/limits",
        body={"limits": [{"metric": "requests", "window": "day", "max": 77_777}]},
    )
    for _ in range(2):
        assert node.chat(key=secret).status_code == 200
    page = strange_page
    page.goto("/dashboard/sign-in")
    page.get_by_role("link", name="Sign in with an API key").click()
    shoot(page, "holder-sign-in")
    page.get_by_label("API key", exact=True).fill("sk-000000000000000000000000003vSKjy")
    page.get_by_role("button", name="Show my key").click()
    expect(page.get_by_role("alert")).to_contain_text("The provided API key is invalid")
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Show my key").click()

    expect(page.get_by_role("heading", name="my own key")).to_be_visible()
    expect(page.get_by_text("2 of 10", exact=True)).to_be_visible()
    shoot(page, "holder-page")
    shown = page.content()
    for hidden in ("neighbour", "Default", "kim@example.com", "77,777", "77.8k", secret, "proj_", "acct_"):
        assert hidden not in shown, hidden
    page.get_by_role("button", name="Rotate the key").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate the key").click()
    expect(page.get_by_role("heading", name="New secret")).to_be_visible()
    newer = page.locator("#secret").inner_text()
    shoot(page, "holder-secret")
    assert "MODEL" not in page.content()
    page.reload()
    expect(page.get_by_text("The key has a newer secret than the one you signed in with")).to_be_visible()
    assert newer not in page.content()
    assert node.chat(key=newer).status_code == 200
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Your API key")).to_be_visible()


def test_a_session_ends_with_its_secret(node: Node, visit: Visit) -> None:
    """At once, and with the reason that the API gives; enabled again, the key has to be shown again."""
    key_id, secret = node.new_key("ends")
    assert _sign_in(visit, secret) == 303
    assert "ends" in visit.get(HOLDER).text
    node.manage("POST", f"/api/v1/keys/{key_id}/disable")

    refused = visit.get(HOLDER)
    node.manage("POST", f"/api/v1/keys/{key_id}/enable")
    after = visit.get(HOLDER)

    assert refused.status_code == 401
    assert "This API key is disabled" in refused.text
    assert after.status_code == 200
    assert 'name="key"' in after.text


def test_a_rotation_that_ends_the_old_secret_ends_its_session(node: Node, visit: Visit) -> None:
    """Whoever has stolen a secret must not look on from an open window."""
    key_id, secret = node.new_key("rotated away", rotation={"self_rotation": True})
    assert _sign_in(visit, secret) == 303
    token = visit.csrf(HOLDER)
    node.manage("POST", f"/api/v1/keys/{key_id}/rotate", body={"revoke_old": True})

    answer = visit.http.post(f"{HOLDER}/rotate", data={"csrf": token, "nonce": "n1"})

    assert answer.status_code == 401
    assert not _SECRET.search(answer.text)
    assert 'name="key"' in visit.get(HOLDER).text


def test_who_may_not_use_a_key_from_here_does_not_see_it_from_here(node: Node, visit: Visit) -> None:
    """The same refusals as the API's, in its words; nothing tells an unknown key from a decoy."""
    _, elsewhere = node.new_key("elsewhere", ip=["203.0.113.0/24"])
    _, decoy = node.new_key("decoy", decoy=True)
    _, public = node.new_key("public", kind="publishable", origins=["https://app.example.com"])
    _, other_page = node.new_key("other page", origins=["https://app.example.com"])
    cases = {
        elsewhere: (403, "may not be used from 127.0.0.1"),
        decoy: (401, "The provided API key is invalid"),
        public: (403, "A publishable key is in everybody&#39;s hands and manages nothing"),
        other_page: (403, "add the page&#39;s origin"),
        "sk-000000000000000000000000003vSKjy": (401, "The provided API key is invalid"),
        "": (401, "API key is required"),
    }

    for secret, (status, words) in cases.items():
        answer = visit.post(HOLDER, {"key": secret}, page=HOLDER)
        assert answer.status_code == status, secret
        assert words in answer.text
        assert not secret or secret not in answer.text
        assert "keyturn_holder" not in visit.http.cookies


def test_two_windows_do_not_freeze_a_key_and_one_form_rotates_once(node: Node, visit: Visit) -> None:
    """A second request for a successor means two holders, elsewhere; here it is an old window or a second click."""
    key_id, secret = node.new_key("twice", rotation={"self_rotation": True})
    assert _sign_in(visit, secret) == 303
    nonce = _NONCE.search(visit.get(HOLDER).text)
    assert nonce is not None

    first = visit.post(f"{HOLDER}/rotate", {"nonce": nonce[1]}, page=HOLDER)
    again = visit.post(f"{HOLDER}/rotate", {"nonce": nonce[1]}, page=HOLDER)
    other = visit.post(f"{HOLDER}/rotate", {"nonce": "another"}, page=HOLDER)

    data = node.manage("GET", f"/api/v1/keys/{key_id}")["data"]
    assert first.status_code == 200
    assert _SECRET.search(first.text)
    assert (again.status_code, again.headers["location"]) == (303, HOLDER)
    assert other.status_code == 409
    assert "has a new secret already" in other.text
    assert data["quarantined_at"] is None
    assert len(data["secrets"]) == 2


def test_a_key_that_may_not_rotate_itself_does_not(node: Node, visit: Visit) -> None:
    """The page offers no form, and a form that was made up is refused."""
    _, secret = node.new_key("fixed")
    assert _sign_in(visit, secret) == 303
    assert "may not be rotated by its holder" in visit.get(HOLDER).text

    answer = visit.post(f"{HOLDER}/rotate", {"nonce": "made-up"}, page=HOLDER)

    assert answer.status_code == 403
    assert not _SECRET.search(answer.text)
    assert visit.get(f"{HOLDER}/rotate").headers["location"] == HOLDER


def test_a_session_of_a_key_opens_nothing_else_and_no_form_is_taken_from_elsewhere(
    node: Node, visit: Visit
) -> None:
    """Not the pages of people, not by another's number in the form, and a planted cookie is replaced."""
    _, secret = node.new_key("alone")
    visit.http.cookies.set("keyturn_holder", "planted0000000000000000000000000", domain="127.0.0.1")
    assert _sign_in(visit, secret) == 303
    token = visit.http.cookies["keyturn_holder"]

    assert token != "planted0000000000000000000000000"
    for path in ("/dashboard", "/dashboard/keys", "/dashboard/account"):
        assert visit.get(path).headers["location"].startswith("/dashboard/sign-in"), path
    forged = visit.http.post(f"{HOLDER}/sign-out", data={"csrf": "x" * 32})
    crossed = visit.http.post(
        f"{HOLDER}/sign-out", data={"csrf": visit.csrf(HOLDER)}, headers={"origin": "https://evil.example"}
    )
    assert (forged.status_code, crossed.status_code) == (403, 403)
    assert "alone" in visit.get(HOLDER).text
    assert _sign_in(visit, secret) == 303
    assert visit.post(f"{HOLDER}/sign-out", page=HOLDER).status_code == 303
    visit.http.cookies.set("keyturn_holder", token, domain="127.0.0.1")
    assert 'name="key"' in visit.get(HOLDER).text


def test_an_address_that_tries_many_keys_has_to_wait(node: Node) -> None:
    """Also before the right one; it is told for how long. Nobody else has to."""
    _, secret = node.new_key("guessed at")
    with closing(Visit(node.url, address="127.0.7.1")) as guessing:
        statuses = [
            guessing.post(HOLDER, {"key": f"sk-guess{number}"}, page=HOLDER).status_code
            for number in range(11)
        ]
        answer = guessing.post(HOLDER, {"key": secret}, page=HOLDER)
        kept = dict(guessing.http.cookies)

    assert statuses == [401] * 10 + [429]
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 301
    assert "keyturn_holder" not in kept
    with closing(Visit(node.url)) as other:
        assert _sign_in(other, secret) == 303


def _sign_in(visit: Visit, secret: str) -> int:
    return visit.post(HOLDER, {"key": secret}, page=HOLDER).status_code


def _project(node: Node, key_id: str) -> str:
    found: str = node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["project_id"]
    return found
