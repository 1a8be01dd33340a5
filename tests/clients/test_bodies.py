"""What is asked and answered: kept where a project wants it, and nowhere else, on a running node."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from keyturn.domain.bodies import LONGEST_BODY
from support.node import Node, running, until

PROMPT = "the prompt that nobody else may read"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of its own: its files are searched."""
    with running(Node(tmp_path_factory.mktemp("bodies"), workers=2)) as node:
        yield node


class Shop:
    """A project with a key."""

    def __init__(self, node: Node, name: str, *, store_bodies: bool, account: str = "") -> None:
        owner = {"account_id": account} if account else {}
        policy = {"store_bodies": store_bodies}
        made = node.manage("POST", "/api/v1/projects", body={"name": name, "policy": policy, **owner})
        self.node = node
        self.id = made["data"]["id"]
        self.key_id, self.key = node.new_key(name, project_id=self.id)

    def ask(self, content: str = PROMPT, **members: Any) -> httpx.Response:
        """Ask the model that repeats what it is told."""
        answer = self.node.chat(content, key=self.key, model="echo", **members)
        assert answer.status_code == 200, answer.text
        return answer


def kept(node: Node, answer: httpx.Response) -> dict[str, Any]:
    """Return the bodies of a request, once they have arrived."""
    request_id = answer.headers["x-request-id"]

    def arrived() -> bool:
        with closing(sqlite3.connect(node.data / "keyturn.db")) as database:
            query = "SELECT count(*) FROM request_bodies WHERE request_id = ?"
            return bool(database.execute(query, (request_id,)).fetchone()[0])

    until(arrived, what="the bodies")
    data: dict[str, Any] = node.manage("GET", f"/api/v1/requests/{request_id}/bodies")["data"]
    return data


def stored(node: Node) -> int:
    """Return of how many requests bodies are kept."""
    with closing(sqlite3.connect(node.data / "keyturn.db")) as database:
        return int(database.execute("SELECT count(*) FROM request_bodies").fetchone()[0])


def holding(folder: Path, text: str) -> list[str]:
    """Return the files that hold a text."""
    files = [one for one in folder.rglob("*") if one.is_file()]
    return [one.name for one in files if text.encode() in one.read_bytes()]


def test_nothing_is_kept_unless_a_project_wants_it(apart: Node) -> None:
    """Prompts are private: neither in the database, nor in a journal, nor in a log."""
    off, on = Shop(apart, "off", store_bodies=False), Shop(apart, "on", store_bodies=True)
    before = stored(apart)

    silent = off.ask("a word that stays unknown")
    apart.chat("a word that stays unknown", model="echo")
    kept(apart, on.ask())  # goes the same way, later

    assert stored(apart) == before + 1
    path = f"/api/v1/requests/{silent.headers['x-request-id']}"
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        apart.manage("GET", f"{path}/bodies")
    assert apart.manage("GET", path)["data"]["status"] == 200
    assert holding(apart.folder, "a word that stays unknown") == []


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_both_bodies_come_back_as_they_were_and_lie_sealed(apart: Node, *, stream: bool) -> None:
    """To the byte; and whoever takes the disk can't read them."""
    shop = Shop(apart, f"keeps {stream}", store_bodies=True)

    answer = shop.ask(stream=stream)
    bodies = kept(apart, answer)

    assert bodies["request"]["content"].encode() == answer.request.content
    assert bodies["answer"]["content"] == answer.text
    assert PROMPT.rsplit(maxsplit=1)[-1] in bodies["answer"]["content"]
    assert [bodies[name]["cut"] for name in ("request", "answer")] == [False, False]
    assert holding(apart.folder, PROMPT) == []


def test_no_key_is_kept_wherever_it_stood(apart: Node) -> None:
    """In the body as a credential, and in the text."""
    shop = Shop(apart, "careless", store_bodies=True)
    body = {
        "api_key": shop.key,
        "model": "echo",
        "messages": [{"role": "user", "content": f"is {shop.key} good?"}],
    }

    answer = apart.send("POST", "/v1/chat/completions", json=body)
    bodies = kept(apart, answer)

    assert shop.key in answer.text
    assert shop.key not in str(bodies)
    assert "api_key" not in bodies["request"]["content"]
    assert "is [redacted] good?" in bodies["request"]["content"]


def test_a_long_body_is_cut(apart: Node) -> None:
    """64 KiB are enough to see what went wrong."""
    shop = Shop(apart, "long", store_bodies=True)
    long = "é" * LONGEST_BODY

    answer = shop.ask(long, stream=True)
    bodies = kept(apart, answer)

    for name, whole in (("request", answer.request.content.decode()), ("answer", answer.text)):
        content = bodies[name]["content"]
        assert bodies[name]["cut"], name
        assert whole.startswith(content)
        assert LONGEST_BODY - 1 <= len(content.encode()) <= LONGEST_BODY


def test_a_call_that_is_made_once_only_is_kept_once(apart: Node) -> None:
    """Its answer goes through two recorders; what is given again was never asked of a model."""
    shop = Shop(apart, "once", store_bodies=True)
    headers = {"authorization": f"Bearer {shop.key}", "idempotency-key": "kept"}
    body = {"model": "echo", "messages": [{"role": "user", "content": PROMPT}]}
    first, again = (apart.send("POST", "/v1/chat/completions", headers=headers, json=body) for _ in range(2))

    bodies = kept(apart, first)

    assert again.headers["idempotency-replayed"] == "true"
    assert bodies["answer"]["content"] == first.text == again.text


def test_switched_off_it_stops_at_once(apart: Node) -> None:
    """On every worker, when the command returns; and on again the same way."""
    shop = Shop(apart, "changes its mind", store_bodies=True)
    for _ in range(8):
        kept(apart, shop.ask())
    before = stored(apart)

    apart.cli("projects", "edit", "changes its mind", "--no-store-bodies")
    for _ in range(8):
        shop.ask()
    apart.cli("projects", "edit", "changes its mind", "--store-bodies")
    kept(apart, shop.ask())

    assert stored(apart) == before + 1
    entries = apart.manage("GET", f"/api/v1/audit?target={shop.id}")["data"]
    edits = [one["after"]["policy"] for one in entries if one["action"] == "project.edit"]
    assert sorted(one.get("store_bodies", False) for one in edits) == [False, True]


def test_only_administrators_of_the_account_may_look_and_each_look_is_noted(apart: Node) -> None:
    """What an end user wrote is not for every colleague, and for no other customer."""
    accounts = [
        apart.manage("POST", "/api/v1/accounts", body={"name": name})["data"]["id"]
        for name in ("mine", "theirs")
    ]
    mine, theirs = (Shop(apart, f"of {account}", store_bodies=True, account=account) for account in accounts)
    answer = mine.ask()
    request_id = answer.headers["x-request-id"]
    kept(apart, answer)

    def look(shop: Shop, name: str, **rights: str) -> int:
        _, secret = apart.new_key(name, project_id=shop.id, **rights)
        headers = {"authorization": f"Bearer {secret}"}
        return apart.send("GET", f"/api/v1/requests/{request_id}/bodies", headers=headers).status_code

    statuses = [
        look(mine, "admin", preset="admin"),
        look(mine, "writer", preset="development"),
        look(theirs, "stranger", preset="admin"),
    ]

    assert statuses == [200, 403, 404]
    entries = apart.manage("GET", f"/api/v1/audit?target={request_id}")["data"]
    assert [one["action"] for one in entries] == ["request.bodies"] * 2
    assert all(PROMPT not in str(one) for one in entries)


def test_the_command_line_shows_them(apart: Node) -> None:
    """For whoever has to find out what an end user was told."""
    shop = Shop(apart, "on the screen", store_bodies=True)
    answer = shop.ask()
    kept(apart, answer)

    shown = apart.cli("explain", answer.headers["x-request-id"], "--bodies").stdout
    project = apart.cli("projects", "show", "on the screen").stdout

    assert "request body" in shown
    assert PROMPT in shown
    assert answer.text.splitlines()[0] in shown
    assert "bodies are kept" in project


def test_a_control_process_that_is_away_delays_nobody(tmp_path: Path) -> None:
    """Bodies are lost then; requests are not."""
    with running(Node(tmp_path, workers=1)) as node:
        shop = Shop(node, "goes on", store_bodies=True)
        kept(node, shop.ask())
        control = node.children()["control"]

        os.kill(control, signal.SIGSTOP)
        answers = [shop.ask("x" * LONGEST_BODY) for _ in range(300)]
        os.kill(control, signal.SIGCONT)
        last = until(lambda: stored(node) > 1 and shop.ask(), what="the control process")

        assert {one.status_code for one in answers} == {200}
        assert kept(node, last)["answer"]["content"] == last.text
        assert stored(node) < 300
