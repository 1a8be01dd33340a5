"""What was used, and why a request was answered as it was."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from support.node import Node

# ── usage ───────────────────────────────────────────────────────────────────────


def test_usage_is_reported_by_key_model_and_day(node: Node) -> None:
    """The three questions: who, what, when; each adds up to the same."""
    secret = node.cli("keys", "create", "usage reporter").stdout.strip()
    day = datetime.now(UTC).date()
    for model in ("gpt-4o", "demo-chat", "demo-chat"):
        assert node.chat("one two three", key=secret, model=model).status_code == 200

    reports = {
        by: json.loads(node.cli("usage", "--by", by, "--json").stdout) for by in ("key", "model", "day")
    }
    table = node.cli("usage").stdout
    lines = node.cli("usage", "--by", "model", "--csv").stdout.splitlines()

    [mine] = [row for row in reports["key"]["rows"] if row["key_name"] == "usage reporter"]
    assert (mine["requests"], mine["input_tokens"]) == (3, 9)
    assert {"gpt-4o", "demo-chat"} <= {row["model"] for row in reports["model"]["rows"]}
    days = {one.isoformat() for one in (day, datetime.now(UTC).date())}  # midnight may have passed
    assert reports["day"]["rows"][-1]["day"] in days
    for report in reports.values():
        assert report["total"] == reports["key"]["total"]
        for figure in ("requests", "input_tokens", "output_tokens"):
            assert sum(row[figure] for row in report["rows"]) == report["total"][figure]
    assert "usage reporter" in table
    assert "total" in table
    before = "model,requests,input_tokens,output_tokens,cost_usd,estimated,recovered,unpriced"
    assert lines[0].startswith(f"{before},cached_tokens,"), "a column was moved: programs go by the place"
    assert len(lines) == 1 + len(reports["model"]["rows"])


# ── why ─────────────────────────────────────────────────────────────────────────


def _explained(node: Node, answer: httpx.Response) -> dict[str, Any]:
    data: dict[str, Any] = node.manage("GET", f"/api/v1/requests/{answer.headers['x-request-id']}")["data"]
    return data


def test_a_served_request_is_explained_with_its_way_and_its_cost(node: Node) -> None:
    """Checks, target, times, usage."""
    answer = node.chat("one two three", model="gpt-4o")

    story = node.cli("explain", answer.headers["x-request-id"]).stdout
    data = node.story(answer)

    for text in (
        "200",
        "default (key_",
        "authorization",
        "demo: demo-chat",
        "3 in",
        "as the upstream reported",
    ):
        assert text in story
    assert story.count("✓") == len(data["checks"])
    assert data["key_name"] == "default"
    assert (data["model"], data["upstream"], data["upstream_model"]) == ("gpt-4o", "demo", "demo-chat")
    assert 0 <= data["auth_us"] <= data["sent_us"] <= data["first_byte_us"] <= data["total_us"]
    assert data["usage_source"] == "reported"
    assert float(data["cost_usd"]) == pytest.approx(float(answer.headers["x-keyturn-cost"]))


def _missing(node: Node) -> httpx.Response:
    return node.send("POST", "/v1/chat/completions", json={"model": "echo"})


def _malformed(node: Node) -> httpx.Response:
    return node.chat(key="sk-wrong")


def _disabled(node: Node) -> httpx.Response:
    key_id, secret = node.new_key("explained disabled")
    node.manage("POST", f"/api/v1/keys/{key_id}/disable")
    return node.chat(key=secret)


def _forbidden(node: Node) -> httpx.Response:
    _, secret = node.new_key("explained writer", permissions=["write"])
    return node.chat(key=secret)


def _no_such_model(node: Node) -> httpx.Response:
    return node.chat(model="no-such-model")


def _bad_body(node: Node) -> httpx.Response:
    headers = {"authorization": f"Bearer {node.key}"}
    return node.send("POST", "/v1/chat/completions", headers=headers, content=b'{"model": ')


REFUSED = {
    "no key": (_missing, "missing_api_key", "credential found", "", "API key is required"),
    "bad key": (_malformed, "malformed_api_key", "well formed", "", "mistyped or cut short"),
    "disabled": (_disabled, "disabled_api_key", "active", "explained disabled", "is disabled"),
    "permission": (_forbidden, "insufficient_permissions", "permission", "explained writer", "access"),
    "bad body": (_bad_body, "invalid_json", "request body", "default", "not valid JSON"),
    "unknown model": (
        _no_such_model,
        "model_not_found",
        "model",
        "default",
        "'no-such-model' does not exist",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_request_is_explained_by_the_check_that_refused_it(node: Node, case: str) -> None:
    """Instead of one more "it does not work", one line."""
    make, reason, failed, name, detail = REFUSED[case]
    answer = make(node)

    data = node.story(answer)

    assert data["source"] == "journal"
    assert (data["reason"], data["status"]) == (reason, answer.status_code)
    assert (data["path"], data["address"]) == ("/v1/chat/completions", "127.0.0.1")
    assert [check["name"] for check in data["checks"] if check["passed"] is False] == [failed]
    passed = [check["passed"] for check in data["checks"]]
    assert passed == sorted(passed, key=lambda one: (one is None, one is False))
    assert data["key_name"] == name
    assert detail in data["detail"]
    assert [check["detail"] for check in data["checks"] if check["detail"]] == [data["detail"]]
    assert (data["location"] == "") == (case == "no key")


def test_a_refusal_is_explained_on_the_command_line(node: Node) -> None:
    """The reason in words, and which checks were never reached."""
    story = node.cli("explain", _no_such_model(node).headers["x-request-id"]).stdout

    for text in ("404", "model not found", "default (key_", "no-such-model", "✗ model", "✓ permission"):
        assert text in story


@pytest.mark.parametrize("request_id", ["req_VbXhUyUBKUlzDND0IYtt", "nonsense", "req_é"])
def test_an_unknown_request_is_said_to_be_unknown(node: Node, request_id: str) -> None:
    """One line, exit status 1, whatever was typed."""
    ran = node.cli("explain", request_id, check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("keyturn: ")
    assert ran.stderr.endswith("(RESOURCE_NOT_FOUND)\n")
