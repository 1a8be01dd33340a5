"""The demo upstream as a process: how it starts, shares its port, and ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from fakes.demo_upstream import demo_upstream
from keyturn.config.sections import Server, Settings
from keyturn.node.child import Brief, Ready

ASK = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


def test_several_workers_share_port_and_log(tmp_path: Path) -> None:
    """Each line of the log is whole, whoever wrote it, and none is missing."""
    with demo_upstream(log=tmp_path / "served.log", workers=2) as upstream:
        for _ in range(20):
            httpx.post(f"{upstream.url}/chat/completions", json=ASK, timeout=10).raise_for_status()

        assert len(upstream.served()) == 20


def test_answers_under_way_are_finished_before_it_ends(tmp_path: Path) -> None:
    """SIGTERM drains."""
    with (
        demo_upstream(log=tmp_path / "served.log") as upstream,
        httpx.stream(
            "POST",
            f"{upstream.url}/chat/completions",
            json=ASK | {"stream": True, "demo_words": 20, "demo_interval_ms": 10},
            timeout=10,
        ) as answer,
    ):
        upstream.process.send_signal(signal.SIGTERM)
        text = answer.read()

        assert text.endswith(b"data: [DONE]\n\n")
        assert upstream.process.wait(timeout=10) == 0


@contextmanager
def demo_of_a_node(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the process as the supervisor does, and wait until it is ready."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
    reading, writing = os.pipe()
    brief = Brief(settings=settings, process="demo", ready_fd=writing, listen_fd=listener.fileno())
    command = [sys.executable, "-m", "keyturn.node.demo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[writing, listener.fileno()]) as child:
        os.close(writing)
        listener.close()
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(brief) + b"\n")
        child.stdin.flush()
        with os.fdopen(reading, "rb") as ready:
            assert msgspec.json.decode(ready.readline(), type=Ready).process == "demo"
        try:
            yield child, url
        finally:
            child.kill()


@pytest.mark.parametrize("goodbye", ["lifeline", "SIGTERM"])
def test_the_node_starts_it_and_ends_it(goodbye: str, tmp_path: Path) -> None:
    """It serves on the supervisor's socket and ends when told, or when the supervisor is gone."""
    with demo_of_a_node(Settings(data=str(tmp_path))) as (child, url):
        answer = httpx.post(url, json=ASK, timeout=10)

        if goodbye == "lifeline":
            assert child.stdin is not None
            child.stdin.close()
        else:
            child.terminate()

        assert answer.json()["choices"][0]["message"]["content"] == "hi"
        assert child.wait(timeout=10) == 0


def test_an_endless_answer_does_not_keep_it(tmp_path: Path) -> None:
    """Draining has a limit."""
    settings = Settings(data=str(tmp_path), server=Server(drain_s=0.05))
    endless = ASK | {"stream": True, "demo_words": 20_000, "demo_interval_ms": 50}
    with (
        demo_of_a_node(settings) as (child, url),
        httpx.stream("POST", url, json=endless, timeout=10) as answer,
    ):
        child.terminate()

        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
        assert child.wait(timeout=10) == 0
