"""Making a place for a node."""

import stat
from pathlib import Path

from keyturn.config.load import load
from keyturn.config.sections import Settings
from unit.cli.conftest import Run


def test_a_place_is_made_that_changes_no_setting(keyturn: Run, tmp_path: Path) -> None:
    """Everything is explained and nothing is decided."""
    ran = keyturn("init")

    assert ran.status == 0
    assert (tmp_path / ".keyturn/secrets").is_dir()
    assert load(folder=tmp_path, environment={}).settings == Settings()


def test_nobody_else_can_read_what_is_made(keyturn: Run, tmp_path: Path) -> None:
    """The file may come to hold a token, and the directory holds the keys."""
    keyturn("init")

    assert stat.S_IMODE((tmp_path / "keyturn.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / ".keyturn").stat().st_mode) == 0o700


def test_a_file_that_is_there_stays(keyturn: Run, tmp_path: Path) -> None:
    """Running it twice must not cost anybody their settings."""
    (tmp_path / "keyturn.toml").write_text("server.port = 9000\n")

    ran = keyturn("init")

    assert ran.status == 0
    assert "--force" in ran.out
    assert (tmp_path / "keyturn.toml").read_text() == "server.port = 9000\n"


def test_force_writes_it_anew(keyturn: Run, tmp_path: Path) -> None:
    """On request only."""
    (tmp_path / "keyturn.toml").write_text("server.port = 9000\n")

    keyturn("init", "--force")

    assert "# port = 8080" in (tmp_path / "keyturn.toml").read_text()


def test_another_place_is_remembered(keyturn: Run, tmp_path: Path) -> None:
    """`keyturn serve` finds it without the flag."""
    keyturn("init", "--data", "state")

    assert (tmp_path / "state/run").is_dir()
    assert load(folder=tmp_path, environment={}).settings.data == "state"


def test_a_place_that_cannot_be_made_is_named(keyturn: Run, tmp_path: Path) -> None:
    """One line, with the path."""
    (tmp_path / "file").touch()

    ran = keyturn("init", "--data", "file/data")

    assert ran.status == 1
    assert ran.err.count("\n") == 1
    assert "Not a directory" in ran.err
