"""Rotation as clients see it: through the port, with two workers."""

import base64
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from support.node import Node, until

KEYS = "/api/v1/keys"


def rotate(node: Node, key_id: str, **body: Any) -> Any:
    """Rotate a key as the operator; returns the answer's JSON."""
    return node.manage("POST", f"{KEYS}/{key_id}/rotate", body=body or None)


def states(node: Node, key_id: str) -> list[str]:
    """Return the state of each secret, oldest first."""
    return [one["state"] for one in node.manage("GET", f"{KEYS}/{key_id}")["data"]["secrets"]]


def events(node: Node, key_id: str) -> list[str]:
    """Return the kinds of the key's events, oldest first."""
    found = node.manage("GET", f"/api/v1/events?key={key_id}")["data"]
    return [one["kind"] for one in reversed(found)]


def code(answer: httpx.Response) -> object:
    """Return the error's code, ``None`` if there is none."""
    return None if answer.status_code == 200 else answer.json()["error"]["code"]


def with_key(node: Node, method: str, path: str, key: str, **headers: str) -> httpx.Response:
    """Call the management API with a key."""
    return node.send(method, path, headers={"authorization": f"Bearer {key}", **headers})


@contextmanager
def traffic(node: Node, *secrets: str) -> Iterator[list[object]]:
    """Keep calling a model with these secrets in turn; gives the codes of what was refused."""
    refused: list[object] = []
    ended = threading.Event()

    def call(secret: str) -> None:
        while not ended.is_set():
            found = code(node.chat(key=secret))
            if found is not None:
                refused.append(found)

    threads = [threading.Thread(target=call, args=[secret]) for secret in secrets]
    for thread in threads:
        thread.start()
    try:
        yield refused
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def end_overlap(node: Node, key_id: str) -> None:
    """Let the overlap of a key's old secrets be over, and the workers look again."""
    with sqlite3.connect(node.data / "keyturn.db", timeout=10) as database:
        database.execute(
            "UPDATE secrets SET expires_at = 1 WHERE key_id = ? AND expires_at IS NOT NULL", [key_id]
        )
    database.close()
    node.manage("PATCH", f"{KEYS}/{key_id}", body={"description": "looked at"})


def test_nobody_is_refused_while_a_key_is_rotated(node: Node) -> None:
    """Old and new work side by side; then the old one says what has become of it."""
    key_id, old = node.new_key("rotated under load")

    with traffic(node, old, old) as refused:
        new = rotate(node, key_id)["key"]
        before = states(node, key_id)
        first = node.chat(key=new)
        until(lambda: states(node, key_id) == ["retiring", "active"], what="the overlap")
        with traffic(node, new) as refused_new:
            late = [node.chat(key=old) for _ in range(8)]
    end_overlap(node, key_id)
    after = [node.chat(key=old) for _ in range(8)]

    assert (before, first.status_code) == (["active", "pending"], 200)
    assert refused == refused_new == []
    assert all("sunset" in answer.headers and "deprecation" in answer.headers for answer in late)
    assert {(answer.status_code, code(answer)) for answer in after} == {(401, "rotated_api_key")}
    assert code(node.chat(key=new)) is None
    # That the old one was used after its end is told of, too, but half a second later.
    assert [one for one in events(node, key_id) if one != "key.used_after_end"] == ["key.rotation.started"]


def test_usage_stays_with_the_key(node: Node) -> None:
    """A new identifier would lose its history and begin its limits anew."""
    key_id, old = node.new_key("one history")
    node.chat(key=old)
    new = rotate(node, key_id)["key"]
    node.chat(key=new)

    assert node.manage("GET", f"{KEYS}/{key_id}")["data"]["usage"]["requests"] == 2


def test_a_leaked_secret_is_refused_when_the_call_returns(node: Node) -> None:
    """By every worker, before the new one was used."""
    key_id, old = node.new_key("leaked")
    node.chat(key=old)

    new = rotate(node, key_id, revoke_old=True)["key"]

    assert {code(node.chat(key=old)) for _ in range(8)} == {"rotated_api_key"}
    assert code(node.chat(key=new)) is None


def test_a_replaced_secret_is_refused_when_the_call_returns(node: Node) -> None:
    """At most one successor waits."""
    key_id, old = node.new_key("twice")
    replaced = rotate(node, key_id)["key"]

    rotate(node, key_id)

    assert code(node.chat(key=replaced)) == "rotated_api_key"
    assert code(node.chat(key=old)) is None


def test_a_lost_answer_is_given_again(node: Node) -> None:
    """Nobody has to wonder whether the rotation has happened."""
    key_id, old = node.new_key("lost answer", rotation={"self_rotation": True})
    asking = {"idempotency-key": f"rotation of {key_id}".replace(" ", "-")}

    first = with_key(node, "POST", "/api/v1/key/rotate", old, **asking)
    again = with_key(node, "POST", "/api/v1/key/rotate", old, **asking)

    assert (first.status_code, first.json()) == (200, again.json())
    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-store"
    assert states(node, key_id) == ["active", "pending"]


def test_a_second_claim_freezes_the_key_for_everybody(node: Node) -> None:
    """Two hold the old secret; the operator decides what follows."""
    key_id, old = node.new_key("stolen", rotation={"self_rotation": True})
    new = with_key(node, "POST", "/api/v1/key/rotate", old).json()["key"]
    assert code(node.chat(key=new)) is None

    second = with_key(node, "POST", "/api/v1/key/rotate", old)
    frozen = [node.chat(key=secret) for secret in (old, new) * 4]
    node.manage("POST", f"{KEYS}/{key_id}/enable")

    assert (second.status_code, code(second)) == (403, "KEY_QUARANTINED")
    assert {(answer.status_code, code(answer)) for answer in frozen} == {(403, "key_quarantined")}
    assert [code(node.chat(key=secret)) for secret in (old, new)] == [None, None]
    assert "key.claimed_twice" in events(node, key_id)


def test_a_key_rotates_itself_only_where_that_is_allowed(node: Node, key: str) -> None:
    """It is off unless somebody turned it on."""
    answer = with_key(node, "POST", "/api/v1/key/rotate", key)

    assert (answer.status_code, code(answer)) == (403, "INSUFFICIENT_PERMISSIONS")


def test_a_holder_sees_its_own_key_and_no_other_secret(node: Node) -> None:
    """Who am I, for debugging and for programs; even with the weakest key."""
    key_id, old = node.new_key("who am I", preset="read-only")
    rotate(node, key_id)

    answer = with_key(node, "GET", "/api/v1/key", old)

    data = answer.json()["data"]
    assert (answer.status_code, data["id"]) == (200, key_id)
    assert [one["display"] for one in data["secrets"]] == [old[:7] + "…"]
    assert with_key(node, "GET", KEYS, old).status_code == 403


def test_a_use_of_the_management_api_is_a_first_use_too(node: Node) -> None:
    """A management key calls no model, and must get out of its rotation all the same."""
    key_id, _ = node.new_key("manager", kind="management")
    new = rotate(node, key_id)["key"]

    assert with_key(node, "GET", KEYS, new).status_code == 200
    assert states(node, key_id) == ["retiring", "active"]


def test_a_key_rotates_only_keys_no_stronger_than_itself(node: Node) -> None:
    """A new secret of a stronger key would be a way up."""
    strong, _ = node.new_key("strong", preset="admin")
    weak, secret = node.new_key("weak", permissions=["read", "write"])

    up = with_key(node, "POST", f"{KEYS}/{strong}/rotate", secret)
    own = with_key(node, "POST", f"{KEYS}/{weak}/rotate", secret)

    assert (up.status_code, code(up)) == (403, "INSUFFICIENT_PERMISSIONS")
    assert own.status_code == 200


@pytest.mark.parametrize("how", ["header", "member"])
@pytest.mark.parametrize("what", ["create", "rotate"])
def test_a_link_gives_a_working_key_once(node: Node, what: str, how: str) -> None:
    """Whoever is sent the link needs nothing else."""
    name = f"link {what} {how}"
    path, body = KEYS, {"name": name} if what == "create" else {}
    _, manager = node.new_key(f"manager of {name}", kind="management")
    if what == "rotate":
        path = f"{KEYS}/{node.new_key(name)[0]}/rotate"
    headers = {"authorization": f"Bearer {manager}"} | ({"x-wrap-ttl": "60"} if how == "header" else {})
    asked = body | ({"delivery": "claim"} if how == "member" else {})

    answer = node.send("POST", path, headers=headers, json=asked).json()
    claim = answer["claim"]
    page = node.send("GET", "/claim")
    first = node.send("POST", "/api/v1/claims", json={"token": claim["token"]})
    second = node.send("POST", "/api/v1/claims", json={"token": claim["token"]})

    assert answer["key"] is None
    assert claim["url"] == f"{node.url}/claim#{claim['token']}"
    assert page.status_code == 200
    assert first.headers["cache-control"] == "no-store"
    assert code(node.chat(key=first.json()["key"])) is None
    assert (second.status_code, code(second)) == (409, "CONFLICT")
    assert events(node, answer["data"]["id"])[0] in {"key.claimed_twice", "key.rotation.started"}


@pytest.mark.parametrize("ttl", ["0", "9", "604801", "x", "", "60s"])
def test_a_link_works_for_a_sensible_time(node: Node, ttl: str) -> None:
    """A mistyped header must not give the secret in the answer."""
    key_id, _ = node.new_key(f"ttl {ttl}")
    _, manager = node.new_key(f"manager {ttl}", kind="management")
    headers = {"authorization": f"Bearer {manager}", "x-wrap-ttl": ttl}

    answer = node.send("POST", f"{KEYS}/{key_id}/rotate", headers=headers)

    assert (answer.status_code, code(answer)) == (400, "INVALID_MEMBER")
    assert states(node, key_id) == ["active"]


def test_the_page_lets_nothing_in_and_tells_nobody(node: Node) -> None:
    """The token stands behind the #, and no script but ours runs there."""
    page, script = node.send("GET", "/claim"), node.send("GET", "/claim/claim.js")

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
    assert "<script" in page.text
    assert "://" not in page.text + script.text
    assert script.headers["content-type"].startswith("text/javascript")


def test_a_sealed_successor_never_leaves_in_the_clear(node: Node) -> None:
    """Only the holder of the private key has the new secret; the old one alone gets nobody further."""
    private = X25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    key_id, old = node.new_key("sealed", rotation={"sealing_key": public})

    answer = rotate(node, key_id)
    fetched = with_key(node, "GET", "/api/v1/key/successor", old).json()["data"]
    box = base64.b64decode(answer["sealed"])

    assert answer["key"] is None
    assert fetched["sealed"] == answer["sealed"]
    assert (box[0], len(box)) == (1, 1 + 32 + 12 + 35 + 16)


def test_the_command_line_rotates_and_claims(node: Node) -> None:
    """As the how-to shows it."""
    key_id, old = node.new_key("from the command line")

    new = node.cli("keys", "rotate", key_id).stdout.strip()
    link = node.cli("keys", "rotate", key_id, "--now", "--claim").stdout.strip()
    claimed = node.cli("keys", "claim", link).stdout.strip()
    again = node.cli("keys", "claim", link, check=False)

    assert [code(node.chat(key=secret)) for secret in (old, new, claimed)] == [
        "rotated_api_key",
        "rotated_api_key",
        None,
    ]
    assert (again.returncode, again.stdout) == (1, "")


def test_nothing_is_written_where_the_operator_did_not_say(node: Node, tmp_path: Path) -> None:
    """A key of the API must not be able to write files on the node."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        node.new_key("a file", rotation={"sink": str(tmp_path / "key")})

    error = refused.value.response.json()["error"]
    assert refused.value.response.status_code == 400
    assert "rotation.sinks names no folder" in error["message"]
    assert error["details"]["param"] == "rotation.sink"
    assert list(tmp_path.iterdir()) == []
