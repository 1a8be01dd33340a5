"""The program in this process, in a working directory of its own, beside a management API."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from fakes.management_api import ManagementApi, over_socket
from keyturn.cli.app import main


class Ran(msgspec.Struct, frozen=True):
    """What a command came to."""

    status: int
    out: str
    err: str


class Run(Protocol):
    """Runs ``keyturn`` with these arguments."""

    def __call__(self, *arguments: str, typed: str = "") -> Ran:
        """Run it; ``typed`` is what stands on its standard input."""


@pytest.fixture
def keyturn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program, with an environment in which nothing is set."""
    for name in os.environ:
        if name.startswith("KEYTURN_") or name.endswith("API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, typed: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["keyturn", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def node(tmp_path: Path, keyturn: Run) -> Iterator[ManagementApi]:
    """A management API on the control socket of the data directory that commands take by default."""
    run = tmp_path / ".keyturn/run"
    run.mkdir(parents=True, mode=0o700)
    (tmp_path / ".keyturn").chmod(0o700)
    with over_socket(run / "control.sock") as api:
        yield api
