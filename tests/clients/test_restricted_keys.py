"""Keys with allow-lists, publishable keys in browsers, and what answers say of a key's end."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from support.node import Node

APP = "https://app.example"


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code."""
    return answer.status_code, str(answer.json()["error"]["code"])


def ask(node: Node, key: str, *, model: str = "demo-chat", **headers: str) -> httpx.Response:
    """Ask for a completion with further headers."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return node.send(
        "POST", "/v1/chat/completions", headers={"authorization": f"Bearer {key}", **headers}, json=body
    )


@pytest.mark.parametrize(
    ("restriction", "expected"),
    [
        ({"ip": ["127.0.0.0/8"]}, None),
        ({"ip": ["192.0.2.0/24", "2001:db8::/32"]}, "ip_not_allowed"),
        ({"endpoints": ["/v1/chat/*"]}, None),
        ({"endpoints": ["/v1/embeddings"]}, "endpoint_not_allowed"),
        ({"models": ["demo-*"]}, None),
        ({"models": ["gpt-*"]}, "model_not_allowed"),
        ({"origins": ["https://other.example"]}, "origin_not_allowed"),
        ({"origins": [APP]}, None),
        ({"not_before": "2099-01-01T00:00:00Z"}, "outside_validity_window"),
        ({"not_before": "2020-01-01T00:00:00Z"}, None),
    ],
)
def test_a_key_works_where_its_lists_say_and_nowhere_else(
    node: Node, restriction: dict[str, Any], expected: str | None
) -> None:
    """A leaked key is worth little outside its fence."""
    _, secret = node.new_key("fenced", **restriction)

    answer = ask(node, secret, origin=APP)

    if expected is None:
        assert answer.status_code == 200
    else:
        assert code(answer) == (403, expected)


def test_a_key_sees_only_the_models_it_may_use(node: Node) -> None:
    """A list of what one can't have is of no use."""
    _, secret = node.new_key("fenced", models=["demo-c*"])
    headers = {"authorization": f"Bearer {secret}"}

    listed = node.send("GET", "/v1/models", headers=headers).json()["data"]
    other = node.send("GET", "/v1/models/echo", headers=headers)

    assert listed
    assert all(one["id"].startswith("demo-c") for one in listed)
    assert code(other) == (403, "model_not_allowed")


def test_a_restriction_that_is_added_holds_when_the_call_returns(node: Node) -> None:
    """Every worker has it by then; and taking it away is as quick."""
    key_id, secret = node.new_key("fenced")
    assert ask(node, secret).status_code == 200

    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"models": ["gpt-*"]})
    fenced = [ask(node, secret).status_code for _ in range(8)]
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"models": []})

    assert fenced == [403] * 8
    assert ask(node, secret).status_code == 200


# ── publishable keys ────────────────────────────────────────────────────────


def test_a_page_of_the_listed_origin_reads_the_answer(node: Node) -> None:
    """A publishable key is made for the browser (Fetch standard, CORS protocol)."""
    _, secret = node.new_key("page", kind="publishable", origins=[APP])

    answer = ask(node, secret, origin=APP)

    assert secret.startswith("pk-")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_of_another_origin_is_refused_and_reads_nothing(node: Node) -> None:
    """The browser keeps the answer from it."""
    _, secret = node.new_key("page", kind="publishable", origins=[APP])

    answer = ask(node, secret, origin="https://evil.example")

    assert code(answer) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_reads_why_its_request_was_refused(node: Node) -> None:
    """Otherwise the browser shows nothing but a failed fetch."""
    _, secret = node.new_key("page", kind="publishable", origins=[APP], models=["gpt-*"])

    answer = ask(node, secret, origin=APP)

    assert code(answer) == (403, "model_not_allowed")
    assert answer.headers["access-control-allow-origin"] == APP


def test_a_preflight_is_answered_before_there_is_a_key(node: Node) -> None:
    """Browsers send no credential with it; what follows is what is checked."""
    headers = {
        "origin": APP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }

    answer = node.send("OPTIONS", "/v1/chat/completions", headers=headers)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == headers["access-control-request-headers"]


def test_a_secret_key_gets_no_leave_for_browsers(node: Node) -> None:
    """It has no business in a page."""
    answer = ask(node, node.key, origin=APP)

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_stream_carries_the_same_headers(node: Node) -> None:
    """Pages stream most of the time."""
    _, secret = node.new_key("page", kind="publishable", origins=[APP])
    body = {"model": "demo-chat", "stream": True, "messages": [{"role": "user", "content": "a b c"}]}

    answer = node.send(
        "POST",
        "/v1/chat/completions",
        headers={"authorization": f"Bearer {secret}", "origin": APP},
        json=body,
    )

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["access-control-allow-origin"] == APP


# ── the end of a key ────────────────────────────────────────────────────────


def test_answers_warn_two_weeks_before_a_key_expires(node: Node) -> None:
    """An application that logs `Sunset` is not surprised (RFC 8594)."""
    soon = (datetime.now(UTC) + timedelta(days=13)).replace(microsecond=0)
    _, ending = node.new_key("ending", expires_at=soon.isoformat())
    _, lasting = node.new_key("lasting", expires_in_s=15 * 86_400)

    warned, silent = ask(node, ending), ask(node, lasting)

    assert parsedate_to_datetime(warned.headers["sunset"]) == soon
    assert warned.headers["x-keyturn-key-expires-at"] == soon.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "sunset" not in silent.headers


def test_answers_remind_of_a_rotation_that_comes_by_itself(node: Node) -> None:
    """`Deprecation` with a date to come (RFC 9745), from the day of the first reminder on."""
    near_id, near = node.new_key("rotated soon", rotation={"every_days": 20})
    _, far = node.new_key("rotated later", rotation={"every_days": 31})
    next_at = datetime.fromisoformat(
        node.manage("GET", f"/api/v1/keys/{near_id}")["data"]["rotation"]["next_at"]
    )

    warned, silent = ask(node, near), ask(node, far)
    node.manage("PATCH", f"/api/v1/keys/{near_id}", body={"rotation": {"every_days": None}})
    unplanned = ask(node, near)

    assert warned.headers["deprecation"] == f"@{int(next_at.timestamp())}"
    assert not {"sunset", "x-keyturn-key-expires-at"} & set(warned.headers)
    assert "deprecation" not in silent.headers
    assert "deprecation" not in unplanned.headers
