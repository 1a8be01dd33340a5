"""The settings file that is generated."""

import tomllib
from pathlib import Path

from keyturn.config.load import load
from keyturn.config.reference import commented_file, descriptions, entries, section_names
from keyturn.config.sections import Settings


def test_every_setting_and_section_is_described() -> None:
    """A setting that nobody explains can't be set."""
    words = descriptions()

    assert all(words[path] for path in entries())
    assert all(words[name] for name in section_names())


def test_the_generated_file_changes_nothing(tmp_path: Path) -> None:
    """`keyturn init` is safe to run."""
    (tmp_path / "keyturn.toml").write_text(commented_file({}))

    assert load(folder=tmp_path, environment={}).settings == Settings()


def test_the_generated_file_holds_the_defaults_when_uncommented(tmp_path: Path) -> None:
    """What is shown as the default is the default, in valid TOML."""
    lines = commented_file({}).splitlines()
    settings = "\n".join(line.removeprefix("# ") for line in lines if " = " in line or line.startswith("["))

    (tmp_path / "keyturn.toml").write_text(settings)

    assert tomllib.loads(settings)["server"]["port"] == 8080
    assert load(folder=tmp_path, environment={}).settings == Settings()


def test_a_given_value_stands_in_force(tmp_path: Path) -> None:
    """`keyturn init --data X` is remembered by the file."""
    (tmp_path / "keyturn.toml").write_text(commented_file({"data": 'a "quoted" place'}))

    assert load(folder=tmp_path, environment={}).settings.data == 'a "quoted" place'


def test_what_holds_credentials_is_marked() -> None:
    """`keyturn doctor` goes by these marks."""
    marked = {path for path, entry in entries().items() if entry.secret}

    assert marked == {
        "metrics.token",
        "oidc.client_secret",
        "relay.proxy",
        "smtp.password",
        "vault.master_key",
        "vault.pepper",
    }
