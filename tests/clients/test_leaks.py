"""Keys that were found: ended by whoever holds one, and by signed reports, on a real node."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fakes.published_keys import VECTOR_BODY, VECTOR_ID, VECTOR_SIGNATURE, Scanner, scanner
from keyturn import system
from keyturn.domain.key_text import EXAMPLES, Kind
from keyturn.services.leaks import CALLS_AN_HOUR
from support.node import Node, running, until

REVOKE, LEAKS = "/api/v1/keys/revoke-exposed", "/api/v1/leaks"
URL = "https://github.com/someone/something/blob/main/.env"


@pytest.fixture(scope="module")
def found() -> Iterator[Scanner]:
    """A secret scanner."""
    with scanner() as made:
        yield made


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, found: Scanner) -> Iterator[Node]:
    """A node that takes its reports."""
    folder = tmp_path_factory.mktemp("leaks")
    with running(Node(folder, workers=2, leaks__public_keys_url=found.url)) as made:
        yield made


def revoke(node: Node, *keys: str) -> httpx.Response:
    """Say that these keys are exposed; as the operator, who is not counted."""
    transport = httpx.HTTPTransport(uds=str(node.data / "run" / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://keyturn", timeout=15) as client:
        return client.post(REVOKE, json={"keys": list(keys)})


def report(node: Node, found: Scanner, *tokens: str, url: str = URL) -> httpx.Response:
    """Send a signed report."""
    matches = [
        {"token": token, "type": "keyturn_api_key", "url": url, "source": "content"} for token in tokens
    ]
    body = json.dumps(matches).encode()
    return node.send("POST", LEAKS, content=body, headers=found.headers(body))


def events(node: Node, key_id: str) -> list[dict[str, Any]]:
    """Return what is known of a key, newest first."""
    data: list[dict[str, Any]] = node.manage("GET", f"/api/v1/events?key={key_id}")["data"]
    return data


def statuses(node: Node, key: str) -> set[int]:
    """Return what several connections, and so both workers, answer."""
    return {node.chat(key=key).status_code for _ in range(6)}


def test_whoever_holds_a_secret_can_end_it_everywhere_at_once(node: Node) -> None:
    """No account, no key, no waiting: the finder of a key must be able to help."""
    key_id, secret = node.new_key("exposed")
    assert statuses(node, secret) == {200}

    answer = node.send("POST", REVOKE, json={"keys": [secret]})

    assert (answer.status_code, answer.json()) == (202, {"success": True, "data": {"accepted": 1}})
    assert statuses(node, secret) == {401}
    assert node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "revoked"
    (event,) = [one for one in events(node, key_id) if one["kind"] == "key.revoked_by_holder"]
    assert (event["severity"], event["address"]) == ("critical", "127.0.0.1")
    (entry,) = node.manage("GET", f"/api/v1/audit?target={key_id}&action=key.revoke")["data"]
    assert (entry["actor"], entry["address"]) == ("holder", "127.0.0.1")
    assert entry["request_id"] == answer.headers["x-request-id"]


def test_the_answer_does_not_tell_whether_a_key_is_known(node: Node) -> None:
    """Nor whether it was known before, or is text at all."""
    _, secret = node.new_key("told nobody")
    texts = [secret, system.new_key(Kind.SECRET).reveal(), secret, min(EXAMPLES), "", "é\x00"]

    answers = [revoke(node, text) for text in texts]

    assert {(one.status_code, one.content) for one in answers} == {
        (202, b'{"success":true,"data":{"accepted":1}}')
    }


def test_only_the_whole_secret_ends_a_key(node: Node) -> None:
    """Identifiers and displays stand in logs and screenshots: whoever has one has not got the key."""
    key_id, secret = node.new_key("whole")

    revoke(node, key_id, secret[:7] + "…", secret[:-1], secret[3:], f" {secret}", secret.lower())

    assert statuses(node, secret) == {200}


def test_a_publishable_key_is_not_ended_by_who_finds_it(node: Node, found: Scanner) -> None:
    """It stands in a page for everybody to read: any visitor could turn the page off, or have a scanner do it."""
    members = {"kind": "publishable", "origins": ["https://app.example"]}
    key_id, secret = node.new_key("page", **members)

    answers = revoke(node, secret), report(node, found, secret)

    assert [one.status_code for one in answers] == [202, 200]
    assert node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "active"
    assert [one["details"]["action"] for one in events(node, key_id)] == ["notify"]


def test_of_a_rotated_key_the_old_secret_ends_alone(node: Node) -> None:
    """The new one did not leak, and production uses it."""
    key_id, old = node.new_key("rotated")
    new = node.manage("POST", f"/api/v1/keys/{key_id}/rotate")["key"]
    assert (statuses(node, new), statuses(node, old)) == ({200}, {200})

    def states() -> list[str]:
        return [one["state"] for one in node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["secrets"]]

    until(lambda: states() == ["retiring", "active"], what="the overlap")  # until then they are one key
    revoke(node, old)
    told = events(node, key_id)[0]  # before the old one is used after its end, which is told of, too

    assert (statuses(node, old), statuses(node, new)) == ({401}, {200})
    assert told["kind"] == "key.revoked_by_holder"


@pytest.mark.parametrize("body", [{"keys": []}, {"keys": ["x"] * 1001}, {"keys": "x"}, {}, {"keys": [1]}])
def test_a_body_that_is_none_is_refused(node: Node, body: object) -> None:
    """With the member at fault."""
    transport = httpx.HTTPTransport(uds=str(node.data / "run" / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://keyturn", timeout=20) as client:
        answer = client.post(REVOKE, json=body)

    assert answer.status_code == 400


def test_a_report_disables_the_key_and_tells_where_it_was_found(node: Node, found: Scanner) -> None:
    """The owner has to clean up that place; the answer tells the scanner what was one of ours."""
    key_id, secret = node.new_key("reported")
    stranger = system.new_key(Kind.SECRET).reveal()

    answer = report(node, found, secret, stranger)

    assert answer.status_code == 200
    assert answer.json() == [
        {
            "token_hash": hashlib.sha256(token.encode()).hexdigest(),
            "token_type": "keyturn_api_key",
            "label": label,
        }
        for token, label in ((secret, "true_positive"), (stranger, "false_positive"))
    ]
    assert statuses(node, secret) == {401}
    assert node.manage("GET", f"/api/v1/keys/{key_id}")["data"]["status"] == "disabled"
    event = next(one for one in events(node, key_id) if one["kind"] == "key.leak.reported")
    assert (event["details"]["url"], event["details"]["action"]) == (URL, "disable")
    (entry,) = node.manage("GET", f"/api/v1/audit?target={key_id}&action=key.disable")["data"]
    assert entry["actor"] == "leak report"


def test_a_report_that_comes_again_does_nothing_more(node: Node, found: Scanner) -> None:
    """Scanners repeat themselves, and somebody may record a report and send it again."""
    key_id, secret = node.new_key("repeated")
    answers = [report(node, found, secret) for _ in range(3)]
    report(node, found, secret, url="https://github.com/elsewhere")

    told = [one["details"]["url"] for one in events(node, key_id) if one["kind"] == "key.leak.reported"]
    entries = node.manage("GET", f"/api/v1/audit?target={key_id}&action=key.disable")["data"]

    assert {one.content for one in answers} == {answers[0].content}
    assert told == ["https://github.com/elsewhere", URL]
    assert len(entries) == 1


def test_the_published_example_is_verified(node: Node) -> None:
    """The vector of GitHub's documentation, over real sockets; one more byte and it is refused."""
    headers = {"github-public-key-identifier": VECTOR_ID, "github-public-key-signature": VECTOR_SIGNATURE}

    good = node.send("POST", LEAKS, content=VECTOR_BODY, headers=headers)
    bad = node.send("POST", LEAKS, content=VECTOR_BODY + b"\n", headers=headers)

    assert (good.status_code, good.json()[0]["label"]) == (200, "false_positive")
    assert (bad.status_code, bad.json()["error"]["code"]) == (401, "INVALID_SIGNATURE")


def test_a_report_without_a_good_signature_kills_nothing(node: Node, found: Scanner) -> None:
    """Even with the whole secret in it: that door is another one, and tells the owner so."""
    _, secret = node.new_key("forged")
    body = json.dumps([{"token": secret, "type": "t", "url": URL}]).encode()

    answers = [
        node.send("POST", LEAKS, content=body),
        node.send("POST", LEAKS, content=body, headers=found.headers(b"something else")),
    ]

    assert [one.status_code for one in answers] == [401, 401]
    assert statuses(node, secret) == {200}


def test_without_public_keys_there_is_no_such_path(
    node: Node, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Off unless somebody has said whose signatures count; and an address may ask so often only."""
    with running(Node(tmp_path_factory.mktemp("off"), workers=1)) as other:
        absent = other.send("POST", LEAKS, content=b"[]")
        with httpx.Client(base_url=other.url, timeout=20) as client:
            answers = [client.post(REVOKE, json={"keys": ["x"]}) for _ in range(CALLS_AN_HOUR + 1)]

    assert (absent.status_code, absent.json()["error"]["code"]) == (404, "PATH_NOT_FOUND")
    assert [one.status_code for one in answers] == [202] * CALLS_AN_HOUR + [429]
    assert answers[-1].json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert 3000 < int(answers[-1].headers["retry-after"]) <= 3600
