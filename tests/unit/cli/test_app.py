"""The program as a whole: names, helps, exit status, and how soon it is there."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from keyturn import __version__
from keyturn.cli.app import COMMANDS, module_of
from unit.cli.conftest import Run


def loaded_modules(*arguments: str) -> set[str]:
    """Run the program and return what it had imported by its end."""
    code = (
        "import sys\nfrom keyturn.cli.app import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return set(ran.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_itself(name: str) -> None:
    """The list is shown without loading the commands; it may not drift from them."""
    command = get_command(importlib.import_module(module_of(name)).app)

    first_line = (command.help or "").splitlines()[0]

    assert first_line == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example(keyturn: Run, name: str) -> None:
    """A sentence and something to paste, for each."""
    ran = keyturn(name, "--help")

    assert ran.status == 0
    assert f"keyturn {name}" in ran.out.replace("Usage: keyturn", "")


@pytest.mark.parametrize("name", ["keys", "upstreams", "models", "audit"])
def test_every_command_of_a_noun_has_an_example_too(keyturn: Run, name: str) -> None:
    """The verbs are what people look up."""
    group = get_command(importlib.import_module(module_of(name)).app)

    for verb, command in group.commands.items():  # type: ignore[attr-defined]
        text = command.help or ""

        assert f"keyturn {name} {verb}" in text, verb


def test_help_is_there_at_once() -> None:
    """Nobody waits for a server's libraries to read a page of text."""
    modules = loaded_modules("--help")

    assert not modules & {"httpx", "sqlalchemy", "litestar", "uvloop", "structlog", "keyturn.node.supervisor"}


def test_a_command_does_not_load_the_server() -> None:
    """Commands speak HTTP; the store and the framework are the node's."""
    modules = loaded_modules("keys", "list")

    assert "httpx" in modules
    assert not modules & {"sqlalchemy", "litestar", "alembic", "keyturn.node.supervisor"}


def test_serve_loads_neither_the_store_nor_a_client() -> None:
    """The children are to be started within moments."""
    modules = loaded_modules("serve", "--port", "99999")

    assert "keyturn.node.supervisor" in modules
    assert not modules & {"httpx", "sqlalchemy", "litestar", "alembic"}


@pytest.mark.parametrize("arguments", [("version",), ("--version",)])
def test_the_version_can_be_asked_for_in_both_ways(keyturn: Run, arguments: tuple[str, ...]) -> None:
    """Bug reports begin with it."""
    ran = keyturn(*arguments)

    assert ran.status == 0
    assert ran.out.startswith(f"keyturn {__version__}")


def test_a_misspelt_command_is_a_usage_error_with_a_hint(keyturn: Run) -> None:
    """2 is for command lines that can't be understood."""
    ran = keyturn("kyes", "list")

    assert ran.status == 2
    assert "Did you mean 'keys'?" in ran.err


def test_an_unknown_option_is_a_usage_error(keyturn: Run) -> None:
    """Nothing happens on half an understanding."""
    assert keyturn("keys", "list", "--colour").status == 2


def test_the_module_runs_as_the_program_does() -> None:
    """`python -m keyturn` is there where the command is not on the path."""
    ran = subprocess.run(
        [sys.executable, "-m", "keyturn", "version"], capture_output=True, text=True, check=True
    )

    assert ran.stdout.startswith("keyturn ")


def test_a_full_disk_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    """A script that writes a list to a file reads why it has none."""
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "keyturn", "doctor"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
        )

    assert ran.returncode == 1
    assert ran.stderr.decode().count("\n") == 1
