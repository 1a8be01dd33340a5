"""No operation of the management API leaves a secret in the database, the audit log, a log line or an answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from keyturn import system
from keyturn.domain.key_text import Kind
from keyturn.domain.operations import OPERATIONS
from support.node import Node, running

SEARCHED = 28
"""How many of a secret's last characters give it away."""
EXPOSED = ("POST", "/api/v1/keys/revoke-exposed")
UNKNOWN = system.new_key(Kind.SECRET).reveal()
FOREIGN = "sk-proj-Zr8wU3yMl0SxT3BlbkFJq5AtZd9OeIb7Vf2Cg6Hk"
CREDENTIAL = "provider-credential-5f0e7c1a9b3d4e6f8a2b"


class Run:
    """What a node was told, and what it said and wrote.

    Attributes:
        secrets: What for → text.
        evidence: Where it stood → what stood there.
        statuses: Operation → the statuses that it answered with.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.secrets = {"unknown": UNKNOWN, "foreign": FOREIGN, "credential": CREDENTIAL}
        self.evidence: dict[str, bytes] = {}
        self.statuses: dict[tuple[str, str], set[int]] = {}

    def note(self, where: str, what: bytes) -> None:
        """Keep something the node has said or written."""
        self.evidence[f"{len(self.evidence)}. {where}"] = what

    def leaks(self) -> list[str]:
        """Say which secret stands where."""
        return [
            f"{name}: {where}"
            for name, text in self.secrets.items()
            for where, what in self.evidence.items()
            if text[-SEARCHED:].encode() in what
        ]


def bodies(secret: str) -> Iterator[Any]:
    """Yield bodies with a secret where it does not belong, and where it does."""
    yield {}
    yield {"unknown member": secret}
    yield {secret: secret}
    yield {"key": secret}
    yield {"credential": secret, "confirm": secret, "token": secret, "api_key": secret}
    yield {"keys": [secret], "kind": secret, "expires_at": secret, "permissions": [secret]}
    yield [{"token": secret, "type": "t", "url": f"https://h/{secret}"}]


def ask_everything(run: Run, http: httpx.Client, secret: str, headers: dict[str, str]) -> None:
    """Call each operation with a secret in its path, its query, its headers and its body."""
    for method, template in OPERATIONS:
        path = re.sub(r"\{[^}]*\}", secret, template)
        query = {"search": secret, "cursor": secret, "key": secret, "target": secret, "since": secret}
        if method in {"GET", "DELETE"}:
            send(run, http, (method, template), path, headers=headers, params=query)
            send(run, http, (method, template), path, headers=headers)
            continue
        if (method, template) == EXPOSED:
            continue  # at the end: it ends the keys
        for body in bodies(secret):
            send(run, http, (method, template), path, headers=headers, json=body)
        send(run, http, (method, template), path, headers=headers, content=b'{"name": "%b' % secret.encode())


def send(run: Run, http: httpx.Client, operation: tuple[str, str], path: str, **how: Any) -> None:
    """Make one call and keep the answer."""
    answer = http.request(operation[0], path, **how)
    run.note(f"{' '.join(operation)} {answer.status_code}", f"{answer.headers}\n{answer.text}".encode())
    run.statuses.setdefault(operation, set()).add(answer.status_code)


def make_real_things(run: Run) -> None:
    """Make keys and an upstream, keeping secrets apart from the one answer that shows each."""
    for name, members in (
        ("manager", {"kind": "management"}),
        ("weak", {"permissions": ["read"]}),
        ("recoverable", {"recoverable": True}),
    ):
        answer = run.node.manage("POST", "/api/v1/keys", body={"name": name, **members})
        run.secrets[name] = answer.pop("key")
        run.note("created", json.dumps(answer).encode())
    answer = run.node.manage("POST", "/api/v1/keys/weak/rotate")
    run.secrets["successor"] = answer.pop("key")
    run.note("rotated", json.dumps(answer).encode())
    upstream = {"name": "u", "base_url": "http://127.0.0.1:9/v1", "api_key": CREDENTIAL, "models": ["m"]}
    run.note("upstream", json.dumps(run.node.manage("POST", "/api/v1/upstreams", body=upstream)).encode())
    confirmed = {"confirm": "recoverable"}
    revealed = run.node.manage("POST", "/api/v1/keys/recoverable/reveal", body=confirmed)
    assert revealed["key"] == run.secrets["recoverable"]


def end(run: Run, http: httpx.Client) -> None:
    """End the keys by their secrets, then look at everything that was written of it all."""
    send(run, http, EXPOSED, EXPOSED[1], json={"keys": list(run.secrets.values())})
    for path in ("/api/v1/audit?limit=1000", "/api/v1/events?limit=1000", "/api/v1/keys?limit=1000"):
        run.note(path, json.dumps(run.node.manage("GET", path)).encode())
    for command in ("audit show", "audit verify", "events", "keys list", "hygiene"):
        ran = run.node.cli(*command.split(), check=False)
        run.note(f"keyturn {command} {ran.returncode}", (ran.stdout + ran.stderr).encode())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Every operation, asked by the operator, by strangers and by keys."""
    node = Node(tmp_path_factory.mktemp("management"), workers=1, log__level="debug")
    with running(node):
        found = Run(node)
        make_real_things(found)
        transport = httpx.HTTPTransport(uds=str(node.data / "run" / "control.sock"))
        with (
            httpx.Client(transport=transport, base_url="http://keyturn", timeout=20) as operator,
            httpx.Client(base_url=node.url, trust_env=False, timeout=20) as anybody,
        ):
            for name in ("manager", "weak", "unknown", "foreign"):
                secret = found.secrets[name]
                ask_everything(found, anybody, secret, {"authorization": f"Bearer {secret}"})
            ask_everything(found, operator, found.secrets["recoverable"], {})
            end(found, anybody)
        node.stop()
        for path in node.data.rglob("*"):
            if path.is_file():
                found.note(f"file: {path.relative_to(node.data)}", path.read_bytes())
        found.note("stderr", Path(node.errors).read_bytes())
        yield found


def test_no_operation_leaves_a_secret_anywhere(run: Run) -> None:
    """Audit rows of other gateways held whole keys, in the identifier of what was changed."""
    assert run.leaks() == []


def test_every_operation_was_asked_and_none_broke(run: Run) -> None:
    """The test above says nothing about what was not called."""
    broken = {operation: found for operation, found in run.statuses.items() if max(found) >= 500}

    assert set(run.statuses) == set(OPERATIONS)
    assert broken == {}


def test_what_is_searched_is_what_there_is(run: Run) -> None:
    """A search in the wrong place finds nothing, too."""
    where = " ".join(run.evidence)
    everything = b"\0".join(run.evidence.values())

    for name in ("file: keyturn.db", "stderr", "keyturn audit show 0", "keyturn audit verify 0"):
        assert name in where
    for words in (b"management.refused", b"key.revoked_by_holder", b"key.reveal", b"unknown_api_key"):
        assert words in everything
    assert run.secrets["recoverable"][:7].encode() in everything
