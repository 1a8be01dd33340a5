"""Prepaid accounts under real traffic: the ledger decides, in every worker, at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from support.node import Node

PRICE = {"input_usd_per_million": "0", "output_usd_per_million": "1000"}
"""A tenth of a cent for each token of output."""


def ask(node: Node, secret: str, *, path: str = "/v1/chat/completions", tokens: int = 10) -> httpx.Response:
    """Ask for a few words at a tenth of a cent each."""
    body: dict[str, Any] = {"model": "paid-echo", "max_tokens": tokens}
    if path == "/v1/generate":
        body["prompt"] = "word " * tokens
    else:
        body["messages"] = [{"role": "user", "content": "word " * tokens}]
    return node.send("POST", path, headers={"authorization": f"Bearer {secret}"}, json=body)


@pytest.fixture
def customer(node: Node, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A prepaid account of the test's own, and a key of it."""
    name = request.node.name[:150]
    model = {"name": "paid-echo", "upstream": "demo", "upstream_model": "echo", **PRICE}
    if "paid-echo" not in {one["name"] for one in node.manage("GET", "/api/v1/models")["data"]}:
        node.manage("POST", "/api/v1/models", body=model)
    account = node.manage("POST", "/api/v1/accounts", body={"name": name, "prepaid": True})["data"]["id"]
    project = {"name": name, "account_id": account}
    project_id = node.manage("POST", "/api/v1/projects", body=project)["data"]["id"]
    return account, node.new_key(name, project_id=project_id, preset="read-only")[1]


def grant(node: Node, account: str, amount: str) -> None:
    """Give an account credit."""
    node.manage("POST", "/api/v1/credit/grants", body={"account": account, "amount_usd": amount})


def test_credit_that_is_used_up_refuses_and_a_top_up_serves_again_at_once(
    node: Node, customer: tuple[str, str]
) -> None:
    """In every worker, without waiting, in the words of each dialect."""
    account, secret = customer
    before = ask(node, secret), ask(node, secret, path="/v1/generate")
    grant(node, account, "0.02")
    served = [ask(node, secret).status_code for _ in range(2)]
    after = ask(node, secret)
    grant(node, account, "1")
    again = {ask(node, secret).status_code for _ in range(20)}

    assert [one.status_code for one in before] == [429, 402]
    assert before[0].json()["error"]["code"] == "insufficient_quota"
    details = before[1].json()["error"]["details"]
    assert (details["policy"], details["balance"], details["needed"]) == ("credit", "0", "0.01")
    assert served == [200, 200]
    assert (after.status_code, after.headers["x-should-retry"]) == (429, "false")
    assert again == {200}


def test_the_last_cents_are_spent_once_and_the_ledger_proves_it(
    node: Node, customer: tuple[str, str]
) -> None:
    """Two hundred at once, on credit for ten: ten are served, and the balance is nothing."""
    account, secret = customer
    grant(node, account, "0.1")

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(lambda _: ask(node, secret).status_code, range(200)))
    statuses += [ask(node, secret).status_code for _ in range(20)]

    node.manage("GET", "/api/v1/usage?by=key")
    shown = node.manage("GET", f"/api/v1/credit?account={account}")["data"]
    verified = node.cli("ledger", "verify")
    assert statuses.count(200) == 10
    assert set(statuses) == {200, 429}
    assert float(shown["available_usd"]) == 0
    assert verified.returncode == 0


def test_credit_that_was_taken_back_is_not_served_from(node: Node, customer: tuple[str, str]) -> None:
    """Also not from what workers had leased of it."""
    account, secret = customer
    grant(node, account, "5")
    first = ask(node, secret)
    body = {"account": account, "amount_usd": "-4.99", "note": "by mistake"}
    node.manage("POST", "/api/v1/credit/adjustments", body=body)

    after = [ask(node, secret).status_code for _ in range(10)]

    assert first.status_code == 200
    assert after == [429] * 10
