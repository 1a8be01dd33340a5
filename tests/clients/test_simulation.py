"""What a simulation says, against what happens: every kind of key with every kind of request."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from keyturn.domain.checks import CHECKS
from support.conversations import HELLO
from support.node import Node, running

ORIGIN = "https://app.example.com"
SOON = (datetime.now(UTC) + timedelta(days=2)).isoformat()
JUST_NOW = (datetime.now(UTC) - timedelta(days=2)).isoformat()

KEYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "this address": {"ip": ["127.0.0.0/8"]},
    "other address": {"ip": ["10.0.0.0/8", "2001:db8::/32"]},
    "origin": {"origins": [ORIGIN, "https://*.example.org"]},
    "endpoints": {"endpoints": ["/v1/chat/*", "/v1/engines/*"]},
    "models": {"models": ["demo-*"]},
    "other models": {"models": ["gpt-*"]},
    "not yet": {"not_before": SOON},
    "since": {"not_before": JUST_NOW},
    "admin": {"permissions": ["admin"]},
    "webhook": {"permissions": ["webhook"]},
    "management": {"kind": "management"},
    "headers only": {"locations": ["header"]},
    "decoy": {"decoy": True},
    "several": {"ip": ["10.0.0.0/8"], "models": ["gpt-*"], "origins": [ORIGIN], "permissions": ["webhook"]},
}
ENDED = ("disabled", "revoked", "expired")

REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {"path": "/v1/chat/completions", "model": "demo-chat"},
    "no such model": {"path": "/v1/chat/completions", "model": "demo-cat"},
    "embeddings": {"path": "/v1/embeddings", "model": "demo-embedding"},
    "engine": {"path": "/v1/engines/demo-chat/completions"},
    "models": {"path": "/v1/models"},
    "model": {"path": "/v1/models/demo-chat"},
    "native": {"path": "/v1/generate", "model": "demo-chat"},
    "messages": {"path": "/v1/messages", "model": "demo-chat"},
    "contents": {"path": "/v1beta/models/demo-chat:generateContent"},
    "nowhere": {"path": "/v1/nothing"},
    "method": {"path": "/v1/chat/completions", "model": "demo-chat", "method": "GET"},
    "in query": {"path": "/v1/chat/completions", "model": "demo-chat", "location": "query"},
    "from origin": {"path": "/v1/chat/completions", "model": "demo-chat", "origin": ORIGIN},
    "from sub-origin": {
        "path": "/v1/chat/completions",
        "model": "demo-chat",
        "origin": "https://x.example.org",
    },
    "from elsewhere": {
        "path": "/v1/chat/completions",
        "model": "demo-chat",
        "origin": "https://evil.example",
    },
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that takes any number of refused requests from one address."""
    folder = tmp_path_factory.mktemp("simulation")
    with running(Node(folder, workers=1, auth__failures_per_minute="1000000")) as node:
        yield node


@pytest.fixture(scope="module")
def keys(node: Node) -> Iterator[dict[str, tuple[str, str]]]:
    """Every kind of key: its identifier and its secret."""
    made = {name: node.new_key(f"simulated {name}", **members) for name, members in KEYS.items()}
    for name in ENDED:
        made[name] = node.new_key(f"simulated {name}")
    node.manage("POST", f"/api/v1/keys/{made['disabled'][0]}/disable")
    node.manage("POST", f"/api/v1/keys/{made['revoked'][0]}/revoke")
    node.manage("PATCH", f"/api/v1/keys/{made['expired'][0]}", body={"expires_at": "2020-01-01T00:00:00Z"})
    yield made
    for key_id, _ in made.values():
        node.manage("DELETE", f"/api/v1/keys/{key_id}")


BODIES: dict[str, dict[str, Any]] = {
    "/v1/generate": {"prompt": "hi"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 9},
    "/v1beta/models/demo-chat:generateContent": {"contents": [{"parts": [{"text": "hi"}]}]},
}
"""Where what is not known is refused."""


def really(node: Node, secret: str, wanted: dict[str, Any]) -> httpx.Response:
    """Make the request."""
    in_query = wanted.get("location") == "query"
    headers = {"origin": wanted["origin"]} if "origin" in wanted else {}
    if not in_query:
        headers["authorization"] = f"Bearer {secret}"
    get = wanted.get("method") == "GET" or wanted["path"].startswith("/v1/models")
    body = BODIES.get(wanted["path"], {"prompt": "hi", "messages": HELLO, "input": "hi"})
    return node.send(
        "GET" if get else "POST",
        wanted["path"],
        headers=headers,
        params={"api_key": secret} if in_query else None,
        json=None if get else {**({"model": wanted["model"]} if "model" in wanted else {}), **body},
    )


@pytest.mark.parametrize(("kind", "request_name"), list(itertools.product([*KEYS, *ENDED], REQUESTS)))
def test_a_simulation_says_what_happens(
    node: Node, keys: dict[str, tuple[str, str]], kind: str, request_name: str
) -> None:
    """A simulation that differs from the gate misleads whoever trusts it."""
    (key_id, secret), wanted = keys[kind], REQUESTS[request_name]

    said = node.manage("POST", f"/api/v1/keys/{key_id}/simulate", body={"ip": "127.0.0.1", **wanted})["data"]
    answer = really(node, secret, wanted)

    assert (said["would"] == "admitted", said["status"]) == (answer.status_code == 200, answer.status_code)
    assert [check["name"] for check in said["checks"]] == [name for name, _ in CHECKS]
    if said["would"] == "refused":
        story = node.story(answer)
        assert said["reason"] == story["reason"]
        if said["reason"] != "unknown_api_key":  # the operator is told of a decoy, its finder is not
            assert [(one["name"], one["passed"]) for one in said["checks"]] == [
                (one["name"], one["passed"]) for one in story["checks"]
            ]


def test_a_simulation_leaves_no_trace(node: Node, keys: dict[str, tuple[str, str]]) -> None:
    """Nothing is sent, counted or remembered."""
    key_id, _ = keys["plain"]
    before = node.manage("GET", f"/api/v1/keys/{key_id}")["data"]

    node.manage("POST", f"/api/v1/keys/{key_id}/simulate", body={"model": "demo-chat"})

    assert node.manage("GET", f"/api/v1/keys/{key_id}")["data"] == before


def test_a_simulation_on_the_command_line_says_which_check_refuses(
    node: Node, keys: dict[str, tuple[str, str]]
) -> None:
    """With what it was decided by."""
    said = node.cli(
        "keys", "simulate", keys["other address"][0], "--model", "demo-chat", "--ip", "192.0.2.1"
    ).stdout

    assert "✗ address" in said
    assert "192.0.2.1" in said
    assert "ip not allowed" in said


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"ip": "nonsense"}, "ip"),
        ({"path": "/api/v1/keys"}, "path"),
        ({"path": "v1"}, "path"),
        ({"location": "cookie"}, "location"),
        ({"secret": "pending"}, "secret"),
        ({"at": "2027-01-01T00:00:00"}, "at"),
        ({"adress": "x"}, "adress"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_its_place(
    node: Node, keys: dict[str, tuple[str, str]], body: dict[str, str], param: str
) -> None:
    """Instead of an answer to another question."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        node.manage("POST", f"/api/v1/keys/{keys['plain'][0]}/simulate", body=body)

    answer = caught.value.response
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["param"] == param
