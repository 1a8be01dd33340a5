"""``keyturn scan``, on real files and real repositories."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fakes.management_api import ManagementApi
from keyturn import system
from keyturn.domain.key_text import EXAMPLES, Kind
from unit.cli.conftest import Run

KEY = system.new_key(Kind.SECRET).reveal()
ROOT = Path(__file__).parents[3]


def git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git as somebody."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=check)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose second commit brings a key and whose third takes it away."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for name, text in (("a.txt", "nothing\n"), ("é file.env", f"\nKEY={KEY}\n"), ("é file.env", "KEY=\n")):
        (folder / name).write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "next")
    return folder


def test_a_find_says_where_and_never_the_key(keyturn: Run, tmp_path: Path) -> None:
    """What is printed ends in logs of continuous integration."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text(f"# first\nkey = '{KEY}'\n")

    ran = keyturn("scan", "src")

    assert (ran.status, ran.out) == (1, f"src/app.py:2:8: {KEY[:7]}…\n")
    assert "1 key found" in ran.err
    assert KEY not in ran.out + ran.err


def test_nothing_found_is_a_success_without_words(keyturn: Run, tmp_path: Path) -> None:
    """Examples, marked lines and what lies behind symbolic links are no finds."""
    (tmp_path / "src/.git/objects").mkdir(parents=True)
    (tmp_path / "elsewhere").write_text(KEY)
    (tmp_path / "src/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "src/.git/objects/ab").write_text(KEY)
    (tmp_path / "src/doc.md").write_text("\n".join([*EXAMPLES, f"{KEY} keyturn:allow"]))

    ran = keyturn("scan", "src")

    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_binary_files_and_gits_own_settings_are_looked_at(keyturn: Run, tmp_path: Path) -> None:
    """Keys end in databases, archives and the URLs of remotes."""
    (tmp_path / "src/.git").mkdir(parents=True)
    (tmp_path / "src/.git/config").write_text(f"url = https://{KEY}@h\n")
    (tmp_path / "src/data.bin").write_bytes(b"\0\xff" * 50 + KEY.encode() + b"\0")

    ran = keyturn("scan", "--json", "src")

    assert [one["path"] for one in json.loads(ran.out)] == ["src/data.bin", "src/.git/config"]


def test_several_places_and_json(keyturn: Run, tmp_path: Path) -> None:
    """For programs: everything but the key."""
    (tmp_path / "a").write_text(KEY)
    (tmp_path / "b").write_text(f"x\n {KEY}")

    ran = keyturn("scan", "--json", "a", "b")

    assert ran.status == 1
    assert json.loads(ran.out) == [
        {"path": "a", "line": 1, "column": 1, "display": KEY[:7] + "…"},
        {"path": "b", "line": 2, "column": 2, "display": KEY[:7] + "…"},
    ]


@pytest.mark.parametrize("arguments", [(), ("--git", "--staged"), ("--staged", "a")])
def test_what_makes_no_sense_is_a_usage_error(keyturn: Run, arguments: tuple[str, ...]) -> None:
    """Status 2, so that a script sees that nothing was looked at."""
    assert keyturn("scan", *arguments).status == 2


def test_a_path_that_does_not_exist_is_a_failure(keyturn: Run) -> None:
    """A mistyped path must not look clean."""
    ran = keyturn("scan", "nowhere")

    assert (ran.status, ran.out) == (1, "")
    assert "nowhere can't be read" in ran.err


def test_a_file_that_cannot_be_read_is_a_failure(keyturn: Run) -> None:
    """What was not looked at is not clean. The kernel refuses to read this one, even to root."""
    ran = keyturn("scan", "/proc/self/mem")

    assert ran.status == 1
    assert "/proc/self/mem could not be read" in ran.err


def test_standard_input_is_looked_at(tmp_path: Path) -> None:
    """``kubectl logs … | keyturn scan -``; through a real pipe."""
    ran = subprocess.run(
        [sys.executable, "-m", "keyturn", "scan", "-"],
        input=f"line\n{KEY}",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (1, f"(standard input):2:1: {KEY[:7]}…\n")


def test_a_key_that_was_deleted_is_found_in_the_history(keyturn: Run, repository: Path) -> None:
    """Deleting it in a later commit helps nobody."""
    guilty = git(repository, "rev-parse", "HEAD~1").stdout.strip()

    clean, ran = keyturn("scan", str(repository)), keyturn("scan", "--git", "--json", str(repository))

    assert clean.status == 0
    assert ran.status == 1
    assert json.loads(ran.out) == [
        {"path": "é file.env", "line": 2, "column": 5, "display": KEY[:7] + "…", "commit": guilty}
    ]


def test_keys_in_messages_and_in_what_was_left_behind_are_found(keyturn: Run, repository: Path) -> None:
    """Both are pushed, or can be fetched, long after nobody sees them."""
    git(repository, "commit", "-q", "--allow-empty", "-m", f"use {KEY}")
    (repository / "lost").write_text(f"{KEY}\n")
    git(repository, "add", "lost")
    git(repository, "reset", "-q", "--hard")

    ran = keyturn("scan", "--git", "--json", str(repository))

    paths = sorted(one["path"] for one in json.loads(ran.out))
    assert paths[0] == "(commit message)"
    assert paths[1].startswith("(object ")
    assert paths[2] == "é file.env"


def test_a_hook_of_git_refuses_a_commit_with_a_key(repository: Path) -> None:
    """Before the first push nothing has leaked; what counts is what is staged, not what is in the folder."""
    hook = repository / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\nexec {sys.executable} -m keyturn scan --staged\n")
    hook.chmod(0o755)
    (repository / "b.txt").write_text(f"{KEY}\n")
    git(repository, "add", "b.txt")
    (repository / "b.txt").write_text("harmless\n")

    refused = git(repository, "commit", "-q", "-m", "with a key", check=False)
    git(repository, "add", "b.txt")
    accepted = git(repository, "commit", "-q", "-m", "without", check=False)

    assert refused.returncode == 1
    assert f"b.txt:1:1: {KEY[:7]}…" in refused.stdout + refused.stderr
    assert KEY not in refused.stdout + refused.stderr
    assert accepted.returncode == 0


def test_no_repository_is_said_so(keyturn: Run, tmp_path: Path) -> None:
    """In one line, without git's advice."""
    ran = keyturn("scan", "--git", str(tmp_path))

    assert ran.status == 1
    assert "not a git repository" in ran.err


def test_the_hook_for_pre_commit_refuses_a_key(repository: Path) -> None:
    """The definition that other repositories refer to, run by the real program."""
    program = Path(sys.executable).with_name("pre-commit")
    definition = (ROOT / ".pre-commit-hooks.yaml").read_text()
    valid = subprocess.run([program, "validate-manifest", ROOT / ".pre-commit-hooks.yaml"], check=False)
    hook = definition[definition.index("- id:") :].replace("language: python", "language: system")
    hook = hook.replace("entry: keyturn", f"entry: {sys.executable} -m keyturn").replace("\n", "\n      ")
    (repository / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: local\n    hooks:\n      {hook}\n"
    )
    (repository / "-b.txt").write_text(f"{KEY}\n")
    git(repository, "add", "-A")

    environment = {**os.environ, "PRE_COMMIT_HOME": str(repository.parent / "cache")}
    ran = subprocess.run(
        [program, "run"], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )

    assert valid.returncode == 0
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"-b.txt:1:1: {KEY[:7]}…" in ran.stdout


def test_the_node_says_whether_a_find_works(keyturn: Run, node: ManagementApi, tmp_path: Path) -> None:
    """Those come first; each key is asked for once."""
    (tmp_path / "a").write_text(f"{KEY}\n{KEY}\n")
    node.data("POST", "/api/v1/keys/verify", {"valid": True, "code": "VALID", "key_id": "key_x"})

    ran = keyturn("scan", "--verify", "a")

    assert ran.status == 1
    assert ran.out.splitlines() == [f"a:{line}:1: {KEY[:7]}…  it works" for line in (1, 2)]
    assert [asked.body for asked in node.asked] == [{"key": KEY}]


def test_rules_are_printed(keyturn: Run) -> None:
    """The formats themselves are tested in the domain."""
    ran = keyturn("scan", "--rules", "gitleaks")

    assert ran.status == 0
    assert tomllib.loads(ran.out)["rules"][0]["id"] == "keyturn-api-key"
