"""A key's life as an operator meets it, on the command line and over the API; and the doctor."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from support.node import Node

SECRET = re.compile(r"sk-[0-9A-Za-z]{32}")


def create(api: httpx.Client, name: str, **members: Any) -> dict[str, Any]:
    """Create a key; returns the whole answer."""
    answer = api.post("/keys", json={"name": name, **members})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


# ── the life of a key, on the command line ──────────────────────────────────────


def test_a_new_key_stands_alone_on_stdout(node: Node) -> None:
    """``KEY=$(keyturn keys create app)`` must hold the key and nothing else."""
    made = node.cli("keys", "create", "cli app", "--description", "it is for this", "--expires", "90d")
    [key] = node.listed("keys", "list", "--search", "cli app")

    assert SECRET.fullmatch(made.stdout.strip())
    assert made.stdout.count("\n") == 1
    assert made.stdout.strip() not in made.stderr
    assert node.chat(key=made.stdout.strip()).status_code == 200
    assert key["description"] == "it is for this"
    assert key["display"] == made.stdout[:7] + "…"
    life = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert abs(life.total_seconds() - 90 * 86_400) < 60


def test_a_key_goes_through_its_whole_life_on_the_command_line(node: Node) -> None:
    """Each change is in force on the very next request."""
    secret = node.cli("keys", "create", "cli life").stdout.strip()

    def status() -> int:
        return node.chat(key=secret, model="echo").status_code

    assert status() == 200
    assert "disabled" in node.cli("keys", "disable", "cli life").stdout
    assert status() == 401
    assert "active" in node.cli("keys", "enable", "cli life").stdout
    assert status() == 200
    node.cli("keys", "edit", "cli life", "--name", "cli life 2", "--expires", "2020-01-01")
    assert status() == 401
    node.cli("keys", "edit", "cli life 2", "--expires", "never")
    assert status() == 200
    assert "revoked" in node.cli("keys", "revoke", "cli life 2", stdin="cli life 2\n").stdout
    assert status() == 401
    refused = node.cli("keys", "enable", "cli life 2", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "can't be enabled again" in refused.stderr


def test_a_key_is_deleted_only_after_its_name_was_typed(node: Node) -> None:
    """Deleting can't be undone."""
    secret = node.cli("keys", "create", "cli doomed").stdout.strip()

    kept = node.cli("keys", "delete", "cli doomed", stdin="yes\n", check=False)
    assert kept.returncode == 1
    assert "nothing was deleted" in kept.stderr
    assert node.chat(key=secret).status_code == 200

    gone = node.cli("keys", "delete", "cli doomed", stdin="cli doomed\n")
    assert "Deleted cli doomed" in gone.stdout
    assert node.chat(key=secret).status_code == 401
    absent = node.cli("keys", "show", "cli doomed", check=False)
    assert (absent.returncode, absent.stdout) == (1, "")
    assert absent.stderr == "keyturn: There is no such key (RESOURCE_NOT_FOUND)\n"


def test_every_option_of_a_key_holds_on_the_next_request(node: Node) -> None:
    """What is typed is what a client meets."""
    made = node.cli(
        *(
            "keys",
            "create",
            "cli bound",
            "--model",
            "echo",
            "--endpoint",
            "/v1/chat/*",
            "--ip",
            "127.0.0.0/8",
        ),
        *("--environment", "staging", "--tag", "cli", "--metadata", "ticket=OPS-1", "--rotate-every", "90d"),
        *("--overlap", "2d", "--recoverable", "--delete-protected"),
    )
    secret = made.stdout.strip()

    def status(**members: str) -> int:
        return node.chat(key=secret, **members).status_code

    [key] = node.listed("keys", "list", "--tag", "cli", "--environment", "staging")
    assert (key["name"], key["rotation"]["every_days"], key["metadata"]) == (
        "cli bound",
        90,
        {"ticket": "OPS-1"},
    )
    assert (status(model="echo"), status(model="demo-chat")) == (200, 403)
    node.cli("keys", "edit", "cli bound", "--model", "none", "--ip", "192.0.2.0/24")
    assert status(model="echo") == 403
    node.cli("keys", "edit", "cli bound", "--ip", "none", "--not-before", "2d")
    assert status(model="demo-chat") == 403
    node.cli("keys", "edit", "cli bound", "--not-before", "none")
    assert status(model="demo-chat") == 200
    assert "protected" in node.cli("keys", "delete", "cli bound", "--yes", check=False).stderr
    node.cli("keys", "edit", "cli bound", "--no-delete-protected")
    node.cli("keys", "delete", "cli bound", "--yes")
    assert status(model="demo-chat") == 401
    assert "Brought back" in node.cli("keys", "undelete", "cli bound").stdout
    assert status(model="demo-chat") == 200


def test_a_list_shows_what_became_of_each_key(node: Node) -> None:
    """Name, display, status, usage count, last use and age: what one needs to decide what to remove."""
    secret = node.cli("keys", "create", "cli listed").stdout.strip()
    before = datetime.now(UTC).replace(microsecond=0)
    for _ in range(3):
        assert node.chat(key=secret, model="echo").status_code == 200

    table = node.cli("keys", "list", "--search", "cli listed").stdout
    [key] = node.listed("keys", "list", "--search", "cli listed")
    shown = node.cli("keys", "show", "cli listed").stdout

    [line] = [line for line in table.splitlines() if "cli listed" in line]
    for text in (secret[:7] + "…", "active", " 3 ", "just now", key["id"]):
        assert text in line
    for column in ("name", "key", "status", "requests", "cost", "last used", "created", "expires", "id"):
        assert column in table
    assert key["usage"]["requests"] == 3
    assert key["usage"]["last_ip"] == "127.0.0.1"
    assert before <= datetime.fromisoformat(key["usage"]["last_used_at"]) <= datetime.now(UTC)
    assert "from 127.0.0.1" in shown
    assert secret not in table + shown


# ── the same over the API ───────────────────────────────────────────────────────


def test_a_key_goes_through_its_whole_life_over_the_api(node: Node, api: httpx.Client) -> None:
    """What the command line does, a program can do."""
    made = create(api, "api life", description="d", expires_in_s=3600)
    secret, path = made["key"], f"/keys/{made['data']['id']}"

    def change(method: str, end: str = "", **members: Any) -> dict[str, Any]:
        answer = api.request(method, path + end, json=members or None)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def status() -> int:
        return node.chat(key=secret, model="echo").status_code

    assert status() == 200
    assert change("POST", "/disable")["status"] == "disabled"
    assert status() == 401
    assert change("POST", "/enable")["status"] == "active"
    assert status() == 200
    changed = change("PATCH", name="api life 2", description="", expires_at=None)
    assert (changed["name"], changed["description"], changed["expires_at"]) == ("api life 2", "", None)
    assert changed["version"] > made["data"]["version"]
    assert change("POST", "/revoke")["status"] == "revoked"
    assert status() == 401
    change("DELETE")
    assert api.get(path).status_code == 404


def test_a_created_key_is_shown_whole_once(api: httpx.Client) -> None:
    """Whoever reads lists later can't take the key from there."""
    made = create(api, "api once")

    shown = api.get(f"/keys/{made['data']['id']}")
    found = api.get("/keys", params={"search": "api once"})

    assert SECRET.fullmatch(made["key"])
    assert made["data"]["display"] == made["key"][:7] + "…"
    assert made["data"]["created_by"].startswith("key_")
    for answer in (shown, found):
        assert made["key"] not in answer.text
        assert "verifier" not in answer.text


def test_a_list_comes_in_pages_that_together_hold_every_key_once(api: httpx.Client) -> None:
    """Newest first, and a page after the last one is never asked for."""
    made = [create(api, f"page {number}")["data"]["id"] for number in range(5)]
    found: list[str] = []
    cursor: str | None = None

    while True:
        page = api.get(
            "/keys", params={"search": "page ", "limit": 2, **({"cursor": cursor} if cursor else {})}
        )
        found += [key["id"] for key in page.json()["data"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    assert found == made[::-1]


def test_a_list_can_be_narrowed(api: httpx.Client) -> None:
    """By status, by words, by the few letters of a key that its user can still tell."""
    made = create(api, "narrow one")
    create(api, "narrow two", description="wide")
    api.post(f"/keys/{made['data']['id']}/disable")

    def names(**query: str) -> list[str]:
        return [key["name"] for key in api.get("/keys", params=query).json()["data"]]

    assert names(search="NARROW") == ["narrow two", "narrow one"]
    assert names(search="narrow", status="disabled") == ["narrow one"]
    assert names(search="wide") == ["narrow two"]
    assert "narrow one" in names(search=made["data"]["display"])
    assert names(search="nar%row") == []


def test_a_name_that_two_keys_have_is_not_guessed(api: httpx.Client) -> None:
    """Disabling the wrong one of two would be an outage."""
    made = [create(api, "twin")["data"]["id"] for _ in range(2)]

    answer = api.post("/keys/twin/disable")

    assert answer.status_code == 409
    assert all(key_id in answer.json()["error"]["details"]["ids"] for key_id in made)


# ── doctor ──────────────────────────────────────────────────────────────────────


def test_the_doctor_finds_nothing_wrong_with_a_good_node(node: Node) -> None:
    """Settings with their origin, processes, and a clean bill."""
    ran = node.cli("doctor")
    report = json.loads(node.cli("doctor", "--json").stdout)

    assert "Nothing is wrong." in ran.stdout
    assert re.search(rf"server\.port +{node.port} +environment: KEYTURN_PORT", ran.stdout)
    assert re.search(r"server\.host +127\.0\.0\.1 +default", ran.stdout)
    for pid in node.worker_pids():
        assert str(pid) in ran.stdout
    assert report["problems"] == []
    assert len(report["node"]["workers"]) == node.workers


def test_the_doctor_works_without_a_node(tmp_path: Path) -> None:
    """That is when one needs it."""
    ran = Node(tmp_path).cli("doctor", check=False)

    assert ran.returncode == 1
    assert "no node runs on" in ran.stdout
    assert "Traceback" not in ran.stderr
