"""The demo upstream as a process of its own, for tests that need a provider."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec


class DemoUpstream(msgspec.Struct, frozen=True):
    """A running demo upstream."""

    url: str
    """Such as ``http://127.0.0.1:39999/v1``."""
    process: subprocess.Popen[str]
    log: Path | None = None
    key: str = ""

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def served(self) -> list[dict[str, Any]]:
        """Return what it says it has served so far, in order."""
        assert self.log is not None
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def demo_upstream(*, log: Path | None = None, key: str = "", workers: int = 1) -> Iterator[DemoUpstream]:
    """Start one on a free port and end it afterwards."""
    command = [sys.executable, "-m", "keyturn.demo", "--port", "0", "--key", key, "--workers", str(workers)]
    command += ["--log", str(log)] if log is not None else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield DemoUpstream(process.stdout.readline().strip(), process, log, key)
        finally:
            process.terminate()
            process.wait(timeout=10)
