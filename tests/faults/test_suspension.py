"""Suspended means suspended: when the call has returned, no worker accepts a key of that owner; others go on."""

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fakes.load import Load, Outcome, plain
from keyturn.services.workers import MANY
from support.node import Node, running, until

WORKERS, CLIENTS, WATCHED = 2, 12, 100
ACCEPTED = "200"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node; each test makes owners of its own."""
    # Thousands of refusals from one address are meant here: each shall say why.
    folder = tmp_path_factory.mktemp("suspension")
    node = Node(folder, workers=WORKERS, auth__failures_per_minute="1000000")
    with running(node):
        until(lambda: len(node.worker_pids()) == WORKERS, what="all workers")
        yield node
        assert "Traceback" not in node.errors.read_text()


def make(node: Node, path: str, **body: Any) -> str:
    """Create something; return its identifier."""
    made: str = node.manage("POST", f"/api/v1/{path}", body=body)["data"]["id"]
    return made


def hammer(node: Node, secret: str) -> Load:
    """Have many clients use a key as fast as they can."""
    return Load(node.port, secret, itertools.repeat(plain(max_tokens=4)), clients=CLIENTS)


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


def said(outcomes: list[Outcome]) -> set[str]:
    """Return what the clients were told."""
    return {one.said for one in outcomes}


def statuses(outcomes: list[Outcome]) -> set[int]:
    """Return the statuses they got."""
    return {one.status for one in outcomes}


def test_no_key_of_a_suspended_account_is_accepted_and_no_other_is_refused(node: Node) -> None:
    """From the moment the answer is there, on every worker; resuming is in force at once too."""
    account = make(node, "accounts", name="acme")
    project = make(node, "projects", name="acme's", account_id=account)
    _, one = node.new_key("one", project_id=project)
    _, two = node.new_key("two", project_id=project)
    _, bystander = node.new_key("bystander")
    with ExitStack() as stack:
        first, second, other = [stack.enter_context(hammer(node, key)) for key in (one, two, bystander)]
        for load in (first, second, other):
            warm(load)
        assert said(first.outcomes.copy() + second.outcomes.copy()) == {ACCEPTED}

        node.manage("POST", f"/api/v1/accounts/{account}/suspend")
        late = afterwards(first) + afterwards(second)
        untouched = afterwards(other)
        node.manage("POST", f"/api/v1/accounts/{account}/resume")
        resumed = afterwards(first) + afterwards(second)

    assert statuses(late) == {403}
    [told] = said(late)
    assert told.startswith("The account that this API key belongs to is suspended")
    assert len({one.worker for one in late}) == WORKERS
    assert said(untouched) == said(resumed) == {ACCEPTED}


def multiply(node: Node, key_id: str, count: int) -> None:
    """Put copies of a key, without secrets, straight into the database."""
    with contextlib.closing(sqlite3.connect(node.data / "keyturn.db", timeout=10)) as database:
        cursor = database.execute("SELECT * FROM keys WHERE id = ?", (key_id,))
        names = [column[0] for column in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True))
        marks = ", ".join(f":{name}" for name in names)
        copies = [row | {"id": f"key_{number:020d}"} for number in range(count)]
        database.executemany(f"INSERT INTO keys ({', '.join(names)}) VALUES ({marks})", copies)  # noqa: S608
        database.commit()


def test_an_account_with_very_many_keys_is_suspended_as_surely(node: Node) -> None:
    """They are not told one by one then: each worker starts afresh, and so do others' keys, unharmed."""
    account = make(node, "accounts", name="huge")
    key_id, key = node.new_key("k", project_id=make(node, "projects", name="huge's", account_id=account))
    _, bystander = node.new_key("bystander of many")
    multiply(node, key_id, MANY)
    with hammer(node, key) as load, hammer(node, bystander) as other:
        warm(load)
        warm(other)

        node.manage("POST", f"/api/v1/accounts/{account}/suspend")
        late, untouched = afterwards(load), afterwards(other)

    assert node.manage("GET", f"/api/v1/accounts/{account}")["data"]["keys"] == MANY + 1
    assert statuses(late) == {403}
    assert said(untouched) == {ACCEPTED}


def test_a_refusal_for_a_suspended_account_has_its_own_code(node: Node) -> None:
    """Who sees it must not look for a fault in the key."""
    account = make(node, "accounts", name="coded")
    _, key = node.new_key("k", project_id=make(node, "projects", name="coded's", account_id=account))
    node.manage("POST", f"/api/v1/accounts/{account}/suspend")

    answer = node.chat(key=key)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "account_inactive"
    assert answer.headers["x-should-retry"] == "false"


def test_personal_keys_end_with_the_membership_and_service_keys_do_not(node: Node) -> None:
    """People leave; what runs in the data centre goes on."""
    project = make(node, "projects", name="team")
    user = make(node, "users", email="kim@example.com")
    node.manage("POST", f"/api/v1/projects/{project}/members", body={"user_id": user})
    _, personal = node.new_key("personal", project_id=project, user_id=user)
    _, service = node.new_key("service", project_id=project)
    with hammer(node, personal) as theirs, hammer(node, service) as ours:
        warm(theirs)
        warm(ours)

        node.manage("POST", f"/api/v1/users/{user}/suspend")
        suspended = afterwards(theirs)
        node.manage("POST", f"/api/v1/users/{user}/resume")
        resumed = afterwards(theirs)
        node.manage("DELETE", f"/api/v1/projects/{project}/members/{user}")
        removed = afterwards(theirs)
        untouched = afterwards(ours)

    assert statuses(suspended) == {403}
    assert said(resumed) == said(untouched) == {ACCEPTED}
    assert said(removed) == {"This API key has been revoked"}


def test_a_location_that_a_project_takes_away_is_taken_away_at_once(node: Node) -> None:
    """Keys have been found in a proxy's log: from now on none is taken from a URL."""
    project = make(node, "projects", name="leaky")
    _, key = node.new_key("in the url", project_id=project)
    body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}]}

    def ask() -> int:
        """Ask often enough for both workers to be asked."""
        path = f"/v1/chat/completions?api_key={key}"
        [status] = {node.send("POST", path, json=body).status_code for _ in range(12)}
        return status

    before = ask()
    node.manage("PATCH", f"/api/v1/projects/{project}", body={"policy": {"locations": ["header"]}})
    after = ask()
    in_header = node.chat(key=key).status_code

    assert (before, in_header) == (200, 200)
    assert after in {400, 401, 403}


def test_the_command_line_suspends_too(node: Node) -> None:
    """With nothing but the shell on the machine."""
    node.cli("accounts", "create", "from the shell")
    node.cli("projects", "create", "shell's", "--account", "from the shell")
    key = node.cli("keys", "create", "k", "--project", "shell's").stdout.strip()
    before = node.chat(key=key).status_code

    node.cli("accounts", "suspend", "from the shell")

    assert (before, node.chat(key=key).status_code) == (200, 403)
