"""A real control process, started as the supervisor does it and spoken to over its sockets."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import msgspec

from keyturn.config.data_directory import DataDirectory
from keyturn.config.sections import Auth, Metrics, Rotation, Settings
from keyturn.node.child import Brief, Ready
from support import empty_database
from support.node import NO_TLS

DEADLINE_S = 20
METRICS_TOKEN = "metrics-token"
KEY_HEADER = "x-gateway-key"
COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""By these variables a Python that starts learns that coverage traces it."""


class ControlProcess:
    """A control process that runs.

    Attributes:
        data: Its data directory.
        first_key: The key it made, empty at a later start.
        setup_token: Of the link that makes the first owner, while there is none.
        operator: HTTP through the control socket.
        relayed: HTTP through the relay socket, as a worker passes it on.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], data: DataDirectory, ready: Ready, log: Path
    ) -> None:
        self.process = process
        self.data = data
        self.first_key = ready.first_key
        self.setup_token = ready.setup_token
        self.log = log
        self.operator = _client(data.control_socket)
        self.relayed = _client(data.relay_socket)

    async def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Make a call as the operator while the test's own servers go on."""
        return await asyncio.to_thread(self.operator.request, method, path, json=body)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; return the exit status."""
        self.process.send_signal(how)
        return self.wait()

    def hang_up(self) -> int:
        """Close its standard input, as the death of the supervisor does; return the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        status = self.process.wait(DEADLINE_S)
        self.close()
        return status

    def close(self) -> None:
        """Let go of everything."""
        self.operator.close()
        self.relayed.close()
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()


def begin(
    data: Path,
    *,
    demo_port: int = 0,
    provider_keys: dict[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
    sections: Mapping[str, msgspec.Struct] | None = None,
) -> tuple[subprocess.Popen[bytes], IO[bytes], Path]:
    """Start a process and wait for nothing; return it with its end of the ready pipe to read from, and its log."""
    empty_database.give(DataDirectory(data))
    read_end, write_end = os.pipe()
    log = data.parent / f"{data.name}.log"
    settings = Settings(
        data=str(data),
        metrics=Metrics(token=METRICS_TOKEN),
        auth=Auth(headers=(KEY_HEADER,)),
        rotation=Rotation(sinks=frozenset({str(data.parent)})),
    )
    settings = msgspec.structs.replace(settings, **(sections or {}))
    brief = Brief(settings, "control", write_end, demo_port=demo_port, provider_keys=provider_keys or {})
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "keyturn.node.control_process"],
            stdin=subprocess.PIPE,
            stderr=errors,
            pass_fds=[write_end],
            env=environment,
        )
    os.close(write_end)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(brief) + b"\n")
    process.stdin.flush()
    return process, os.fdopen(read_end, "rb"), log


def launch(
    data: Path,
    *,
    demo_port: int = 0,
    provider_keys: dict[str, str] | None = None,
    traced: bool = True,
    sections: Mapping[str, msgspec.Struct] | None = None,
) -> tuple[subprocess.Popen[bytes], bytes, Path]:
    """Start a process; return it with what it said on the ready pipe (nothing if it refused) and its log.

    With ``traced=False`` it runs as users run it, though coverage measures the tests: a bound on the time it takes is
    to judge the program and not the tracer, which makes it take twice as long. ``sections`` are settings.
    """
    environment = {name: value for name, value in os.environ.items() if traced or name not in COVERAGE}
    process, pipe, log = begin(
        data,
        demo_port=demo_port,
        provider_keys=provider_keys,
        environment=environment,
        sections=sections,
    )
    with pipe:
        return process, pipe.readline(), log


@contextmanager
def control_process(
    data: Path,
    *,
    demo_port: int = 0,
    provider_keys: dict[str, str] | None = None,
    traced: bool = True,
    sections: Mapping[str, msgspec.Struct] | None = None,
) -> Iterator[ControlProcess]:
    """Run a control process until the block ends; ``traced`` and ``sections`` as ``launch`` takes them."""
    process, said, log = launch(
        data, demo_port=demo_port, provider_keys=provider_keys, traced=traced, sections=sections
    )
    try:
        ready = msgspec.json.decode(said, type=Ready)
        found = ControlProcess(process, DataDirectory(data), ready, log)
        try:
            yield found
        finally:
            found.close()
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        finally:
            process.kill()
            process.wait()


def _client(socket: Path) -> httpx.Client:
    return httpx.Client(
        transport=httpx.HTTPTransport(uds=str(socket), verify=NO_TLS),
        base_url="http://127.0.0.1:8080",
        timeout=DEADLINE_S,
    )
