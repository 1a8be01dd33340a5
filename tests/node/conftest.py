"""Real supervisors with real, small children, and whole nodes."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fakes.running_node import DEADLINE_S, PROGRAM, RunningNode, StartNode
from fakes.served_node import ServedNode


@pytest.fixture
async def start_node(tmp_path: Path) -> AsyncIterator[StartNode]:
    """Start supervisors; what is left of them at the end is killed."""
    nodes: list[RunningNode] = []

    async def start(*, workers: int = 2, drain_s: float = 1.0, port: int = 0, **habits: str) -> RunningNode:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,
        )
        assert process.stdin is not None
        settings = {
            "data": str(tmp_path / "data"),
            "server": {"port": port, "workers": workers, "drain_s": drain_s},
        }
        process.stdin.write(msgspec.json.encode({"settings": settings, "habits": habits}) + b"\n")
        node = RunningNode(process)
        nodes.append(node)
        return node

    yield start
    for node in nodes:
        # Twice Ctrl-C, so that the supervisor ends by itself and its coverage is kept.
        for number in (signal.SIGINT, signal.SIGINT):
            with contextlib.suppress(ProcessLookupError):
                node.signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(node.process.wait(), DEADLINE_S)
        with contextlib.suppress(ProcessLookupError):
            node.process.kill()
        for event in node.said("began"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(event["pid"], signal.SIGKILL)
        await node.exit_status()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ServedNode]:
    """A node that has not been started; what runs at the end is stopped."""
    node = ServedNode(tmp_path)
    yield node
    node.send(signal.SIGINT)
    await node.ended()
