"""Who may manage, and how a no looks."""

from typing import Any

import httpx
import pytest

from fakes.control_process import KEY_HEADER, METRICS_TOKEN, ControlProcess

KEYS = "/api/v1/keys"
REQUEST_ID = "req_" + "0aZ" * 6 + "00"


def create(control: ControlProcess, **members: Any) -> str:
    """Return the secret of a new key."""
    secret: str = control.operator.post(KEYS, json={"name": "a", **members}).json()["key"]
    return secret


def bearer(secret: str) -> dict[str, str]:
    """Return the header that presents a key."""
    return {"authorization": f"Bearer {secret}"}


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    assert answer.json()["success"] is False
    return answer.status_code, answer.json()["error"]["code"]


def test_a_header_that_the_operator_names_carries_a_key(control: ControlProcess) -> None:
    """On both planes alike; and two keys in two headers are two, whatever the headers are called."""
    secret, other = create(control, kind="management"), create(control, kind="management")

    assert control.relayed.get(KEYS, headers={KEY_HEADER: secret}).status_code == 200
    assert control.relayed.get(KEYS, headers={KEY_HEADER: secret} | bearer(secret)).status_code == 200
    assert refused(control.relayed.get(KEYS, headers={KEY_HEADER: other} | bearer(secret)))[0] == 400
    assert refused(control.relayed.get(KEYS, headers={"x-other-key": secret})) == (401, "MISSING_API_KEY")


@pytest.mark.parametrize(
    "members", [{"kind": "management"}, {"preset": "admin"}, {"permissions": ["admin", "read"]}]
)
def test_managers_are_let_in_through_the_relay(control: ControlProcess, members: dict[str, Any]) -> None:
    """A management key, or a secret key with admin."""
    secret = create(control, **members)

    assert control.relayed.get(KEYS, headers=bearer(secret)).status_code == 200
    assert control.relayed.get(KEYS, headers={"authorization": secret}).status_code == 200
    assert control.relayed.get(KEYS, headers={"x-api-key": secret}).status_code == 200


def test_what_a_key_does_is_done_in_its_name(control: ControlProcess) -> None:
    """Afterwards somebody asks who created it."""
    issued = control.operator.post(KEYS, json={"name": "boss", "kind": "management"}).json()

    created = control.relayed.post(KEYS, json={"name": "b"}, headers=bearer(issued["key"])).json()

    assert created["data"]["created_by"] == issued["data"]["id"]


def test_a_key_without_write_may_not_manage(control: ControlProcess) -> None:
    """An application's key must not mint keys."""
    answer = control.relayed.get(KEYS, headers=bearer(create(control, preset="production")))

    assert refused(answer) == (403, "INSUFFICIENT_PERMISSIONS")


def test_a_key_makes_no_key_stronger_than_itself(control: ControlProcess) -> None:
    """The answer names the member that reaches too far."""
    headers = bearer(create(control, preset="development", models=["gpt-*"]))

    stronger = control.relayed.post(KEYS, json={"name": "x"}, headers=headers)
    equal = control.relayed.post(KEYS, json={"name": "x", "models": ["gpt-4"]}, headers=headers)

    assert refused(stronger) == (403, "INSUFFICIENT_PERMISSIONS")
    assert stronger.json()["error"]["details"]["param"] == "models"
    assert equal.status_code == 201


def test_nobody_gets_in_without_a_key(control: ControlProcess) -> None:
    """RFC 6750: no error= when nothing was sent."""
    answer = control.relayed.get(KEYS)

    assert refused(answer) == (401, "MISSING_API_KEY")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Keyturn"'
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "secret",
    [
        "x",
        "sk-short",
        "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38",
        "sk-00000000000000000000000000000000",
        "ak-" + "x" * 32,
    ],
)
def test_garbage_is_refused(control: ControlProcess, secret: str) -> None:
    """The published examples are well formed and never valid."""
    answer = control.relayed.get(KEYS, headers={"x-api-key": secret})

    assert refused(answer) == (401, "INVALID_API_KEY")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="Keyturn", error="invalid_token"')


@pytest.mark.parametrize(
    ("action", "code"),
    [("disable", "DISABLED_API_KEY"), ("revoke", "INVALID_API_KEY"), ("delete", "INVALID_API_KEY")],
)
def test_a_dead_key_manages_nothing(control: ControlProcess, action: str, code: str) -> None:
    """From the very next call on."""
    issued = control.operator.post(KEYS, json={"name": "boss", "kind": "management"}).json()
    path = f"{KEYS}/{issued['data']['id']}"
    assert control.relayed.get(KEYS, headers=bearer(issued["key"])).status_code == 200

    if action == "delete":
        control.operator.delete(path)
    else:
        control.operator.post(f"{path}/{action}")

    assert refused(control.relayed.get(KEYS, headers=bearer(issued["key"]))) == (401, code)


def test_an_expired_key_manages_nothing(control: ControlProcess) -> None:
    """Its time is over here too."""
    issued = control.operator.post(KEYS, json={"name": "boss", "kind": "management"}).json()
    control.operator.patch(f"{KEYS}/{issued['data']['id']}", json={"expires_at": "2020-01-01T00:00:00Z"})

    assert refused(control.relayed.get(KEYS, headers=bearer(issued["key"]))) == (401, "EXPIRED_API_KEY")


def test_two_different_keys_are_one_too_many(control: ControlProcess) -> None:
    """Which of them did it?"""
    one, other = create(control, preset="admin"), create(control, preset="admin")

    answer = control.relayed.get(KEYS, headers={**bearer(one), "x-api-key": other})
    same = control.relayed.get(KEYS, headers={**bearer(one), "x-api-key": one})

    assert refused(answer) == (400, "MULTIPLE_API_KEYS")
    assert same.status_code == 200


def test_a_relayed_caller_can_not_pose_as_the_operator(control: ControlProcess) -> None:
    """No header opens what the control socket's mode guards."""
    claims = {
        "x-forwarded-for": "127.0.0.1",
        "host": "localhost",
        "x-keyturn-local": "1",
        "forwarded": "for=127.0.0.1",
    }

    assert refused(control.relayed.get(KEYS, headers=claims)) == (401, "MISSING_API_KEY")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_there_is_nothing_at_other_paths(control: ControlProcess, method: str) -> None:
    """In the same shape as every other no."""
    for path in ("/nope", "/api/v1", "/api/v1/nope", "/api/v2/keys", "/docs/../etc/passwd", "/docs/secret"):
        answer = control.relayed.request(method, path)
        assert answer.status_code in {404, 405}, path


def test_a_method_that_is_not_taken_says_which_are(control: ControlProcess) -> None:
    """RFC 9110 15.5.6."""
    answer = control.operator.put(KEYS, json={})

    assert refused(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_head_is_get_without_the_body(control: ControlProcess) -> None:
    """RFC 9110 9.3.2."""
    answer = control.operator.head(KEYS)

    assert (answer.status_code, answer.content) == (200, b"")


def test_an_answer_carries_the_request_id_of_the_worker(control: ControlProcess) -> None:
    """One id for the client's log, the worker's and ours."""
    kept = control.relayed.get(KEYS, headers={"x-request-id": REQUEST_ID})
    strange = control.relayed.get(KEYS, headers={"x-request-id": "<script>"})
    own = control.operator.get(KEYS, headers={"x-request-id": REQUEST_ID})

    assert kept.headers.get_list("x-request-id") == [REQUEST_ID]
    assert strange.headers["x-request-id"].startswith("req_")
    assert own.headers["x-request-id"] != REQUEST_ID


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.9.1", "::ffff:127.0.0.1"])
def test_metrics_are_for_the_machine_itself(control: ControlProcess, address: str) -> None:
    """Prometheus runs there, or holds the token."""
    assert control.relayed.get("/metrics", headers={"x-forwarded-for": address}).status_code == 200


@pytest.mark.parametrize("address", ["", "10.0.0.1", "::2", "localhost", "127.0.0.1, 10.0.0.1"])
def test_metrics_are_for_nobody_else_without_the_token(control: ControlProcess, address: str) -> None:
    """They name models and say how much is used."""
    headers = {"x-forwarded-for": address}

    answer = control.relayed.get("/metrics", headers=headers)
    wrong = control.relayed.get("/metrics", headers={**headers, **bearer("wrong")})
    right = control.relayed.get("/metrics", headers={**headers, **bearer(METRICS_TOKEN)})

    assert refused(answer) == (403, "LOOPBACK_ONLY")
    assert refused(wrong) == (403, "LOOPBACK_ONLY")
    assert right.status_code == 200
