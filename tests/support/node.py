"""A real node, started as an operator starts it, for tests that speak to its port."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from keyturn.config.data_directory import DataDirectory
from support import empty_database

READY_S = 60.0
"""How long a start may take on a machine that has much else to do; no promise to anybody."""
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: reading the machine's certificate authorities takes 20 ms each time."""
STEP_S = 0.02

_KEY = re.compile(r"sk-[0-9A-Za-z]{32}")


def held_port() -> socket.socket:
    """Take a TCP port that nobody listens on, and that is given to nobody else while the socket is open.

    It is bound only: whoever means this port may listen on it, as often as it likes, and who connects before is refused.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def free_port() -> int:
    """Return a TCP port that nobody listens on; it is held as long as this process lives."""
    holder = held_port()
    port: int = holder.getsockname()[1]
    holder.detach()
    return port


def until(condition: Any, *, within_s: float = 30.0, what: str = "the condition") -> Any:
    """Ask until the answer is true, and return it; the last time after the deadline, however long each answer takes."""
    deadline = time.monotonic() + within_s
    while True:
        late = time.monotonic() > deadline
        answer = condition()
        if answer:
            return answer
        if late:
            raise AssertionError(f"{what} did not come true within {within_s} s")
        time.sleep(STEP_S)


class Node:
    """``keyturn serve`` in a directory of its own."""

    def __init__(self, folder: Path, *, workers: int = 2, demo: bool = True, **settings: str) -> None:
        """Describe a node; nothing is started.

        Args:
            folder: Empty; becomes the working directory, with the data in ``data``.
            workers: Gateway workers.
            demo: Start the demo upstream too.
            settings: ``KEYTURN_*`` variables by their lower-case rest, such as ``server__max_body_bytes="1000"``.
        """
        self.folder = folder
        self.data = folder / "data"
        holder = held_port()
        weakref.finalize(self, holder.close)
        self.port: int = holder.getsockname()[1]
        self.workers = workers
        self.demo = demo
        self.output = folder / "output.txt"
        self.errors = folder / "errors.txt"
        self.key = ""
        self.process: subprocess.Popen[bytes] | None = None
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("KEYTURN_", "OPENAI_"))
        }
        self.environment = kept | {
            "KEYTURN_DATA": str(self.data),
            "KEYTURN_PORT": str(self.port),
            "KEYTURN_WORKERS": str(workers),
            **{f"KEYTURN_{name.upper()}": value for name, value in settings.items()},
        }

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Node":
        """Start it and wait until it answers; takes the first key from what it prints."""
        empty_database.give(DataDirectory(self.data))
        command = [sys.executable, "-m", "keyturn", "serve", *(["--demo"] if self.demo else [])]
        with self.output.open("ab") as output, self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output, stderr=errors
            )
        try:
            until(self._answers, within_s=READY_S, what="the node's readiness")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.errors.read_text()}\n{self.output.read_text()}") from error
        found = _KEY.search(self.output.read_text())
        if found is not None and not self.key:
            self.key = found[0]
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.errors.read_text()
        try:
            ready = httpx.get(f"{self.url}/readyz", timeout=1, verify=NO_TLS).status_code == 200
        except httpx.TransportError:
            return False
        return ready and "Dashboard" in self.output.read_text()  # the last of what the start prints

    def stop(self, *, number: int = signal.SIGTERM, within_s: float = 10.0) -> int:
        """End it and return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def kill_everything(self) -> None:
        """End whatever is left, however stuck."""
        if self.process is None:
            return
        pids = [self.process.pid, *self.children().values()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)

    def children(self) -> dict[str, int]:
        """Return the node's processes: ``control``, ``demo``, ``worker 1``… → process id."""
        assert self.process is not None
        found: dict[str, int] = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
                command = (status.parent / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == self.process.pid:
                for name in ("worker", "control_process", "demo"):
                    if f"keyturn.node.{name}".encode() in command:
                        label = name.removesuffix("_process")
                        found[f"{label} {status.parent.name}" if label == "worker" else label] = int(
                            status.parent.name
                        )
        return found

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers."""
        return [pid for name, pid in self.children().items() if name.startswith("worker")]

    def cli(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line against this node."""
        return subprocess.run(
            [sys.executable, "-m", "keyturn", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
        )

    def manage(self, method: str, path: str, *, body: Any = None, timeout_s: float = 15.0) -> Any:
        """Call the management API as the local operator; returns the answer's JSON."""
        transport = httpx.HTTPTransport(uds=str(self.data / "run" / "control.sock"), verify=NO_TLS)
        with httpx.Client(transport=transport, base_url="http://keyturn", timeout=timeout_s) as client:
            answer = client.request(method, path, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the port, on a connection of its own; the options are those of ``httpx.request``."""
        return httpx.request(method, f"{self.url}{path}", timeout=30, verify=NO_TLS, **options)

    def new_key(self, name: str, **members: Any) -> tuple[str, str]:
        """Create a key; returns its id and its secret."""
        answer = self.manage("POST", "/api/v1/keys", body={"name": name, **members})
        return answer["data"]["id"], answer["key"]

    def chat(self, content: str = "hello", *, key: str | None = None, **members: Any) -> httpx.Response:
        """Ask for a chat completion."""
        return self.send(
            "POST",
            "/v1/chat/completions",
            headers={"authorization": f"Bearer {self.key if key is None else key}"},
            json={"model": "demo-chat", "messages": [{"role": "user", "content": content}], **members},
        )

    def explain(self, request_id: str) -> dict[str, Any]:
        """Return what the node knows of a request."""
        data: dict[str, Any] = json.loads(self.cli("explain", request_id, "--json").stdout)
        return data

    def story(self, answer: httpx.Response) -> dict[str, Any]:
        """Return what the node knows of the request with this answer; quicker than ``explain``."""
        data: dict[str, Any] = self.manage("GET", f"/api/v1/requests/{answer.headers['x-request-id']}")[
            "data"
        ]
        return data

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what a list command of the command line prints as JSON."""
        found: list[dict[str, Any]] = json.loads(self.cli(*arguments, "--json").stdout)
        return found


@contextmanager
def running(node: Node) -> Iterator[Node]:
    """Start a node and end it afterwards, whatever happens."""
    try:
        yield node.start()
        if node.process is not None and node.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.stop()
    finally:
        node.kill_everything()


@contextmanager
def without_control(node: Node) -> Iterator[None]:
    """Kill the control process, and hold those who would start it again."""
    assert node.process is not None
    control = node.children()["control"]
    os.kill(node.process.pid, signal.SIGSTOP)
    try:
        os.kill(control, signal.SIGKILL)
        yield
    finally:
        os.kill(node.process.pid, signal.SIGCONT)
