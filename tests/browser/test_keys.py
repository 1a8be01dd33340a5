"""The pages of API keys, by people who have only a browser."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from support.node import Node

KEYS = "/dashboard/keys"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
_SECRET = re.compile(r"sk-[0-9A-Za-z]{32}")
_NONCE = re.compile(r'name="nonce" value="([0-9A-Za-z]+)"')


def test_a_new_key_is_shown_once_with_samples_that_are_ready_to_paste(node: Node, page: Page) -> None:
    """From the list to a request that is answered, within a minute; a reload shows no secret and makes no second key."""
    page.goto(KEYS)
    page.keyboard.press("n")
    page.get_by_label("Name").fill("billing service")
    page.get_by_label("Requests a minute").fill("60")
    page.get_by_text("More: kind, holder").click()
    shoot(page, "keys-new")
    page.get_by_label("Models").fill("demo-chat")
    page.get_by_role("button", name="Create the key").click()

    expect(page.get_by_text("Store it now: it is shown this once.")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    shoot(page, "keys-secret")
    assert node.chat(key=secret).status_code == 200
    page.get_by_role("button", name="Copy the key").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    for title in ("Python", "JavaScript", "bash", "cmd", "PowerShell", ".env"):
        page.get_by_text(title, exact=True).click()
        shown = page.locator(".panel:visible pre").inner_text()
        assert secret in shown, title
        assert node.url in shown, title
    expect(page.get_by_text("Add .env to .gitignore")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="New API key")).to_be_visible()
    assert secret not in page.content()
    found = node.manage("GET", "/api/v1/keys?search=billing service")["data"]
    assert [(one["name"], one["models"]) for one in found] == [("billing service", ["demo-chat"])]
    assert secret not in page.url


def test_a_key_is_switched_off_from_the_list_and_the_toast_takes_it_back(node: Node, page: Page) -> None:
    """In force in every worker, without a reload; others are found by the search field, and ended together."""
    key_id, secret = node.new_key("switched", tags=["team-a"], environment="staging")
    for number in range(3):
        node.new_key(f"old {number}{' and long' * number * 9}", description="of last year " * 20)
    node.chat(key=secret)
    page.goto(KEYS)
    page.keyboard.press("/")
    page.keyboard.type("switched")
    page.keyboard.press("Enter")
    switch = page.get_by_role("switch", name="switched may be used")
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(page.get_by_role("row")).to_have_count(2)
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert node.chat(key=secret).status_code == 401
    page.get_by_role("button", name="Undo").click()
    expect(switch).to_have_attribute("aria-checked", "true")
    assert node.chat(key=secret).status_code == 200

    page.goto(f"{KEYS}?search=old")
    shoot(page, "keys-list")
    for box in page.get_by_role("checkbox", name=re.compile("Choose old [01]")).all():
        box.check()
    page.get_by_role("button", name="Revoke…").click()
    expect(page.get_by_text("These 2 keys will be ended for good")).to_be_visible()
    shoot(page, "keys-revoke-many")
    assert page.locator(".card .scroll").evaluate("one => one.scrollWidth <= one.clientWidth")
    expect(page.get_by_role("rowheader", name="old 1")).to_be_visible()
    page.get_by_role("button", name="Revoke 2 keys").click()
    expect(page.get_by_text("Revoked: old 1")).to_be_visible()
    states = {one["name"][:5]: one["status"] for one in node.manage("GET", "/api/v1/keys?search=old")["data"]}
    assert states == {"old 0": "revoked", "old 1": "revoked", "old 2": "active"}
    assert node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "active"


def test_a_new_key_goes_where_calls_that_name_no_project_put_it(node: Node, owner: Visit) -> None:
    """Not to whichever name comes first; the link for somebody else lives until they read their letters."""
    home = node.manage("GET", "/api/v1/projects")["data"][-1]["id"]
    other = node.manage("POST", "/api/v1/projects", body={"name": "Aardvark"})["data"]["id"]

    plain = owner.get(f"{KEYS}/new").text
    narrowed = owner.get(f"{KEYS}/new", project=other).text
    by_name = owner.get(f"{KEYS}/new", project="Aardvark").text
    listed = owner.get(KEYS, project=other).text

    assert f'<option value="{home}" selected>' in plain
    assert f'<option value="{other}" selected>' in narrowed
    assert f'<option value="{other}" selected>' in by_name
    assert f'href="/dashboard/keys/new?project={other}"' in listed
    assert '<option value="86400" selected>' in plain
    node.manage("DELETE", f"/api/v1/projects/{other}")


def test_a_whole_secret_is_found_and_stands_in_no_address(node: Node, page: Page) -> None:
    """Whoever finds one in a log wants to know whose it is; a browser keeps addresses for months, and proxies log them."""
    key_id, secret = node.new_key("found by its secret")
    node.new_key("another one")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{KEYS}?status=revoked")
    page.get_by_label("Search").fill(secret)
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(page.get_by_role("rowheader")).to_contain_text("found by its secret")
    expect(page).to_have_url(re.compile(f"search={key_id}$"))
    expect(page.get_by_label("Search")).to_have_value(key_id)

    page.get_by_label("Search").fill("sk-" + "a" * 32)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("No key that you may see has this secret")
    expect(page.get_by_label("Search")).to_have_value("sk-aaaa")
    assert not [url for url in asked if secret in url or "aaaaa" in url]


def test_quarantined_keys_can_be_listed(node: Node, owner: Visit, page: Page) -> None:
    """The overview says how many there are, and leads to them; they are not among the active ones."""
    key_id, _ = node.new_key("in quarantine")
    node.new_key("out of quarantine")
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as store, store:
        store.execute("UPDATE keys SET frozen_at = 1 WHERE id = ?", (key_id,))

    page.goto("/dashboard")
    page.get_by_role("link", name="1 key", exact=True).click()

    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(page.get_by_role("rowheader")).to_contain_text("in quarantine")
    expect(page.get_by_label("Status")).to_have_value("quarantined")
    active = owner.get(KEYS, status="active").text
    assert ("in quarantine" in active, "out of quarantine" in active) == (False, True)
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as store, store:
        store.execute("UPDATE keys SET frozen_at = NULL WHERE id = ?", (key_id,))


def test_one_key_shows_how_it_does_and_what_would_happen_to_a_request(node: Node, page: Page) -> None:
    """Its course, gauges and last requests; each check that a request would meet."""
    limits = [
        {"metric": "requests", "window": "lifetime", "max": 10},
        {"metric": "tokens", "window": "day", "max": 100_000, "shadow": True},
    ]
    key_id, secret = node.new_key("measured", limits=limits, ip=["127.0.0.1"], recoverable=True)
    for _ in range(3):
        assert node.chat(key=secret).status_code == 200
    page.goto(f"{KEYS}/{key_id}")
    expect(page.get_by_text("3 of 10", exact=True)).to_be_visible()
    days = page.locator("figure[data-chart]").first.locator("tbody tr td:first-of-type")
    shown = [int(cell.get_attribute("data-value") or 0) for cell in days.all()]
    assert (len(shown), sum(shown[:2])) == (30, 3)  # newest first; midnight may have passed
    shoot(page, "keys-overview")
    page.get_by_label("About this key").get_by_role("link", name="Requests").click()
    expect(page.get_by_role("row")).to_have_count(4)
    shoot(page, "keys-requests")

    page.get_by_label("About this key").get_by_role("link", name="Simulate").click()
    page.get_by_label("Client's address").fill("203.0.113.7")
    page.get_by_role("button", name="Simulate").click()
    expect(page.get_by_text("Refused with 403")).to_be_visible()
    shoot(page, "keys-simulate")


def test_a_key_is_rotated_revealed_and_deleted(node: Node, page: Page) -> None:
    """Each in a dialog that names it; the audit log has all of it."""
    key_id, secret = node.new_key("ending", recoverable=True)
    assert node.chat(key=secret).status_code == 200
    page.goto(f"{KEYS}/{key_id}")
    page.get_by_role("link", name="Rotate").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Overlap in hours").fill("5")
    dialog.get_by_role("button", name="Rotate the key").click()
    expect(page.get_by_role("heading", name="New secret")).to_be_visible()
    newer = page.locator("#secret").inner_text()
    assert newer != secret
    assert node.chat(key=secret).status_code == 200
    page.reload()
    expect(page.get_by_role("heading", name="Rotate the key")).to_be_visible()
    assert newer not in page.content()
    page.get_by_role("link", name="ending").click()
    page.get_by_role("link", name="Reveal").click()
    page.get_by_role("dialog").get_by_role("button", name="Reveal the secret").click()
    expect(page.locator("#secret")).to_have_text(newer)
    page.get_by_role("link", name="Go to the key").click()
    page.get_by_label("About this key").get_by_role("link", name="Audit").click()
    expect(page.get_by_role("rowheader", name="key.reveal")).to_be_visible()
    expect(page.get_by_role("cell", name="Kim Example").first).to_be_visible()
    created = page.get_by_role("row").filter(has_text="key.create")
    expect(created).to_contain_text("Operator at the machine")
    created.get_by_text("differences").click()
    expect(created.get_by_text("ending", exact=True)).to_be_visible()
    shoot(page, "keys-audit")

    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 requests")
    page.get_by_role("dialog").get_by_role("button", name="Delete the key").click()
    expect(page.get_by_text("ending is deleted; its usage stays in reports")).to_be_visible()
    assert node.chat(key=newer).status_code == 401


def test_two_people_who_edit_one_key_lose_nothing(node: Node, lenient_page: Page) -> None:
    """The second one sees what the first one did, keeps what they typed, and saves both."""
    page = lenient_page  # its console may tell of the 412
    key_id, _ = node.new_key("shared", description="first")
    page.goto(f"{KEYS}/{key_id}/edit")
    page.get_by_label("Name").fill("shared by two")
    page.get_by_label("Limits").fill("requests/minute=5\ntokens/day=10 shadow")
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"description": "second", "models": ["gpt-*"]})
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Somebody changed this key while you were typing")).to_be_visible()
    expect(page.get_by_text("Description: was first, is now second")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("shared by two")
    expect(page.get_by_label("Models")).to_have_value("gpt-*")
    shoot(page, "keys-edit-conflict")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("shared by two is changed, everywhere")).to_be_visible()
    data = node.manage("GET", f"/api/v1/keys/{key_id}")["data"]
    assert (data["name"], data["description"], data["models"]) == ("shared by two", "second", ["gpt-*"])
    assert [(one["max"], one["shadow"]) for one in data["limits"]] == [(5, False), (10, True)]


def test_a_key_for_somebody_else_is_handed_over_by_a_link(node: Node, owner: Visit) -> None:
    """Whoever made it never sees its secret; the link works once."""
    page = owner.get(f"{KEYS}/new").text
    fields: dict[str, str | list[str]] = {
        "nonce": _nonce(page),
        "name": "for a colleague",
        "delivery": "link",
        "link_s": "3600",
    }

    answer = owner.post(f"{KEYS}/new", fields)

    assert answer.status_code == 201
    assert not _SECRET.search(answer.text)
    found = re.search(rf"{node.url}/claim#([0-9A-Za-z]{{32}})", answer.text)
    assert found is not None
    claimed = node.send("POST", "/api/v1/claims", json={"token": found[1]}).json()
    assert claimed["data"]["name"] == "for a colleague"
    assert node.chat(key=claimed["key"]).status_code == 200


def test_a_form_that_is_sent_twice_makes_one_key(node: Node, owner: Visit) -> None:
    """A reload after the secret was shown, or an impatient second click; with other content it asks first."""
    nonce = _nonce(owner.get(f"{KEYS}/new").text)
    fields: dict[str, str | list[str]] = {"nonce": nonce, "name": "made once"}

    first = owner.post(f"{KEYS}/new", fields)
    again = owner.post(f"{KEYS}/new", fields)
    other = owner.post(f"{KEYS}/new", {**fields, "name": "made twice"})

    [made] = node.manage("GET", "/api/v1/keys?search=made")["data"]
    assert _SECRET.search(first.text)
    assert (again.status_code, again.headers["location"]) == (303, f"{KEYS}/{made['id']}")
    assert not _SECRET.search(again.text)
    assert other.status_code == 422
    assert "This form was sent before with something else in it" in other.text
    assert 'value="made twice"' in other.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "  "}, "f-name"),
        ({"name": "n", "ip": "203.0.113.0/24 nowhere"}, "f-ip"),
        ({"name": "n", "limits": "requests/fortnight=3"}, "f-limits"),
        ({"name": "n", "requests_a_minute": "many"}, "f-requests_a_minute"),
        ({"name": "n", "expires_at": "2001-01-01T00:00"}, "f-expires_at"),
        ({"name": "n", "every_days": "-1"}, "f-every_days"),
        ({"name": "n", "kind": "publishable"}, "f-origins"),
        ({"name": "n", "user_id": "nobody@example.com"}, "f-user_id"),
        ({"name": "n", "preset": "emperor"}, "f-preset"),
    ],
)
def test_what_was_typed_into_a_bad_form_is_kept_with_the_reason_beside_its_field(
    owner: Visit, fields: dict[str, str], wrong: str
) -> None:
    """Nobody types a key's whole description twice."""
    page = owner.get(f"{KEYS}/new").text
    typed = {"nonce": _nonce(page), "description": "a long story & more", **fields}

    answer = owner.post(f"{KEYS}/new", {**typed})

    assert answer.status_code in {400, 422}
    assert 'value="a long story &amp; more"' in answer.text
    field = re.search(rf'<div class="field wrong">\s*<label for="{wrong}"', answer.text)
    assert field is not None, answer.text


def test_nothing_that_somebody_typed_is_ever_run(node: Node, owner: Visit, page: Page) -> None:
    """Names, descriptions, models and paths of requests come from anybody, and stand on pages of whoever rules."""
    key_id, secret = node.new_key(HOSTILE, description=HOSTILE)
    node.send(
        "POST",
        "/v1/chat/completions",
        headers={"authorization": f"Bearer {secret}", "user-agent": HOSTILE},
        json={"model": HOSTILE, "messages": []},
    )
    paths = [KEYS, f"{KEYS}?search={HOSTILE}&tag={HOSTILE}", f"{KEYS}/hygiene"]
    paths += [f"{KEYS}/{key_id}{rest}" for rest in ("", "/requests", "/audit", "/edit", "/rotate")]
    paths += [f"{KEYS}/{key_id}/{rest}" for rest in ("reveal", "revoke", "delete", "simulate")]

    for path in paths:
        answer = owner.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "<img src=x" not in answer.text, path
    page.goto(f"{KEYS}/{key_id}")
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    shoot(page, "keys-hostile")


def test_a_key_that_there_is_not_leads_to_a_page_that_says_so(owner: Visit) -> None:
    """Also where a name stands in place of the identifier, and in forms."""
    for name in ("key_VbXhUyUBKUlzDND0IYtt", "billing", "x" * 300):
        for rest in ("", "/edit", "/rotate", "/reveal", "/delete", "/audit", "/requests"):
            assert owner.get(f"{KEYS}/{name}{rest}").status_code == 404, (name, rest)
    for rest in ("enable", "disable", "revoke", "rotate", "edit", "simulate", "reveal", "delete"):
        answer = owner.post(f"{KEYS}/key_VbXhUyUBKUlzDND0IYtt/{rest}", {"nonce": "a1"})
        assert answer.status_code == 404, rest
    assert owner.post(f"{KEYS}/bulk", {"act": "revoke"}).status_code == 303
    assert owner.post(f"{KEYS}/bulk", {"act": "eat", "id": "key_VbXhUyUBKUlzDND0IYtt"}).status_code == 400
    assert owner.get(f"{KEYS}?status=odd&kind=odd").status_code == 200
    assert owner.get(f"{KEYS}?cursor=odd").status_code == 400
    assert owner.get(f"{KEYS}?project=nowhere").status_code == 400


def test_many_keys_are_disabled_and_enabled_again_with_one_toast(node: Node, owner: Visit) -> None:
    """What can't be done says why, and the rest is done."""
    made = [node.new_key(f"batch {number}")[0] for number in range(3)]
    node.manage("POST", f"/api/v1/keys/{made[2]}/revoke")

    filtered = f"{KEYS}?search=batch&status=active"
    disabled = owner.post(f"{KEYS}/bulk", {"act": "disable", "id": made[:2], "back": filtered})
    assert (disabled.status_code, disabled.headers["location"]) == (303, filtered)
    states = {one["name"]: one["status"] for one in node.manage("GET", "/api/v1/keys?search=batch")["data"]}
    assert states == {"batch 0": "disabled", "batch 1": "disabled", "batch 2": "revoked"}
    page = owner.get(KEYS).text
    assert "Disabled: batch 0, batch 1" in page
    undo = re.search(r'action="(/dashboard/keys/bulk\?[^"]+)"', page)
    assert undo is not None
    undone = owner.post(undo[1].replace("&amp;", "&"))
    assert undone.headers["location"] == filtered
    owner.post(f"{KEYS}/bulk", {"act": "enable", "id": made})

    states = {one["name"]: one["status"] for one in node.manage("GET", "/api/v1/keys?search=batch")["data"]}
    assert states == {"batch 0": "active", "batch 1": "active", "batch 2": "revoked"}
    assert "1 key was not enabled: A revoked key can&#39;t be enabled again" in owner.get(KEYS).text


def test_the_hygiene_report_says_what_to_do(owner: Visit, node: Node, page: Page) -> None:
    """The worst first, with the button that does it."""
    _, secret = node.new_key("in a URL")
    answer = node.send(
        "POST", f"/v1/chat/completions?api_key={secret}", json={"model": "demo-chat", "messages": []}
    )
    assert answer.status_code < 500
    page.goto(f"{KEYS}/hygiene")

    first = page.get_by_role("row").nth(1)
    expect(first).to_contain_text("No expiry")
    expect(page.get_by_text("of 100")).to_be_visible()
    never = page.locator(".stat").filter(has_text="Never used")
    expect(never).to_contain_text("made 7 days ago or earlier")
    shoot(page, "keys-hygiene")
    assert owner.get(f"{KEYS}/hygiene?cursor=odd").status_code == 400


def _nonce(page: str) -> str:
    found = _NONCE.search(page)
    assert found is not None, page
    return found[1]
