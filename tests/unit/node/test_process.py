"""One run of a child process."""

import sys

import pytest

from keyturn.config.sections import Settings
from keyturn.node.child import Brief
from keyturn.node.process import Process, describe


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit status 0"), (3, "exit status 3"), (-9, "killed by SIGKILL"), (-63, "killed by signal 63")],
)
def test_an_end_is_told_in_words(status: int, words: str) -> None:
    """-9 means something to few."""
    assert describe(status) == words


@pytest.mark.parametrize(
    "program",
    ["", "import os; os.write(int(FD), b'nonsense\\n')", "import os; os.write(int(FD), b'x' * 100000)"],
)
async def test_a_child_that_says_nothing_sensible_was_not_ready(program: str) -> None:
    """Whatever comes out of the pipe, the supervisor goes on."""
    read = "import json, sys; FD = json.loads(sys.stdin.readline())['ready_fd']; "

    process = await Process.start(
        (sys.executable, "-c", read + program),
        lambda descriptor: Brief(settings=Settings(), process="child", ready_fd=descriptor),
        inherits=(),
    )

    assert await process.said is None
    assert await process.exited() is not None
    assert not process.runs
