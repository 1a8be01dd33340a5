"""The control process while it starts: workers are answered before the management API is there.

The import of the framework is held, so that nothing here depends on how fast a machine is.
"""

import asyncio
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec
import pytest

from fakes.bus_worker import BusWorker
from fakes.control_process import begin, control_process
from fakes.held_import import HeldImport
from fakes.service_account import key_file
from keyturn import bus
from keyturn.config.data_directory import DataDirectory
from keyturn.config.sections import Relay
from keyturn.domain import verifier
from keyturn.domain.leases import Ask
from keyturn.node.child import Ready

DEADLINE_S = 20.0
NOWHERE = 9
"""A port that nobody listens on."""
VERTEX = {"name": "vertex", "provider": "vertex", "models": ["gemini-2.5-pro"], "api_key": key_file()} | {
    "base_url": "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4"
}


class Restarted:
    """A control process that starts again and comes no further than to the framework."""

    def __init__(self, folder: Path) -> None:
        self.proxy = socket.create_server(("127.0.0.1", 0))
        """What leads to Google, which nobody answers at."""
        self.proxy.settimeout(DEADLINE_S)
        with control_process(folder / "data", sections=_through(NOWHERE)) as first:
            first.operator.post("/api/v1/upstreams", json=VERTEX)
            made = first.operator.post(
                "/api/v1/keys",
                json={"name": "limited", "limits": [{"metric": "requests", "window": "minute", "max": 7}]},
            ).json()
            first.end()
        self.secret: str = made["key"]
        self.data = DataDirectory(folder / "data")
        self.held = HeldImport(folder, "litestar")
        self.process: subprocess.Popen[bytes]
        self.pipe: IO[bytes]
        self.process, self.pipe, self.log = begin(
            folder / "data",
            environment=self.held.environment,
            sections=_through(self.proxy.getsockname()[1]),
        )

    async def worker(self) -> BusWorker:
        """Return a worker that has connected as soon as it could."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with suppress(OSError):
                    return await BusWorker.connect(self.data.bus_socket)
                await asyncio.sleep(0.02)

    async def ready(self) -> Ready:
        """Wait until it says that it can work."""
        async with asyncio.timeout(DEADLINE_S):
            return msgspec.json.decode(await asyncio.to_thread(self.pipe.readline), type=Ready)

    async def status(self) -> int:
        """Wait for its end; return the exit status."""
        return await asyncio.to_thread(self.process.wait, DEADLINE_S)

    def close(self) -> None:
        """End what is left."""
        self.process.kill()
        self.process.communicate()
        self.pipe.close()
        self.held.close()
        self.proxy.close()

    def asked_of_proxy(self) -> bytes:
        """Wait for somebody who wants to go out, and return where to."""
        connection, _ = self.proxy.accept()
        with connection:
            return connection.recv(1024).partition(b" HTTP/")[0]


def _through(port: int) -> dict[str, msgspec.Struct]:
    return {"relay": Relay(proxy=f"http://127.0.0.1:{port}")}


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Restarted]:
    """One that has a key with a limit in its store, and an upstream that wants an access token."""
    found = Restarted(tmp_path)
    yield found
    found.close()


async def test_requests_wait_for_no_part_of_the_management_api(restarted: Restarted) -> None:
    """After a crash, each moment until then is one in which keys that no worker knows are not served."""
    worker = await restarted.worker()

    snapshot = await worker.snapshot()
    found = await worker.look(verifier.digest(restarted.secret.encode()))
    assert found.record is not None
    worker.send(bus.Take(1, [Ask(bound, 1, 0) for bound in found.record.limits]))
    granted = await worker.next(bus.Granted)

    assert snapshot.sequence > 0
    assert found.record.name == "limited"
    assert isinstance(granted, bus.Granted)
    assert [(grant.amount, grant.allowed) for grant in granted.grants] == [(1, 7)]
    assert select.select([restarted.pipe], [], [], 0)[0] == []

    restarted.held.let_go()
    assert (await restarted.ready()).process == "control"
    await worker.close()


async def test_access_tokens_do_not_wait_for_it_either(restarted: Restarted) -> None:
    """Until a new one is there, workers that were told of the upstreams anew know of none at Google."""
    asked = await asyncio.to_thread(restarted.asked_of_proxy)

    assert asked == b"CONNECT oauth2.googleapis.com:443"


async def test_a_call_of_the_management_api_waits_for_it(restarted: Restarted) -> None:
    """Workers take requests already; turned away, an operator would think that the node is broken."""
    worker = await restarted.worker()

    reader, writer = await asyncio.open_unix_connection(restarted.data.control_socket)
    writer.write(b"GET /api/v1/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await writer.drain()
    restarted.held.let_go()
    answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"limited"' in answer
    writer.close()
    await worker.close()


@pytest.mark.parametrize("how", ["signal", "death of the supervisor"])
async def test_it_can_be_told_to_stop_while_it_imports(restarted: Restarted, how: str) -> None:
    """A supervisor that ends must not have to kill it, whenever that is."""
    worker = await restarted.worker()

    if how == "signal":
        restarted.process.send_signal(signal.SIGTERM)
    else:
        assert restarted.process.stdin is not None
        restarted.process.stdin.close()
    restarted.held.let_go()

    assert await restarted.status() == 0
    await worker.close()


async def test_what_can_not_be_imported_ends_it(restarted: Restarted) -> None:
    """One that answered workers for ever, without ever being managed, would look well."""
    worker = await restarted.worker()

    restarted.held.fail()

    assert await restarted.status() == 1
    assert await asyncio.to_thread(restarted.pipe.read) == b""
    assert "ImportError: nobody has litestar" in restarted.log.read_text()
    await worker.close()
