"""The settings page: what it changes is so for every worker when the page says it is."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, set_up, shoot
from fakes.strangers import with_password
from support.every_worker import statuses_of_every_worker
from support.node import Node, running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with two workers."""
    with running(Node(tmp_path_factory.mktemp("node"), workers=2)) as node:
        yield node


def statuses(node: Node, query: str = "") -> set[int]:
    """Ask each worker for the models without a key in a header."""
    return statuses_of_every_worker(node, f"/v1/models{query}")


def test_authentication_is_turned_off_and_on_again_for_every_worker(node: Node, page: Page) -> None:
    """The warning says what it means first; what the page then says is true at that moment."""
    before = statuses(node)
    page.goto("/dashboard/settings")
    expect(page.get_by_text("A key is required")).to_be_visible()
    shoot(page, "settings")

    page.get_by_role("link", name="Let calls in without a key…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("whoever reaches 127.0.0.1 can call every model")
    shoot(page, "settings-authentication")
    dialog.get_by_role("button", name="Let calls in without a key").click()
    expect(page.get_by_text("No key is needed")).to_be_visible()
    opened = statuses(node)
    said = node.send(
        "POST",
        "/v1/chat/completions",
        json={"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}]},
    )
    shoot(page, "settings-open")
    page.get_by_role("button", name="Require a key").click()
    expect(page.get_by_text("A key is required")).to_be_visible()
    closed = statuses(node)

    assert (before, opened, closed) == ({401}, {200}, {401})
    assert said.status_code == 200


def test_keys_in_urls_are_refused_and_a_reset_takes_them_again(node: Node, page: Page) -> None:
    """A change says that it was made here, and can be taken back."""
    page.goto("/dashboard/settings")
    page.get_by_label("The URL").uncheck()
    page.get_by_role("button", name="Save places").click()
    expect(page.locator(".toast")).to_contain_text("Keys are taken there only")
    refused = statuses(node, f"?api_key={node.key}")
    row = page.get_by_role("row").filter(has_text="auth.locations")
    expect(row).to_contain_text("changed here")

    row.get_by_role("button", name="Reset").click()
    expect(page.locator(".toast")).to_contain_text("auth.locations is what the node was started with")

    assert refused == {401}
    assert statuses(node, f"?api_key={node.key}") == {200}


def test_retention_and_support_are_saved_and_what_is_wrong_stands_beside_its_field(
    node: Node, owner: Visit, page: Page
) -> None:
    """Nothing typed is lost by a refusal."""
    page.goto("/dashboard/settings")
    page.get_by_label("Days that requests are kept").fill("7")
    page.get_by_label("Whom your users ask").fill("<b>help@example.com</b>")
    page.get_by_label("Who may make an account").select_option("open")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Saved")

    wrong = owner.post(
        "/dashboard/settings/other", {"requests.kept_days": "0", "support.contact": "kept as typed"}
    )
    odd = owner.post("/dashboard/settings/other", {"requests.kept_days": "soon"})
    same = owner.post("/dashboard/settings/other", {"requests.kept_days": "7"})
    elsewhere = owner.post("/dashboard/settings/reset", {"path": "server.port"})
    nowhere = owner.post("/dashboard/settings/locations", {})

    values = {one["path"]: one["value"] for one in node.manage("GET", "/api/v1/settings")["data"]}
    assert (values["requests.kept_days"], values["people.sign_up"]) == (7, "open")
    assert values["support.contact"] == "<b>help@example.com</b>"
    assert (wrong.status_code, odd.status_code, same.status_code) == (400, 400, 303)
    assert 'aria-invalid="true"' in wrong.text
    assert "kept as typed" in wrong.text
    assert (elsewhere.status_code, nowhere.status_code) == (400, 400)


def test_authentication_stays_on_where_the_network_reaches_the_port(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The page says why, and how it would be possible."""
    exposed = Node(tmp_path_factory.mktemp("exposed"), workers=1, demo=False, host="0.0.0.0")  # noqa: S104
    with running(exposed):
        with closing(set_up(exposed)) as visit:
            shown = visit.get("/dashboard/settings/authentication")
            tried = visit.post("/dashboard/settings/authentication", {"required": "no"})

        assert "--allow-anonymous-on-network" in shown.text
        assert tried.status_code == 409
        assert statuses(exposed) == {401}


@pytest.mark.parametrize("role", ["", "viewer", "member"])
def test_whose_role_is_not_for_them_reaches_no_settings(node: Node, owner: Visit, role: str) -> None:
    """Nor does who has not signed in: neither the page nor its forms, by the same rule as the API."""

    def make(email: str) -> str:
        user: str = node.manage("POST", "/api/v1/users", body={"email": email})["data"]["id"]
        return user

    with closing(Visit(node.url)) as visit:
        if role:
            assert visit.sign_in(*with_password(make, node.data / "keyturn.db", role)).status_code == 303
        page = "/dashboard/account" if role else "/dashboard/sign-in"
        shown = visit.get("/dashboard/settings")
        sent = visit.post("/dashboard/settings/authentication", {"required": "no"}, page=page)

    assert (shown.status_code, sent.status_code) == ((403, 403) if role else (303, 303))
    assert role or shown.headers["location"].startswith("/dashboard/sign-in")
    assert statuses(node) == {401}
