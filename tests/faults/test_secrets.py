"""A secret is never at rest in the clear, in a log, in an error, or in a URL that Keyturn prints."""

import base64
import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakes.indiscreet import indiscreet_provider
from support.node import Node, running, until

SEARCHED = 28
"""How many of a secret's last characters give it away."""
UNKNOWN = "sk-Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1CkYza"
MISTYPED = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg39"
FOREIGN = "sk-proj-Qm7vT2xLk9RwT3BlbkFJp4ZsYc8NdHa6Ue1Bf5Gj"
PROVIDER = "sk-proj-openai-9aVbXw3LmT3BlbkFJrQ7yKe2NcPz5Tg8Uh"
CREDENTIAL = "provider-credential-b41f6a0d9c7e4e8f8a35d2c1"
CREDENTIAL_CLI = "provider-credential-0e2c94a71bd84f6c9f60a8d3"
METRICS_TOKEN = "metrics-token-5d8be0f7c2a94b13a6e1f09d"
PROXY_PASSWORD = "proxy-password-c7a1e94f20b84d6d8e3f5a16"
STATUSES = (400, 401, 403, 404, 429, 500, 503)


class Run:
    """Everything a node was told in confidence, and everything it has said or written down since.

    Attributes:
        secrets: What for → text.
        client_secrets: Those of them that came from clients.
        evidence: Where it stood → what stood there.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.secrets = {
            "unknown key": UNKNOWN,
            "mistyped key": MISTYPED,
            "key of another service": FOREIGN,
            "provider's key in the environment": PROVIDER,
            "upstream credential": CREDENTIAL,
            "upstream credential from the command line": CREDENTIAL_CLI,
            "metrics token": METRICS_TOKEN,
            "proxy password": PROXY_PASSWORD,
        }
        self.keys: dict[str, str] = {}
        self.evidence: dict[str, bytes] = {}
        self.heard: list[bytes] = []
        self.request_ids: list[str] = []
        self.client = httpx.Client(base_url=node.url, trust_env=False, timeout=20)

    def note(self, where: str, what: bytes | str) -> None:
        """Keep something the node has said."""
        self.evidence[f"{len(self.evidence)}. {where}"] = what.encode() if isinstance(what, str) else what

    def ask(self, where: str, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request and keep the whole answer."""
        answer = self.client.request(method, path, **how)
        self.note(where, f"{answer.headers}\n{answer.text}")
        self.request_ids.append(answer.headers["x-request-id"])
        return answer

    def cli(self, *arguments: str) -> str:
        """Run a command and keep what it prints."""
        ran = self.node.cli(*arguments, check=False)
        self.note(f"keyturn {' '.join(arguments)}", ran.stdout + ran.stderr)
        return ran.stdout

    def leaks(self, evidence: dict[str, bytes] | None = None) -> list[str]:
        """Say which secret stands where."""
        found = []
        for name, text in (self.secrets | self.keys).items():
            basic = base64.b64encode(f"{text}:".encode()).rstrip(b"=")[:-2]
            for where, what in (self.evidence if evidence is None else evidence).items():
                if text[-SEARCHED:].encode() in what or basic in what:
                    found.append(f"{name}: {where}")
        return found

    def files(self, when: str) -> None:
        """Keep what is in the data directory."""
        for path in self.node.data.rglob("*"):
            if path.is_file():
                self.note(f"{when}: {path.name}", path.read_bytes())

    def create_keys(self) -> None:
        """Make keys in every way, keeping each secret apart from the answer that shows it once."""
        self.keys["first key"] = self.node.key
        created = self.node.cli("keys", "create", "from-the-command-line")
        self.keys["key from the command line"] = created.stdout.strip()
        self.note("keyturn keys create", created.stderr)
        for kind in ("secret", "management"):
            body = {"name": f"{kind} key", "kind": kind, "preset": "admin"}
            answer = self.node.manage("POST", "/api/v1/keys", body=body)
            self.keys[f"{kind} key from the API"] = answer.pop("key")
            self.note("POST /api/v1/keys", json.dumps(answer))


def forms(key: str, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every way to present a key: the path, and what else there is to a request."""
    body = {"model": "demo-chat", "messages": [{"role": "user", "content": f"hello {number}"}]}
    path = "/v1/chat/completions"
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"authorization": key},
        {"x-api-key": key},
        {"api-key": key},
        {"x-goog-api-key": key},
        {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()},
        {"authorization": "Basic " + base64.b64encode(f"anybody:{key}".encode()).decode()},
    ):
        yield path, {"headers": headers, "json": body}
    yield f"{path}?api_key={key}&more=1", {"json": body}
    yield f"{path}?api%5fkey={key}", {"json": body}
    yield path, {"json": body | {"api_key": key}}
    yield path, {"json": body | {"api_key": key, "stream": True, "model": "demo-cut"}}
    yield "/v1/generate", {"json": {"prompt": "hi", "model": "demo-chat", "api_key": key}}
    yield f"/v1/engines/davinci-codex/completions?api_key={key}", {"json": {"prompt": "hi"}}


def mistakes(key: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield requests with a key where it does not belong."""
    bearer = {"headers": {"authorization": f"Bearer {key}"}}
    yield "POST", "/v1/chat/completions", {**bearer, "json": {"model": key, "messages": []}}
    yield "POST", f"/v1/engines/{key}/completions", {**bearer, "json": {"prompt": "hi"}}
    yield "POST", "/v1/chat/completions", {"content": b'{"api_key": "%b", "model' % key.encode()}
    yield "POST", "/v1/chat/completions", {"json": {"api_key": [key], "model": "echo"}}
    yield "POST", "/v1/chat/completions", {"json": {"api_key": key, "model": key}}
    yield "POST", f"/v1/embeddings?api_key={UNKNOWN}", bearer
    yield "GET", f"/v1/nothing?api_key={key}", {}
    yield "GET", f"/v1/models?api_key={key}", {}
    yield "GET", f"/nothing/{key}", {}
    yield "GET", f"/api/v1/keys/{key}", bearer
    yield "GET", f"/api/v1/keys?api_key={key}&search={key}", {}
    yield "GET", f"/api/v1/requests/{key}", bearer
    yield "POST", "/api/v1/keys", {**bearer, "json": {"name": "a key", "api_key": key}}
    yield "POST", "/api/v1/keys", {**bearer, "json": {"name": "a key", key: True}}
    yield "POST", "/api/v1/keys", {**bearer, "json": {"name": [key]}}
    yield "POST", "/api/v1/keys", {**bearer, "json": {"name": "a key", "kind": key}}
    yield "POST", "/api/v1/keys", {**bearer, "content": b'{"name": "%b' % key.encode()}
    yield "GET", "/metrics", {"headers": {"authorization": f"Bearer {key}"}}


def use(run: Run) -> None:
    """Send every form of every key, right and wrong."""
    wrong = {"unknown": UNKNOWN, "mistyped": MISTYPED, "foreign": FOREIGN}
    for number, (name, key) in enumerate((run.keys | wrong).items()):
        for path, how in forms(key, number):
            run.ask(f"POST {path} with the {name}", "POST", path, **how)
        for method, path, how in mistakes(key):
            run.ask(f"{method} {path} with the {name}", method, path, **how)
        run.note(
            "not HTTP", raw(run.node, f"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Api-Key: {key}\r\n\r\n")
        )
        run.note("not HTTP", raw(run.node, f"GET /?api_key={key} HTP/1.1\r\n\r\n"))


def raw(node: Node, request: str) -> bytes:
    """Send bytes and read to the end."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=10) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def connect_providers(run: Run, base_url: str) -> None:
    """Attach a provider that gives its credential away, and use it."""
    upstream = {"name": "indiscreet", "base_url": base_url, "api_key": CREDENTIAL}
    models = [f"says-{status}" for status in STATUSES]
    run.note("added", json.dumps(run.node.manage("POST", "/api/v1/upstreams", body=upstream)))
    run.note("removed", json.dumps(run.node.manage("DELETE", "/api/v1/upstreams/indiscreet")))
    upstream["models"] = models  # type: ignore[assignment]  # JSON
    run.note("added", json.dumps(run.node.manage("POST", "/api/v1/upstreams", body=upstream)))
    run.node.environment["THE_CREDENTIAL"] = CREDENTIAL_CLI
    run.cli("upstreams", "add", "cli", "--base-url", base_url, "--api-key-env", "THE_CREDENTIAL")
    run.cli("upstreams", "test", "cli")
    run.cli("upstreams", "test", "indiscreet")
    bearer = {"authorization": f"Bearer {run.keys['first key']}"}
    for model in models:
        for stream in (False, True):
            body: dict[str, Any] = {"model": model, "messages": [], "stream": stream}
            body["api_key"] = run.keys["first key"]
            run.ask(f"{model} {stream}", "POST", "/v1/chat/completions", headers=bearer, json=body)
        prompt = {"model": model, "prompt": "hi"}
        run.ask(f"{model} native", "POST", "/v1/generate", headers=bearer, json=prompt)


def look_around(run: Run) -> None:
    """Ask for everything that can be asked for."""
    for path in ("/api/v1/keys", "/api/v1/upstreams", "/api/v1/node", "/api/v1/usage", "/metrics", "/docs"):
        bearer = {"authorization": f"Bearer {run.keys['management key from the API']}"}
        run.ask(f"GET {path}", "GET", path, headers=bearer)
    token = {"authorization": f"Bearer {METRICS_TOKEN}"}
    assert "keyturn_requests_total" in run.ask("metrics", "GET", "/metrics", headers=token).text
    for command in (
        "doctor",
        "usage",
        "keys list",
        "keys list --json",
        "upstreams list --json",
        "models list",
    ):
        run.cli(*command.split())
    run.cli("keys", "show", "from-the-command-line")
    for request_id in run.request_ids[::40]:
        run.cli("explain", request_id)
    transport = httpx.HTTPTransport(uds=str(run.node.data / "run" / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://keyturn", timeout=20) as client:
        for request_id in run.request_ids:
            run.note("explained", client.get(f"/api/v1/requests/{request_id}").content)


def restart(node: Node, *pids: int) -> None:
    """Kill some processes, and wait for those that take their places."""
    count = len(node.children())
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    def are_back() -> bool:
        found = node.children().values()
        return len(found) == count and not set(pids) & set(found)

    until(are_back, within_s=30, what="all processes")


@contextmanager
def confided(folder: Path) -> Iterator[Run]:
    """Run a node through everything it can be told."""
    node = Node(folder, log__level="debug", metrics__token=METRICS_TOKEN)
    node.environment["OPENAI_API_KEY"] = PROVIDER
    for name in ("HTTPS_PROXY", "https_proxy"):
        node.environment[name] = f"http://operator:{PROXY_PASSWORD}@127.0.0.1:9"
    with running(node), indiscreet_provider() as (base_url, heard):
        run = Run(node)
        run.heard = heard
        with run.client:
            run.create_keys()
            connect_providers(run, base_url)
            use(run)
            look_around(run)
            run.files("running")
            restart(node, node.worker_pids()[0], node.children()["control"])
            for pid in node.children().values():
                run.note("process: cmdline", Path(f"/proc/{pid}/cmdline").read_bytes())
                environ = Path(f"/proc/{pid}/environ").read_bytes()
                run.note("process: environ", environ)
        node.stop()
        run.files("ended")
        run.note("stderr", node.errors.read_bytes())
        run.note("stdout", node.output.read_text().replace(node.key, "", 2))
        yield run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One full run for all tests."""
    with confided(tmp_path_factory.mktemp("secrets")) as run:
        yield run


def test_no_secret_stands_in_anything_that_was_said_or_written(run: Run) -> None:
    """Files are backed up, logs are shipped, answers are pasted into tickets."""
    assert run.leaks() == []


def test_providers_never_hear_a_client_key(run: Run) -> None:
    """What unlocks the gateway is nobody else's business."""
    heard = b"\0".join(run.heard)

    assert len(run.heard) > len(STATUSES)
    assert run.leaks({"upstream": heard}) == []


def test_what_is_searched_is_what_there_is(run: Run) -> None:
    """A search in the wrong place finds nothing, too."""
    where = {name.partition(". ")[2] for name in run.evidence}
    everything = b"\0".join(run.evidence.values())

    assert {"running: keyturn.db", "running: keyturn.db-wal", "ended: keyturn.db"} <= where
    assert [name for name in where if name.startswith("running: ") and name.endswith(".journal")]
    for key in run.keys.values():
        assert key[:7].encode() in everything
    assert run.request_ids[-1].encode() in everything
    assert {"stderr", "stdout", "process: environ", "keyturn doctor"} <= where


def test_the_keys_to_the_database_are_not_in_it_and_are_the_owners_alone(run: Run) -> None:
    """A stolen database must open nothing."""
    files = list((run.node.data / "secrets").iterdir())
    texts = [path.read_text().strip() for path in files]
    elsewhere = {
        where: what
        for where, what in run.evidence.items()
        if not where.partition(": ")[2].startswith(("audit-signing-key", "master-", "pepper-"))
    }

    assert {path.name for path in files} == {"audit-signing-key", "master-1", "pepper-1"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    for text in texts:
        assert [where for where, what in elsewhere.items() if text.encode() in what] == []
        assert [where for where, what in elsewhere.items() if bytes.fromhex(text) in what] == []


def test_everything_in_the_data_directory_is_its_owners_alone(run: Run) -> None:
    """The journals say who asked what; the database says who may."""
    paths = [run.node.data, *run.node.data.rglob("*")]

    assert [path for path in paths if path.stat().st_mode & 0o077] == []
