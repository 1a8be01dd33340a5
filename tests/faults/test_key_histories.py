"""Random histories of keys on a real node, each answer compared with a plain model of what should come."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule, run_state_machine_as_test

from support.node import NO_TLS, Node, running, until

TRIES = 4
"""Connections per question: a new connection may come to either worker."""
HISTORIES, STEPS = 12, 30

ADMITTED, DISABLED, EXPIRED, REVOKED, ROTATED = (
    "ADMITTED",
    "DISABLED_API_KEY",
    "EXPIRED_API_KEY",
    "REVOKED",
    "ROTATED_API_KEY",
)


class Secret:
    """What the model knows of a secret."""

    def __init__(self, text: str, *, pending: bool) -> None:
        self.text = text
        self.pending = pending
        self.dead = False


class Key:
    """What the model knows of a key."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.id = key_id
        self.secrets = [Secret(secret, pending=False)]
        self.enabled = True
        self.expired = self.revoked = False

    def expected(self, secret: Secret) -> str:
        """Say what the holder of a secret should be told; what can't be undone comes first."""
        if self.revoked:
            return REVOKED
        if self.expired:
            return EXPIRED
        if not self.enabled:
            return DISABLED
        return ROTATED if secret.dead else ADMITTED


class Histories(RuleBasedStateMachine):
    """The rules: what an operator may do, and what a holder may try."""

    node: Node
    operator: httpx.Client
    keys: Bundle[Key] = Bundle("keys")

    @rule(target=keys, name=st.sampled_from(["app", "job", "a name with spaces"]))
    def create(self, name: str) -> Key:
        """Issue a key."""
        answer = self._call("POST", "/api/v1/keys", {"name": name})
        return Key(answer["data"]["id"], answer["key"])

    @rule(key=keys)
    def disable(self, key: Key) -> None:
        """Stop it for now."""
        self._call("POST", f"/api/v1/keys/{key.id}/disable")
        key.enabled = False
        self._check(key)

    @rule(key=keys)
    def enable(self, key: Key) -> None:
        """Let it work again; a revoked one can't."""
        self._call("POST", f"/api/v1/keys/{key.id}/enable", conflict=key.revoked)
        key.enabled = key.enabled or not key.revoked
        self._check(key)

    @rule(key=keys, expired=st.booleans())
    def expire(self, key: Key, *, expired: bool) -> None:
        """Let its time be over, or give it more."""
        at = datetime.now(UTC) + timedelta(days=-1 if expired else 100)
        self._call("PATCH", f"/api/v1/keys/{key.id}", {"expires_at": at.isoformat()})
        key.expired = expired
        self._check(key)

    @rule(key=keys)
    def revoke(self, key: Key) -> None:
        """End it for good."""
        self._call("POST", f"/api/v1/keys/{key.id}/revoke")
        key.revoked = True
        self._check(key)

    @rule(key=keys, at_once=st.booleans())
    def rotate(self, key: Key, *, at_once: bool) -> None:
        """Give it a new secret; a secret that nobody has used is replaced."""
        dead = key.revoked or key.expired or not key.enabled
        answer = self._call("POST", f"/api/v1/keys/{key.id}/rotate", {"revoke_old": at_once}, conflict=dead)
        if answer["success"]:
            for secret in key.secrets:
                secret.dead = secret.dead or at_once or secret.pending
            key.secrets.append(Secret(answer["key"], pending=not at_once))
        self._check(key, only=[one for one in key.secrets if not one.pending])

    @rule(key=consumes(keys))
    def delete(self, key: Key) -> None:
        """Take it away; its holder is told that it was revoked."""
        self._call("DELETE", f"/api/v1/keys/{key.id}")
        key.revoked = True
        self._check(key)

    @rule(key=keys, data=st.data())
    def use(self, key: Key, data: st.DataObject) -> None:
        """Present any of its secrets, also one that nobody has used yet."""
        secret = data.draw(st.sampled_from(key.secrets), label="secret")
        self._check(key, only=[secret])
        if secret.pending and not secret.dead and key.expected(secret) == ADMITTED:
            until(lambda: "pending" not in self._states(key), what="the first use of a new secret")
            secret.pending = False

    def teardown(self) -> None:
        """Leave nothing behind."""

    def _check(self, key: Key, only: list[Secret] | None = None) -> None:
        for secret in key.secrets if only is None else only:
            if only is None and secret.pending and not secret.dead and key.expected(secret) == ADMITTED:
                continue  # asking would be its first use
            found = {self._ask(secret.text) for _ in range(TRIES)}
            assert found == {key.expected(secret)}

    def _ask(self, secret: str) -> str:
        answer = httpx.get(f"{self.node.url}/auth", headers={"x-api-key": secret}, verify=NO_TLS, timeout=30)
        if answer.status_code == 200:
            return ADMITTED
        error = answer.json()["error"]
        return REVOKED if error["details"].get("reason") == "revoked" else str(error["code"])

    def _states(self, key: Key) -> list[str]:
        return [one["state"] for one in self._call("GET", f"/api/v1/keys/{key.id}")["data"]["secrets"]]

    def _call(self, method: str, path: str, body: Any = None, *, conflict: bool = False) -> Any:
        answer = self.operator.request(method, path, json=body)
        assert (answer.status_code == 409) is conflict, answer.text
        assert conflict or answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Two workers, and no limit on refusals: histories are full of them."""
    with running(Node(tmp_path, workers=2, demo=False, auth__failures_per_minute="1000000")) as found:
        yield found


def test_whatever_is_done_to_a_key_every_worker_answers_as_the_model_says(node: Node) -> None:
    """Each change is in force in every worker when its call has returned, in any order of changes."""
    transport = httpx.HTTPTransport(uds=str(node.data / "run" / "control.sock"), verify=NO_TLS)
    with httpx.Client(transport=transport, base_url="http://keyturn", timeout=15) as operator:
        machine = type("OnNode", (Histories,), {"node": node, "operator": operator})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=HISTORIES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
