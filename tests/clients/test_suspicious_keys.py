"""What the operator is told of: keys in URLs, browsers and prompts, keys used after their end, decoys, guessing."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from keyturn.domain.base62 import ALPHABET
from keyturn.domain.key_text import Kind, mint
from support.node import Node, running, until


def events(node: Node, kind: str, key_id: str = "") -> list[dict[str, Any]]:
    """Wait for the events of a kind about a key, and return them."""

    def found() -> list[dict[str, Any]]:
        listed = node.manage("GET", f"/api/v1/events?kind={kind}")["data"]
        return [one for one in listed if not key_id or one["key_id"] == key_id]

    wanted: list[dict[str, Any]] = until(found, what=f"an event {kind}")
    return wanted


def guess() -> str:
    """Make up a key that passes every check without a look-up."""
    return mint(Kind.SECRET, secrets.choice).reveal()


def test_a_key_in_a_url_is_told_of(node: Node) -> None:
    """Proxies and histories have kept it: it should be replaced."""
    key_id, secret = node.new_key("in the open")

    answer = node.send("GET", f"/v1/models?api_key={secret}")

    assert answer.status_code == 200
    assert events(node, "key.seen_in_url", key_id)[0]["request_id"] == answer.headers["x-request-id"]


def test_a_secret_key_from_a_browser_is_told_of(node: Node) -> None:
    """It stands in a page's source for everybody to read."""
    key_id, secret = node.new_key("in a page")

    node.chat(key=secret)
    marked = node.send(
        "GET",
        "/v1/models",
        headers={
            "authorization": f"Bearer {secret}",
            "origin": "https://app.example",
            "sec-fetch-site": "cross-site",
        },
    )

    assert marked.status_code == 200
    assert events(node, "key.seen_in_browser", key_id)[0]["details"] == {"origin": "https://app.example"}


def test_a_client_on_a_server_is_not_taken_for_a_browser(node: Node) -> None:
    """Node.js sends `Sec-Fetch-Mode` from servers too."""
    quiet_id, quiet = node.new_key("on a server")
    loud_id, loud = node.new_key("in a page")

    with httpx.Client(
        base_url=node.url, timeout=20
    ) as client:  # one connection: one worker tells of both in turn
        client.get("/v1/models", headers={"authorization": f"Bearer {quiet}", "sec-fetch-mode": "cors"})
        client.get("/v1/models", headers={"authorization": f"Bearer {loud}", "sec-fetch-site": "none"})

    events(node, "key.seen_in_browser", loud_id)
    found = events(node, "key.seen_in_browser")
    assert quiet_id not in {one["key_id"] for one in found}


def test_a_key_in_a_prompt_is_told_of_without_repeating_it(node: Node) -> None:
    """A provider has just read it."""
    leaked_id, leaked = node.new_key("in a prompt")

    node.chat(f"my key is {leaked}, is it safe?")
    node.chat(f"mine is {leaked[:-1]}x, and sk-learn is a library")

    event = events(node, "key.seen_in_prompt", leaked_id)[0]
    assert event["details"]["display"] == f"{leaked[:7]}…"
    assert leaked not in str(event)


def test_a_key_that_is_used_after_its_end_is_told_of(node: Node) -> None:
    """Somebody still has it, and from where is known."""
    key_id, secret = node.new_key("revoked")
    node.manage("POST", f"/api/v1/keys/{key_id}/revoke")

    assert node.chat(key=secret).status_code == 401

    (event,) = events(node, "key.used_after_end", key_id)
    assert event["address"] == "127.0.0.1"


def test_a_decoy_looks_unknown_and_raises_the_alarm(node: Node) -> None:
    """Whoever uses it has been where nobody should be, and must not notice."""
    key_id, decoy = node.new_key("decoy", decoy=True)

    caught, unknown = node.chat(key=decoy), node.chat(key=guess())

    assert caught.status_code == unknown.status_code == 401
    assert caught.json() == unknown.json()
    assert set(caught.headers) == set(unknown.headers)
    (event,) = events(node, "key.decoy_used", key_id)
    assert event["severity"] == "critical"


@pytest.mark.parametrize(
    ("method", "path", "terms"),
    [
        ("GET", "/auth?permission=admin", {}),
        ("GET", "/v1/models", {"expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}),
        ("GET", "/v1/models", {"endpoints": ["/v1/embeddings"]}),
        ("GET", "/v1/models", {"ip": ["192.0.2.1"]}),
        ("GET", "/v1/models", {"kind": "publishable", "origins": ["https://app.example"]}),
        ("GET", "/v1/models", {"kind": "publishable", "origins": ["https://other.example"]}),
        ("GET", "/api/v1/keys", {"preset": "admin"}),
        ("GET", "/api/v1/key", {}),
        ("POST", "/api/v1/keys", {"kind": "management"}),
    ],
)
def test_a_decoy_does_nothing_and_looks_unknown_wherever_it_is_tried(
    node: Node, method: str, path: str, terms: dict[str, Any]
) -> None:
    """Its rights are bait: the more a key seems to open, the sooner it is tried."""
    key_id, decoy = node.new_key("bait", decoy=True, **terms)
    guessed = mint(Kind(terms.get("kind", "secret")), secrets.choice).reveal()

    caught, unknown = (
        node.send(
            method,
            path,
            headers={"authorization": f"Bearer {key}", "origin": "https://app.example"},
            json={"name": "mine", "preset": "admin"},
        )
        for key in (decoy, guessed)
    )

    assert caught.status_code == unknown.status_code == 401
    assert set(caught.headers) == set(unknown.headers)
    assert without_reference(caught) == without_reference(unknown)
    assert events(node, "key.decoy_used", key_id)[0]["severity"] == "critical"


def without_reference(answer: httpx.Response) -> str:
    """Return a body without what stands for the key that was sent, which is another for each."""
    return re.sub(r"key_[0-9a-f]{20}\b", "key_…", answer.text)


def test_a_dead_key_at_the_management_api_is_told_of(node: Node) -> None:
    """It is what a former administrator would try."""
    key_id, secret = node.new_key("former", kind="management")
    node.manage("POST", f"/api/v1/keys/{key_id}/revoke")

    answer = node.send("GET", "/api/v1/keys", headers={"x-api-key": secret})

    assert answer.status_code == 401
    (event,) = events(node, "key.used_after_end", key_id)
    assert event["details"] == {"place": "management API"}


# ── guessing ────────────────────────────────────────────────────────────────


@pytest.fixture
def strict(tmp_path: Path) -> Any:
    """A node of one worker with little patience for refused keys."""
    with running(Node(tmp_path, workers=1, auth__failures_per_minute="10")) as node:
        yield node


def test_an_address_that_guesses_is_told_to_wait_while_good_keys_from_there_work(strict: Node) -> None:
    """Many clients may share an address: theirs go on, cached or not."""
    _, fresh = strict.new_key("not seen yet")
    url = f"{strict.url}/v1/models"

    with httpx.Client(timeout=20) as client:

        def ask(key: str) -> httpx.Response:
            return client.get(url, headers={"x-api-key": key})

        ask(strict.key)
        answers = [ask(guess()) for _ in range(30)]
        known = ask(strict.key)
        # A few look-ups a second are left to such an address, for keys that this worker has not seen.
        until(lambda: ask(fresh).status_code == 200, within_s=3, what="a look-up for the new key")

    assert [one.status_code for one in answers[:9]] == [401] * 9
    assert {one.status_code for one in answers[10:]} == {429}
    assert answers[-1].json()["error"]["code"] == "too_many_failures"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert known.status_code == 200
    assert events(strict, "keys.guessing")[0]["address"] == "127.0.0.1"


def test_a_key_that_is_refused_all_the_time_is_told_to_wait(strict: Node) -> None:
    """And nothing of it counts as use of the key."""
    key_id, secret = strict.new_key("ended")
    strict.manage("POST", f"/api/v1/keys/{key_id}/revoke")

    with httpx.Client(timeout=20) as client:
        answers = [
            client.get(f"{strict.url}/v1/models", headers={"x-api-key": secret}).status_code
            for _ in range(20)
        ]

    assert answers[0] == 401
    assert answers[-1] == 429
    assert strict.manage("GET", f"/api/v1/keys/{key_id}")["data"]["usage"]["requests"] == 0


def test_a_guess_with_a_bad_checksum_never_leaves_the_worker(strict: Node) -> None:
    """Nearly every guess is one."""
    before = strict.manage("GET", "/api/v1/node")["data"]["control"]

    with httpx.Client(timeout=20) as client:
        for _ in range(200):
            text = "sk-" + "".join(secrets.choice(ALPHABET) for _ in range(32))
            assert client.get(f"{strict.url}/v1/models", headers={"x-api-key": text}).status_code in {
                401,
                429,
            }

    after = strict.manage("GET", "/api/v1/node")["data"]["control"]
    assert (after["pid"], after["look_ups"]) == (before["pid"], before["look_ups"])
