"""The rows of the error contract that a node can be brought to, asked for with the official SDKs of both vendors."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from keyturn.domain import key_text
from keyturn.domain.ids import is_id
from keyturn.domain.key_text import Kind
from support.conversations import HELLO
from support.node import Node, running

SUPPORT = "help@example.com"
PROBLEM = {"accept": "application/problem+json"}
OPENAI_DENIED, DENIED = openai.PermissionDeniedError, anthropic.PermissionDeniedError


@pytest.fixture(scope="module")
def helpful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that says whom to ask, and takes keys in headers only."""
    folder = tmp_path_factory.mktemp("helpful")
    helpful = Node(
        folder,
        workers=1,
        support__contact=SUPPORT,
        auth__locations="header",
        auth__failures_per_minute="10000",
    )
    with running(helpful) as node:
        yield node


def _new(node: Node, name: str, **members: Any) -> str:
    return node.new_key(name, **members)[1]


def _changed(node: Node, how: str) -> str:
    key_id, secret = node.new_key(how)
    node.manage("POST", f"/api/v1/keys/{key_id}/{how}")
    return secret


def _expired(node: Node) -> str:
    key_id, secret = node.new_key("expired", expires_in_s=60)
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"expires_at": "2024-01-01T00:00:00Z"})
    return secret


def _rotated(node: Node) -> str:
    key_id, secret = node.new_key("rotated")
    node.manage("POST", f"/api/v1/keys/{key_id}/rotate", body={"revoke_old": True})
    return secret


def _quarantined(node: Node) -> str:
    secret = _new(node, "of two holders", rotation={"self_rotation": True})
    for _ in range(2):
        node.send("POST", "/api/v1/key/rotate", headers={"authorization": f"Bearer {secret}"})
    return secret


def _suspended(node: Node) -> str:
    account = node.manage("POST", "/api/v1/accounts", body={"name": f"suspended {secrets.token_hex(4)}"})[
        "data"
    ]["id"]
    project = node.manage("POST", "/api/v1/projects", body={"name": "theirs", "account_id": account})["data"][
        "id"
    ]
    secret = _new(node, "theirs", project_id=project)
    node.manage("POST", f"/api/v1/accounts/{account}/suspend")
    return secret


def _presented(node: Node, row: str) -> str:
    """Return the key to present for a row."""
    found: dict[str, Callable[[], str]] = {
        "malformed": lambda: "sk-mistyped",
        "unknown": lambda: key_text.mint(Kind.SECRET, secrets.choice).reveal(),
        "revoked": lambda: _changed(node, "revoke"),
        "disabled": lambda: _changed(node, "disable"),
        "expired": lambda: _expired(node),
        "rotated": lambda: _rotated(node),
        "two_credentials": lambda: node.key,
        "quarantined": lambda: _quarantined(node),
        "account_inactive": lambda: _suspended(node),
        "ip": lambda: _new(node, "elsewhere", ip=["192.0.2.0/24"]),
        "origin": lambda: _new(node, "of a page", kind="publishable", origins=["https://app.example.com"]),
        "validity_window": lambda: _new(node, "of tomorrow", not_before="2099-01-01T00:00:00Z"),
        "permission": lambda: _new(node, "writer", permissions=["write"]),
        "endpoint": lambda: _new(node, "embedder", endpoints=["/v1/embeddings"]),
    }
    return found[row]()


# Row → OpenAI's exception and code, Anthropic's exception and code.
ROWS: dict[str, tuple[type[Exception], str, type[Exception], str]] = {
    "malformed": (
        openai.AuthenticationError,
        "invalid_api_key",
        anthropic.AuthenticationError,
        "malformed_api_key",
    ),
    "unknown": (
        openai.AuthenticationError,
        "invalid_api_key",
        anthropic.AuthenticationError,
        "unknown_api_key",
    ),
    "revoked": (
        openai.AuthenticationError,
        "invalid_api_key",
        anthropic.AuthenticationError,
        "revoked_api_key",
    ),
    "disabled": (
        openai.AuthenticationError,
        "invalid_api_key",
        anthropic.AuthenticationError,
        "disabled_api_key",
    ),
    "expired": (
        openai.AuthenticationError,
        "expired_api_key",
        anthropic.AuthenticationError,
        "expired_api_key",
    ),
    "rotated": (
        openai.AuthenticationError,
        "rotated_api_key",
        anthropic.AuthenticationError,
        "rotated_api_key",
    ),
    "two_credentials": (
        openai.BadRequestError,
        "multiple_credentials",
        anthropic.BadRequestError,
        "multiple_credentials",
    ),
    "account_inactive": (OPENAI_DENIED, "account_inactive", DENIED, "account_inactive"),
    "quarantined": (OPENAI_DENIED, "key_quarantined", DENIED, "key_quarantined"),
    "ip": (OPENAI_DENIED, "ip_not_allowed", DENIED, "ip_not_allowed"),
    "origin": (OPENAI_DENIED, "origin_not_allowed", DENIED, "origin_not_allowed"),
    "validity_window": (OPENAI_DENIED, "outside_validity_window", DENIED, "outside_validity_window"),
    "permission": (OPENAI_DENIED, "insufficient_permissions", DENIED, "insufficient_permissions"),
    "endpoint": (OPENAI_DENIED, "endpoint_not_allowed", DENIED, "endpoint_not_allowed"),
}


def _counting() -> tuple[list[str], dict[str, list[Any]]]:
    made: list[str] = []

    def note(request: httpx2.Request) -> None:
        made.append(str(request.url))

    return made, {"request": [note]}


@pytest.mark.parametrize("row", list(ROWS))
def test_openais_sdk_raises_what_the_node_means_and_asks_once(helpful: Node, row: str) -> None:
    """Class and code are what programs decide by; asking again can't help."""
    expected, code, _, _ = ROWS[row]
    key = _presented(helpful, row)
    made, hooks = _counting()
    others = {"X-API-Key": _new(helpful, "another")} if row == "two_credentials" else {}

    with (
        openai.OpenAI(
            base_url=f"{helpful.url}/v1",
            api_key=key,
            default_headers=others,
            http_client=openai.DefaultHttpxClient(event_hooks=hooks),
        ) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(model="echo", messages=HELLO)

    assert type(caught.value) is expected
    assert caught.value.code == code
    assert is_id(str(caught.value.request_id), "req_")
    assert len(made) == 1
    assert key not in caught.value.response.text


@pytest.mark.parametrize("row", list(ROWS))
def test_anthropics_sdk_raises_what_the_node_means_and_asks_once(helpful: Node, row: str) -> None:
    """At Anthropic's path in Anthropic's dialect, with the code and the request id where its SDK looks for them."""
    _, _, expected, code = ROWS[row]
    key = _presented(helpful, row)
    made, hooks = _counting()
    others = {"X-API-Key": _new(helpful, "another")} if row == "two_credentials" else {}

    with (
        anthropic.Anthropic(
            base_url=helpful.url,
            api_key=key,
            default_headers=others,
            http_client=anthropic.DefaultHttpxClient(event_hooks=hooks),
        ) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hello"}])

    assert type(caught.value) is expected
    assert caught.value.error_code == code
    assert is_id(str(caught.value.request_id), "req_")
    assert len(made) == 1
    assert key not in caught.value.response.text


def test_anthropics_sdk_is_told_of_a_missing_key_and_of_what_is_not_there(helpful: Node) -> None:
    """A good key gets to the 404; without one nobody learns what there is."""
    bare = {"Authorization": anthropic.omit}

    with anthropic.Anthropic(base_url=helpful.url, api_key=helpful.key) as client:
        with pytest.raises(anthropic.AuthenticationError) as missing:
            client.messages.count_tokens(
                model="m", messages=[{"role": "user", "content": "hello"}], extra_headers=bare
            )
        with pytest.raises(anthropic.NotFoundError) as known:
            client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hello"}])
        with pytest.raises(anthropic.NotFoundError) as unknown:
            client.get("/v1/nothing", cast_to=httpx2.Response)

    assert missing.value.error_code == "missing_api_key"
    assert (known.value.error_code, unknown.value.error_code) == ("model_not_found", "path_not_found")
    assert missing.value.type == "authentication_error"


def test_openais_sdk_is_told_of_a_missing_key_a_wrong_place_and_a_model_that_is_not_the_keys(
    helpful: Node,
) -> None:
    """Three rows that its client reaches by settings of its own."""
    url = f"{helpful.url}/v1"
    modest = _new(helpful, "modest", models=["gpt-4o-*"])
    bare = {"Authorization": openai.omit}

    with openai.OpenAI(base_url=url, api_key=modest) as client:
        with pytest.raises(openai.AuthenticationError) as missing:
            client.models.list(extra_headers=bare)
        with pytest.raises(openai.AuthenticationError) as misplaced:
            client.models.list(extra_headers=bare, extra_query={"api_key": modest})
        with pytest.raises(openai.PermissionDeniedError) as denied:
            client.chat.completions.create(model="echo", messages=HELLO)

    assert missing.value.code == "invalid_api_key"
    assert missing.value.response.headers["www-authenticate"] == 'Bearer realm="Keyturn"'
    assert misplaced.value.code == "api_key_location_not_allowed"
    assert modest not in misplaced.value.response.text
    assert (denied.value.code, denied.value.param) == ("model_not_allowed", "model")


def test_gemini_paths_answer_as_gemini_does(helpful: Node) -> None:
    """Its clients read ``status`` and ``details[].reason``."""
    path = "/v1beta/models/gemini-pro:generateContent"

    wrong = helpful.send("POST", path, headers={"x-goog-api-key": "sk-mistyped"}, json={})
    lost = helpful.send("POST", path, headers={"x-goog-api-key": helpful.key}, json={})

    error = wrong.json()["error"]
    assert (wrong.status_code, error["code"], error["status"]) == (401, 401, "UNAUTHENTICATED")
    assert error["details"][0]["reason"] == "API_KEY_INVALID"
    assert (lost.status_code, lost.json()["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "status", "error_members"),
    [
        ("POST", "/v1/chat/completions", 401, {"message", "type", "code", "param"}),
        ("POST", "/v1/messages", 401, {"type", "message", "details"}),
        ("POST", "/v1beta/models/m:generateContent", 401, {"code", "message", "status", "details"}),
        ("POST", "/v1/generate", 401, {"code", "message", "details"}),
        ("GET", "/api/v1/keys", 401, {"code", "message", "details"}),
        ("GET", "/v1/nothing", 404, {"message", "type", "code", "param"}),
        ("GET", "/nothing", 404, {"message", "type", "code", "param"}),
        ("GET", "/api/v1/nothing", 404, {"code", "message", "details"}),
        ("PUT", "/v1/generate", 405, {"code", "message", "details"}),
        ("PUT", "/api/v1/keys", 405, {"code", "message", "details"}),
    ],
)
def test_who_accepts_a_problem_document_gets_one_everywhere(
    helpful: Node, method: str, path: str, status: int, error_members: set[str]
) -> None:
    """With the dialect's own error in it, whom to ask, and a type that leads to an entry of the node's own page."""
    plain = helpful.send(method, path)

    answer = helpful.send(method, path, headers=PROBLEM)

    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (body["support"], body["instance"]) == (
        SUPPORT,
        f"/api/v1/requests/{answer.headers['x-request-id']}",
    )
    assert set(body["error"]) == error_members
    assert set(plain.json()["error"]) == error_members
    assert plain.headers["content-type"] == "application/json"
    page, _, anchor = body["type"].partition("#")
    assert f'id="{anchor}"' in helpful.send("GET", page).text


def test_support_is_named_and_leaves_the_published_bodies_alone(helpful: Node) -> None:
    """Whoever compares the published OpenAI errors by equality must still be right."""
    openais = helpful.send("POST", "/v1/chat/completions")
    native = helpful.send("POST", "/v1/generate")
    managed = helpful.send("GET", "/api/v1/keys")
    pages = [helpful.send("GET", path).text for path in ("/docs", "/docs/errors")]

    assert SUPPORT not in openais.text
    for answer in (native, managed):
        assert answer.json()["error"]["details"]["support"] == SUPPORT
    assert all(SUPPORT in page for page in pages)


def test_a_page_explains_every_error(helpful: Node) -> None:
    """The reason in the metrics and in ``keyturn explain`` is the anchor."""
    page = helpful.send("GET", "/docs/errors")

    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for word in ("missing_api_key", "quota_exceeded", "internal_error"):
        assert f'<h2 id="{word}">' in page.text


def test_a_key_in_a_path_is_not_repeated(helpful: Node) -> None:
    """Whoever puts it there by mistake would find it in a log of error texts."""
    answer: httpx.Response = helpful.send("GET", f"/v1/{helpful.key}")

    assert answer.status_code == 404
    assert helpful.key not in answer.text
