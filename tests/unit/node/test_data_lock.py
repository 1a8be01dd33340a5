"""One node per data directory."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from keyturn.config.data_directory import DataDirectory
from keyturn.node.data_lock import LONGEST_SOCKET_PATH, DataDirectoryError, hold, holder
from keyturn.system import is_locked


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """A data directory that does not exist yet."""
    return DataDirectory(tmp_path / "data")


async def test_the_holder_is_known_while_it_holds(data: DataDirectory) -> None:
    """`keyturn doctor` and a second node ask who it is."""
    async with hold(data, patience_s=0):
        assert holder(data) == os.getpid()
        assert is_locked(data.supervisor_pid)

    assert holder(data) == 0
    assert not is_locked(data.supervisor_pid)


async def test_a_holder_that_lives_is_not_waited_for(data: DataDirectory) -> None:
    """The answer is there at once: it is in use."""
    async with hold(data, patience_s=0):
        with pytest.raises(DataDirectoryError, match=f"process {os.getpid()}"):
            async with hold(data, patience_s=3600):
                pass


async def test_the_children_of_a_dead_holder_are_waited_for(data: DataDirectory) -> None:
    """They still write their last records; beside them, a new node would count these twice."""
    async with hold(data, patience_s=0) as descriptor:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "input()"), stdin=asyncio.subprocess.PIPE, pass_fds=(descriptor,)
        )
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    data.supervisor_pid.write_text(str(dead.pid))

    with pytest.raises(DataDirectoryError, match="processes of an earlier node still run"):
        async with hold(data, patience_s=0):
            pass
    waiting = asyncio.get_running_loop().create_task(_hold_once(data))
    await child.communicate(b"\n")
    await waiting

    assert holder(data) == 0


async def _hold_once(data: DataDirectory) -> None:
    async with hold(data, patience_s=20):
        pass


async def test_a_path_too_long_for_sockets_is_said_to_be(tmp_path: Path) -> None:
    """The kernel's own words would be "AF_UNIX path too long", from a process further down."""
    deep = DataDirectory(tmp_path / ("x" * LONGEST_SOCKET_PATH))

    with pytest.raises(DataDirectoryError, match="too long"):
        async with hold(deep, patience_s=0):
            pass

    assert not deep.root.exists()


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """One line with the path and the reason."""
    (tmp_path / "file").touch()

    with pytest.raises(DataDirectoryError, match="Not a directory"):
        async with hold(DataDirectory(tmp_path / "file/data"), patience_s=0):
            pass


@pytest.mark.parametrize("text", ["", "nonsense"])
def test_a_file_that_names_nobody_means_nobody(data: DataDirectory, text: str) -> None:
    """A crash may leave anything."""
    data.create()
    data.supervisor_pid.write_text(text)

    assert holder(data) == 0


def test_without_a_directory_there_is_no_holder(data: DataDirectory) -> None:
    """Asking creates nothing."""
    assert holder(data) == 0
    assert not data.root.exists()
