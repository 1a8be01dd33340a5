"""Whatever takes rights away waits for the slowest worker: no call returns while one could still accept."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.load import Load, Outcome, plain
from support.node import Node, running, until

WORKERS, CLIENTS, WATCHED = 2, 12, 60
KEYS = "/api/v1/keys"
Change = Callable[[], Any]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node; each test makes an owner and a key of its own."""
    # Clients go on asking after the key is dead, and each refusal is to say so.
    folder = tmp_path_factory.mktemp("slow")
    with running(Node(folder, workers=WORKERS, auth__failures_per_minute="1000000")) as node:
        until(lambda: len(node.worker_pids()) == WORKERS, what="all workers")
        yield node


class Owned:
    """A personal key in a project of its own account, and what can be taken from it."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.account = self._made("accounts", name=name)
        self.project = self._made("projects", name=name, account_id=self.account)
        self.user = self._made("users", email=f"{name}@example.com", account_id=self.account)
        node.manage("POST", f"/api/v1/projects/{self.project}/members", body={"user_id": self.user})
        self.id, self.secret = node.new_key(
            name, project_id=self.project, user_id=self.user, rotation={"self_rotation": True}
        )

    def _made(self, path: str, **body: Any) -> str:
        made: str = self.node.manage("POST", f"/api/v1/{path}", body=body)["data"]["id"]
        return made

    def edit(self, **members: Any) -> Change:
        """Change the key."""
        return lambda: self.node.manage("PATCH", f"{KEYS}/{self.id}", body=members)

    def call(self, method: str, path: str, **members: Any) -> Change:
        """Change something that the key depends on."""
        return lambda: self.node.manage(method, f"/api/v1/{path}", body=members or None)

    def present(self, path: str, **members: Any) -> Change:
        """Let whoever holds the key act."""
        headers = {"authorization": f"Bearer {self.secret}"}
        return lambda: self.node.send("POST", path, headers=headers, json=members or None)


CHANGES: dict[str, tuple[Callable[[Owned], Change], int]] = {
    "rotated at once": (lambda one: one.call("POST", f"keys/{one.id}/rotate", revoke_old=True), 401),
    "claimed twice": (lambda one: one.present("/api/v1/key/rotate"), 403),
    "exposed": (lambda one: one.present(f"{KEYS}/revoke-exposed", keys=[one.secret]), 401),
    "expired": (lambda one: one.edit(expires_at="2024-01-01T00:00:00Z"), 401),
    "not valid yet": (lambda one: one.edit(not_before="2099-01-01T00:00:00Z"), 403),
    "from another address": (lambda one: one.edit(ip=["192.0.2.0/24"]), 403),
    "for another endpoint": (lambda one: one.edit(endpoints=["/v1/embeddings"]), 403),
    "for another model": (lambda one: one.edit(models=["gpt-*"]), 403),
    "weaker": (lambda one: one.edit(permissions=["write"]), 403),
    "in other places": (lambda one: one.edit(locations=["body"]), 401),
    "account suspended": (lambda one: one.call("POST", f"accounts/{one.account}/suspend"), 403),
    "user suspended": (lambda one: one.call("POST", f"users/{one.user}/suspend"), 403),
    "member removed": (lambda one: one.call("DELETE", f"projects/{one.project}/members/{one.user}"), 401),
    "places of the project": (
        lambda one: one.call("PATCH", f"projects/{one.project}", policy={"locations": ["body"]}),
        401,
    ),
}
"""What becomes of a key: how, and the status of requests with it from then on."""


def warm(load: Load) -> None:
    """Wait until every worker knows the key."""
    until(lambda: len({one.worker for one in load.outcomes.copy()}) == WORKERS, what="all workers' answers")
    until(lambda: len(load.outcomes) > WATCHED, what="traffic")


def afterwards(load: Load) -> list[Outcome]:
    """Return what came of the requests begun from now on, once there are enough from every worker."""
    now = time.monotonic()
    until(lambda: len(load.since(now)) > WATCHED, what="traffic after the change")
    until(lambda: len({one.worker for one in load.since(now)}) == WORKERS, what="all workers' answers")
    return load.since(now)


def audited(node: Node) -> int:
    """Return how many changes the node has noted; each stands in the transaction of its change."""
    number: int = node.manage("GET", "/api/v1/audit?limit=1")["data"][0]["seq"]
    return number


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_change_is_confirmed_by_a_stopped_worker_before_the_call_returns(node: Node, what: str) -> None:
    """Every kind of change has its own way through the services; each must wait."""
    owned = Owned(node, what.replace(" ", "-"))
    make, status = CHANGES[what]
    change = make(owned)
    if what == "claimed twice":
        change()
    with Load(node.port, owned.secret, itertools.repeat(plain(max_tokens=4)), clients=CLIENTS) as load:
        warm(load)
        served = {one.status for one in load.outcomes.copy()}
        before = audited(node)
        victim = node.worker_pids()[0]
        os.kill(victim, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as thread:
            call = thread.submit(change)
            try:
                until(lambda: audited(node) > before, what="the change in the store")
                waited = [bool(audited(node)) and call.done() for _ in range(20)]
            finally:
                os.kill(victim, signal.SIGCONT)
            call.result()
        late = afterwards(load)

    assert served == {200}
    assert not any(waited)
    assert {one.status for one in late} == {status}
    assert victim in node.worker_pids()


def test_a_key_that_comes_back_from_deletion_is_dead_until_then_and_alive_from_then_on(node: Node) -> None:
    """Also on a worker that heard of neither change when it was made."""
    owned = Owned(node, "deleted")
    path = f"{KEYS}/{owned.id}"
    with Load(node.port, owned.secret, itertools.repeat(plain(max_tokens=4)), clients=CLIENTS) as load:
        warm(load)
        node.manage("DELETE", path)
        deleted = afterwards(load)
        before = audited(node)
        victim = node.worker_pids()[0]
        os.kill(victim, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as thread:
            call = thread.submit(node.manage, "POST", f"{path}/undelete")
            try:
                until(lambda: audited(node) > before, what="the change in the store")
                waited = [bool(audited(node)) and call.done() for _ in range(20)]
            finally:
                os.kill(victim, signal.SIGCONT)
            call.result()
        back = afterwards(load)

    assert {one.status for one in deleted} == {401}
    assert not any(waited)
    assert {one.status for one in back} == {200}
