"""Peppers and master keys in a running node: rotated under load, given in settings, missing."""

import hashlib
import hmac
import json
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.node import Node, running, until

HEX = "0123456789abcdef" * 4


def pepper_counts(node: Node) -> dict[str, int]:
    """Return how many secrets each pepper protects."""
    return {one["name"]: one["secrets"] for one in node.manage("GET", "/api/v1/peppers")["data"]}


def test_a_rotation_under_load_fails_nobody(tmp_path: Path) -> None:
    """T34: every key in use moves to the new pepper without one refused request."""
    statuses: Counter[int] = Counter()
    done = threading.Event()
    with running(Node(tmp_path, workers=2)) as node:
        secrets = [node.new_key(f"app {number}")[1] for number in range(12)]

        def use(mine: list[str]) -> None:
            while not done.is_set():
                statuses.update(node.chat(key=secret).status_code for secret in mine)

        users = [threading.Thread(target=use, args=(secrets[start::3],)) for start in range(3)]
        for user in users:
            user.start()
        try:
            for number in (2, 3):
                node.cli("peppers", "rotate")
                until(
                    lambda newest=f"pepper-{number}": pepper_counts(node)[newest] >= len(secrets),
                    what="the keys' move",
                )
        finally:
            done.set()
            for user in users:
                user.join()
        left = pepper_counts(node)

    assert set(statuses) == {200}
    assert left["pepper-2"] == 0
    assert left["pepper-3"] >= len(secrets)


def test_keys_made_before_a_rotation_work_after_a_restart(tmp_path: Path) -> None:
    """The new file was on the disk before anything referred to it."""
    with running(Node(tmp_path, workers=1)) as node:
        secret = node.new_key("app")[1]
        node.cli("peppers", "rotate")
        assert node.chat(key=secret).status_code == 200
        until(lambda: pepper_counts(node)["pepper-2"] == 1, what="the key's move")
        node.stop()
        node.start()

        assert node.chat(key=secret).status_code == 200
        assert node.chat().status_code == 200


def test_a_node_takes_its_pepper_and_master_key_from_the_settings(tmp_path: Path) -> None:
    """They may be kept in a secret manager, and never touch this disk."""
    mounted = tmp_path / "master"
    mounted.write_text(f"master-1:{HEX}\n")
    settings: dict[str, Any] = {"vault__pepper": f"pepper-1:{HEX}", "vault__master_key_file": str(mounted)}
    with running(Node(tmp_path, workers=1, **settings)) as node:
        secret = node.new_key("app", recoverable=True)[1]
        shown = node.cli("keys", "reveal", "app", "--yes")
        origin = json.loads(node.cli("peppers", "status", "--json").stdout)[0]["origin"]
        refused = node.cli("peppers", "rotate", check=False)
        doctor = node.cli("doctor", check=False)

        assert node.chat(key=secret).status_code == 200
        assert shown.stdout == f"{secret}\n"
        assert origin == "settings"
        assert (refused.returncode, "vault.pepper" in refused.stderr) == (1, True)
        assert not list((node.data / "secrets").glob("pepper-*"))
        assert not list((node.data / "secrets").glob("master-*"))
        assert HEX not in doctor.stdout + doctor.stderr + node.errors.read_text()


def test_a_pepper_moved_from_its_file_to_the_settings_keeps_its_name(tmp_path: Path) -> None:
    """What refers to it goes on doing so; the next one is added beside it."""
    node = Node(tmp_path, workers=1)
    with running(node):
        secret = node.new_key("app")[1]
    file = node.data / "secrets" / "pepper-1"
    node.environment["KEYTURN_VAULT__PEPPER"] = f"pepper-1:{file.read_text().strip()},pepper-2:{HEX}"
    file.unlink()
    with running(node):
        assert node.chat(key=secret).status_code == 200
        until(lambda: pepper_counts(node)["pepper-2"] == 1, what="the key's move")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"VAULT__PEPPER": "pepper-1:abc"}, "vault.pepper is not of the form"),
        ({"VAULT__MASTER_KEY_FILE": "/nowhere"}, "can't be read"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line(
    tmp_path: Path, setting: dict[str, str], message: str
) -> None:
    """And the line does not show what was given."""
    node = Node(tmp_path, workers=1, demo=False, **{name.lower(): value for name, value in setting.items()})

    ran = start(node)

    assert ran.returncode == 1
    assert message in ran.stderr
    assert "abc" not in ran.stderr


def test_a_node_whose_secrets_are_missing_does_not_start_and_names_them(tmp_path: Path) -> None:
    """T34: with the pepper gone every key would seem unknown, with the master key no sealed one could be shown."""
    node = Node(tmp_path, workers=1)
    with running(node):
        node.new_key("app", recoverable=True)
    for name in ("pepper-1", "master-1"):
        (node.data / "secrets" / name).unlink()

    ran = start(node)

    assert ran.returncode == 1
    assert "pepper-1" in ran.stderr
    assert "master-1" in ran.stderr


def test_a_copy_of_the_database_verifies_no_key_and_holds_none(tmp_path: Path) -> None:
    """T1: whoever stole it can't even tell whether a guess is right."""
    with running(Node(tmp_path, workers=1)) as node:
        secrets = [node.new_key("plain")[1], node.new_key("sealed", recoverable=True)[1], node.key]
        node.cli("keys", "reveal", "sealed", "--yes")
        node.chat(key=secrets[0])
    database = node.data / "keyturn.db"
    stolen = b"".join(path.read_bytes() for path in node.data.glob("keyturn.db*"))
    with closing(sqlite3.connect(database)) as connection:
        [*rows] = connection.execute("SELECT verifier, binding FROM secrets")
    values = {bytes(value) for row in rows for value in row}
    pepper = bytes.fromhex((node.data / "secrets" / "pepper-1").read_text().strip())

    for secret in secrets:
        digest = hashlib.sha256(secret.encode()).digest()
        assert secret[7:].encode() not in stolen
        assert digest not in stolen
        assert digest.hex().encode() not in stolen
        assert not {hmac.digest(guess, digest, "sha256") for guess in (b"", b"\0" * 32)} & values
        assert hmac.digest(pepper, digest, "sha256") in values


def start(node: Node) -> subprocess.CompletedProcess[str]:
    """Try to start a node that can't be started."""
    return subprocess.run(
        [sys.executable, "-m", "keyturn", "serve"],
        cwd=node.folder,
        env=node.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
