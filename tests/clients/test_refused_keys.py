"""What is said to keys that are none, are no longer, or may not: each case has its own words, and none echoes the key."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from keyturn.domain import key_text
from keyturn.domain.key_text import Kind
from support.node import Node, until

S0_UNAUTHORIZED = {
    "error": {
        "message": "Invalid authentication credentials",
        "type": "invalid_request_error",
        "code": "invalid_api_key",
        "param": None,
    }
}
S0_FORBIDDEN = {
    "error": {
        "message": "You do not have access to this resource",
        "type": "permission_error",
        "code": "insufficient_permissions",
        "param": None,
    }
}


def ask(node: Node, key: str | None, path: str = "/v1/chat/completions") -> httpx.Response:
    """Ask for a completion; ``None`` sends no key."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    body: dict[str, Any] = {"model": "echo"}
    body |= {"prompt": "hi"} if path == "/v1/generate" else {"messages": [{"role": "user", "content": "hi"}]}
    return node.send("POST", path, headers=headers, json=body)


def unknown_key() -> str:
    """Return a key that is well formed and nobody's."""
    return key_text.mint(Kind.SECRET, secrets.choice).reveal()


# ── keys that can't be ──────────────────────────────────────────────────────

GOOD = "sk-Q1w2E3r4T5y6U7i8O9p0A1s2D3" + key_text.checksum("Q1w2E3r4T5y6U7i8O9p0A1s2D3")

MALFORMED = {
    "a typo": (GOOD[:-1] + "_", "has characters that none has"),
    "cut short": (GOOD[:-4], "mistyped or cut short"),
    "in quotes": (f'"{GOOD}"', "quotes or white space"),
    "without its prefix": (GOOD[3:], "missing prefix: sk-"),
    "of OpenAI": ("sk-proj-abcdefghijklT3BlbkFJmnopqrstuvwxyz", "looks like an OpenAI key"),
    "of Anthropic": ("sk-ant-api03-abcdefghijklmnopqrstuvwxyz", "looks like an Anthropic key"),
    "of the manual": ("sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38", "published example"),
    "a placeholder": ("YOUR_API_KEY", "this is a placeholder"),
    "an unset variable": ("$KEYTURN_API_KEY", "it was not expanded"),
    "not ASCII": ("clé", "not a Keyturn key"),
    "enormous": ("sk-" + "xY" * 2500, "longer than one"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_cannot_be_a_key_is_refused_with_a_hint_that_does_not_echo_it(node: Node, kind: str) -> None:
    """It may well be a key: of another service, or ours with a typo."""
    text, hint = MALFORMED[kind]
    headers = [(b"authorization", f"Bearer {text}".encode())]

    native = node.send("POST", "/v1/generate", headers=headers, json={"model": "echo", "prompt": "hi"})
    openai = node.send("POST", "/v1/chat/completions", headers=headers, json={})
    managed = node.send("GET", "/api/v1/keys", headers=headers)

    for answer in (native, managed):
        error = answer.json()["error"]
        assert answer.status_code == 401
        assert (error["code"], error["message"]) == ("INVALID_API_KEY", "The provided API key is invalid")
        assert hint in error["details"]["hint"]
        assert error["details"]["key_id"].startswith("key_")
    assert openai.status_code == 401
    assert openai.json() == S0_UNAUTHORIZED
    for answer in (native, openai, managed):
        assert 'error="invalid_token", error_description="malformed"' in answer.headers["www-authenticate"]
        assert text not in answer.text + str(answer.headers)


def test_keys_in_broken_basic_credentials_are_refused_as_malformed(node: Node) -> None:
    """Base64 that is none must not end in a server error."""
    for token in ("%%%", "c2s=", "=", "=sk-="):
        answer = node.send("GET", "/v1/models", headers={"authorization": f"Basic {token}"})

        assert answer.status_code == 401
        assert answer.json() == S0_UNAUTHORIZED


# ── keys that are no longer, or not yet known ───────────────────────────────


def _disabled(node: Node) -> tuple[str, str]:
    key_id, secret = node.new_key("disabled")
    node.manage("POST", f"/api/v1/keys/{key_id}/disable")
    return key_id, secret


def _expired(node: Node) -> tuple[str, str]:
    key_id, secret = node.new_key("expired", expires_in_s=60)
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"expires_at": "2026-01-01T00:00:00Z"})
    return key_id, secret


def _revoked(node: Node) -> tuple[str, str]:
    key_id, secret = node.new_key("revoked")
    node.manage("POST", f"/api/v1/keys/{key_id}/revoke")
    return key_id, secret


def _deleted(node: Node) -> tuple[str, str]:
    key_id, secret = node.new_key("deleted")
    node.manage("DELETE", f"/api/v1/keys/{key_id}")
    return key_id, secret


DEAD = {
    "disabled": (_disabled, "invalid_api_key", "This API key is disabled", "DISABLED_API_KEY", {}),
    "expired": (
        _expired,
        "expired_api_key",
        "The API key has expired",
        "EXPIRED_API_KEY",
        {"expired_at": "2026-01-01T00:00:00Z"},
    ),
    "revoked": (
        _revoked,
        "invalid_api_key",
        "This API key has been revoked",
        "INVALID_API_KEY",
        {"reason": "revoked"},
    ),
    "deleted": (
        _deleted,
        "invalid_api_key",
        "This API key has been revoked",
        "INVALID_API_KEY",
        {"reason": "revoked"},
    ),
}


@pytest.mark.parametrize("state", DEAD)
def test_a_dead_key_is_told_why(node: Node, state: str) -> None:
    """Whoever holds the whole secret may know what became of the key; nobody else learns that it exists."""
    make, code, message, native_code, details = DEAD[state]
    key_id, secret = make(node)

    openai = ask(node, secret)
    native = ask(node, secret, path="/v1/generate")
    managed = node.send("GET", "/api/v1/keys", headers={"authorization": f"Bearer {secret}"})

    error = openai.json()["error"]
    assert openai.status_code == 401
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert error["message"] == message
    for answer in (native, managed):
        error = answer.json()["error"]
        assert answer.status_code == 401
        assert (error["code"], error["message"]) == (native_code, message)
        assert error["details"] == {"key_id": key_id, **details}
    for answer in (openai, native, managed):
        assert answer.headers["www-authenticate"].startswith('Bearer realm="Keyturn", error="invalid_token"')
        assert answer.headers["x-should-retry"] == "false"
        assert secret not in answer.text


def test_an_unknown_key_is_told_nothing(node: Node) -> None:
    """The reference it gets instead of an id is the same every time, so that an operator can search for it."""
    stranger = unknown_key()

    openai = ask(node, stranger)
    native = [ask(node, stranger, path="/v1/generate") for _ in range(2)]
    managed = node.send("GET", "/api/v1/keys", headers={"authorization": f"Bearer {stranger}"})

    assert openai.status_code == 401
    assert openai.json() == S0_UNAUTHORIZED
    assert openai.headers["www-authenticate"] == 'Bearer realm="Keyturn", error="invalid_token"'
    assert openai.headers["x-should-retry"] == "false"
    references = {answer.json()["error"]["details"]["key_id"] for answer in [*native, managed]}
    assert len(references) == 1
    assert references.pop().startswith("key_")


def test_no_key_at_all_gets_a_challenge_without_an_error(node: Node) -> None:
    """RFC 6750 section 3.1: a client that sent nothing has made no mistake yet."""
    openai = ask(node, None)
    native = ask(node, None, path="/v1/generate")
    managed = node.send("GET", "/api/v1/keys")

    assert openai.json() == S0_UNAUTHORIZED
    for answer in (openai, native, managed):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="Keyturn"'
    for answer in (native, managed):
        assert answer.json()["error"] == {
            "code": "MISSING_API_KEY",
            "message": "API key is required",
            "details": {"header": "Authorization"},
        }


def test_an_enabled_key_works_again(node: Node) -> None:
    """Disabling is a switch, not an end."""
    key_id, secret = _disabled(node)
    assert ask(node, secret).status_code == 401

    node.manage("POST", f"/api/v1/keys/{key_id}/enable")

    assert ask(node, secret).status_code == 200


def test_a_key_expires_by_itself(node: Node) -> None:
    """Nobody has to do anything at the time."""
    key_id, secret = node.new_key("short-lived", expires_in_s=3_600)
    assert ask(node, secret).status_code == 200
    at = datetime.now(UTC) + timedelta(seconds=1)
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"expires_at": at.isoformat()})

    answer = until(lambda: (found := ask(node, secret)).status_code == 401 and found, what="the expiry")

    assert datetime.now(UTC) >= at
    assert answer.json()["error"]["code"] == "expired_api_key"


# ── keys that may not ───────────────────────────────────────────────────────


@pytest.mark.parametrize("permissions", [["write"], ["webhook"], ["write", "webhook"]])
def test_a_key_that_may_not_read_may_not_generate(node: Node, permissions: list[str]) -> None:
    """``read`` covers generating content, and nothing else implies it."""
    key_id, secret = node.new_key("writer", permissions=permissions)

    openai = ask(node, secret)
    native = ask(node, secret, path="/v1/generate")

    assert openai.status_code == 403
    assert openai.json() == S0_FORBIDDEN
    assert openai.headers["www-authenticate"] == (
        'Bearer realm="Keyturn", error="insufficient_scope", scope="read"'
    )
    assert openai.headers["x-should-retry"] == "false"
    assert native.json()["error"]["code"] == "INSUFFICIENT_PERMISSIONS"
    assert native.json()["error"]["details"] == {
        "required": "read",
        "granted": " ".join(sorted(permissions)),
        "key_id": key_id,
    }


@pytest.mark.parametrize("preset", ["development", "production", "read-only", "admin"])
def test_keys_of_every_preset_may_generate(node: Node, preset: str) -> None:
    """The four kinds of keys people know from their providers."""
    _, secret = node.new_key(f"a {preset} key", preset=preset)

    assert ask(node, secret).status_code == 200


def test_a_management_key_manages_and_calls_no_models(node: Node) -> None:
    """An operator's script that leaks must not be a way to spend money."""
    _, secret = node.new_key("ops", kind="management")
    assert secret.startswith("ak-")

    called = ask(node, secret)
    listed = node.send("GET", "/v1/models", headers={"x-api-key": secret})
    managed = node.send("GET", "/api/v1/keys", headers={"x-api-key": secret})

    for answer in (called, listed):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "insufficient_permissions"
        assert "management key" in answer.json()["error"]["message"]
    assert managed.status_code == 200


def test_only_writers_manage_with_a_secret_key(node: Node) -> None:
    """A key that may generate may not make keys."""
    _, admin = node.new_key("admin", preset="admin")

    refused = node.send("GET", "/api/v1/keys", headers={"authorization": f"Bearer {node.key}"})
    allowed = node.send("GET", "/api/v1/keys", headers={"authorization": f"bearer {admin}"})

    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "INSUFFICIENT_PERMISSIONS"
    assert refused.json()["error"]["details"]["required"] == "write"
    assert allowed.status_code == 200
