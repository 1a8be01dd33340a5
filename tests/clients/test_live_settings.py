"""Settings that change under load: once a call that takes something away has returned, every worker refuses."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest

from support.every_worker import statuses_of_every_worker
from support.node import NO_TLS, Node, running, until

SETTINGS = "/api/v1/settings"


@pytest.fixture(scope="module")
def own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose settings these tests may change, and which tells everybody why they are refused, however often."""
    folder = tmp_path_factory.mktemp("live")
    with running(Node(folder, workers=2, auth__failures_per_minute="1000000")) as node:
        yield node


class Callers:
    """Calls that go on in threads, each on connections of its own, so that both workers get some."""

    def __init__(self, node: Node, headers: dict[str, str], query: str = "") -> None:
        self._node, self._headers, self._path = node, headers, f"/v1/models{query}"
        self._end = threading.Event()
        self.changed = threading.Event()
        """Set when the call that changes something has returned."""
        self.after: list[int] = []
        """Statuses of calls that began after that."""
        self.before: list[int] = []
        self._threads = [threading.Thread(target=self._go_on) for _ in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self) -> None:
        with httpx.Client(verify=NO_TLS, timeout=20) as kept:
            for turn in itertools.count():
                if self._end.is_set():
                    return
                begun_after = self.changed.is_set()
                if turn % 2:
                    status = self._node.send("GET", self._path, headers=self._headers).status_code
                else:
                    status = kept.get(f"{self._node.url}{self._path}", headers=self._headers).status_code
                (self.after if begun_after else self.before).append(status)


def wait_for(statuses: list[int], count: int) -> None:
    """Wait until so many calls were made."""
    until(lambda: len(statuses) >= count, what=f"{count} calls")


def test_nobody_comes_in_without_a_key_once_keys_are_required_again(own_node: Node) -> None:
    """On any worker, on a new connection or an old one."""
    own_node.manage("PATCH", SETTINGS, body={"auth.required": False})
    with Callers(own_node, {}) as callers:
        wait_for(callers.before, 40)
        own_node.manage("PATCH", SETTINGS, body={"auth.required": True})
        callers.changed.set()
        everywhere = statuses_of_every_worker(own_node, "/v1/models")
        wait_for(callers.after, 80)

    assert 200 in callers.before
    assert everywhere | set(callers.after) == {401}


def test_a_key_in_the_url_is_refused_once_it_may_stand_in_headers_only(own_node: Node) -> None:
    """And the same key goes on in a header."""
    with Callers(own_node, {}, f"?api_key={own_node.key}") as callers:
        wait_for(callers.before, 20)
        own_node.manage("PATCH", SETTINGS, body={"auth.locations": ["header"]})
        callers.changed.set()
        everywhere = statuses_of_every_worker(own_node, f"/v1/models?api_key={own_node.key}")
        wait_for(callers.after, 80)

    assert 200 in callers.before
    assert everywhere | set(callers.after) == {401}
    assert own_node.chat().status_code == 200
    own_node.manage("PATCH", SETTINGS, body={"auth.locations": None})


def test_a_worker_that_is_born_later_goes_by_the_change(tmp_path: Path) -> None:
    """A restart of everything, too: the change stands in the database."""
    with running(Node(tmp_path, workers=1)) as node:
        node.manage("PATCH", SETTINGS, body={"auth.required": False})
        node.stop()
        node.start()
        reopened = node.send("GET", "/v1/models").status_code
        printed = node.cli("settings", "reset", "auth.required").stdout
        closed = node.send("GET", "/v1/models").status_code

    assert (reopened, closed) == (200, 401)
    assert "auth.required" in printed
