"""Models, upstreams and prices in the dashboard."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from support.node import Node

CREDENTIAL = "provider-credential-0123456789"
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def own_api(node: Node) -> str:
    """A provider that asks for a credential: the node itself, with its first key."""
    return f"{node.url}/v1"


def test_an_operator_connects_tests_and_removes_a_provider(page: Page, node: Node, own_api: str) -> None:
    """Without a terminal: pick, type, connect, see what it has, and what goes with it."""
    page.goto("/dashboard/models/upstreams")
    expect(page.get_by_role("row", name=re.compile("demo-anthropic"))).to_contain_text("Anthropic")
    shoot(page, "upstreams")
    page.get_by_role("link", name="New upstream").click()
    page.get_by_placeholder("Name or address of a provider").fill("bedrock")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name=re.compile("Bedrock"))).to_have_count(1)
    shoot(page, "upstream-catalog")
    page.goto("/dashboard/models/connect?provider=compatible")
    page.get_by_label("Name").fill("lab")
    page.get_by_label("Base URL").fill(own_api)
    page.get_by_label("API key").fill(node.key)
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", name="lab", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="lab/demo-embed")).to_be_visible()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("It works")).to_be_visible()
    expect(page.get_by_text(re.compile(r"answered in .* with \d+ models"))).to_be_visible()
    page.get_by_label("Requests at once").fill("8")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("What it has room for is in force")).to_be_visible()
    shoot(page, "upstream")
    assert node.key not in page.content()
    page.get_by_role("link", name="Replace").click()
    page.get_by_label("Credential", exact=True).fill(CREDENTIAL)
    page.get_by_role("button", name="Replace").click()
    expect(page.get_by_text("The new credential is in force")).to_be_visible()

    page.get_by_role("link", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("lab/demo-embed")
    shoot(page, "upstream-remove")
    dialog.get_by_role("button", name="Remove lab").click()
    expect(page.get_by_text("lab is removed")).to_be_visible()
    assert "lab" not in {one["name"] for one in node.manage("GET", "/api/v1/upstreams")["data"]}


def test_an_operator_names_a_model_prices_it_and_takes_it_away(page: Page, node: Node) -> None:
    """The whole life of a name: two targets, a price from now, one to come, requests, and the warning before the end."""
    page.goto("/dashboard/models/new")
    page.get_by_label("Name").fill("steady")
    first = page.get_by_role("group", name="Target 1")
    first.get_by_label("Upstream").select_option("demo")
    first.get_by_label("Model there").fill("echo")
    page.get_by_role("button", name="One more target").click()
    second = page.get_by_role("group", name="Target 2")
    second.get_by_label("Upstream").select_option("demo")
    second.get_by_label("Model there").fill("demo-chat")
    second.get_by_label("Priority").fill("1")
    shoot(page, "model-new")
    page.get_by_role("button", name="Add model").click()
    expect(page.get_by_role("heading", name="steady")).to_be_visible()
    expect(page.get_by_role("cell", name="demo-chat")).to_be_visible()

    page.get_by_label(re.compile("^Input")).fill("2")
    page.get_by_label(re.compile("^Output")).fill("8.50")
    page.get_by_role("button", name="Set price").click()
    expect(page.get_by_text("The price is in force")).to_be_visible()
    page.get_by_label(re.compile("^Input")).fill("3")
    page.get_by_label(re.compile("^Output")).fill("9")
    page.get_by_label(re.compile("^From")).fill("2031-01-01T00:00")
    page.get_by_role("button", name="Set price").click()
    expect(page.get_by_text("to come")).to_be_visible()
    assert node.chat("hello", model="steady").status_code == 200
    page.reload()
    expect(page.get_by_role("row", name=re.compile("echo"))).to_contain_text("Well")
    shoot(page, "model")
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("The price is taken back")).to_be_visible()

    page.goto("/dashboard/models?search=stea")
    expect(page.get_by_role("row", name=re.compile("steady"))).to_contain_text("$8.50")
    page.goto("/dashboard/models")
    shoot(page, "models")
    page.goto("/dashboard/models/model?name=steady")
    page.get_by_role("link", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 request used it in the last 7 days")
    dialog.get_by_role("button", name="Remove steady").click()
    expect(page.get_by_text("steady is removed")).to_be_visible()


def test_what_is_refused_is_said_beside_the_field_and_nothing_typed_is_lost(lenient_page: Page) -> None:
    """Whoever sees what is wrong corrects that, and goes on."""
    page = lenient_page
    page.goto("/dashboard/models/connect?provider=compatible")
    page.get_by_label("Name").fill("Lab!")
    page.get_by_label("Base URL").fill("http://127.0.0.1:9/v1")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#h-name")).to_contain_text("a-z, 0-9 and '-'")
    expect(page.get_by_label("Base URL")).to_have_value("http://127.0.0.1:9/v1")
    shoot(page, "upstream-refused")

    page.goto("/dashboard/models/new")
    page.get_by_label("Name").fill("kept")
    page.get_by_label("Upstream").select_option("demo")
    page.get_by_label("Priority").fill("first")
    page.get_by_role("button", name="Add model").click()
    expect(page.get_by_role("group", name="Target 1")).to_contain_text("A whole number")
    expect(page.get_by_label("Name")).to_have_value("kept")
    shoot(page, "model-refused")


def test_requests_are_priced_again_after_a_look_at_what_changes(page: Page, node: Node) -> None:
    """A correction moves money: nothing moves before the operator has seen how much."""
    change = {"name": "late", "upstream": "demo", "upstream_model": "echo-slow"}
    node.manage("POST", "/api/v1/models", body=change)
    answer = node.chat("one two three", model="late")
    price = {"input_usd_per_million": "1000", "output_usd_per_million": "1000"}
    late = {"model": "late", "effective_from": "2026-01-01T00:00:00Z", **price}
    node.manage("POST", "/api/v1/prices", body=late)
    page.goto("/dashboard/models/prices")
    shoot(page, "prices")
    page.get_by_role("link", name="Price requests again").click()

    page.get_by_label(re.compile("^From")).fill("2026-01-01T00:00")
    page.get_by_label(re.compile("^Model")).fill("late")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("row", name=re.compile("Together"))).to_contain_text("$0.00")
    shoot(page, "rerate")
    before = node.story(answer)["cost_usd"]
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()

    expect(page.get_by_text("1 request priced again")).to_be_visible()
    assert float(node.story(answer)["cost_usd"]) > float(before)


def test_a_provider_without_its_credential_is_told_beside_the_field(owner: Visit, node: Node) -> None:
    """Before it is connected, and before anything is asked of it."""
    typed: dict[str, str | list[str]] = {
        "name": "openai",
        "provider": "openai",
        "base_url": "https://api.openai.com/v1",
        "api_key": "",
    }

    answer = owner.post("/dashboard/models/connect", typed)

    assert (answer.status_code, "OpenAI asks for a key of yours" in answer.text) == (400, True)
    assert "openai" not in {one["name"] for one in node.manage("GET", "/api/v1/upstreams")["data"]}


def test_a_form_that_is_refused_keeps_what_was_typed(owner: Visit) -> None:
    """Nobody types a form twice; the credential alone is asked for again."""
    typed: dict[str, str | list[str]] = {
        "name": "kept-name",
        "provider": "",
        "base_url": "ftp://kept.example.com",
        "api_key": CREDENTIAL,
        "models": "kept-model",
    }
    upstream = owner.post("/dashboard/models/connect", typed)
    model = owner.post(
        "/dashboard/models/new",
        {
            "name": "kept",
            "targets[0].upstream": "gone",
            "targets[0].model": "kept-there",
            "input_usd_per_million": "x",
        },
    )
    price = owner.post(
        "/dashboard/models/price?name=echo", {"input_usd_per_million": "1", "note": "kept-note"}
    )
    room = owner.post("/dashboard/models/upstreams/demo/room", {"max_concurrency": "many"})
    rerate = owner.post("/dashboard/models/prices/rerate", {"since": "soon", "model": "kept-model"})

    for answer, kept in (
        (upstream, ("kept-name", "ftp://kept.example.com", "kept-model", "begins with https")),
        (model, ("kept-there", "gone", "An amount in US dollars")),
        (price, ("kept-note", "names output, too")),
        (room, ("many", "A whole number")),
        (rerate, ("kept-model", "A day and a time")),
    ):
        assert answer.status_code == 400
        for text in kept:
            assert text in answer.text
        assert CREDENTIAL not in answer.text


def test_no_page_shows_a_credential(owner: Visit, node: Node, own_api: str) -> None:
    """Whoever sits at an open dashboard carries no provider's key away."""
    wanted = {"name": "sealed", "base_url": own_api, "api_key": CREDENTIAL, "models": ["sealed-model"]}
    node.manage("POST", "/api/v1/upstreams", body=wanted)

    for path in (
        "",
        "/upstreams",
        "/upstreams/sealed",
        "/upstreams/sealed/credentials",
        "/upstreams/sealed/remove",
    ):
        answer = owner.get(f"/dashboard/models{path}")
        assert answer.status_code == 200
        assert CREDENTIAL not in answer.text
    assert "1, kept sealed" in owner.get("/dashboard/models/upstreams/sealed").text


def test_names_of_models_are_text_on_every_page(owner: Visit, node: Node) -> None:
    """A provider chooses the names of its models; none of them becomes markup."""
    node.manage(
        "POST", "/api/v1/models", body={"name": HOSTILE, "upstream": "demo", "upstream_model": HOSTILE}
    )

    for path, query in (
        ("/dashboard/models", {}),
        ("/dashboard/models/model", {"name": HOSTILE}),
        ("/dashboard/models/edit", {"name": HOSTILE}),
        ("/dashboard/models/remove", {"name": HOSTILE}),
        ("/dashboard/models/prices", {}),
        ("/dashboard/models/prices/rerate", {"model": HOSTILE}),
        ("/dashboard/models/upstreams/demo", {}),
        ("/dashboard/playground", {"model": HOSTILE}),
    ):
        answer = owner.get(path, **query)
        assert answer.status_code == 200, path
        assert "<img src=x" not in answer.text
        assert "onerror" not in answer.text or "&lt;img src=x onerror" in answer.text


def test_a_name_with_a_path_in_it_has_a_page_and_can_be_sent_elsewhere(owner: Visit, node: Node) -> None:
    """``openai/gpt-4o`` is a common name, and a star makes it many."""
    name = "a/b/../c?d=e&f#*"
    added = owner.post("/dashboard/models/new", {"name": name, "targets[0].upstream": "demo"})
    assert added.status_code == 303
    assert owner.get(added.headers["location"]).status_code == 200
    edit = added.headers["location"].replace("/model?", "/edit?")
    more = owner.post(edit, {"targets[0].upstream": "demo", "targets[0].model": "echo", "more": "1"})
    assert "Target 3" in more.text
    conditions: dict[str, str | list[str]] = {
        "targets[0].upstream": "demo",
        "targets[0].model": "echo",
        "targets[0].stream": "yes",
        "targets[0].operations": "chat, embeddings",
        "targets[0].max_input_tokens": "9000",
    }

    edited = owner.post(edit, conditions)
    again = owner.get(edit)

    assert edited.status_code == 303
    assert "9000" in again.text
    assert "chat, embeddings" in again.text
    refused = owner.post(edit, {"targets[0].upstream": "nowhere"})
    assert "There is no upstream named" in refused.text
    removed = owner.post(edit.replace("/edit?", "/remove?"))
    assert removed.status_code == 303
    assert owner.get(added.headers["location"]).status_code == 404


def test_what_does_not_exist_is_said_to_be_missing(owner: Visit) -> None:
    """A link that is too old leads to a page that says so, never to a fault."""
    for path in (
        "/dashboard/models/model",
        "/dashboard/models/edit?name=gone",
        "/dashboard/models/remove?name=gone",
        "/dashboard/models/upstreams/gone",
        "/dashboard/models/upstreams/gone/credentials",
        "/dashboard/models/upstreams/gone/remove",
    ):
        assert owner.get(path).status_code == 404, path
    assert owner.post("/dashboard/models/upstreams/gone").status_code == 404
    assert owner.post("/dashboard/models/price/remove", {"id": "prc_none"}).status_code == 404
    empty = owner.get("/dashboard/models", search="nothing-like-it")
    assert "No models match" in empty.text
    assert "No price is there" in owner.get("/dashboard/models/prices/shipped", search="nothing-like-it").text


def test_credentials_are_not_replaced_by_nothing_by_mistake(owner: Visit, node: Node, own_api: str) -> None:
    """An empty form would lock the node out of its provider."""
    wanted = {"name": "spare", "base_url": own_api, "api_keys": [node.key], "models": ["demo-chat"]}
    node.manage("POST", "/api/v1/upstreams", body=wanted)
    path = "/dashboard/models/upstreams/spare/credentials"

    refused = owner.post(path, {"api_keys[0]": ""})
    still = owner.post("/dashboard/models/upstreams/spare")
    done = owner.post(path, {"api_keys[0]": "", "none": "on"})

    assert refused.status_code == 400
    assert "say that it needs none" in refused.text
    assert "It works" in still.text
    assert done.status_code == 303
    assert "It does not work" in owner.post("/dashboard/models/upstreams/spare").text


def test_who_has_not_shown_lately_that_it_is_them_changes_no_credential(owner: Visit, node: Node) -> None:
    """A dashboard that was left open opens no way to somebody else's provider."""
    proved_at = _forget_proof(node)
    path = "/dashboard/models/upstreams/demo"

    try:
        answers = [
            owner.get(f"{path}/credentials"),
            owner.post(f"{path}/credentials", {"none": "on"}, page=path),
            owner.post(f"{path}/remove", page=path),
        ]
        shown = owner.get(path)
    finally:
        _forget_proof(node, proved_at)

    assert [answer.status_code for answer in answers] == [303] * 3
    assert all(answer.headers["location"].startswith("/dashboard/prove") for answer in answers)
    assert shown.status_code == 200


def test_an_upstream_that_fails_says_so(owner: Visit, node: Node) -> None:
    """The test and the status tell the operator what is wrong, not only that something is."""
    wanted = {"name": "dead", "base_url": "http://127.0.0.1:9/v1", "models": ["dead-model"]}
    node.manage("POST", "/api/v1/upstreams", body=wanted)
    assert node.chat("hello", model="dead-model").status_code >= 500

    tested = owner.post("/dashboard/models/upstreams/dead")

    assert "It does not work" in tested.text
    assert "Failing" in tested.text
    assert "unreachable" in tested.text


def _forget_proof(node: Node, at_ms: int = 0) -> int:
    """Say when the owner showed that it is them, instead of when they did; returns that."""
    with closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as store, store:
        [before] = store.execute("SELECT max(proved_at) FROM sessions").fetchone()
        store.execute("UPDATE sessions SET proved_at = ?", (at_ms,))
    return int(before)
