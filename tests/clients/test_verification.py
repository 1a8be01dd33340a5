"""Verifying keys over the network, as an API of somebody's own does it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import examples
from support.node import NO_TLS, Node, until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "check-keys-for-your-own-api.md"


@pytest.fixture(scope="module")
def caller(node: Node) -> Iterator[httpx.Client]:
    """An API of somebody's own, with a key that may read."""
    _, secret = node.new_key("verifying API")
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=node.url, headers=headers, verify=NO_TLS, timeout=20) as client:
        yield client


def verify(caller: httpx.Client, key: str, **members: Any) -> dict[str, Any]:
    """Verify a key."""
    answer = caller.post("/api/v1/keys/verify", json={"key": key, **members})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def test_a_valid_key_is_told_with_whose_it_is(node: Node, caller: httpx.Client) -> None:
    """Everything that an API needs to serve its customer."""
    key_id, secret = node.new_key("verified", tags=["blue"], metadata={"plan": "gold"})

    answer = caller.post("/api/v1/keys/verify", json={"key": secret, "permissions": ["read"]})
    found = answer.json()["data"]

    assert (found["valid"], found["code"], found["key_id"], found["name"]) == (
        True,
        "VALID",
        key_id,
        "verified",
    )
    assert (found["permissions"], found["tags"], found["metadata"]) == (["read"], ["blue"], {"plan": "gold"})
    assert found["account_id"].startswith("acct_")
    assert found["project_id"].startswith("proj_")
    assert answer.headers["cache-control"] == "no-store"
    assert secret not in answer.text


def test_a_revoked_key_is_not_valid_at_once_and_the_operator_is_told(
    node: Node, caller: httpx.Client
) -> None:
    """There is no cache in between."""
    key_id, secret = node.new_key("verified and revoked")
    assert verify(caller, secret)["valid"]

    node.manage("POST", f"/api/v1/keys/{key_id}/revoke")
    found = verify(caller, secret, ip="192.0.2.7")

    assert (found["valid"], found["code"], found["key_id"]) == (False, "INVALID_API_KEY", key_id)
    [event] = node.manage("GET", f"/api/v1/events?kind=key.used_after_end&key={key_id}")["data"]
    assert event["address"] == "192.0.2.7"


def test_a_text_that_is_no_key_gets_a_hint(caller: httpx.Client) -> None:
    """And is not repeated."""
    answer = caller.post("/api/v1/keys/verify", json={"key": "0000000000000000000000000003vSKjx"})

    found = answer.json()["data"]
    assert (found["valid"], found["code"]) == (False, "INVALID_API_KEY")
    assert found["hint"]
    assert "3vSKjx" not in answer.text


def test_the_caller_needs_a_key_that_may_read(node: Node) -> None:
    """A 401 is about whoever asks, never about the key in question."""
    _, secret = node.new_key("no reader", permissions=["webhook"])

    nobody = node.send("POST", "/api/v1/keys/verify", json={"key": secret})
    weak = node.send(
        "POST", "/api/v1/keys/verify", json={"key": secret}, headers={"authorization": f"Bearer {secret}"}
    )

    assert (nobody.status_code, weak.status_code) == (401, 403)


def test_a_verification_is_a_use_and_no_request(node: Node, caller: httpx.Client) -> None:
    """A key that is only ever verified must not look forgotten."""
    key_id, secret = node.new_key("verified only")

    verify(caller, secret, ip="192.0.2.8")

    def usage() -> dict[str, Any]:
        found: dict[str, Any] = node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["usage"]
        return found

    until(lambda: usage()["last_used_at"], what="the note of its use")
    assert (usage()["requests"], usage()["last_ip"]) == (0, "192.0.2.8")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "key"),
        ({"key": "x", "ip": "nonsense"}, "ip"),
        ({"key": "x", "permissions": ["rea"]}, "permissions"),
    ],
)
def test_bad_input_is_refused_with_its_place(caller: httpx.Client, body: dict[str, Any], param: str) -> None:
    """A question that is not understood is never answered with yes."""
    answer = caller.post("/api/v1/keys/verify", json=body)

    assert answer.status_code == 400
    assert param in answer.text


def test_a_key_is_verified_on_the_command_line_from_standard_input(node: Node) -> None:
    """It leaves no trace in the shell's history."""
    _, secret = node.new_key("verified on the command line")

    ran = node.cli("keys", "verify", "-", "--permission", "read", stdin=f"{secret}\n")
    refused = node.cli("keys", "verify", stdin="sk-wrong\n", check=False)

    assert "valid" in ran.stdout
    assert "verified on the command line" in ran.stdout
    assert secret not in ran.stdout + ran.stderr
    assert (refused.returncode, "invalid api key" in refused.stdout) == (1, True)


def blocks(kind: str) -> list[str]:
    """Return the examples of a kind on the page that users read."""
    parts = PAGE.read_text("utf-8").split(f"```{kind}\n")[1:]
    return [part.partition("```")[0] for part in parts]


def test_the_curl_example_of_the_page_runs(node: Node, tmp_path: Path) -> None:
    """Whoever copies it sees what the page promises."""
    _, own = node.new_key("the page's API")
    _, theirs = node.new_key("the page's customer")
    example = next(one for one in blocks("sh") if "curl" in one)
    code = (
        example.replace("http://localhost:8080", node.url)
        .replace("$MY_API_KEY", own)
        .replace("$THEIR_KEY", theirs)
    )

    found = examples.run_curl(tmp_path, code)

    assert (found["data"]["valid"], found["data"]["name"]) == (True, "the page's customer")


def test_the_python_example_of_the_page_runs(node: Node, tmp_path: Path) -> None:
    """It lets a customer in and keeps everybody else out."""
    _, own = node.new_key("the page's Python API")
    _, theirs = node.new_key("the page's Python customer")
    (code,) = blocks("python")
    main = f"\n\nprint(customer_of({theirs!r}, '192.0.2.1'), customer_of('sk-wrong', '192.0.2.1'))\n"

    printed = examples.run_python(
        tmp_path, code.replace("http://localhost:8080", node.url) + main, KEYTURN_API_KEY=own
    )

    assert printed.strip() == "the page's Python customer None"
