"""Plans and credit: from a plan to a statement, with real use in between."""

import re

from playwright.sync_api import Page, expect

from fakes.dashboard import Visit, shoot
from keyturn.control.dashboard.once import EARLIER, SENT_OTHERWISE
from support.node import Node, until

PATH = "/dashboard/billing"
NASTY = "<b onclick=alert(1)>Pay as you go</b>"


def customer(node: Node, name: str) -> tuple[str, str]:
    """Make an account with a key; return its id and the key's secret."""
    account: str = node.manage("POST", "/api/v1/accounts", body={"name": name})["data"]["id"]
    project = node.manage("POST", "/api/v1/projects", body={"name": f"of {name}", "account_id": account})[
        "data"
    ]["id"]
    _, secret = node.new_key(f"key of {name}", project_id=project)
    return account, secret


def test_an_account_gets_a_plan_is_refused_without_credit_and_works_with_it(node: Node, page: Page) -> None:
    """What the page says is in force when it says so: plan, prepayment, grant and taking back."""
    account, secret = customer(node, "Customer " + "long " * 20)
    page.goto(f"{PATH}/plans")
    expect(page.get_by_text("No plan yet")).to_be_visible()
    page.locator("main").get_by_role("link", name="New plan").click()
    page.get_by_label("Name").fill(NASTY)
    page.get_by_label("Limits of each account").fill("requests/minute=sixty")
    page.get_by_label("Accounts pay in advance").check()
    page.get_by_role("button", name="Create plan").click()
    expect(page.get_by_text("how much is a whole number").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value(NASTY)
    page.get_by_label("Limits of each account").fill("requests/minute=60\ntokens/day:gpt-*=1000000")
    page.get_by_role("button", name="Create plan").click()
    expect(page.get_by_role("link", name=NASTY)).to_be_visible()
    shoot(page, "plans")

    page.get_by_role("link", name="Accounts", exact=True).click()
    shoot(page, "billing-accounts")
    page.get_by_role("link", name=re.compile("Customer long")).click()
    page.get_by_label("Plan of this account").select_option(NASTY)
    page.get_by_role("button", name="Save plan").click()
    expect(page.get_by_text("No credit is left")).to_be_visible()
    without = node.chat(key=secret).status_code
    page.get_by_text("Grant credit", exact=True).first.click()
    page.get_by_label("Amount in US dollars").first.fill("12.50")
    page.get_by_label("Note").first.fill("Invoice 4711")
    page.get_by_role("button", name="Grant credit").click()
    expect(page.locator(".toast")).to_contain_text("Granted: it can be used now")
    granted = node.chat(key=secret).status_code
    expect(page.get_by_role("row").filter(has_text="Invoice 4711").first).to_contain_text("$12.50")
    shoot(page, "billing")
    page.get_by_role("link", name="Take back…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("are taken back")
    dialog.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("No credit is left")).to_be_visible()

    assert (without, granted, node.chat(key=secret).status_code) == (429, 200, 429)
    assert node.manage("GET", f"/api/v1/accounts/{account}")["data"]["plan_id"]


def test_codes_are_shown_once_and_redeemed_once(node: Node, page: Page) -> None:
    """The second page knows their first letters only."""
    page.goto(f"{PATH}/codes")
    page.get_by_label("Worth in US dollars").fill("3")
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Make codes").click()
    expect(page.get_by_text("2 new codes")).to_be_visible()
    shoot(page, "billing-codes")
    code = page.locator(".block pre").inner_text().splitlines()[0]

    page.goto(PATH)
    before = page.locator(".stat").filter(has_text="Available").inner_text()
    page.get_by_role("textbox", name="Code").fill(code)
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator(".toast")).to_contain_text("Redeemed: the credit can be used now")
    after = page.locator(".stat").filter(has_text="Available").inner_text()
    page.get_by_role("textbox", name="Code").fill(code)
    page.get_by_role("button", name="Redeem").click()

    expect(page.get_by_text("This account has redeemed this code").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Code")).to_have_value(code)
    assert ("$0.00" in before, "$3.00" in after) == (True, True)
    page.goto(f"{PATH}/codes")
    assert code not in page.content()


def test_use_is_on_the_ledger_and_on_a_statement_and_the_ledger_is_proved(
    node: Node, owner: Visit, page: Page
) -> None:
    """A statement can be read, printed and taken along by whoever has signed in."""
    account, secret = customer(node, "Statements")
    price = {"model": "demo-chat", "input_usd_per_million": "100", "output_usd_per_million": "100"}
    node.manage("POST", "/api/v1/prices", body=price)
    node.chat(key=secret)
    [charge] = until(lambda: node.manage("GET", f"/api/v1/ledger?account={account}")["data"], what="a charge")

    page.goto(f"{PATH}?account={account}")
    expect(page.get_by_role("row").filter(has_text="for 1 request")).to_be_visible()
    links = page.get_by_role("link", name="Page to print").all()
    assert {link.get_attribute("target") for link in links} == {"_blank"}
    [base] = [
        href for link in links if (href := link.get_attribute("href") or "").endswith(f"/{charge['month']}")
    ]
    page.goto(f"{PATH}/verify")
    expect(page.get_by_text("The ledger holds")).to_be_visible()
    shoot(page, "billing-verify")
    printed, table, data = owner.get(base), owner.get(base, format="csv"), owner.get(base, format="json")

    assert printed.headers["content-type"].startswith("text/html")
    assert "demo-chat" in printed.text
    assert printed.headers["x-frame-options"] == "DENY"
    assert table.headers["content-disposition"].startswith("attachment")
    assert data.json()["data"]["account_name"] == "Statements"


def test_credit_forms_that_are_sent_twice_do_their_work_once(node: Node, owner: Visit) -> None:
    """An impatient second click on money; with another amount it asks first, and a form that is opened anew works."""
    account, _ = customer(node, "Clicks twice")
    page = f"{PATH}?account={account}"
    twice = {
        f"{PATH}/{account}/grants": {"amount_usd": "5"},
        f"{PATH}/{account}/adjustments": {"amount_usd": "-1", "note": "Correction"},
        f"{PATH}/codes": {"amount_usd": "3", "count": "2", "note": "Sent twice"},
    }

    answers = []
    for path, filled in twice.items():
        fields: dict[str, str | list[str]] = {"nonce": nonce(owner, page), **filled}
        answers += [owner.post(path, fields), owner.post(path, fields)]
        other = owner.post(path, {**fields, "amount_usd": "7"})
        assert (other.status_code, SENT_OTHERWISE in other.text) == (422, True)
    once_more = owner.post(f"{PATH}/{account}/grants", {"nonce": nonce(owner, page), "amount_usd": "5"})
    too_old = owner.post(f"{PATH}/{account}/grants", {"amount_usd": "5"})

    codes = node.manage("GET", "/api/v1/credit/codes")["data"]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 303, 200, 303]
    assert once_more.headers["location"] == page
    assert (too_old.status_code, EARLIER in too_old.text) == (400, True)
    assert node.manage("GET", f"/api/v1/credit?account={account}")["data"]["balance_usd"] == "9"
    assert [one["note"] for one in codes].count("Sent twice") == 2


def nonce(owner: Visit, page: str) -> str:
    """Return the number of a form's own."""
    found = re.search(r'name="nonce" value="([0-9A-Za-z]+)"', owner.get(page).text)
    assert found is not None, page
    return found[1]


def test_forms_that_are_filled_in_badly_lose_nothing(node: Node, owner: Visit) -> None:
    """Each refusal names its field."""
    account, _ = customer(node, "Forms")
    plan = node.manage("POST", "/api/v1/plans", body={"name": "Edited", "monthly_usd": "5"})["data"]
    one = f"{PATH}/plans/{plan['id']}"
    there: dict[str, str | list[str]] = {"name": "Edited", "monthly_usd": "7", "version": '"1"'}
    bad: list[tuple[str, dict[str, str | list[str]], int]] = [
        (f"{PATH}/{account}/grants", {"amount_usd": "much"}, 400),
        (f"{PATH}/{account}/grants", {"amount_usd": "0,50"}, 400),
        (f"{PATH}/{account}/adjustments", {"amount_usd": "1,5", "note": "y"}, 400),
        (f"{PATH}/codes", {"amount_usd": "1.234,56"}, 400),
        (f"{PATH}/{account}/grants", {"amount_usd": "1", "expires_at": "tomorrow"}, 400),
        (f"{PATH}/{account}/grants", {"nonce": "n2", "amount_usd": "1", "expires_at": "2001-01-01"}, 400),
        (f"{PATH}/{account}/adjustments", {"nonce": "n3", "amount_usd": "-1"}, 400),
        (f"{PATH}/{account}/adjustments", {"amount_usd": "x", "note": "y"}, 400),
        (f"{PATH}/{account}/plan", {"plan": "plan_nobody"}, 404),
        (f"{PATH}/redeem", {"code": "KT-none"}, 404),
        (f"{PATH}/codes", {"amount_usd": "1", "count": "many"}, 400),
        (f"{PATH}/codes", {"amount_usd": "1", "max_uses": "x"}, 400),
        (f"{PATH}/codes", {"amount_usd": "1", "credit_days": "x"}, 400),
        (f"{PATH}/codes", {"amount_usd": "1", "expires_at": "x"}, 400),
        (f"{PATH}/codes", {"nonce": "n4", "amount_usd": "1", "count": "100000"}, 400),
        (f"{PATH}/plans/new", {"name": "Edited"}, 409),
        (one, {"name": "", "monthly_usd": "7"}, 400),
        (one, {**there, "trial_days": "x"}, 400),
    ]

    statuses = [owner.post(path, fields).status_code for path, fields, _ in bad]
    saved = owner.post(one, there)
    late = owner.post(one, there)
    adjusted = owner.post(
        f"{PATH}/{account}/adjustments", {"nonce": "n1", "amount_usd": "-2.50", "note": "Twice"}
    )
    assigned = owner.post(f"{PATH}/{account}/plan", {"plan": plan["id"]})
    kept = owner.post(f"{one}/delete")
    owner.post(f"{PATH}/{account}/plan", {"plan": ""})
    gone = owner.post(f"{one}/delete")
    cursors = [
        owner.get(f"{PATH}{page}", cursor="x").status_code for page in ("", "/codes", "/plans", "/accounts")
    ]

    assert statuses == [status for *_, status in bad]
    assert (saved.status_code, late.status_code) == (303, 412)
    assert (adjusted.status_code, assigned.status_code) == (303, 303)
    assert kept.headers["location"] == one
    assert gone.headers["location"] == f"{PATH}/plans"
    assert cursors == [400] * 4
    assert owner.get(f"{PATH}/{account}/grants/grnt_nobody/take-back").status_code == 404
    assert node.manage("GET", f"/api/v1/credit?account={account}")["data"]["balance_usd"] == "4.5"
