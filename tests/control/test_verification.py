"""Verifying keys inside the control process: the short way and the framework's are one and the same."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from fakes.control_process import ControlProcess

VERIFY = "/api/v1/keys/verify"
NONCES = itertools.count()


@pytest.fixture
def caller(control: ControlProcess) -> dict[str, str]:
    """The headers of an API of somebody's own."""
    secret = control.operator.post("/api/v1/keys", json={"name": "caller"}).json()["key"]
    return {"authorization": f"Bearer {secret}"}


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Send a body that does not come whole."""
    yield body[:9]
    yield body[9:]


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """Return what must not depend on the way."""
    left_out = {"date", "x-request-id"}
    headers = {name: value for name, value in answer.headers.items() if name not in left_out}
    return answer.status_code, headers, answer.text.replace(answer.headers["x-request-id"], "")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"permissions": ["read"], "ip": "192.0.2.1"},
        {"permissions": ["admin"]},
        {"model": "echo", "endpoint": "/x", "origin": "https://example.com"},
        {"key": "sk-nothing"},
        {"key": 5},
        {"ip": "nonsense"},
        {"permissions": ["rea"]},
        {"other": 1},
    ],
)
def test_a_question_gets_the_same_answer_in_whichever_way_it_comes(
    control: ControlProcess, caller: dict[str, str], key: dict[str, Any], members: dict[str, Any]
) -> None:
    """A body in pieces, and a call whose answer is kept, go through the framework; the plain call does not."""
    body = msgspec.json.encode({"key": key["key"]} | members)

    plain = control.relayed.post(VERIFY, content=body, headers=caller)
    pieces = control.relayed.post(VERIFY, content=in_pieces(body), headers=caller)
    nonce = {"idempotency-key": f"n{next(NONCES)}"}
    kept = control.relayed.post(VERIFY, content=body, headers=caller | nonce)
    again = control.relayed.post(VERIFY, content=body, headers=caller | nonce)

    assert shown(plain) == shown(pieces) == shown(kept)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.status_code == plain.status_code


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"key": "\xff"}', b"[" * 100_000, b'{"key": "' + b"x" * (1 << 20) + b'"}']
)
def test_what_is_no_question_is_refused_as_everywhere(
    control: ControlProcess, caller: dict[str, str], body: bytes
) -> None:
    """The short way gives up without a word."""
    answer = control.relayed.post(VERIFY, content=body, headers=caller)

    assert answer.status_code == (413 if len(body) > 1 << 20 else 400)
    assert answer.json()["success"] is False


def test_another_method_is_refused_as_everywhere(control: ControlProcess, caller: dict[str, str]) -> None:
    """A verification is a POST."""
    answer = control.relayed.get(VERIFY, headers=caller)

    assert answer.status_code == 405


def test_a_change_counts_from_the_next_verification_on(
    control: ControlProcess, caller: dict[str, str], key: dict[str, Any]
) -> None:
    """Each change that takes or gives, however often the key was verified before."""
    path = f"/api/v1/keys/{key['data']['id']}"

    def code() -> str:
        data = control.relayed.post(VERIFY, json={"key": key["key"]}, headers=caller).json()["data"]
        return str(data["code"])

    seen = [code(), code()]
    for step in ("disable", "enable", "revoke"):
        assert control.operator.post(f"{path}/{step}").is_success
        seen += [code(), code()]

    assert seen == [
        *["VALID", "VALID", "DISABLED_API_KEY", "DISABLED_API_KEY"],
        *["VALID", "VALID", "INVALID_API_KEY", "INVALID_API_KEY"],
    ]


def test_a_caller_whose_key_has_ended_is_turned_away_at_once(control: ControlProcess) -> None:
    """However often it has verified."""
    made = control.operator.post("/api/v1/keys", json={"name": "short-lived"}).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    before = control.relayed.post(VERIFY, json={"key": made["key"]}, headers=headers)

    control.operator.post(f"/api/v1/keys/{made['data']['id']}/revoke")
    after = control.relayed.post(VERIFY, json={"key": made["key"]}, headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)
