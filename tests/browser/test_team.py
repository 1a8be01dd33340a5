"""The pages about people, projects and accounts, with the browsers of two people."""

import re
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from fakes.dashboard import Visit, long_ago, shoot, signed_in
from support.node import Node

PASSWORD = "a long walk by the sea"
LONG = "Bartholomew Featherstonehaugh-Cholmondeley " * 4
XSS = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def come_in(node: Node, email: str, role: str, account: str = "", name: str = "") -> tuple[str, Visit]:
    """Have somebody invited by the operator, and come in; return their identifier and their browser."""
    wanted = {"email": email, "role": role, "account_id": account}
    invited = node.manage("POST", "/api/v1/invitations", body=wanted)["data"]
    visit = Visit(node.url)
    fields: dict[str, str | list[str]] = {
        "token": invited["link"].partition("#")[2],
        "name": name or email.partition("@")[0],
        "password": PASSWORD,
    }
    assert visit.post("/dashboard/invite", fields, page="/dashboard/invite").status_code == 303
    return invited["user"]["id"], visit


def test_somebody_is_invited_comes_in_and_is_given_less(page: Page, strange_page: Page) -> None:
    """From the form to the link, from the link to a page of their own; what is taken from them is gone at once."""
    page.goto("/dashboard/team")
    page.keyboard.press("n")
    page.get_by_label("E-mail address").fill("bo@example.com")
    page.get_by_label("Role").select_option("admin")
    expect(page.get_by_label("Project")).to_have_value(re.compile("proj_.*"))
    shoot(page, "team-invite")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("Hand this link to")).to_be_visible()
    link = page.locator("pre").inner_text()
    shoot(page, "team-invited")

    guest = strange_page
    guest.goto(link)
    assert "#" not in guest.url
    shoot(guest, "invite")
    guest.get_by_label("Your name").fill("Bo Example")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Accept and sign in").click()
    expect(guest.get_by_role("heading", name="Overview")).to_be_visible()
    expect(guest.get_by_role("link", name="Team")).to_be_visible()

    page.goto("/dashboard/team")
    page.get_by_role("link", name="Bo Example").click()
    expect(page.get_by_role("heading", name="Bo Example")).to_be_visible()
    expect(page.get_by_role("button", name="Take out")).to_be_visible()
    shoot(page, "team-person")
    page.get_by_label("What they may do").select_option("viewer")
    page.get_by_role("button", name="Change role").click()
    expect(page.get_by_role("status")).to_contain_text("Bo Example has the role viewer now")
    guest.goto("/dashboard/team")

    expect(guest.get_by_role("heading", name="Sign in")).to_be_visible()


def test_who_is_in_no_project_is_told_so_until_they_are_added_to_one(
    page: Page, browser: Browser, node: Node
) -> None:
    """Instead of being led into a form that ends in a refusal; a project's own page takes them in and out."""
    _, visit = come_in(node, "mo@example.com", "member", name="Mo Example")
    guest = signed_in(browser, visit)
    guest.goto("/dashboard/keys")
    expect(guest.get_by_role("heading", name="You are in no project yet")).to_be_visible()
    expect(guest.get_by_role("link", name="New API key")).to_have_count(0)
    shoot(guest, "keys-no-project")
    guest.goto("/dashboard/keys/new")
    expect(guest.get_by_role("heading", name="You are in no project yet")).to_be_visible()
    project = node.manage("GET", "/api/v1/projects")["data"][0]
    page.goto("/dashboard/keys/new")
    page.get_by_label(re.compile("^Name")).fill("mo's")
    page.locator("summary", has_text="More").click()
    page.get_by_label(re.compile("^Holder")).fill("mo@example.com")
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator("#h-user_id")).to_contain_text("mo@example.com is not a member of the project yet")

    page.goto(f"/dashboard/team/projects/{project['id']}")
    page.get_by_label("Add a person").select_option(label="Mo Example (mo@example.com)")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_contain_text("Mo Example is a member now")
    shoot(page, "project-members")
    guest.goto("/dashboard/keys")
    guest.get_by_role("link", name="New API key").first.click()
    guest.get_by_label(re.compile("^Name")).fill("mo's own")
    guest.get_by_role("button", name="Create the key").click()
    expect(guest.get_by_text("sk-").first).to_be_visible()

    page.get_by_role("row", name="Mo Example").get_by_role("button", name="Take out").click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.get_by_role("status")).to_contain_text("Taken out of the project")
    expect(page).to_have_url(re.compile(f"/dashboard/team/projects/{project['id']}$"))
    expect(page.get_by_role("row", name="Mo Example")).to_have_count(0)
    guest.context.close()
    visit.close()


def test_what_was_typed_is_saved_behind_the_proof(browser: Browser, node: Node) -> None:
    """Whoever is asked for their password in between types nothing a second time, and going back sends nothing again."""
    user_id, visit = come_in(node, "gus@example.com", "member")
    visit.close()
    _, visit = come_in(node, "hal@example.com", "admin")
    page = signed_in(browser, visit)
    page.goto(f"/dashboard/team/{user_id}")
    page.get_by_label("Name").fill("Diana Example")
    long_ago(node, "hal@example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("What you sent is kept")).to_be_visible()
    shoot(page, "prove-kept")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_role("heading", name="Diana Example")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Show that it is you")).to_be_visible()
    page.context.close()
    visit.close()


def test_who_is_removed_is_named_with_what_goes_with_them(page: Page, node: Node) -> None:
    """How many keys die, before they do; and they are dead afterwards."""
    project = node.manage("POST", "/api/v1/projects", body={"name": "search"})["data"]["id"]
    user_id, visit = come_in(node, "cy@example.com", "member", name=LONG[:150])
    visit.close()
    page.goto(f"/dashboard/team/{user_id}")
    page.get_by_label("Add to a project").select_option(label="search")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_contain_text("Added to the project")
    _, secret = node.new_key("cy's", project_id=project, user_id="cy@example.com")
    assert node.chat(key=secret).status_code == 200
    page.goto(f"/dashboard/team/{user_id}")

    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 personal key stop")
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.get_by_role("status")).to_contain_text("is suspended")
    assert node.chat(key=secret).status_code == 403
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("active again")
    assert node.chat(key=secret).status_code == 200
    shoot(page, "team-person-long")

    page.get_by_role("link", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 personal key is revoked for good")
    dialog.get_by_role("button", name="Remove and revoke 1 key").click()
    expect(page.get_by_role("status")).to_contain_text("is removed")

    assert node.chat(key=secret).status_code == 401
    expect(page.get_by_role("cell", name="cy@example.com")).to_have_count(0)


def test_accounts_and_projects_are_made_and_filled(page: Page, node: Node) -> None:
    """An operator's way to a customer: an account, its owner, and what they see of the node: only their own."""
    page.goto("/dashboard/team/accounts")
    shoot(page, "accounts")
    page.get_by_label("Name").fill("Customer")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Nobody yet")).to_be_visible()
    shoot(page, "team-empty")
    page.get_by_role("link", name="Invite a person").first.click()
    page.get_by_label("E-mail address").fill("di@customer.example")
    page.get_by_label("Role").select_option("owner")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator("pre")).to_contain_text("/dashboard/invite#")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("invited", exact=True)).to_be_visible()
    page.get_by_role("link", name="Customer", exact=True).click()
    page.get_by_role("button", name="Suspend").click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.get_by_role("status")).to_contain_text("Customer is suspended")
    shoot(page, "account")

    page.goto("/dashboard/team/projects")
    page.get_by_label("Name").fill("billing")
    page.get_by_label("Description").fill(LONG)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="billing")).to_be_visible()
    shoot(page, "project")
    page.get_by_role("link", name="Projects").first.click()
    shoot(page, "projects")
    page.get_by_role("link", name="billing").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the project").click()

    expect(page.get_by_role("status")).to_contain_text("The project billing is deleted")


def test_names_are_shown_and_not_run(page: Page, node: Node) -> None:
    """Of people, projects and accounts; the content policy would tell on the console."""
    project = node.manage("POST", "/api/v1/projects", body={"name": XSS, "description": XSS})["data"]["id"]
    account = node.manage("POST", "/api/v1/accounts", body={"name": XSS})["data"]["id"]
    user_id, visit = come_in(node, "ed@example.com", "viewer", name=XSS)
    visit.close()
    node.manage("POST", f"/api/v1/projects/{project}/members", body={"user_id": user_id})

    for path in (
        "",
        f"/{user_id}",
        f"/{user_id}/delete",
        "/projects",
        f"/projects/{project}",
        f"/projects/{project}/delete",
        "/accounts",
        f"/accounts/{account}",
        f"?account={account}",
        f"?search={XSS}",
    ):
        page.goto(f"/dashboard/team{path}")
        shown = page.get_by_text(XSS).or_(page.locator(f"input[value='{XSS}']"))
        expect(shown.first).to_be_attached()
    page.goto("/dashboard/team")
    shoot(page, "team")


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_pages_offer_nobody_what_they_may_not_do(node: Node, owner: Visit, role: str) -> None:
    """A viewer sees people and changes none; a member sees the projects that they belong to."""
    user_id, visit = come_in(node, f"{role}@roles.example", role)
    project = node.manage("POST", "/api/v1/projects", body={"name": f"for a {role}"})["data"]["id"]
    shown = {
        "/dashboard/team": "Invite a person",
        "/dashboard/team/projects": "Create project",
        f"/dashboard/team/projects/{project}": f"/dashboard/team/projects/{project}/delete",
        f"/dashboard/team/{user_id}": "Change role",
        "/dashboard": 'href="/dashboard/team"' if role == "member" else 'href="/dashboard/settings"',
    }

    with closing(visit):
        outside = visit.get("/dashboard/team/projects").text
        node.manage("POST", f"/api/v1/projects/{project}/members", body={"user_id": user_id})
        theirs = {path: visit.get(path) for path in shown}

    assert ("You are in no project" in outside) is (role == "member")
    assert f"for a {role}" in theirs["/dashboard/team/projects"].text
    people = 200 if role == "viewer" else 403
    assert [answer.status_code for answer in theirs.values()] == [people, 200, 200, people, 200]
    for path, offer in shown.items():
        assert (offer in owner.get(path).text, offer in theirs[path].text) == (True, False), path


def test_a_form_that_is_refused_keeps_what_was_typed(owner: Visit) -> None:
    """Beside what is wrong with it."""
    wrong = owner.post("/dashboard/team/invite", {"email": "no address", "name": "Fay", "role": "viewer"})
    zone = owner.post("/dashboard/team/accounts", {"name": "Customer", "time_zone": "Nowhere/Here"})
    no_role = owner.post("/dashboard/team/invite", {"email": "fay@example.com", "role": "emperor"})

    assert [answer.status_code for answer in (wrong, zone, no_role)] == [400, 400, 400]
    assert "A time zone is an IANA name" in zone.text
    assert 'value="Customer"' in zone.text
    assert 'value="no address"' in wrong.text
    assert 'value="Fay"' in wrong.text
    assert "NAME@DOMAIN" in wrong.text
    assert 'value="fay@example.com"' in no_role.text


def test_the_last_owner_is_told_why_they_stay(node: Node, owner: Visit) -> None:
    """On the page itself, with the form as it was."""
    kim = node.manage("GET", "/api/v1/users/kim@example.com")["data"]["id"]

    answer = owner.post(f"/dashboard/team/{kim}/role", {"role": "viewer"})

    assert answer.status_code == 409
    assert "is the last owner of the account" in answer.text


def test_a_list_of_many_people_is_whole(node: Node, owner: Visit) -> None:
    """Fifty at a time, each once, and found by a part of the name."""
    for number in range(60):
        body = {"email": f"crowd{number:02}@example.com", "name": f"Crowd {number:02}"}
        node.manage("POST", "/api/v1/users", body=body)

    first = owner.get("/dashboard/team")
    following = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert following is not None
    second = owner.get(following[1].replace("&amp;", "&"))
    found = owner.get("/dashboard/team", search="crowd07")

    seen = [set(re.findall(r"crowd\d\d@", page.text)) for page in (first, second)]
    assert len(seen[0]) == 50
    assert seen[0].isdisjoint(seen[1])
    assert len(seen[0] | seen[1]) == 60
    assert set(re.findall(r"crowd\d\d@", found.text)) == {"crowd07@"}
