"""``POST /api/v1/keys/{id}/reveal`` over real sockets."""

from typing import Any

import httpx
import pytest

from fakes.control_process import ControlProcess

KEYS = "/api/v1/keys"


def create(control: ControlProcess, name: str, **members: Any) -> dict[str, Any]:
    """Create a key; return the whole answer."""
    answer = control.operator.post(KEYS, json={"name": name, **members})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def reveal(control: ControlProcess, key_id: str, caller: str, body: dict[str, str]) -> httpx.Response:
    """Ask for a secret with a key, as it comes through a worker."""
    headers = {"authorization": f"Bearer {caller}"}
    return control.relayed.post(f"{KEYS}/{key_id}/reveal", json=body, headers=headers)


@pytest.fixture
def manager(control: ControlProcess) -> str:
    """The secret of a new management key."""
    return str(create(control, "manager", kind="management")["key"])


def test_a_manager_who_shows_their_key_again_sees_the_secret(control: ControlProcess, manager: str) -> None:
    """No cache on the way may keep it."""
    key = create(control, "kept", recoverable=True)

    answer = reveal(control, key["data"]["id"], manager, {"credential": manager})

    assert (answer.status_code, answer.json()["key"]) == (200, key["key"])
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [{}, {"confirm": "kept"}, {"credential": "ak-wrong"}])
def test_without_the_key_once_more_nothing_is_shown(
    control: ControlProcess, manager: str, body: dict[str, str]
) -> None:
    """T33: an open session is not enough."""
    key = create(control, "kept", recoverable=True)

    answer = reveal(control, key["data"]["id"], manager, body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "CONFIRMATION_REQUIRED")
    assert key["key"] not in answer.text


def test_the_eleventh_in_an_hour_is_told_when_to_come_back(control: ControlProcess, manager: str) -> None:
    """T33: emptying the vault takes days, and is seen."""
    key = create(control, "kept", recoverable=True)
    path = key["data"]["id"]

    answers = [reveal(control, path, manager, {"credential": manager}) for _ in range(11)]

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert 3_000 < int(answers[-1].headers["retry-after"]) <= 3_600


def test_a_repeated_call_proves_itself_again(control: ControlProcess, manager: str) -> None:
    """An Idempotency-Key must not turn a secret into something that lies about for a day."""
    key = create(control, "kept", recoverable=True)
    path = f"{KEYS}/{key['data']['id']}/reveal"
    headers = {"authorization": f"Bearer {manager}", "idempotency-key": "reveal"}

    answers = [control.relayed.post(path, json={"credential": manager}, headers=headers) for _ in range(2)]

    assert [one.status_code for one in answers] == [200, 200]
    assert "idempotency-replayed" not in answers[1].headers


def test_a_key_that_was_not_kept_says_why(control: ControlProcess, manager: str) -> None:
    """409, and what would have to be otherwise."""
    key = create(control, "not kept")

    answer = reveal(control, key["data"]["id"], manager, {"credential": manager})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert "recoverable" in answer.json()["error"]["message"]


def test_turning_recoverable_off_destroys_the_secret(control: ControlProcess) -> None:
    """Turning it on again does not bring it back."""
    key = create(control, "kept", recoverable=True)
    path = f"{KEYS}/{key['data']['id']}"
    for wanted in (False, True):
        assert control.operator.patch(path, json={"recoverable": wanted}).status_code == 200

    answer = control.operator.post(f"{path}/reveal", json={"confirm": "kept"})

    assert answer.status_code == 409


def test_a_key_without_admin_sees_no_secret(control: ControlProcess) -> None:
    """Writing keys is not reading them."""
    key = create(control, "kept", recoverable=True)
    caller = create(control, "writer", permissions=["read", "write"])["key"]

    answer = reveal(control, key["data"]["id"], caller, {"credential": caller})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
