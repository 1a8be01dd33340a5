"""What is asked of the machine."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog

from keyturn import system
from keyturn.domain import ids, key_text


def test_an_identifier_is_new_each_time_and_in_order_of_time() -> None:
    """It names one thing for ever."""
    minted = [system.new_id(ids.KEY) for _ in range(1000)]

    assert len(set(minted)) == 1000
    assert all(ids.is_id(one, ids.KEY) for one in minted)
    assert [one[:11] for one in minted] == sorted(one[:11] for one in minted)


def test_the_clock_is_the_systems() -> None:
    """In the unit that each name says."""
    assert abs(system.now() - time.time()) < 5
    assert abs(system.now_ms() / 1000 - time.time()) < 5
    assert abs(system.now_ns() / 1e9 - time.time()) < 5
    assert system.monotonic() <= system.monotonic()


@pytest.mark.parametrize("kind", list(key_text.Kind))
def test_a_new_key_is_well_formed_and_like_no_other(kind: key_text.Kind) -> None:
    """154 random bits."""
    keys = {system.new_key(kind).reveal() for _ in range(200)}

    assert len(keys) == 200
    assert all(key_text.is_well_formed(one) for one in keys)


def test_random_bytes_are_as_many_as_asked_for() -> None:
    """For keys and nonces."""
    assert len(system.random_bytes(32)) == 32
    assert system.random_bytes(32) != system.random_bytes(32)


async def test_a_background_task_is_held_until_it_ends() -> None:
    """The loop holds tasks only weakly."""
    tasks = system.Tasks()
    go = asyncio.Event()

    task = tasks.spawn(go.wait(), name="waiting")
    assert task in tasks._running

    go.set()
    await task
    await asyncio.sleep(0)
    assert not tasks._running


async def test_a_background_task_that_fails_is_logged_once() -> None:
    """Nobody awaits it, so nobody else would say."""
    tasks = system.Tasks()

    async def fail() -> None:
        raise RuntimeError("broken")

    with structlog.testing.capture_logs() as logs:
        await asyncio.wait([tasks.spawn(fail(), name="failing")])
        await asyncio.sleep(0)

    assert [(line["event"], line["task"], str(line["exc_info"])) for line in logs] == [
        ("background task failed", "failing", "broken")
    ]


async def test_cancelled_tasks_have_ended_when_cancel_returns_and_are_no_failure() -> None:
    """What they hold is let go of in order."""
    tasks = system.Tasks()
    ended: list[str] = []

    async def hold() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("held")

    tasks.spawn(hold(), name="one")
    tasks.spawn(hold(), name="two")
    await asyncio.sleep(0)

    with structlog.testing.capture_logs() as logs:
        await tasks.cancel()

    assert ended == ["held", "held"]
    assert logs == []


def test_a_locked_file_is_held_by_somebody(tmp_path: Path) -> None:
    """That is how a living worker's journal is told from a dead one's."""
    path = tmp_path / "file"
    assert not system.is_locked(path)

    path.touch()
    assert not system.is_locked(path)

    with path.open() as file:
        system.lock(file.fileno())
        assert system.is_locked(path)
        with path.open() as other, pytest.raises(BlockingIOError):
            system.lock(other.fileno())
    assert not system.is_locked(path)


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    """`kill -9` runs no clean-up."""
    path = tmp_path / "file"
    program = (
        "import sys; from keyturn import system; file = open(sys.argv[1], 'w'); "
        "system.lock(file.fileno()); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        assert system.is_locked(path)

        process.kill()
        process.wait()

    assert not system.is_locked(path)


def test_asking_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """It is asked ten times a second."""
    path = tmp_path / "file"
    path.touch()
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(10):
        system.is_locked(path)
        system.is_locked(tmp_path / "missing")

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_memory_of_a_process_is_known_and_that_of_none_is_nothing() -> None:
    """A worker may end between two reports."""
    assert system.resident_bytes(os.getpid()) > 1 << 20
    assert system.resident_bytes(2**22 + 1) == 0
