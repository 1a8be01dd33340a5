"""How many bytes of an answer a worker holds for a client that does not read."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import uvloop

from keyturn import bus, system
from keyturn.config.sections import Settings
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.models import Target
from keyturn.domain.permissions import Permission
from keyturn.gateway.dispatch import Dispatch
from keyturn.gateway.edge import Edge
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.plane import Plane

LIMIT = 256 * 1024
PIECE = bytes(range(256)) * 256
TIMES = 400
"""25 MiB, a hundred times what may be held."""
STUCK_S = 0.3
SECRET = b"sk-slow"
BODY = b'{"model":"m","stream":true}'
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
    % (SECRET, len(BODY), BODY)
)


class Provider:
    """Sends as fast as it is let."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request with a flood."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._head)
        with contextlib.suppress(ConnectionError):
            for _ in range(TIMES):
                writer.write(PIECE)
                await writer.drain()
                self.sent += len(PIECE)
        writer.close()


@asynccontextmanager
async def worker(folder: Path, upstream: str) -> AsyncIterator[tuple[int, Callable[[], int]]]:
    """Run the data plane in this process; yields its port and a measurement of the bytes it holds for clients."""
    tasks, journal = system.Tasks(), Journal(folder, "1-abc", 1 << 16)
    keys = KeyCache(lambda _call, _digest: True, limit=10)
    plane = Plane(
        Settings(),
        journal,
        keys,
        control_socket=folder / "none",
        tasks=tasks,
        send=lambda _message: True,
        later=lambda _s, _call: None,
    )
    where = bus.Upstream("u", upstream)
    plane.apply(bus.Snapshot(1, {"m": Target("u", "m")}, {"u": where}, frozenset({"header"})))
    keys.look(sha256(SECRET).digest(), lambda _record, _failed: None, 0.0)
    record = KeyRecord("key_1", "slow", Kind.SECRET, frozenset({Permission.READ}), plain=True)
    keys.found(1, 1, record, failed=False)
    dispatch = Dispatch(plane, secure=False)
    edge = Edge(Settings().server, dispatch.handle, dispatch.refuse)
    server = await asyncio.get_running_loop().create_server(edge.accept, "127.0.0.1", 0)

    def held() -> int:
        return sum(connection._transport.get_write_buffer_size() for connection in edge.connections)

    yield server.sockets[0].getsockname()[1], held
    server.close()
    edge.close()
    plane.close()
    await tasks.cancel()
    journal.close()


async def most_held(folder: Path, head: bytes) -> tuple[int, int, int]:
    """Let a client read nothing for a while, then everything.

    Returns:
        The most bytes held for it at any turn of the loop, the bytes that the provider got rid of while it did not
        read, and the bytes that it read in the end.
    """
    loop = asyncio.get_running_loop()
    provider = Provider(head)
    origin = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    port = origin.sockets[0].getsockname()[1]
    async with worker(folder, f"http://127.0.0.1:{port}/v1") as (gateway, held):
        most, done = 0, False

        def look() -> None:
            nonlocal most
            most = max(most, held())
            if not done:
                loop.call_soon(look)

        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", gateway))
            loop.call_soon(look)
            await loop.sock_sendall(client, REQUEST)
            stuck, since = -1, loop.time()
            while loop.time() - since < STUCK_S:
                if provider.sent != stuck:
                    stuck, since = provider.sent, loop.time()
                await asyncio.sleep(0)
            received = 0
            while received < TIMES * len(PIECE) and (data := await loop.sock_recv(client, 1 << 20)):
                received += len(data)
            done = True
    origin.close()
    return most, stuck, received


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        % (TIMES * len(PIECE)),
    ],
    ids=["stream", "declared length"],
)
def test_a_worker_never_holds_more_than_256_kib_for_a_client_that_does_not_read(
    tmp_path: Path, head: bytes
) -> None:
    """Ten thousand slow readers must not fill the memory: the provider waits instead."""
    most, stuck, received = uvloop.run(most_held(tmp_path, head))

    assert 0 < most <= LIMIT
    assert stuck < TIMES * len(PIECE) // 2
    assert received >= TIMES * len(PIECE)
