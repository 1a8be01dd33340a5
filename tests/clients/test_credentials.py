"""Where a key may stand, and what is said when it is not accepted."""

import base64
import secrets
from itertools import combinations
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from fakes.recording_provider import RecordingProvider
from keyturn.domain import key_text
from keyturn.domain.key_text import Kind
from support.node import Node, until

FORMS = (
    "bearer",
    "bearer in capitals",
    "bearer in small letters",
    "bare",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "query",
    "encoded query",
    "twice encoded query",
    "query behind a semicolon",
    "body",
    "basic user",
    "basic password",
)
PLACES = {
    "bearer": "authorization",
    "bearer in capitals": "authorization",
    "bearer in small letters": "authorization",
    "bare": "authorization",
    "encoded query": "query",
    "twice encoded query": "query",
    "query behind a semicolon": "query",
    "basic user": "basic",
    "basic password": "basic",
}
"""Each form's place, as ``keyturn explain`` names it, where it has another name."""


def _part(form: str) -> str:
    """Return the part of a request that a form takes up."""
    place = PLACES.get(form, form)
    return "authorization" if place == "basic" else place


PAIRS = [(one, other) for one, other in combinations(FORMS, 2) if _part(one) != _part(other)]
"""Two forms that one request can carry beside each other: not the same header, not two queries."""


def _basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def present(form: str, key: str) -> tuple[dict[str, str], str, dict[str, str]]:
    """Return the headers, the query and the members of the body that present ``key``."""
    headers = {
        "bearer": {"authorization": f"Bearer {key}"},
        "bearer in capitals": {"authorization": f"BEARER {key}"},
        "bearer in small letters": {"authorization": f"bearer {key}"},
        "bare": {"authorization": key},
        "x-api-key": {"x-api-key": key},
        "api-key": {"api-key": key},
        "x-goog-api-key": {"x-goog-api-key": key},
        "basic user": _basic(key, ""),
        "basic password": _basic("somebody", key),
    }
    query = {
        "query": f"?api_key={key}",
        "encoded query": f"?x=1&api%5Fkey={quote('sk-').replace('-', '%2D')}{key[3:]}",
        "twice encoded query": f"?%2561pi_key={key}",
        "query behind a semicolon": f"?x=1;api_key={key};y=2",
    }
    body = {"body": {"api_key": key}}
    return headers.get(form, {}), query.get(form, ""), body.get(form, {})


def ask(
    node: Node,
    *forms: tuple[str, str],
    path: str = "/v1/chat/completions",
    model: str = "echo",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Ask for a completion, with a key in each of these forms."""
    sent = dict(headers or {})
    query = ""
    body: dict[str, Any] = {"model": model}
    body |= {"prompt": "hi"} if path == "/v1/generate" else {"messages": [{"role": "user", "content": "hi"}]}
    for form, key in forms:
        more, in_query, members = present(form, key)
        sent |= more
        query += in_query
        body |= members
    return node.send("POST", f"{path}{query}", headers=sent, json=body)


def unknown_key() -> str:
    """Return a key that is well formed and nobody's."""
    return key_text.mint(Kind.SECRET, secrets.choice).reveal()


# ── where it may stand ──────────────────────────────────────────────────────


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_taken_wherever_clients_put_it(node: Node, form: str) -> None:
    """Every form in the documentation works, and the node can tell which one was used."""
    answer = ask(node, (form, node.key))

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
    assert node.story(answer)["location"] == PLACES.get(form, form)


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_key_reaches_the_provider(node: Node, recorder: RecordingProvider, form: str) -> None:
    """The provider is a stranger to the gateway's clients; a key it saw would be in its logs."""
    before = len(recorder.requests)

    answer = ask(node, (form, node.key), model="recorded")

    assert answer.json()["choices"][0]["message"]["content"] == "noted"
    [sent] = recorder.requests[before:]
    assert node.key.encode() not in sent
    assert node.key[3:].encode() not in sent
    assert b"api_key" not in sent
    assert b"api%5F" not in sent
    assert b"%2561pi" not in sent
    assert base64.b64encode(node.key.encode())[:30] not in sent
    assert f"Bearer {recorder.credential}".encode() in sent


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_same_key_twice_is_one_key(node: Node, one: str, other: str) -> None:
    """SDKs add a header of their own beside the one that a user set."""
    assert ask(node, (one, node.key), (other, node.key)).status_code == 200


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_different_keys_are_refused(node: Node, one: str, other: str) -> None:
    """Guessing which was meant would charge the wrong one (RFC 6750 section 2).

    A body is read only for a key that is known, so the good one stands outside of it here.
    """
    stranger = unknown_key()
    good, bad = (other, one) if one == "body" else (one, other)

    answer = ask(node, (good, node.key), (bad, stranger))

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "multiple_credentials"
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]
    assert stranger not in answer.text + str(answer.headers)


def test_two_different_keys_in_one_header_are_refused(node: Node) -> None:
    """A proxy that adds its own header does not replace the client's."""
    headers = [("authorization", f"Bearer {node.key}"), ("authorization", f"Bearer {unknown_key()}")]

    answer = node.send("GET", "/v1/models", headers=headers)
    managed = node.send("GET", "/api/v1/keys", headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "multiple_credentials"
    assert managed.status_code == 400
    assert managed.json()["error"]["code"] == "MULTIPLE_API_KEYS"


# ── where it may not stand ──────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["query", "encoded query", "body"])
def test_a_strict_node_refuses_keys_outside_of_headers(strict_node: Node, form: str) -> None:
    """URLs are logged everywhere; an operator may forbid them altogether."""
    answer = ask(strict_node, (form, strict_node.key))
    native = ask(strict_node, (form, strict_node.key), path="/v1/generate")

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "api_key_location_not_allowed"
    assert answer.headers["www-authenticate"] == 'Bearer realm="Keyturn", error="invalid_request"'
    assert native.json()["error"]["code"] == "KEY_LOCATION_NOT_ALLOWED"
    assert native.json()["error"]["details"]["allowed"] == "header"
    assert ("no-store" in answer.headers.get("cache-control", "")) == (form != "body")
    assert strict_node.story(answer)["location"] == ("body" if form == "body" else "query")


@pytest.mark.parametrize("form", ["query", "body"])
def test_a_strict_node_refuses_a_key_outside_of_headers_even_beside_one_in_a_header(
    strict_node: Node, form: str
) -> None:
    """Otherwise a client would go on putting it into its URLs unnoticed."""
    answer = ask(strict_node, ("bearer", strict_node.key), (form, strict_node.key))

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "api_key_location_not_allowed"


@pytest.mark.parametrize("form", ["bearer", "bare", "x-api-key", "api-key", "x-goog-api-key", "basic user"])
def test_a_strict_node_takes_keys_in_headers(strict_node: Node, form: str) -> None:
    """Strict means headers only, not one header only."""
    assert ask(strict_node, (form, strict_node.key)).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_to_a_url_with_a_key_is_kept_by_no_cache(node: Node, stream: bool) -> None:  # noqa: FBT001
    """A shared cache would file the answer, and the key, under the URL."""
    body = {"model": "echo", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}

    answer = node.send("POST", f"/v1/chat/completions?api_key={node.key}", json=body)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/models", 200), ("GET", "/v1/models/nothing", 404), ("POST", "/v1/chat/completions", 400)],
)
def test_a_list_or_a_refusal_for_a_url_with_a_key_is_kept_by_no_cache_either(
    node: Node, method: str, path: str, status: int
) -> None:
    """The answer matters less than the URL it is filed under."""
    answer = node.send(method, f"{path}?api_key={node.key}")

    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"


def test_a_wrong_key_in_a_url_is_kept_by_no_cache_either(node: Node) -> None:
    """It may be a right one with a typo, or one of another service."""
    answer = node.send("GET", f"/v1/models?api_key={unknown_key()}")

    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"


def test_a_key_that_was_in_a_url_says_so(node: Node) -> None:
    """Proxies and histories have seen it: its owner should replace it."""
    key_id, secret = node.new_key("careless")

    def seen_in_url() -> bool:
        return bool(node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["usage"]["seen_in_url"])

    assert ask(node, ("bearer", secret)).status_code == 200
    assert not seen_in_url()
    assert ask(node, ("query", secret)).status_code == 200
    until(seen_in_url, what="the mark")
    assert "It was sent in a URL" in node.cli("keys", "show", key_id).stdout
