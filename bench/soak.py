"""A million requests under limits, a budget and credit: memory, and whether all books agree: ``python -m bench.soak``.

The key belongs to a prepaid account and has four limits and a budget. At the end the usage report, the ledger and the
provider's own log must say the same, to the token, and ``keyturn ledger verify`` must hold.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import httpx
import uvloop
from rich.console import Console

from bench import limits, processes, subjects
from bench.subjects import Failure, Setting, Subject

CONNECTIONS = 64
STEPS = 10
MIB = 1024 * 1024
BODY = b'{"model":"echo","max_tokens":16,"messages":[{"role":"user","content":"how much is one and one"}]}'


class Caller(asyncio.Protocol):
    """One connection: one plain request after the other until there are no more."""

    _transport: asyncio.Transport

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        if self._run.left:
            self._run.left -= 1
            self._transport.write(self._run.request)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer."""
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        status = head[9:12].decode()
        self._run.statuses[status] = self._run.statuses.get(status, 0) + 1
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the loop's
        """Be done."""
        self._run.open -= 1
        if not self._run.open:
            self._run.done.set()


class Run:
    """Some of the requests."""

    def __init__(self, subject: Subject, key: str, count: int) -> None:
        self.left = count
        self.open = CONNECTIONS
        self.statuses: dict[str, int] = {}
        self.done = asyncio.Event()
        self._port = subject.port
        self.request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer %b\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (key.encode(), len(BODY), BODY)
        )

    async def perform(self) -> dict[str, int]:
        """Ask, and count the answers by status."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Caller(self), "127.0.0.1", self._port)
        await self.done.wait()
        return self.statuses


def soak(requests: int, screen: Console) -> bool:
    """Ask so often, print what it takes, and say whether everything agrees."""
    with tempfile.TemporaryDirectory(prefix="keyturn-soak-") as name, ExitStack() as stack:
        folder = Path(name)
        log = folder / "served.log"
        upstream = stack.enter_context(subjects.upstream(folder, log=log))
        own = folder / "keyturn"
        own.mkdir()
        subject = stack.enter_context(subjects.keyturn(Setting(upstream, own, 2)))
        with limits.operator(subject) as operator:
            key = _customer(operator)
            for step in range(1, STEPS + 1):
                began = time.monotonic()
                statuses = uvloop.run(Run(subject, key, requests // STEPS).perform())
                took_s = time.monotonic() - began
                screen.print(_line(subject, step * requests // STEPS, statuses, took_s))
                if set(statuses) != {"200"}:
                    raise Failure(f"not every request was served: {statuses}")
            return _agrees(operator, log, own / "data", screen)


def _customer(operator: httpx.Client) -> str:
    account = _made(operator, "/accounts", {"name": "soak", "prepaid": True})["id"]
    project = _made(operator, "/projects", {"name": "soak", "account_id": account})["id"]
    _made(operator, "/credit/grants", {"account": account, "amount_usd": "100000"})
    price = {"input_usd_per_million": "0.15", "output_usd_per_million": "0.60"}
    operator.patch("/models/echo", json=price).raise_for_status()
    return limits.new_key(operator, "soak", limits.HIGH, project_id=project)


def _made(operator: httpx.Client, path: str, body: dict[str, object]) -> dict[str, str]:
    answer = operator.post(path, json=body)
    answer.raise_for_status()
    found: dict[str, str] = answer.json()["data"]
    return found


def _line(subject: Subject, done: int, statuses: dict[str, int], took_s: float) -> str:
    workers = subject.workers()
    others = [one for one in processes.tree(subject.process) if one not in workers]
    return (
        f"{done:>9,} requests  {sum(statuses.values()) / took_s:6,.0f}/s  "
        f"workers {processes.anonymous_bytes(workers) / MIB:6.1f} MiB  "
        f"the rest {processes.anonymous_bytes(others) / MIB:6.1f} MiB"
    )


def _agrees(operator: httpx.Client, log: Path, data: Path, screen: Console) -> bool:
    served = [json.loads(line) for line in log.open()]
    theirs = (
        len(served),
        sum(one["input_tokens"] for one in served),
        sum(one["output_tokens"] for one in served),
    )
    total = operator.get("/usage", params={"by": "key"}).json()["data"]["total"]
    ours = total["requests"], total["input_tokens"], total["output_tokens"]
    command = [sys.executable, "-m", "keyturn", "ledger", "verify"]
    proof = subprocess.run(
        command, env=processes.environment(data), capture_output=True, text=True, check=False
    )
    screen.print(f"provider {theirs}, report {ours}, cost ${total['cost_usd']}")
    screen.print(proof.stdout.strip() or proof.stderr.strip())
    return ours == theirs and proof.returncode == 0


def main() -> None:
    """Soak as the command line says."""
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--requests", type=int, default=1_000_000)
    screen = Console()
    if not soak(parser.parse_args().requests, screen):
        screen.print("the books do not agree", style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
