"""The commands that the hand-written pages tell people to type."""

import importlib
import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from keyturn.cli.app import COMMANDS, module_of
from keyturn.config.load import KEY_NAMES, SHORT_NAMES, URL_NAME, variable_name
from keyturn.config.reference import entries

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]

SOCKETS = {"relay.sock"}
"""Files that look like settings."""

OPERATORS = {"|", "<", ">", ">>", "&&"}
"""What ends a command in a shell."""

_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(keyturn [^`…]+)`")
_VARIABLE = re.compile(r"\bKEYTURN_[A-Z_]+\b")
_TARGET = re.compile(r"(?:^|`|sudo )make ([a-z]+)\b", re.MULTILINE)


def documented() -> list[str]:
    """Return every call of the program in the pages, as typed after any ``sudo`` or ``cd``."""
    found = set()
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [line for block in _SHELL.findall(text) for line in _lines(block)]
        for line in [*lines, *_INLINE.findall(text)]:
            words = shlex.split(line, comments=True) if "keyturn " in line else []
            starts = [number for number, word in enumerate(words) if _is_program(words, number)]
            called = [number for number in starts if words[number + 1 : number + 2]]
            calls = [words[number + 1 :] for number in called if words[number + 1] in COMMANDS]
            found |= {shlex.join(takewhile(lambda word: word not in OPERATORS, call)) for call in calls}
    return sorted(found)


def _is_program(words: list[str], number: int) -> bool:
    """Say whether a word is the program, and not the user that it runs as."""
    return words[number].rpartition("/")[2] == "keyturn" and words[max(0, number - 1)] != "-u"


def _lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def test_the_pages_show_commands() -> None:
    """The next test says nothing if none is found."""
    assert len(documented()) > 15


@pytest.mark.parametrize("line", documented())
def test_a_documented_command_is_understood(line: str) -> None:
    """Whoever copies a line from the README must not be told that there is no such option."""
    name, *arguments = shlex.split(line)
    command: Any = get_command(importlib.import_module(module_of(name)).app)
    named_in_passing = not arguments or (hasattr(command, "commands") and len(arguments) == 1)

    while hasattr(command, "commands") and arguments:
        name, *arguments = arguments
        command = command.commands[name]

    if not named_in_passing:
        command.make_context(name, arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_variables_are_read(page: Path) -> None:
    """A variable that nobody reads is an error at the start of the node."""
    read = {*SHORT_NAMES, *KEY_NAMES, URL_NAME, *map(variable_name, entries())}

    assert set(_VARIABLE.findall(page.read_text("utf-8"))) <= read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_make_targets_exist(page: Path) -> None:
    """The Makefile is the front door."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert set(_TARGET.findall(page.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_settings_exist(page: Path) -> None:
    """As with variables: an unknown setting is an error."""
    sections = {path.partition(".")[0] for path in entries() if "." in path}
    named = re.findall(r"`([a-z]+\.[a-z_]+)`", page.read_text("utf-8"))

    assert {name for name in named if name.partition(".")[0] in sections} - SOCKETS <= set(entries())
