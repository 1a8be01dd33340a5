"""What is measured: the bare upstream, nginx in front of it, Keyturn in front of it."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from bench import processes

UPSTREAM_KEY = "sk-bench-upstream"
NGINX_KEY = "sk-000000000000000000000000003vSKjy"
MODELS = "demo-chat,echo"

START_S = 30


class Failure(Exception):
    """The benchmark can't go on; the text says why."""


class Upstream(msgspec.Struct, frozen=True):
    """The running provider behind every subject."""

    port: int
    process: int


class Setting(msgspec.Struct, frozen=True):
    """How a subject is to be started."""

    upstream: Upstream
    folder: Path
    """For its files; it is empty, but for a database that Keyturn is to start with."""
    workers: int
    streams: bool = False
    """It will mostly stream: nginx then does not buffer."""


class Subject(msgspec.Struct, frozen=True):
    """A running subject."""

    name: str
    port: int
    key: str
    process: int
    """The root of its process tree."""
    is_worker: Callable[[str], bool]
    """Says of a command line whether it is one of the processes that carry traffic."""
    data: Path = Path()
    """Keyturn's data directory."""
    model: str = "demo-chat"
    """What it is asked for."""

    @property
    def url(self) -> str:
        """Where chat completions are asked for."""
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    def workers(self) -> list[int]:
        """Return the processes that carry the traffic."""
        return [
            process for process in processes.tree(self.process) if self.is_worker(processes.command(process))
        ]

    def resident_bytes(self) -> int:
        """Return the memory of all its processes."""
        return processes.resident_bytes(processes.tree(self.process))


@contextmanager
def upstream(folder: Path, *, log: Path | None = None) -> Iterator[Upstream]:
    """Run the demo upstream; ``log`` is where it notes what it has served."""
    port = processes.free_port()
    command = [sys.executable, "-m", "keyturn.demo", "--port", str(port), "--key", UPSTREAM_KEY]
    command += [] if log is None else ["--log", str(log)]
    with _running(command, folder / "upstream.log") as process:
        _wait_until_open(f"http://127.0.0.1:{port}/healthz", process, folder / "upstream.log")
        yield Upstream(port, process.pid)


@contextmanager
def bare(setting: Setting) -> Iterator[Subject]:
    """Nothing in between: the upstream itself."""
    yield Subject("bare", setting.upstream.port, UPSTREAM_KEY, setting.upstream.process, lambda _: True)


@contextmanager
def nginx(setting: Setting) -> Iterator[Subject]:
    """Run nginx as a proxy that checks one key and swaps it for the upstream's."""
    port = processes.free_port()
    configuration = setting.folder / "nginx.conf"
    configuration.write_text(_nginx_configuration(setting, port))
    command = [
        "nginx",
        "-p",
        str(setting.folder),
        "-c",
        str(configuration),
        "-e",
        str(setting.folder / "nginx.log"),
    ]
    with _running(command, setting.folder / "nginx.out") as process:
        _wait_until_open(f"http://127.0.0.1:{port}/healthz", process, setting.folder / "nginx.log")
        yield Subject("nginx", port, NGINX_KEY, process.pid, lambda command: "worker process" in command)


def _nginx_configuration(setting: Setting, port: int) -> str:
    user = "user root;" if os.getuid() == 0 else ""
    return f"""{user}
worker_processes {setting.workers};
worker_rlimit_nofile {processes.raise_open_files()};
daemon off;
pid {setting.folder}/nginx.pid;
events {{ worker_connections 65536; }}
http {{
  access_log off;
  client_body_temp_path {setting.folder}/body;
  proxy_temp_path {setting.folder}/proxy;
  fastcgi_temp_path {setting.folder}/fastcgi;
  uwsgi_temp_path {setting.folder}/uwsgi;
  scgi_temp_path {setting.folder}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 75s;
  map $http_authorization $known {{ default 0; "Bearer {NGINX_KEY}" 1; }}
  upstream demo {{
    server 127.0.0.1:{setting.upstream.port};
    keepalive 512;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096 reuseport;
    location = /healthz {{ proxy_pass http://demo; }}
    location /v1/ {{
      if ($known = 0) {{ return 401; }}
      proxy_pass http://demo;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {UPSTREAM_KEY}";
      proxy_buffering {"off" if setting.streams else "on"};
      proxy_read_timeout 600s;
    }}
  }}
}}
"""


@contextmanager
def keyturn(setting: Setting) -> Iterator[Subject]:
    """Run a Keyturn node with everything on, and give it a key and the upstream through its own command line."""
    port = processes.free_port()
    environment = processes.environment(setting.folder / "data") | {"BENCH_UPSTREAM_KEY": UPSTREAM_KEY}
    program = [sys.executable, "-m", "keyturn"]
    serve = [*program, "serve", "--port", str(port), "--workers", str(setting.workers)]
    log = setting.folder / "keyturn.log"
    with _running(serve, log, environment) as process:
        _wait_until_open(f"http://127.0.0.1:{port}/readyz", process, log)
        base_url = f"http://127.0.0.1:{setting.upstream.port}/v1"
        add = ["upstreams", "add", "bench", "--base-url", base_url, "--api-key-env", "BENCH_UPSTREAM_KEY"]
        _ask([*program, *add, "--models", MODELS], environment)
        key = re.search(r"sk-\w{32}", _ask([*program, "keys", "create", "bench"], environment))
        if key is None:
            raise Failure("keyturn keys create printed no key")
        yield Subject(
            "keyturn",
            port,
            key[0],
            process.pid,
            lambda command: "keyturn.node.worker" in command,
            setting.folder / "data",
        )


ALL: dict[str, Callable[[Setting], AbstractContextManager[Subject]]] = {
    "bare": bare,
    "nginx": nginx,
    "keyturn": keyturn,
}
"""How each subject is started, in the order of the tables."""


def _ask(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(command[1:5])} failed: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _running(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, text=True
            )
        except FileNotFoundError as error:
            raise Failure(f"{command[0]} is not installed; on Debian: apt-get install nginx wrk") from error
        try:
            yield process
        finally:
            processes.stop(process)


def _wait_until_open(url: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - always http://127.0.0.1
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.05)
    said = log.read_text(errors="replace").strip().splitlines()[-15:] if log.exists() else []
    raise Failure("\n".join([f"{' '.join(map(str, process.args[:4]))} did not start", *said]))  # type: ignore[index]
