"""``keyturn env``: a key where programs look for it."""

import random
import subprocess
from pathlib import Path

import pytest

from fakes.management_api import ManagementApi
from keyturn.domain.key_text import Kind, mint
from unit.cli.conftest import Run

KEY = mint(Kind.SECRET, random.Random(7).choice).reveal()  # noqa: S311 -- nobody's


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    ran = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.fixture
def repository(tmp_path: Path, keyturn: Run) -> Path:
    """The working directory as a repository."""
    git(tmp_path, "init", "-q")
    return tmp_path


def test_a_key_on_standard_input_becomes_lines_for_a_shell(keyturn: Run) -> None:
    """``eval`` of nothing but assignments; remarks go elsewhere."""
    ran = keyturn("env", "-", typed=f"{KEY}\n")

    assert ran.status == 0
    assert ran.out.splitlines() == [
        f"export KEYTURN_API_KEY={KEY}",
        f"export OPENAI_API_KEY={KEY}",
        "export OPENAI_BASE_URL=http://127.0.0.1:8080/v1",
    ]
    assert "No node runs here" in ran.err


@pytest.mark.parametrize(
    ("shell", "first"),
    [("cmd", f'set "KEYTURN_API_KEY={KEY}"'), ("powershell", f"$env:KEYTURN_API_KEY = '{KEY}'")],
)
def test_other_shells_are_spoken(keyturn: Run, shell: str, first: str) -> None:
    """S1 of the requirements shows all three."""
    assert keyturn("env", KEY, "--shell", shell).out.splitlines()[0] == first


def test_the_key_may_come_from_the_environment(keyturn: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under any of the names that are known."""
    monkeypatch.setenv("GPT_API_KEY", KEY)
    monkeypatch.setenv("KEYTURN_URL", "https://gateway.example.com/v1/")

    ran = keyturn("env")

    assert f"export OPENAI_API_KEY={KEY}" in ran.out
    assert "export OPENAI_BASE_URL=https://gateway.example.com/v1" in ran.out


@pytest.mark.parametrize("arguments", [("env",), ("env", "-")])
def test_without_a_key_nothing_is_printed(keyturn: Run, arguments: tuple[str, ...]) -> None:
    """An empty variable would hide the one that is set elsewhere."""
    ran = keyturn(*arguments)

    assert (ran.status, ran.out) == (1, "")


def test_a_recoverable_key_is_revealed_and_the_node_says_where_it_is(
    keyturn: Run, node: ManagementApi
) -> None:
    """The port may be another one than the settings here say."""
    node.data(
        "GET",
        "/api/v1/keys/my-app",
        {"id": "key_1", "name": "my-app", "display": "sk-AbCd…", "recoverable": True},
    )
    node.answers(
        "POST",
        "/api/v1/keys/key_1/reveal",
        {"success": True, "data": {"id": "key_1", "name": "my-app", "display": "sk-AbCd…"}, "key": KEY},
    )
    settings = [
        {"path": "server.host", "value": "::", "origin": "default"},
        {"path": "server.port", "value": "9000", "origin": "flag --port"},
    ]
    state = {
        "version": "1",
        "started_at": "2026-11-20T00:00:00Z",
        "control": {"pid": 1},
        "settings": settings,
    }
    node.data("GET", "/api/v1/node", state)

    ran = keyturn("env", "my-app", "--yes")

    assert ran.status == 0
    assert f"export OPENAI_API_KEY={KEY}" in ran.out
    assert "export OPENAI_BASE_URL='http://[::1]:9000/v1'" in ran.out


def test_the_file_is_written_for_its_owner_alone_and_other_lines_stay(keyturn: Run, tmp_path: Path) -> None:
    """Whoever else reads it has the key."""
    (tmp_path / ".env").write_text("OTHER=1\nOPENAI_API_KEY=old\n")
    (tmp_path / ".env").chmod(0o644)

    ran = keyturn("env", "-", "--shell", "dotenv", typed=KEY)

    assert (ran.status, ran.out) == (0, "")
    assert (tmp_path / ".env").read_text().splitlines() == [
        "OTHER=1",
        f"OPENAI_API_KEY={KEY}",
        f"KEYTURN_API_KEY={KEY}",
        "OPENAI_BASE_URL=http://127.0.0.1:8080/v1",
    ]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env"]
    assert KEY not in ran.err


def test_git_is_kept_from_committing_it(keyturn: Run, repository: Path) -> None:
    """With --yes at once; the second time there is nothing more to do."""
    (repository / ".gitignore").write_text("*.log")

    first = keyturn("env", KEY, "--shell", "dotenv", "--yes")
    second = keyturn("env", KEY, "--shell", "dotenv")

    assert (first.status, second.status) == (0, 0)
    assert (repository / ".gitignore").read_text() == "*.log\n.env\n"
    assert ".env" not in git(repository, "status", "--porcelain", "--untracked-files=all").split()
    assert "ignore" not in second.err


def test_a_script_that_did_not_say_yes_is_warned(keyturn: Run, repository: Path) -> None:
    """Nobody is there to ask, and .gitignore is the user's."""
    ran = keyturn("env", KEY, "--shell", "dotenv")

    assert ran.status == 0
    assert "add .env to .gitignore" in ran.err
    assert not (repository / ".gitignore").exists()


def test_a_file_that_git_tracks_gets_no_key(keyturn: Run, repository: Path) -> None:
    """The next commit would publish it, whatever .gitignore says."""
    (repository / ".env").write_text("A=1\n")
    git(repository, "add", "-f", ".env")

    ran = keyturn("env", KEY, "--shell", "dotenv", "--yes")

    assert ran.status == 1
    assert "git tracks .env" in ran.err
    assert (repository / ".env").read_text() == "A=1\n"


def test_a_symbolic_link_is_not_replaced(keyturn: Run, tmp_path: Path) -> None:
    """It would cut the link, and the key would stand where nobody expects it."""
    (tmp_path / "shared").write_text("A=1\n")
    (tmp_path / ".env").symlink_to("shared")

    ran = keyturn("env", KEY, "--shell", "dotenv")

    assert ran.status == 1
    assert (tmp_path / "shared").read_text() == "A=1\n"
    assert (tmp_path / ".env").is_symlink()


def test_exposed_keys_are_sent_from_standard_input(keyturn: Run, node: ManagementApi) -> None:
    """A thousand at a time, each once; never without --yes."""
    node.data("POST", "/api/v1/keys/revoke-exposed", {"accepted": 1})
    texts = [f"text-{number}" for number in range(1_001)]

    asked = keyturn("keys", "revoke-exposed", typed=KEY)
    done = keyturn("keys", "revoke-exposed", "--yes", typed="\n".join([*texts, texts[0], ""]))
    nothing = keyturn("keys", "revoke-exposed", "--yes", typed="\n")

    assert (asked.status, done.status, nothing.status) == (1, 0, 1)
    assert KEY not in asked.err + asked.out
    assert [one.body["keys"] for one in node.asked] == [texts[:1000], texts[1000:]]


def test_what_is_no_key_sets_no_variable(keyturn: Run) -> None:
    """An error message that went into the pipe instead of a key must not end up in ``.env``."""
    ran = keyturn("env", "-", typed="keyturn: no node runs here\n")

    assert (ran.status, ran.out) == (1, "")
